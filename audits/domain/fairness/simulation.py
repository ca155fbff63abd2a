"""Parametric simulation of disjoint cells from their sufficient statistics.

The platform never sees a patient, so it cannot resample patients. It draws what the cells would have returned had the
audit been repeated with other patients of the same kinds: binomial counts for yes/no metrics, normal means and
chi-squared variances for continuous ones. Groups are unions of cells, so groups that share patients come out
correlated as they must.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.domain.fairness.groups import Group
from federation.domain.group_rates import Cell, Sums
from federation.domain.intervals import squared_error

Floats = NDArray[np.float64]

# Pseudo-patients that pull a small cell towards the cells it resembles. Without them a cell of one patient would be
# simulated as certain. A cell of n keeps at least 1 - n/(n+k)^2 >= 1 - 1/(4k) of its variance: 0.975 for k = 10.
SHRINK = 10.0


@dataclass(frozen=True)
class GroupDraws:
    """One group in all draws: mean and squared standard error (draws,), and the mean that the draws scatter around.

    `noise` (draws,) is a normal stand-in for mean - centre, and `noise_error` its true squared standard error.
    """

    mean: Floats
    error: Floats
    centre: float
    noise: Floats
    noise_error: float


@dataclass(frozen=True)
class Draws:
    """Simulated sums of one metric.

    Attributes
    ----------
    n : ndarray, shape (n_cells,)
        Patients counted; fixed in all draws.
    total, total_sq : ndarray, shape (draws, n_cells)
        Sum and sum of squares of the metric.
    centre : ndarray, shape (n_cells,)
        The sum that the draws scatter around.
    noise : ndarray, shape (draws, n_cells)
        Normal noise with the mean (0) and variance (`spread`, shape (n_cells,)) of total - centre. Counts near 0/n
        hardly ever change, and simulated alone would make the bounds too narrow.
    binary : bool
        Whether the metric is yes/no for each patient.
    """

    n: Floats
    total: Floats
    total_sq: Floats
    centre: Floats
    noise: Floats
    spread: Floats
    binary: bool

    def of(self, group: Group) -> GroupDraws:
        """A union of cells; it must count at least one patient."""
        rows = group.members
        n = float(self.n[rows].sum())
        total = self.total[:, rows].sum(axis=1)
        error = squared_error(n, total, self.total_sq[:, rows].sum(axis=1), binary=self.binary)
        return GroupDraws(
            total / n,
            error,
            float(self.centre[rows].sum() / n),
            self.noise[:, rows].sum(axis=1) / n,
            float(self.spread[rows].sum() / n**2),
        )


def observed_error(sums: Sums, *, binary: bool) -> float:
    """`squared_error` of observed sums."""
    return float(squared_error(float(sums.n), np.array(sums.total), np.array(sums.total_sq), binary=binary))


def simulate(
    cells: Sequence[Cell], metrics: Sequence[str], *, binary: bool, draws: int, rng: np.random.Generator
) -> Mapping[str, Draws]:
    """Draw every metric of every cell.

    With yes/no metrics accuracy is not drawn but computed from the drawn true and false positives, so that the three
    metrics hang together as in real data. Continuous metrics are drawn independently of one another, which can only
    widen simultaneous bounds (Sidak's inequality).

    Raises
    ------
    ValueError
        If the accuracy of a cell does not count the same patients as its TPR and FPR together.
    """
    out: dict[str, Draws] = {}
    derived = binary and {"tpr", "fpr", "accuracy"} <= set(metrics)
    for metric in metrics:
        if derived and metric == "accuracy":
            continue
        draw = _binomial if binary else _continuous
        out[metric] = draw(cells, metric, draws, rng)
    if derived:
        out["accuracy"] = _accuracy(cells, out["tpr"], out["fpr"])
    return out


def _column(cells: Sequence[Cell], metric: str) -> tuple[Floats, Floats, Floats]:
    sums = [cell.metrics.get(metric, Sums(0, 0.0, 0.0)) for cell in cells]
    return (
        np.array([s.n for s in sums], dtype=float),
        np.array([s.total for s in sums], dtype=float),
        np.array([s.total_sq for s in sums], dtype=float),
    )


def _kinds(cells: Sequence[Cell]) -> NDArray[np.int64]:
    """A number for each combination of attributes, the same at all sites; shape (n_cells,)."""
    keys = [tuple(sorted(cell.attributes.items())) for cell in cells]
    number = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    return np.array([number[key] for key in keys], dtype=np.int64)


def _shrunk(kind: NDArray[np.int64], n: Floats, total: Floats) -> Floats:
    """Cell means pulled towards the same kind of patients at all sites, and those towards everybody."""
    overall = (total.sum() + 0.5) / (n.sum() + 1.0)
    kind_n = np.bincount(kind, weights=n)
    kind_mean = (np.bincount(kind, weights=total) + SHRINK * overall) / (kind_n + SHRINK)
    return (total + SHRINK * kind_mean[kind]) / (n + SHRINK)


def _binomial(cells: Sequence[Cell], metric: str, draws: int, rng: np.random.Generator) -> Draws:
    n, total, _ = _column(cells, metric)
    kind = _kinds(cells)
    edge = 1.0 / (np.bincount(kind, weights=n)[kind] + 2.0)  # what one extra error among these patients would make
    rate = np.clip(_shrunk(kind, n, total), edge, 1.0 - edge)
    drawn = rng.binomial(n.astype(np.int64), rate, size=(draws, len(cells))).astype(float)
    spread = n * rate * (1.0 - rate)
    noise = rng.standard_normal((draws, len(cells))) * np.sqrt(spread)
    return Draws(n, drawn, drawn, n * rate, noise, spread, True)


def _accuracy(cells: Sequence[Cell], tpr: Draws, fpr: Draws) -> Draws:
    n, _, _ = _column(cells, "accuracy")
    if not np.array_equal(n, tpr.n + fpr.n):
        where = cells[int(np.flatnonzero(n != tpr.n + fpr.n)[0])]
        raise ValueError(
            f"site {where.site}, {dict(where.attributes)}: expected accuracy to count the patients of tpr and fpr "
            "together, got another number. Tabulate the three metrics from the same patients."
        )
    right = tpr.total + (fpr.n - fpr.total)
    centre = tpr.centre + (fpr.n - fpr.centre)
    return Draws(n, right, right, centre, tpr.noise - fpr.noise, tpr.spread + fpr.spread, True)


def _continuous(cells: Sequence[Cell], metric: str, draws: int, rng: np.random.Generator) -> Draws:
    n, total, total_sq = _column(cells, metric)
    mean = _shrunk(_kinds(cells), n, total)
    freedom = np.maximum(n - 1.0, 0.0)
    within = np.where(n > 1, np.maximum(0.0, total_sq - total**2 / np.maximum(n, 1.0)), 0.0)
    edge = 1.0 / (n.sum() + 2.0)
    pooled = max(within.sum() / max(freedom.sum(), 1.0), edge * (1.0 - edge))
    variance = (within + SHRINK * pooled) / (freedom + SHRINK)
    noise = rng.standard_normal((draws, len(cells))) * np.sqrt(n * variance)
    drawn = mean + noise / np.maximum(n, 1.0)
    scatter = np.zeros((draws, len(cells)))
    some = freedom > 0
    scatter[:, some] = variance[some] * rng.chisquare(freedom[some], size=(draws, int(some.sum())))
    return Draws(n, n * drawn, scatter + n * drawn**2, n * mean, noise, n * variance, False)
