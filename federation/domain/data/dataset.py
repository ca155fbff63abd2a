"""The one shape in which every data set reaches the training engine and the audits.

A *record* is always one patient. A tabular patient is one row; an imaged patient is one or more slices, tied together
by `patient_index`, because Dice computed per slice is decided by empty slices.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Task = Literal["classification", "segmentation"]
UNKNOWN = "unknown"
_AVAILABLE = "See that the disk or share of the data answers and memory and processes are left, then ask again."


class DataError(Exception):
    """A data file that cannot be used. The message names file and line, what was expected, what came and what to do.

    Attributes
    ----------
    expected, remedy : str
        Name no patient and no path of the site; what does is told in `file` and `got`.
    """

    def __init__(self, file: str, *, line: int | None = None, expected: str, got: str, remedy: str) -> None:
        self.file, self.line, self.expected, self.got, self.remedy = file, line, expected, got, remedy
        where = file if line is None else f"{file}, line {line}"
        super().__init__(f"{where}: expected {expected}, got {got}. {remedy}")

    @property
    def public(self) -> str:
        """The message without what may name a patient, for others than the site. Only tables have lines."""
        where = "" if self.line is None else f"{Path(self.file).name}, line {self.line}: "
        return f"{where}expected {self.expected}. {self.remedy}"


class ReaderUnavailable(Exception):
    """Nothing is known of a file: the reader did not start, or its disk or share is away. The load stops."""

    def __init__(self, file: str, got: str) -> None:
        self.file, self.got = file, got
        self.public = f"expected a site that can read its files. {_AVAILABLE}"
        super().__init__(f"{file}: expected a file that can be read within the time, got {got}. {_AVAILABLE}")


@dataclass(frozen=True)
class Refusal:
    """One record or file that the loader would not use, and why."""

    file: str
    line: int | None
    reason: str  # names nobody: manifests count it
    detail: str = ""  # what came and what to do, for the site alone

    def __str__(self) -> str:
        """For the site alone: the file may carry the patient's id."""
        where = self.file if self.line is None else f"{self.file}, line {self.line}"
        return f"{where}: {self.reason}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True)
class LoadReport:
    """What became of every record of a site: used + refused = found. Nothing is dropped silently."""

    found: int
    used: int
    imputed: Mapping[str, int] = field(default_factory=dict)  # column -> number of values filled in
    refused: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict:
        return {
            "found": self.found,
            "used": self.used,
            "imputed": dict(self.imputed),
            "refused": [{"file": r.file, "line": r.line, "reason": r.reason, "detail": r.detail} for r in self.refused],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class SiteData:
    """The records of one site.

    Attributes
    ----------
    x : ndarray of float32
        Tabular: shape (n, d), scaled by fixed clinical ranges (nothing is learned from the data).
        Images: shape (m, channels, height, width), in [0, 1]; m slices of n patients, m >= n.
    y : ndarray
        Classification: shape (n,), int64, 0 or 1. Segmentation: shape (m, height, width), uint8, 0 or 1.
    patient_index : ndarray of int64, shape (m,)
        Row i of `x` belongs to patient `record_ids[patient_index[i]]`; `arange(n)` for tabular data.
    groups : mapping of str to ndarray of str, each shape (n,)
        Attribute (``sex``, ``age_band``, ...) to the group of each patient; ``unknown`` where it is missing.
    """

    site: str
    task: Task
    record_ids: tuple[str, ...]
    x: NDArray[np.float32]
    y: NDArray[np.integer]
    patient_index: NDArray[np.int64]
    groups: Mapping[str, NDArray[np.str_]]
    feature_names: tuple[str, ...]  # tabular columns, or image channels
    report: LoadReport

    @property
    def n_patients(self) -> int:
        return len(self.record_ids)

    @property
    def imaged(self) -> bool:
        """Whether a row is an image, not a row of a table; a classification can be of either."""
        return self.x.ndim == 4

    @property
    def side(self) -> int | None:
        """Pixels of the shorter side of the images; None where a row is no image."""
        return min(self.x.shape[2:]) if self.imaged else None

    def take(self, patients: NDArray[np.int64]) -> SiteData:
        """The same data restricted to some patients (indices into `record_ids`), in the given order."""
        patients = np.asarray(patients, dtype=np.int64)
        order = np.full(self.n_patients, -1, dtype=np.int64)
        order[patients] = np.arange(len(patients))
        new_index = order[self.patient_index]
        rows = np.flatnonzero(new_index >= 0)
        rows = rows[np.argsort(new_index[rows], kind="stable")]
        return replace(
            self,
            record_ids=tuple(self.record_ids[i] for i in patients),
            x=self.x[rows],
            y=self.y[rows],
            patient_index=new_index[rows],
            groups={name: values[patients] for name, values in self.groups.items()},
        )


@dataclass(frozen=True)
class SiteInfo:
    """A site that a source can serve, before anything is loaded."""

    code: str  # lower case slug, stable: the institution's slug in the platform
    name: str


@dataclass(frozen=True)
class Splits:
    """Disjoint sets of patients: `train` learns, `validation` is scored each round, `audit` is for the audit alone."""

    train: SiteData
    validation: SiteData
    audit: SiteData


def simulated_site(patient: str, n_sites: int) -> int:
    """The simulated site of a patient, 0 to `n_sites` - 1: the same in every copy and subset of the data."""
    return int.from_bytes(hashlib.sha256(patient.encode()).digest(), "big") % n_sites


class Source(Protocol):
    """A data set that can be opened by site. Only a site's own worker calls `load`."""

    name: str
    title: str
    task: Task
    synthetic: bool

    def sites(self) -> tuple[SiteInfo, ...]: ...

    def load(self, site: str) -> SiteData: ...


FRACTIONS = (0.5, 0.15, 0.35)


def part_sizes(n: int, fractions: tuple[float, float, float] = FRACTIONS) -> tuple[int, int, int]:
    """How many of n patients are trained on, validate and are audited."""
    train, validation = round(fractions[0] * n), round(fractions[1] * n)
    return train, validation, n - train - validation


def split_for_run(data: SiteData, *, site: str, seed: int) -> Splits:
    """The split of a site's patients in a run of this seed; the name by which the site takes part has a say in it."""
    own = hashlib.sha256(f"{seed}:{site}".encode()).digest()
    return split(data, seed=int.from_bytes(own[:8], "big"))


def split(data: SiteData, *, seed: int, fractions: tuple[float, float, float] = FRACTIONS) -> Splits:
    """Split the patients of one site at random into train, validation and audit sets.

    Parameters
    ----------
    data : SiteData
    seed : int
        The same seed and data give the same split on every machine.
    fractions : three floats, each > 0, sum 1
    """
    if len(fractions) != 3 or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-9:
        raise ValueError(f"expected three positive fractions that sum to 1, got {fractions}")
    order = np.random.default_rng(seed).permutation(data.n_patients).astype(np.int64)
    train, validation, _ = part_sizes(len(order), fractions)
    first, second = train, train + validation
    parts = (order[:first], order[first:second], order[second:])
    return Splits(*(data.take(np.sort(part)) for part in parts))
