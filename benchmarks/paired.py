"""Arms that were scored on the same test rows over several seeds: their figures, and the differences between them.

An interval resamples seeds *and* patients: a patient drawn twice counts twice in every arm and every seed whose test
set holds him, because test sets of different seeds share patients.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS, LEVEL = 2000, 0.95
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """What one seed found: its test rows, with the logits of each arm, shape (rows,)."""

    label: NDArray[np.bool_]
    site: NDArray[np.str_]
    patient: NDArray[np.str_]
    arms: Mapping[Any, Floats]


Figure = Callable[[Scored, Floats, Floats], Floats]  # of logits, for each row of weights (draws + 1, rows)


@dataclass(frozen=True)
class Difference:
    """Of one arm's mean from another's, with its interval."""

    value: float
    lower: float
    upper: float

    def words(self, *, better: int = 1) -> str:
        """What the interval says; `better` is -1 where less is better."""
        low, high = sorted((better * self.lower, better * self.upper))
        return "better" if low > 0 else "worse" if high < 0 else "undecided"

    def __str__(self) -> str:
        return f"{self.value:+.3f}, 95 % {self.lower:+.3f} to {self.upper:+.3f}"


@dataclass(frozen=True)
class Compared:
    """One figure of every arm: by seed, shape (seeds,), and its resampled mean over seeds, shape (`DRAWS`,)."""

    found: Mapping[Any, Floats]
    draws: Mapping[Any, Floats]

    def mean(self, arm: Hashable) -> float:
        return float(self.found[arm].mean())

    def interval(self, arm: Hashable) -> tuple[float, float]:
        return _bounds(self.draws[arm])

    def difference(self, ours: Hashable, peer: Hashable) -> Difference:
        return Difference(self.mean(ours) - self.mean(peer), *_bounds(self.draws[ours] - self.draws[peer]))


def auc(seed: Scored, score: Floats, weights: Floats) -> Floats:
    """Area: concordant pairs over pairs, within sites."""
    concordant, pairs = np.zeros(len(weights)), np.zeros(len(weights))
    for site in np.unique(seed.site):
        ill, healthy = (seed.site == site) & seed.label, (seed.site == site) & ~seed.label
        difference = score[ill][:, None] - score[healthy][None, :]
        above = (difference > 0) + 0.5 * (difference == 0)
        concordant += ((weights[:, ill] @ above) * weights[:, healthy]).sum(axis=1)
        pairs += weights[:, ill].sum(axis=1) * weights[:, healthy].sum(axis=1)
    return np.divide(concordant, pairs, out=np.full(len(weights), 0.5), where=pairs > 0)


def accuracy(seed: Scored, score: Floats, weights: Floats) -> Floats:
    """Share of patients who are told what they have."""
    return weights @ ((score > 0) == seed.label) / weights.sum(axis=1)


def log_loss(seed: Scored, score: Floats, weights: Floats) -> Floats:
    """Mean negative log-likelihood."""
    return weights @ np.logaddexp(0, np.where(seed.label, -score, score)) / weights.sum(axis=1)


def compared(seeds: Sequence[Scored], figure: Figure = auc, *, rng_seed: int = 0) -> Compared:
    """The figure of every arm, all resampled alike, so that differences are paired."""
    rng = np.random.default_rng(rng_seed)
    everybody = np.unique(np.concatenate([seed.patient for seed in seeds]))
    weights = _counts(seeds, everybody, rng)
    picked = rng.integers(0, len(seeds), size=(DRAWS, len(seeds)))
    found, draws = {}, {}
    for arm in seeds[0].arms:
        each = [figure(seed, seed.arms[arm], weights[:, np.searchsorted(everybody, seed.patient)]) for seed in seeds]
        found[arm] = np.array([row[0] for row in each])
        resampled = np.stack([row[1:] for row in each], axis=1)  # (draws, seeds)
        draws[arm] = np.take_along_axis(resampled, picked, axis=1).mean(axis=1)
    return Compared(found, draws)


def _counts(seeds: Sequence[Scored], everybody: NDArray[np.str_], rng: np.random.Generator) -> Floats:
    """How often each patient counts: once in the first row, as drawn within his site in the others."""
    place = {p: s for seed in seeds for p, s in zip(seed.patient.tolist(), seed.site.tolist(), strict=True)}
    site = np.array([place[p] for p in everybody.tolist()])
    weights = np.ones((DRAWS + 1, len(everybody)))
    for name in np.unique(site):
        members = np.flatnonzero(site == name)
        weights[1:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=DRAWS)
    return weights


def _bounds(values: Floats) -> tuple[float, float]:
    lower, upper = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(lower), float(upper)
