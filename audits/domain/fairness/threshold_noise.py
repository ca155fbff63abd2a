"""Noise on a site's counts of scores, so that they tell little of any one patient.

Protected: whether one patient is among those of a fold, and with which label, score and groups, given the model, the
others of the fold and the names of attributes and groups. Not protected: which attributes and groups there are at the
site, and how many patients each fold has; its manifest states both, or what they follow from.
"""

from __future__ import annotations

from math import exp, expm1

import numpy as np

from audits.domain.fairness.thresholds import ScoreCounts


def noise_variance(epsilon: float) -> float:
    """Of what `noised` adds to each count; `epsilon` > 0."""
    return 2 * exp(-epsilon) / expm1(-epsilon) ** 2


def noised(counts: ScoreCounts, epsilon: float, rng: np.random.Generator) -> ScoreCounts:
    """Two-sided geometric noise on each count: epsilon-differentially private, for one patient more or less [1]_.

    Counts may come out below 0, and stay so until all sites are summed: then their noise has the mean 0. `rng` must be
    unpredictable: guessed noise hides nobody. Every call spends epsilon anew, and a patient who counts in several
    groups, one an attribute, spends it in each.

    References
    ----------
    .. [1] Ghosh, Roughgarden and Sundararajan, "Universally utility-maximizing privacy mechanisms", STOC 2009.
    """
    share = -expm1(-epsilon)

    def noisy(values: tuple[int, ...]) -> tuple[int, ...]:
        noise = rng.geometric(share, len(values)) - rng.geometric(share, len(values))
        return tuple(int(n) for n in np.array(values) + noise)

    return ScoreCounts(noisy(counts.ill), noisy(counts.healthy), counts.noise + noise_variance(epsilon))
