"""The area under the ROC curve over several sites that never compare their patients' scores.

Each site counts within its own patients; the sites' areas are averaged. It is the chance that a random ill patient
scores higher than a random healthy patient of the same hospital: 0.5 is chance, 1 a perfect order, 0 a perfect reverse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from federation.domain.intervals import z_of
from federation.domain.paired import mover

LEAST_OF_EACH = 3  # ill and healthy patients at a site; fewer could be singled out


@dataclass(frozen=True)
class SiteAuc:
    """Two models on the ill and healthy patients of one site.

    Attributes
    ----------
    ill, healthy : int
    first, second : float, in [0, 1]
        Areas; a tie counts one half.
    covariance, variance_first, variance_second : float
        DeLong's estimates [1]_, which give the correlation of the two areas.

    References
    ----------
    .. [1] DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), 837-845.
    """

    ill: int
    healthy: int
    first: float
    second: float
    covariance: float
    variance_first: float
    variance_second: float

    @classmethod
    def of(cls, truth: NDArray[np.bool_], first: NDArray[np.floating], second: NDArray[np.floating]) -> SiteAuc | None:
        """Count one site's patients; None if fewer than `LEAST_OF_EACH` are ill or healthy.

        Raises
        ------
        ValueError
            If a score is not finite.
        """
        if not (np.isfinite(first).all() and np.isfinite(second).all()):
            raise ValueError("expected finite scores, got NaN or infinite ones")
        ill, healthy = int(truth.sum()), int((~truth).sum())
        if min(ill, healthy) < LEAST_OF_EACH:
            return None
        above = [_above(score[truth], score[~truth]) for score in (first, second)]
        by_ill = np.cov(np.stack([table.mean(axis=1) for table in above]))
        by_healthy = np.cov(np.stack([table.mean(axis=0) for table in above]))
        spread = by_ill / ill + by_healthy / healthy
        one, two = (float(table.mean()) for table in above)
        return cls(ill, healthy, one, two, float(spread[0, 1]), float(spread[0, 0]), float(spread[1, 1]))

    @classmethod
    def from_list(cls, raw: Sequence[Any]) -> SiteAuc:
        """Read what `as_list` wrote. Raises ValueError for what no patients can have."""
        ill, healthy, *rest = raw
        values = [float(value) for value in rest]
        counts = type(ill) is int and type(healthy) is int and min(ill, healthy) >= LEAST_OF_EACH
        if not counts or len(values) != 5 or not all(isfinite(v) for v in values):
            raise ValueError(f"expected counts of at least {LEAST_OF_EACH} and five numbers, got {list(raw)}")
        first, second, covariance, one, two = values
        possible = all(0 <= v <= 1 for v in (first, second)) and all(0 <= v <= 1 for v in (one, two))
        if not possible or covariance**2 > one * two + 1e-9:
            raise ValueError(f"expected areas in [0, 1] with their covariance, got {values}")
        return cls(ill, healthy, first, second, covariance, one, two)

    def as_list(self) -> list[float]:
        return [
            self.ill, self.healthy, self.first, self.second, self.covariance, self.variance_first, self.variance_second
        ]  # fmt: skip

    @property
    def weight(self) -> float:
        """Grows with the information at the site (van Elteren)."""
        return self.ill * self.healthy / (self.ill + self.healthy)


@dataclass(frozen=True)
class Auc:
    """Both models over all sites, with intervals.

    Attributes
    ----------
    first, second, difference : (value, lower, upper)
    """

    ill: int
    healthy: int
    first: tuple[float, float, float]
    second: tuple[float, float, float]
    difference: tuple[float, float, float]


def pooled_auc(sites: Sequence[SiteAuc], confidence: float) -> Auc:
    """The weighted mean of the sites' areas.

    The interval of an area turns the test around: all areas from which the observed one is not further than chance
    allows, by Hanley and McNeil's variance (method 5 of [1]_). It is never empty, also for an area of 0 or 1. The
    difference follows from both intervals and DeLong's correlation (`paired.mover`).

    Raises
    ------
    ValueError
        If there is no site.

    References
    ----------
    .. [1] Newcombe, Statistics in Medicine 25 (2006), 559-573.
    """
    if not sites:
        raise ValueError("expected at least one site with ill and healthy patients, got none")
    weights = np.array([site.weight for site in sites])
    weights /= weights.sum()
    parts = [(float(weights @ [getattr(site, name) for site in sites])) for name in ("first", "second")]
    one, two = ((area, *_bounds(area, sites, weights, confidence)) for area in parts)
    squares = weights**2
    spread = sqrt(
        float(squares @ [site.variance_first for site in sites])
        * float(squares @ [site.variance_second for site in sites])
    )
    covariance = float(squares @ [site.covariance for site in sites])
    correlation = max(-1.0, min(1.0, covariance / spread)) if spread > 0 else 0.0
    ill, healthy = sum(site.ill for site in sites), sum(site.healthy for site in sites)
    return Auc(ill, healthy, one, two, (one[0] - two[0], *mover(one, two, correlation)))


def _above(ill: NDArray[np.floating], healthy: NDArray[np.floating]) -> NDArray[np.float64]:
    """1 where the ill patient scores higher, one half at a tie: shape (ill, healthy)."""
    difference = ill[:, None].astype(float) - healthy[None, :]
    return (difference > 0) + 0.5 * (difference == 0)


def _bounds(
    area: float, sites: Sequence[SiteAuc], weights: NDArray[np.float64], confidence: float
) -> tuple[float, float]:
    z = z_of(confidence)

    def error(theta: float) -> float:
        total = 0.0
        for site, weight in zip(sites, weights, strict=True):
            half = (site.ill + site.healthy) / 2 - 1
            shape = 1 + half * ((1 - theta) / (2 - theta) + theta / (1 + theta))
            total += weight**2 * theta * (1 - theta) * shape / (site.ill * site.healthy)
        return sqrt(max(0.0, total))

    def edge(theta: float) -> float:
        return abs(area - theta) - z * error(theta)

    tiny = 1e-9  # the variance vanishes at 0 and 1 themselves, which is no reason to believe in them
    low, high = min(area, 1 - tiny), max(area, tiny)
    lower = float(brentq(edge, tiny, low)) if area > tiny and edge(tiny) > 0 else 0.0
    upper = float(brentq(edge, high, 1 - tiny)) if area < 1 - tiny and edge(1 - tiny) > 0 else 1.0
    return lower, upper
