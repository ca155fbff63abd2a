"""The counts by group that most checks of fairness conclude from: how a site counts, and how the platform reads it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from audits.predeployment.checks.base import AnswerError, Check, Gathered
from federation.domain.group_rates import CLASSIFICATION_METRICS, SEGMENTATION_METRICS, Cell, Sums
from federation.domain.run_config import MODEL_NAMES

if TYPE_CHECKING:
    from audits.predeployment.checks.at_site import AtSite
    from federation.domain.learning.evaluation import RecordOutcomes

_ROUNDING = 1e-6
_KINDS = {"tp", "fp", "tn", "fn"}


class ScoreError(ValueError):
    """A model or a patient's label that cannot be judged. The text names neither patient nor value."""


@dataclass(frozen=True)
class SiteCells:
    """One site's counts, by model, and what its models say of themselves."""

    site: str
    n_patients: int
    cells: Mapping[str, tuple[Cell, ...]]
    facts: Mapping[str, Any] = field(default_factory=dict)


class CellsCheck(Check):
    """A check that needs the counts of each site and combination of attributes, and nothing else."""

    def measure(self, at: AtSite) -> dict[str, Any]:
        from federation.domain.learning.evaluation import cells

        found = {}
        for step, name in enumerate(MODEL_NAMES):
            at.tell(f"scoring patients with the {name} model", step, len(MODEL_NAMES))
            counted = cells(at.site, scored(at, name), at.audit.groups)
            found[name] = [cell.as_dict() for cell in counted]
        facts = {name: at.models[name].facts() for name in MODEL_NAMES}
        return {"n_patients": at.audit.n_patients, "cells": found, "facts": facts}

    def read(self, site: str, raw: Mapping[str, Any], settings: Mapping[str, Any]) -> SiteCells:
        n = raw["n_patients"]
        require(_whole(n) and n > 0, f"expected a number of patients, got {n!r}")
        cells = {name: tuple(_cell(site, row) for row in raw["cells"][name]) for name in MODEL_NAMES}
        for name, counted in cells.items():
            total = sum(cell.n for cell in counted)
            require(total == n, f"expected the {name} cells to count {n} patients, got {total}")
            keys = {tuple(sorted(cell.attributes.items())) for cell in counted}
            require(len(keys) == len(counted), f"expected each combination of attributes once in the {name} cells")
        return SiteCells(site, n, cells, dict(raw.get("facts", {})))

    def counted(self, answer: SiteCells) -> int:
        return answer.n_patients


def scored(at: AtSite, model: str, split: str = "audit") -> RecordOutcomes:
    """How a model did on each patient, if that can be judged at all.

    Raises
    ------
    ScoreError
        If a label is neither 0 nor 1, since an unlabelled patient would be counted as ill.
    AnswersNotFinite
        If a score is NaN, which would be counted as "healthy".
    """
    labels = getattr(at.bench.splits, split).y
    if not np.isin(labels, (0, 1)).all():
        raise ScoreError(f"expected labels 0 and 1 for every {split} patient, got others. Label them or leave them out")
    return at.outcomes(model, split)


def cells_of(gathered: Gathered, model: str) -> list[Cell]:
    """The cells of all sites.

    Raises
    ------
    AnswerError
        If one lacks a metric of the task: its patients would be left out in silence.
    """
    wanted = set(CLASSIFICATION_METRICS if gathered.task == "classification" else SEGMENTATION_METRICS)
    found = [cell for answer in gathered.each for cell in answer.cells[model]]
    for cell in found:
        missing = ", ".join(sorted(wanted - cell.metrics.keys()))
        require(not missing, f"expected {', '.join(sorted(wanted))} in each cell of {cell.site}, got none of {missing}")
    return found


def require(holds: bool, complaint: str) -> None:
    """Refuse an answer.

    Raises
    ------
    AnswerError
        Unless `holds`.
    """
    if not holds:
        raise AnswerError(complaint)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _cell(site: str, raw: Mapping[str, Any]) -> Cell:
    require(raw["site"] == site, f"expected cells of {site}, got one of {raw['site']!r}")
    names = [*raw["attributes"], *raw["attributes"].values()]
    require(all(isinstance(name, str) for name in names), "expected attributes and groups as texts")
    counts = [raw["n"], *raw["confusion"].values(), *(row[0] for row in raw["metrics"].values())]
    require(all(_whole(count) and count >= 0 for count in counts), "expected whole counts of 0 or more in a cell")
    require(set(raw["confusion"]) == _KINDS, f"expected the counts {sorted(_KINDS)}, got {sorted(raw['confusion'])}")
    cell = Cell.from_dict(raw)
    total = sum(cell.confusion.values())
    require(0 < cell.n == total, f"expected a cell's confusion counts to add up to its {cell.n} patients, got {total}")
    for name, sums in cell.metrics.items():
        possible = sums.n <= cell.n and _at_most(sums.total, sums.n) and _at_most(sums.total_sq, sums.total)
        require(possible, f"expected the sums of {name} to be rates in [0, 1]")
    if "dice" in cell.metrics:
        _check_overlaps(cell)
    else:
        _check_rates(cell)
    return cell


def _check_overlaps(cell: Cell) -> None:
    """Nobody is left out of a rate of voxels that is defined for him."""
    ill, none = cell.confusion["tp"] + cell.confusion["fn"], Sums(0, 0.0, 0.0)
    n = {name: cell.metrics.get(name, none).n for name in ("dice", "tpr", "fpr")}
    require(n["tpr"] == ill, f"expected the tpr of {ill} patients with a lesion, got {n['tpr']}")
    require(n["dice"] >= ill, f"expected the Dice of at least {ill} patients with a lesion, got {n['dice']}")
    require(n["fpr"] >= cell.n - ill, f"expected the fpr of at least {cell.n - ill} patients, got {n['fpr']}")


def _check_rates(cell: Cell) -> None:
    """Yes/no metrics say the same as the confusion counts."""
    c, metrics = cell.confusion, cell.metrics
    expected = {
        "tpr": (c["tp"] + c["fn"], c["tp"]),
        "fpr": (c["fp"] + c["tn"], c["fp"]),
        "accuracy": (cell.n, c["tp"] + c["tn"]),
        "selection_rate": (cell.n, c["tp"] + c["fp"]),
    }
    for name, (n, total) in expected.items():
        require(
            metrics.get(name) == Sums(n, float(total), float(total)),
            f"expected {name} to follow from the confusion counts",
        )


def _at_most(value: float, highest: float) -> bool:
    return math.isfinite(value) and -_ROUNDING <= value <= highest + _ROUNDING


def group_counts(cells: Iterable[Cell]) -> dict[str, dict[str, int]]:
    """Patients by attribute and group."""
    counts: dict[str, dict[str, int]] = {}
    for cell in cells:
        for attribute, group in cell.attributes.items():
            mine = counts.setdefault(attribute, {})
            mine[group] = mine.get(group, 0) + cell.n
    return counts
