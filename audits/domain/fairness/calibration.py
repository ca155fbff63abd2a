"""Calibration by group: whether "80 % likely ill" means 80 in 100, for everybody; and what recalibration would do.

At a site: patients are sorted by score into bins of at least five, and only the sums of bins leave. Put together over
sites, bins count by tenths of the score. Recalibration is Platt's, a line in the logit, fitted on validation patients
and measured on audit patients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TENTHS = 10
MOST_BINS = 40  # of one group at one site: fine enough for a slope
FEWEST_IN_BIN = 5  # a bin of one patient would be that patient's score
_CLIP = 1e-6
_PRIOR_INTERCEPT, _PRIOR_SLOPE = 4.0, 16.0  # precision: half a logit and a quarter of slope are a standard deviation


@dataclass(frozen=True)
class Platt:
    """p -> sigmoid(intercept + slope * logit(p)); (0, 1) leaves every score as it is."""

    intercept: float = 0.0
    slope: float = 1.0

    def apply(self, score: Floats) -> Floats:
        """Recalibrated scores in (0, 1), same shape."""
        return 1.0 / (1.0 + np.exp(-(self.intercept + self.slope * logit(score))))


@dataclass(frozen=True)
class Bin:
    """Patients with similar scores: count, sums of score, of label (0 or 1) and of logit score."""

    n: int
    score: float
    ill: int
    logit: float


@dataclass(frozen=True)
class Reliability:
    """One group at one site, with the scores as they are or recalibrated.

    `squared` : sum of (score - label)^2, n times the Brier score.
    """

    bins: tuple[Bin, ...]
    squared: float

    def as_dict(self) -> dict[str, Any]:
        return {"bins": [[b.n, b.score, b.ill, b.logit] for b in self.bins], "squared": self.squared}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Reliability:
        return cls(tuple(Bin(int(n), float(s), int(y), float(t)) for n, s, y, t in raw["bins"]), float(raw["squared"]))


def logit(score: Floats) -> Floats:
    """Log odds of scores in [0, 1], cut at one in a million."""
    inside = np.clip(np.asarray(score, dtype=float), _CLIP, 1 - _CLIP)
    return np.log(inside / (1 - inside))


def fit_platt(score: Floats, ill: NDArray[np.bool_], *, towards: Platt | None = None) -> Platt:
    """Maximum a posteriori fit of a line in the logit, pulled towards `towards` (default: leave scores as they are).

    The pull makes a fit on a dozen patients harmless; on hundreds it does not count.

    Parameters
    ----------
    score : ndarray in [0, 1], shape (n,)
    ill : ndarray of bool, shape (n,)
    """
    centre = towards or Platt()
    design = np.column_stack([np.ones(len(score)), logit(score)])
    prior, beta = np.diag([_PRIOR_INTERCEPT, _PRIOR_SLOPE]), np.array([centre.intercept, centre.slope])
    mean = beta.copy()
    for _ in range(50):  # the posterior is concave: Newton's method with halving cannot get lost
        fitted = 1.0 / (1.0 + np.exp(-np.clip(design @ beta, -500, 500)))
        gradient = design.T @ (ill - fitted) - prior @ (beta - mean)
        curvature = (design * (fitted * (1 - fitted))[:, None]).T @ design + prior
        step = np.linalg.solve(curvature, gradient)
        step *= min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        beta = beta + step
        if float(np.abs(step).max()) < 1e-10:
            break
    return Platt(float(beta[0]), float(beta[1]))


def reliability(score: Floats, ill: NDArray[np.bool_]) -> Reliability:
    """Sums by bin of at least `FEWEST_IN_BIN` patients; no bins at all for fewer patients.

    Parameters
    ----------
    score : ndarray in [0, 1], shape (n,)
    ill : ndarray of bool, shape (n,)
    """
    score = np.asarray(score, dtype=float)
    if len(score) < FEWEST_IN_BIN:
        return Reliability((), 0.0)
    held = np.array_split(np.argsort(score, kind="stable"), min(MOST_BINS, len(score) // FEWEST_IN_BIN))
    found = tuple(
        Bin(len(rows), float(score[rows].sum()), int(ill[rows].sum()), float(logit(score[rows]).sum())) for rows in held
    )
    return Reliability(found, float(((score - ill) ** 2).sum()))


def pooled(bins: Sequence[Bin]) -> tuple[Bin, ...]:
    """Bins of several sites put together by their mean score, one a tenth."""
    sums: dict[int, Bin] = {}
    for b in bins:
        number = min(int(b.score / b.n * TENTHS), TENTHS - 1)
        own = sums.get(number, Bin(0, 0.0, 0, 0.0))
        sums[number] = Bin(own.n + b.n, own.score + b.score, own.ill + b.ill, own.logit + b.logit)
    return tuple(sums[number] for number in sorted(sums))


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """Mean distance in [0, 1] between score and observed share, weighted by patients; 0 is calibrated."""
    n = sum(b.n for b in bins)
    return sum(abs(b.score - b.ill) for b in bins) / n


def recalibration_line(bins: Sequence[Bin]) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Calibration intercept and slope, each with its standard error, by logistic regression over bins.

    (0, 1) is calibrated; a slope under 1 means that scores are too sure. None if the labels or the scores do not vary
    enough to tell.
    """
    n = np.array([b.n for b in bins], dtype=float)
    ill = np.array([b.ill for b in bins], dtype=float)
    if len(bins) < 2 or not 0 < ill.sum() < n.sum():
        return None
    design = np.column_stack([np.ones(len(bins)), np.array([b.logit for b in bins]) / n])
    beta = np.zeros(2)  # from (0, 1) scores that are far too sure would saturate the first step
    for _ in range(100):
        fitted = 1.0 / (1.0 + np.exp(-np.clip(design @ beta, -500, 500)))
        information = (design * (n * fitted * (1 - fitted))[:, None]).T @ design
        if np.linalg.cond(information) > 1e10:
            return None
        step = np.linalg.solve(information, design.T @ (ill - n * fitted))
        beta = beta + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < 1e-9:
            error = np.sqrt(np.diag(np.linalg.inv(information)))
            return (float(beta[0]), float(error[0])), (float(beta[1]), float(error[1]))
    return None  # the labels are separable: the slope has no end


def simultaneous_bounds(
    groups: Sequence[Sequence[Bin]], *, confidence: float, draws: int, rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Bounds of the calibration error of each group that hold for all groups at once.

    By the triangle inequality the error seen differs from the true one by at most the mean distance between observed
    and true shares. That distance does not depend on how well the model is calibrated, so it can be simulated, while
    the error itself is biased upwards and cannot be.

    Parameters
    ----------
    groups : bins of each group, each group with at least one patient

    Returns
    -------
    list of (lower, upper), in [0, 1]
    """
    distances = np.empty((len(groups), draws))
    for row, bins in enumerate(groups):
        n = np.array([b.n for b in bins], dtype=np.int64)
        share = (np.array([b.ill for b in bins]) + 1.0) / (n + 2.0)
        drawn = rng.binomial(n, share, size=(draws, len(n)))
        distances[row] = np.abs(drawn - n * share).sum(axis=1) / n.sum()
    middle, spread = distances.mean(axis=1), distances.std(axis=1)
    largest = ((distances - middle[:, None]) / np.maximum(spread, 1e-12)[:, None]).max(axis=0)
    reach = middle + spread * float(np.quantile(largest, confidence, method="higher"))
    seen = [expected_calibration_error(bins) for bins in groups]
    return [(max(0.0, s - float(r)), min(1.0, s + float(r))) for s, r in zip(seen, reach, strict=True)]
