"""Bounds of the gap between groups with one choice of thresholds and with another, and of the change between them.

The gap is the largest of m differences: the TPR, or the FPR, of one group less that of another, either way round. The
largest of several estimates is too large on average, and so is every redrawn one: percentiles of redrawn gaps lie above
a small true gap. The differences themselves are unbiased, so all bounds are built from one-sided bounds of differences,
each of which may fail with some chance. With `level` = 1 - a:

- A gap is at most the largest upper bound. That fails only if the bound of the one difference that truly is the largest
  does, so a/2 for each is enough [1]_.
- A gap is at least the largest lower bound. That may fail with any of m, so each gets a/2m [2]_.
- The change is `max after - max before`, which is `max_j min_i (after_j - before_i)`, and `min_i max_j` of the same.
  Upper bounds in the first and lower ones in the second bound it. The upper fails only with one of the m bounds in the
  row of the j that truly is the largest after, the lower with one in a column: a/2m for each again. Both gaps are of
  the same patients, and what their rates have in common is taken off.

Guaranteed: intervals hold with at least `level` wherever each one-sided bound of a difference does with its own share;
where differences depend on each other they hold more often than that. Approximate: those bounds are Newcombe's for gaps
[3]_, from exact limits of each rate [4]_ (Wilson's fail where few patients have rates near 0 or 1), and normal for
changes, with errors that never call 0/n certain. `test_threshold_bounds.py` simulates how often the intervals hold,
down to five ill patients, also beside hundreds.

References
----------
.. [1] Berger, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24 (1982), 295-300.
.. [2] Dunn, "Multiple comparisons among means", JASA 56 (1961), 52-64 (Bonferroni).
.. [3] Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven methods",
   Statistics in Medicine 17 (1998), 873-890 (method 10, with the limits of [4]_ in the place of Wilson's).
.. [4] Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
   Biometrika 26 (1934), 404-413.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from federation.domain.intervals import clopper_pearson, squared_error, z_of

if TYPE_CHECKING:
    from audits.domain.fairness.thresholds import ScoreCounts

Floats = NDArray[np.float64]
Picked = NDArray[np.bool_]  # the bins of score that are looked at in each group: (groups, bins)
LEVEL = 0.95


@dataclass(frozen=True)
class Bounded:
    """A figure and its interval."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Bounds:
    """What a choice of thresholds brings, each with an interval that holds by itself.

    Attributes
    ----------
    before, after : the larger of TPR and FPR gap, in [0, 1]; 0: groups fare alike
    gap, accuracy : after less before, in [-1, 1]
    """

    before: Bounded
    after: Bounded
    gap: Bounded
    accuracy: Bounded


def bounds_of(
    counts: Sequence[ScoreCounts], usual: Sequence[int], choice: Sequence[int], *, level: float = LEVEL
) -> Bounds:
    """Intervals for patients who took no part in choosing.

    Parameters
    ----------
    counts : one a group, at least two; no count below 0, each group with ill and healthy patients
        Their `noise` counts as further error; that clipping pushes small counts up is not accounted for.
    usual, choice : index of each group's threshold before and after
    level : float in (0, 1)
    """
    tables = np.array([[c.ill for c in counts], [c.healthy for c in counts]], dtype=float)  # (2, groups, bins)
    noise = np.array([c.noise for c in counts])
    bins = np.arange(tables.shape[2])
    before, after = (bins > np.asarray(chosen)[:, None] for chosen in (usual, choice))
    first, second, between = (_Shares.of(tables, noise, picked) for picked in (before, after, before ^ after))
    differences = _differences(len(counts))
    return Bounds(
        _gap(first, differences, level),
        _gap(second, differences, level),
        _change(first, second, between, differences, level),
        _accuracy(tables, noise, before, after, level),
    )


@dataclass(frozen=True)
class _Shares:
    """Of the ill, then of the healthy patients of each group, those in its picked bins; each array (2 * groups,).

    Attributes
    ----------
    found, n : how many are in its picked bins, and in all
    noise : squared error of the share by noise in each bin, linearised
    possible : whether any bin is picked; without, the share is 0 for certain
    """

    found: Floats
    n: Floats
    noise: Floats
    possible: Picked

    @classmethod
    def of(cls, tables: Floats, noise: Floats, picked: Picked) -> _Shares:
        found, n = (tables * picked).sum(axis=2), tables.sum(axis=2)
        added = noise * ((picked - (found / n)[..., None]) ** 2).sum(axis=2) / n**2
        return cls(found.ravel(), n.ravel(), added.ravel(), np.tile(picked.any(axis=1), 2))

    @property
    def value(self) -> Floats:
        return self.found / self.n

    @property
    def squared_error(self) -> Floats:
        return squared_error(self.n, self.found, self.found, binary=True) * self.possible + self.noise


def _differences(groups: int) -> Floats:
    """TPR and FPR of all groups (2 * groups) to the m differences, both ways round: shape (m, 2 * groups)."""
    one = np.eye(groups)
    return np.kron(np.eye(2), np.array([one[a] - one[b] for a, b in permutations(range(groups), 2)]))


def _gap(shares: _Shares, differences: Floats, level: float) -> Bounded:
    apart = differences @ shares.value

    def reach(upwards: Floats, confidence: float) -> Floats:
        """How far each difference may lie above what was seen: the shares that it adds higher, the others lower."""
        found = zip(shares.found, shares.n, strict=True)
        limits = np.array([clopper_pearson(round(x), round(n), confidence) for x, n in found]).T
        down, up = (limits - shares.value) ** 2 + z_of(confidence) ** 2 * shares.noise
        return np.sqrt((upwards > 0) @ up + (upwards < 0) @ down)

    lower = (apart - reach(-differences, _corrected(level, len(apart)))).max()
    upper = (apart + reach(differences, level)).max()
    return Bounded(float(apart.max()), max(0.0, float(lower)), min(1.0, float(upper)))


def _corrected(level: float, m: int) -> float:
    """Confidence of two-sided intervals of which, with confidence `level`, none of m fails on one side."""
    return 1 - (1 - level) / m


def _change(before: _Shares, after: _Shares, between: _Shares, differences: Floats, level: float) -> Bounded:
    """`between`: who is decided on anew. Its error tells what those before and after share, by Var(x - y)."""
    first, second = before.squared_error, after.squared_error
    covariance = (differences * (first + second - between.squared_error) / 2) @ differences.T
    squared = (differences**2 @ second)[:, None] + differences**2 @ first - 2 * covariance
    reach = z_of(_corrected(level, len(differences))) * np.sqrt(np.maximum(squared, 0))
    gaps_before, gaps_after = differences @ before.value, differences @ after.value
    apart = gaps_after[:, None] - gaps_before
    lower, upper = (apart - reach).max(axis=0).min(), (apart + reach).min(axis=1).max()
    return Bounded(float(gaps_after.max() - gaps_before.max()), max(-1.0, float(lower)), min(1.0, float(upper)))


def _accuracy(tables: Floats, noise: Floats, before: Picked, after: Picked, level: float) -> Bounded:
    """The mean over patients of 1 for who is put right, -1 for who is put wrong and 0 for the others.

    Its error counts one more of either, so that a few patients of whom none changed do not make it certain.
    """
    moved = np.stack([after.astype(int) - before, before.astype(int) - after])  # (2, groups, bins)
    n = tables.sum()
    value = float((tables * moved).sum() / n)
    spread = ((tables + noise[:, None]) * (moved - value) ** 2).sum() + 2
    reach = z_of(level) * float(np.sqrt(spread)) / n if moved.any() else 0.0
    return Bounded(value, max(-1.0, value - reach), min(1.0, value + reach))
