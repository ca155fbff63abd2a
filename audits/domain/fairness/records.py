"""Predictions in rows, counted once by patient: everything that a bootstrap over patients needs, in a small matrix.

A rate of a group is a ratio of sums over patients, so a patient is fully described by how many of his predictions fall
into each (cell, outcome). Patients with the same counts are interchangeable: they are one *kind*, with a multiplicity.
A million predictions of a hundred thousand patients often come down to some thousand kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.domain.fairness.groups import SITE
from federation.domain.group_rates import Cell, Sums

OUTCOMES = ("tp", "fp", "tn", "fn")
# What counts for a metric, and what is a success, as a choice among OUTCOMES.
DEFINED = {"tpr": (1, 0, 0, 1), "fpr": (0, 1, 1, 0), "accuracy": (1, 1, 1, 1), "selection_rate": (1, 1, 1, 1)}
SUCCESS = {"tpr": (1, 0, 0, 0), "fpr": (0, 1, 0, 0), "accuracy": (1, 0, 1, 0), "selection_rate": (1, 1, 0, 0)}


@dataclass(frozen=True)
class Patients:
    """Sufficient statistics by patient.

    Attributes
    ----------
    cells : tuple of Cell
        The counts of all predictions by site and combination of attributes; `n` counts predictions.
    counts : ndarray of int32, shape (n_kinds, 4 * n_cells)
        Predictions of one patient of each kind, by cell and outcome (tp, fp, tn, fn).
    patients : ndarray of int64, shape (n_kinds,)
        How many patients are of that kind.
    kind : ndarray of int64, shape (n_patients,)
        The kind of each patient, in the order of their sorted identifiers.
    """

    cells: tuple[Cell, ...]
    counts: NDArray[np.int32]
    patients: NDArray[np.int64]
    kind: NDArray[np.int64]

    @property
    def n(self) -> int:
        return len(self.kind)


def patients_from(
    truth: NDArray[Any],
    flagged: NDArray[Any],
    groups: Mapping[str, NDArray[Any]],
    patient: NDArray[Any],
    *,
    site: NDArray[Any] | None = None,
) -> Patients:
    """Count predictions by patient.

    Parameters
    ----------
    truth, flagged : ndarray of bool or 0/1, shape (n,)
    groups : attribute to group of each prediction, arrays of shape (n,), text or category
    patient : ndarray, shape (n,)
        Identifier of the patient of each prediction; predictions of one patient are dependent.
    site : ndarray, shape (n,), optional
        Where each prediction was made; one site if left out.

    Raises
    ------
    ValueError
        On arrays of different length, no prediction, or labels and predictions that are not yes or no.
    """
    columns = {**groups, SITE: np.zeros(len(truth), dtype=np.int8) if site is None else site}
    _check(truth, flagged, columns, patient)
    cell, combinations = _crossed(columns)
    says, ill = np.asarray(flagged, dtype=bool), np.asarray(truth, dtype=bool)
    outcome = np.where(says, np.where(ill, 0, 1), np.where(ill, 3, 2))  # the place in OUTCOMES
    who, labels = _codes(patient)
    width = len(combinations) * len(OUTCOMES)
    table = np.bincount(who * width + cell * len(OUTCOMES) + outcome, minlength=len(labels) * width)
    table = table.reshape(len(labels), width)
    counts, kind, number = _kinds(table.astype(np.int32))
    totals = table.sum(axis=0).reshape(-1, len(OUTCOMES))
    cells = tuple(_cell(*place, row) for place, row in zip(combinations, totals, strict=True))
    return Patients(cells, counts, number, kind)


def _crossed(columns: Mapping[str, NDArray[Any]]) -> tuple[NDArray[np.int64], list[tuple[str, dict[str, str]]]]:
    """The cell of each row, and the site and attributes of each cell."""
    codes = {name: _codes(column) for name, column in columns.items()}
    crossed = np.zeros(len(columns[SITE]), dtype=np.int64)
    for own, labels in codes.values():
        crossed = crossed * len(labels) + own
    sizes = [len(labels) for _, labels in codes.values()]
    cell, present = _compact(crossed, int(np.prod(sizes)))
    places = zip(*np.unravel_index(present, sizes), strict=True)
    found = [{name: str(codes[name][1][i]) for name, i in zip(codes, place, strict=True)} for place in places]
    return cell, [(values.pop(SITE), values) for values in found]


def _check(
    truth: NDArray[Any], flagged: NDArray[Any], columns: Mapping[str, NDArray[Any]], patient: NDArray[Any]
) -> None:
    if not len(truth):
        raise ValueError("expected at least one prediction, got none")
    for name, column in {"flagged": flagged, "patient": patient, **columns}.items():
        if len(column) != len(truth):
            raise ValueError(f"expected {len(truth)} rows of {name}, as of truth; got {len(column)}")
    for name, column in {"truth": truth, "flagged": flagged}.items():
        if np.asarray(column).dtype != bool and not np.isin(column, (0, 1)).all():
            raise ValueError(f"expected {name} to be 0 or 1 everywhere; leave predictions without a label out")


def _codes(column: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Each value as its place among the sorted distinct values."""
    column = np.asarray(column)
    if column.dtype.kind in "iu":
        low, high = int(column.min()), int(column.max())
        if high - low < 4 * len(column):  # identifiers that are nearly dense need no sort
            return _dense(column.astype(np.int64) - low, low, high)
    labels, codes = np.unique(column, return_inverse=True)
    return codes.astype(np.int64), labels


def _dense(shifted: NDArray[np.int64], low: int, high: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
    codes, present = _compact(shifted, high - low + 1)
    return codes, present + low


def _compact(values: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Values from 0 to size - 1, renumbered without holes; and which of them there are."""
    present = np.flatnonzero(np.bincount(values, minlength=size))
    place = np.zeros(size, dtype=np.int64)
    place[present] = np.arange(len(present))
    return place[values], present


def _kinds(table: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Distinct rows of the table, the kind of each row, and how often each comes."""
    rows = np.ascontiguousarray(table).view(np.dtype((np.void, table.dtype.itemsize * table.shape[1]))).ravel()
    _, first, kind, number = np.unique(rows, return_index=True, return_inverse=True, return_counts=True)
    return table[first], kind.astype(np.int64), number.astype(np.int64)


def _cell(site: str, attributes: Mapping[str, str], totals: NDArray[Any]) -> Cell:
    metrics = {}
    for name, defined in DEFINED.items():
        total = float(totals @ np.array(SUCCESS[name]))
        metrics[name] = Sums(int(totals @ np.array(defined)), total, total)
    confusion = {kind: int(count) for kind, count in zip(OUTCOMES, totals, strict=True)}
    return Cell(site, attributes, int(totals.sum()), metrics, confusion)
