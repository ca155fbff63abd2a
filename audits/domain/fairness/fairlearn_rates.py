"""Fairlearn's own rates and gaps from cell counts, with its bootstrap; a second opinion on our arithmetic.

Fairlearn needs rows, so the counts are expanded to anonymous rows. A trap is handled here: its rates of a group without
a diseased (or healthy) patient are 0, so each rate is asked only of the rows for which it is defined.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.domain.fairness.groups import JOIN, families, sums_of
from federation.domain.group_rates import CLASSIFICATION_METRICS, Cell

MOST_ROWS_RESAMPLED = 1_000_000  # rows times resamples for one figure; more would take minutes


@dataclass(frozen=True)
class FairlearnRates:
    """One metric over the groups of one attribute.

    Attributes
    ----------
    rates, ours : mapping of group to rate in [0, 1]
        Fairlearn's, and ours from the same counts.
    difference : float in [0, 1]
        Largest rate less smallest; 0 is alike. `lower` and `upper` from Fairlearn's percentile bootstrap, which is
        biased upwards for a difference of extremes; None where no resample was drawn.
    disagreement : float
        The largest distance between Fairlearn's figures and ours.
    """

    attribute: str
    metric: str
    rates: dict[str, float]
    ours: dict[str, float]
    difference: float
    lower: float | None
    upper: float | None
    disagreement: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def fairlearn_rates(
    cells: Sequence[Cell], *, resamples: int = 100, confidence: float = 0.95, seed: int
) -> tuple[FairlearnRates, ...]:
    """TPR, FPR and accuracy by each attribute and by site, by Fairlearn's `MetricFrame`.

    Parameters
    ----------
    cells : sequence of Cell
        Only the confusion counts are used.
    resamples : int, >= 0
        Bootstrap resamples of each figure; fewer are drawn of very large audits.
    """
    out = []
    for attribute, groups in families(cells).items():
        known = [group for group in groups if not group.unknown]
        if JOIN in attribute or len(known) < 2:
            continue
        counts = {
            group.name: [
                sum(cell.confusion[kind] for cell, member in zip(cells, group.members, strict=True) if member)
                for kind in ("tp", "fp", "tn", "fn")
            ]
            for group in known
        }
        for metric in CLASSIFICATION_METRICS:
            ours = {g.name: mean for g in known if (mean := sums_of(cells, g, metric).mean) is not None}
            if len(ours) > 1:
                rows = _rows({name: counts[name] for name in ours}, metric)
                out.append(_measured(attribute, metric, rows, ours, resamples, confidence, seed))
    return tuple(out)


def _rows(counts: dict[str, list[int]], metric: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.str_]]:
    """Labels, predictions and groups of the rows for which a metric is defined."""
    truth, flagged = np.array([1, 0, 0, 1]), np.array([1, 1, 0, 0])
    kept = {"tpr": truth == 1, "fpr": truth == 0, "accuracy": truth >= 0}[metric]
    numbers = np.array(list(counts.values()))[:, kept]
    rows = np.repeat(np.tile(np.arange(4)[kept], len(counts)), numbers.ravel())
    return truth[rows], flagged[rows], np.repeat(list(counts), numbers.sum(axis=1))


def _measured(
    attribute: str,
    metric: str,
    rows: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.str_]],
    ours: dict[str, float],
    resamples: int,
    confidence: float,
    seed: int,
) -> FairlearnRates:
    metrics = importlib.import_module("fairlearn.metrics")
    functions = {
        "tpr": metrics.true_positive_rate,
        "fpr": metrics.false_positive_rate,
        "accuracy": importlib.import_module("sklearn.metrics").accuracy_score,
    }
    truth, flagged, groups = rows
    draws = min(resamples, MOST_ROWS_RESAMPLED // len(truth))
    tail = (1 - confidence) / 2
    resampled = {"n_boot": draws, "ci_quantiles": [tail, 1 - tail], "random_state": seed} if draws > 1 else {}
    frame = metrics.MetricFrame(
        metrics=functions[metric], y_true=truth, y_pred=flagged, sensitive_features=groups.astype(object), **resampled
    )
    rates = {str(name): float(rate) for name, rate in frame.by_group.items()}
    difference = float(frame.difference())
    lower, upper = (float(v) for v in frame.difference_ci()) if resampled else (None, None)
    apart = [abs(rates[name] - rate) for name, rate in ours.items()]
    apart.append(abs(difference - (max(ours.values()) - min(ours.values()))))
    return FairlearnRates(attribute, metric, rates, ours, difference, lower, upper, max(apart))
