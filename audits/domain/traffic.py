"""Traffic of a hospital: a site's data as a stream of cases, and the inputs of one group spoilt on the way.

Phantom patients are drawn beyond the training set; real sites' records are drawn again with replacement. The truth
stays what it is; only what the model is shown changes, so that it really fails. A `Gate` is how they are sent.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.dataset import SiteData, Source
from federation.domain.data.phantom import PhantomSource

_RESAMPLE, _SPOIL = range(2)  # what a random stream is for


class Halted(Exception):
    """The deployment serves no more; `answer` is what it said."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(answer.get("message", "halted"))
        self.answer = answer


class Gate(Protocol):
    """Where cases are sent: the HTTP API, or the services behind it."""

    def predict(self, records: list[dict[str, Any]], key: str) -> dict[str, Any]:
        """The answer; raises `Halted`."""

    def tell(self, records: list[dict[str, Any]], key: str) -> None: ...


@dataclass(frozen=True)
class Degrade:
    """Spoil the inputs of one group.

    Attributes
    ----------
    attribute, group : str
        Whose inputs, e.g. ``sex``, ``female``.
    strength : float in [0, 1]
        Images: share of the contrast that is lost to blur and noise; 1 leaves nothing to see. Tables: share of the
        group's patients who get another patient's features.
    """

    attribute: str
    group: str
    strength: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise ValueError(f"expected a strength from 0 to 1, got {self.strength}")


@dataclass
class Traffic:
    """What happened. `halted` is the body of the 423 answer, None if all was served."""

    predictions: int = 0
    outcomes: int = 0
    batches: int = 0
    spoilt: int = 0
    halted: dict[str, Any] | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Cases:
    """One batch: the truth, what the model is shown of it, and how many cases were spoilt."""

    first: int
    truth: SiteData
    shown: SiteData
    spoilt: int = 0


def drive(
    gate: Gate, stream: Iterable[Cases], *, prefix: str, progress: Callable[[Traffic], bool | None] | None = None
) -> Traffic:
    """Send cases batch by batch, predictions and then their outcomes, until the deployment is halted.

    Parameters
    ----------
    prefix : str
        Begins the names of the cases; no two replays of a deployment may share it and a case's number.
    progress : callable, optional
        Called after each batch; ends the replay by returning True.
    """
    done = Traffic()
    for cases in stream:
        names = [f"{prefix}-{cases.first + i:08d}" for i in range(cases.truth.n_patients)]
        done.spoilt += cases.spoilt
        try:
            answer = gate.predict(prediction_records(cases.shown, names), f"{names[0]}-predictions")
        except Halted as halted:
            done.halted = halted.answer
            break
        done.predictions += len(names)
        done.warnings += [text for row in answer["predictions"] for text in row["warnings"]][:5]
        gate.tell(outcome_records(cases.truth, names), f"{names[0]}-outcomes")
        done.outcomes += len(names)
        done.batches += 1
        if progress is not None and progress(done):
            break
    return done


def degraded_cases(
    source: Source, site: str, *, first: int, count: int, size: int, how: Degrade | None
) -> Iterator[Cases]:
    """Cases of which one group's inputs are all spoilt, or none."""
    for start, data in batches(source, site, first=first, count=count, size=size):
        if how is None:
            yield Cases(start, data, data)
            continue
        shown = degraded(data, how, rng=np.random.default_rng((_SPOIL, number_of(site), start)))
        yield Cases(start, data, shown, int((data.groups[how.attribute] == how.group).sum()))


def prediction_records(data: SiteData, names: list[str]) -> list[dict[str, Any]]:
    """Each patient as the API takes it; images as 8 bit, all slices of the patient in one record."""
    out = []
    for i, name in enumerate(names):
        rows = data.x[data.patient_index == i]
        record: dict[str, Any] = {
            "event_key": name,
            "patient": data.record_ids[i],
            "attributes": {attribute: str(groups[i]) for attribute, groups in data.groups.items()},
        }
        if not data.imaged:
            record["features"] = [float(value) for value in rows[0]]
        else:
            pixels = np.rint(np.clip(rows, 0, 1) * 255).astype(np.uint8)
            text = base64.b64encode(pixels.tobytes()).decode()
            record["image"] = {"shape": list(pixels.shape), "dtype": "uint8", "data": text}
        out.append(record)
    return out


def outcome_records(data: SiteData, names: list[str]) -> list[dict[str, Any]]:
    """The truth about each patient: the diagnosis, or the corrected mask."""
    if data.task == "classification":
        truth = {int(patient): int(label) for patient, label in zip(data.patient_index, data.y, strict=True)}
        return [{"event_key": name, "label": truth[i]} for i, name in enumerate(names)]
    masks = [np.packbits(data.y[data.patient_index == i].astype(bool)).tobytes() for i in range(len(names))]
    return [
        {"event_key": name, "mask": base64.b64encode(mask).decode()} for name, mask in zip(names, masks, strict=True)
    ]


def degraded(data: SiteData, how: Degrade, *, rng: np.random.Generator) -> SiteData:
    """The same patients with the inputs of one group spoilt. The truth stays what it is."""
    if how.attribute not in data.groups:
        raise ValueError(f"expected an attribute among {', '.join(sorted(data.groups))}, got {how.attribute!r}")
    chosen = np.flatnonzero(data.groups[how.attribute] == how.group)
    if not data.imaged:
        return replace(data, x=_permuted(data, chosen[rng.random(len(chosen)) < how.strength], rng))
    rows = np.isin(data.patient_index, chosen)
    x = data.x.copy()
    x[rows] = faded(x[rows], how.strength, rng)
    return replace(data, x=x)


def _permuted(data: SiteData, patients: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
    """Features change hands within the group: each is believable, none fits its patient."""
    x = data.x.copy()
    row_of = np.argsort(data.patient_index)
    x[row_of[patients]] = data.x[row_of[rng.permutation(patients)]]
    return x


def faded(images: NDArray[np.float32], strength: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Blur, loss of contrast towards the image's mean, and noise: a lesion sinks below what can be seen."""
    if not len(images):
        return images
    flat = images.mean(axis=(2, 3), keepdims=True)
    soft: NDArray[np.floating] = images
    for _ in range(round(6 * strength)):
        soft = (soft + sum(np.roll(soft, shift, axis=axis) for axis in (2, 3) for shift in (-1, 1))) / 5
    noise = rng.normal(0.0, 0.03 * strength, size=images.shape)
    return np.clip(flat + (1 - strength) * (soft - flat) + noise, 0, 1).astype(np.float32)


def batches(source: Source, site: str, *, first: int, count: int, size: int) -> Iterator[tuple[int, SiteData]]:
    """Cases `first` to `first + count - 1`: new phantom patients, or records of the site drawn with replacement."""
    held = source.load(site)
    for start in range(first, first + count, size):
        number = min(size, first + count - start)
        if isinstance(source, PhantomSource):  # the patients beyond the training set
            yield start, source.generate(site, first=held.n_patients + start, count=number)
        else:
            rng = np.random.default_rng((_RESAMPLE, number_of(site), start))
            yield start, _drawn(held, rng.integers(0, held.n_patients, size=number))


def _drawn(held: SiteData, patients: NDArray[np.int64]) -> SiteData:
    """The given patients in order, a patient as often as he was drawn."""
    rows = [np.flatnonzero(held.patient_index == patient) for patient in patients]
    return replace(
        held,
        record_ids=tuple(held.record_ids[patient] for patient in patients),
        x=np.concatenate([held.x[r] for r in rows]),
        y=np.concatenate([held.y[r] for r in rows]),
        patient_index=np.repeat(np.arange(len(patients)), [len(r) for r in rows]),
        groups={name: values[patients] for name, values in held.groups.items()},
    )


def number_of(site: str) -> int:
    return zlib.crc32(site.encode())
