"""AIF360's own numbers, from cell counts, for readers who know them by name. They inform; the bias score gates.

AIF360 looks at one attribute and two groups at a time. For every attribute and metric all pairs of groups are tried and
the worst is reported with its groups. Two traps are handled here: importing AIF360 writes warnings through the root
logger, and its Theil index ignores instance weights.
"""

from __future__ import annotations

import importlib
import logging
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import permutations
from types import ModuleType
from typing import Any

import numpy as np

from audits.domain.fairness.groups import JOIN, Group, families
from federation.domain.group_rates import Cell

KINDS = ("tp", "fp", "tn", "fn")
_import_lock = threading.Lock()

METRICS = (
    "equal_opportunity_difference",
    "average_abs_odds_difference",
    "equalized_odds_difference",
    "disparate_impact",
    "statistical_parity_difference",
)
MEANING = {
    "equal_opportunity_difference": "TPR of the first group minus TPR of the second; 0 is equal",
    "average_abs_odds_difference": "mean of the absolute TPR and FPR gaps; 0 is equal, 1 is the most",
    "equalized_odds_difference": "the larger of the absolute TPR and FPR gaps; 0 is equal, 1 is the most",
    "disparate_impact": "share flagged in the first group over that in the second; 1 is equal",
    "statistical_parity_difference": "share flagged in the first group minus that in the second; 0 is equal",
    "theil_index": "inequality of benefit over single patients; 0 is equal",
}


@dataclass(frozen=True)
class Aif360Value:
    """One number of AIF360, for the pair of groups where it is worst.

    `value` is None, with a `reason`, where AIF360 would return NaN or infinity (e.g. no diseased patient in a group).
    `group`, `compared_with` : AIF360's unprivileged and privileged group; None for numbers over all patients.
    """

    attribute: str | None
    metric: str
    value: float | None
    group: str | None
    compared_with: str | None
    reason: str | None
    meaning: str

    def as_dict(self) -> dict:
        return asdict(self)


def aif360_metrics(cells: Sequence[Cell]) -> tuple[Aif360Value, ...]:
    """AIF360's group metrics for each attribute, and its Theil index over everybody.

    Parameters
    ----------
    cells : sequence of Cell
        Only the confusion counts are used. For segmentation these are by patient: lesion present / any voxel flagged.

    Returns
    -------
    tuple of Aif360Value
        Five metrics for each attribute (``site`` too, intersections and unknown groups not), then ``theil_index``.

    References
    ----------
    .. [1] Bellamy et al., AI Fairness 360, arXiv:1810.01943.
    """
    aif = _load()
    out: list[Aif360Value] = []
    for attribute, groups in families(cells).items():
        if JOIN not in attribute:
            counts = {g.name: _counts(cells, g) for g in groups if not g.unknown}
            out += _attribute(aif, attribute, counts)
    out.append(_theil(aif, cells))
    return tuple(out)


def _counts(cells: Sequence[Cell], group: Group) -> dict[str, int]:
    mine = [cell for cell, member in zip(cells, group.members, strict=True) if member]
    return {kind: sum(int(cell.confusion.get(kind, 0)) for cell in mine) for kind in KINDS}


@dataclass(frozen=True)
class _Aif360:
    dataset: Callable[..., Any]
    metric: Callable[..., Any]


def _load() -> _Aif360:
    datasets, metrics = quiet_import("aif360.datasets"), quiet_import("aif360.metrics")
    return _Aif360(datasets.BinaryLabelDataset, metrics.ClassificationMetric)


def quiet_import(module: str) -> ModuleType:
    """A module of AIF360, imported without a word."""
    with _import_lock, _quiet_root():
        return importlib.import_module(module)


@contextmanager
def _quiet_root() -> Iterator[None]:
    """Keep AIF360's import from writing to, and from configuring, the root logger.

    `logging.warning` on a root logger without handlers installs one on standard error for the life of the process.
    """
    root = logging.getLogger()
    holder = logging.NullHandler()

    def not_from_aif360(record: logging.LogRecord) -> bool:
        return "aif360" not in record.pathname

    root.addHandler(holder)
    root.addFilter(not_from_aif360)
    try:
        yield
    finally:
        root.removeFilter(not_from_aif360)
        root.removeHandler(holder)


def _attribute(aif: _Aif360, attribute: str, counts: Mapping[str, Mapping[str, int]]) -> list[Aif360Value]:
    names = sorted(counts)
    if len(names) < 2:
        reason = f"{attribute} has {len(names)} known groups; two are needed"
        return [_absent(attribute, metric, reason) for metric in METRICS]
    measured = [
        (metric, group, other, value)
        for group, other in permutations(names, 2)
        for metric, value in _pair(aif, counts[group], counts[other]).items()
    ]
    out = []
    for metric in METRICS:
        rows = [(value, group, other) for name, group, other, value in measured if name == metric and value is not None]
        if not rows:
            out.append(_absent(attribute, metric, "undefined for every pair of groups: a rate has no patient below it"))
            continue
        # Signed differences and ratios see every pair both ways: their worst is the lowest. Gaps are worst when large.
        pick = max if metric in ("average_abs_odds_difference", "equalized_odds_difference") else min
        value, group, other = pick(rows)
        out.append(Aif360Value(attribute, metric, value, group, other, None, MEANING[metric]))
    return out


def _absent(attribute: str | None, metric: str, reason: str) -> Aif360Value:
    return Aif360Value(attribute, metric, None, None, None, reason, MEANING[metric])


def _pair(aif: _Aif360, group: Mapping[str, int], other: Mapping[str, int]) -> dict[str, float | None]:
    metric = _classification_metric(
        aif,
        label=[1, 0, 0, 1] * 2,
        predicted=[1, 1, 0, 0] * 2,
        member=[0] * 4 + [1] * 4,
        weight=[side[kind] for side in (group, other) for kind in KINDS],
    )
    with np.errstate(all="ignore"):  # NaN is caught below and given a reason
        tpr_gap, fpr_gap = metric.true_positive_rate_difference(), metric.false_positive_rate_difference()
        values = {
            "equal_opportunity_difference": metric.equal_opportunity_difference(),
            "average_abs_odds_difference": metric.average_abs_odds_difference(),
            "equalized_odds_difference": np.maximum(np.abs(tpr_gap), np.abs(fpr_gap)),
            "disparate_impact": metric.disparate_impact(),
            "statistical_parity_difference": metric.statistical_parity_difference(),
        }
    return {name: float(value) if math.isfinite(value) else None for name, value in values.items()}


def _theil(aif: _Aif360, cells: Sequence[Cell]) -> Aif360Value:
    totals = {kind: sum(int(cell.confusion.get(kind, 0)) for cell in cells) for kind in KINDS}
    if not sum(totals.values()):
        return _absent(None, "theil_index", "no patient was counted")
    rows = np.repeat(np.arange(4), [totals[kind] for kind in KINDS])  # AIF360 ignores weights here
    label, predicted = np.array([1, 0, 0, 1])[rows], np.array([1, 1, 0, 0])[rows]
    member = np.arange(len(rows)) % 2  # the index is over everybody; AIF360 wants two groups all the same
    with np.errstate(all="ignore"):
        metric = _classification_metric(aif, label=label, predicted=predicted, member=member, weight=np.ones(len(rows)))
        value = float(metric.theil_index())
    if not math.isfinite(value):
        return _absent(None, "theil_index", "undefined: every diseased patient was missed")
    return Aif360Value(None, "theil_index", value, None, None, None, MEANING["theil_index"])


def _classification_metric(aif: _Aif360, *, label: Any, predicted: Any, member: Any, weight: Any) -> Any:
    """AIF360's metric with `member` 0 as the unprivileged and 1 as the privileged group; label 1 is "flagged"."""
    pandas = importlib.import_module("pandas")

    def dataset(labels: Any) -> Any:
        frame = pandas.DataFrame({"member": member, "label": labels, "weight": weight}, dtype=float)
        return aif.dataset(
            df=frame,
            label_names=["label"],
            protected_attribute_names=["member"],
            instance_weights_name="weight",
            favorable_label=1.0,
            unfavorable_label=0.0,
        )

    groups = {"unprivileged_groups": [{"member": 0.0}], "privileged_groups": [{"member": 1.0}]}
    return aif.metric(dataset(label), dataset(predicted), **groups)
