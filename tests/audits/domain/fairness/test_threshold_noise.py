from functools import reduce
from operator import add

import numpy as np
import pytest

from audits.domain.fairness import thresholds as method
from audits.domain.fairness.threshold_noise import noise_variance, noised
from audits.domain.fairness.thresholds import ScoreCounts

NONE = ScoreCounts.none(7)


def pooled(epsilon: float, sites: int, rng: np.random.Generator, counts: ScoreCounts = NONE) -> ScoreCounts:
    return reduce(add, (noised(counts, epsilon, rng) for _ in range(sites)))


def test_noise_is_private_noise():
    counts = ScoreCounts((1000,) * 4000, (0,) * 4000)
    found = noised(counts, 0.5, np.random.default_rng(0))
    # The variance of the two-sided geometric distribution is 2 q / (1 - q)², q = exp(-epsilon).
    q = np.exp(-0.5)
    for noise in (np.array(found.ill) - 1000, np.array(found.healthy)):
        assert abs(noise.mean()) < 0.15 and noise.var() == pytest.approx(2 * q / (1 - q) ** 2, rel=0.1)
    assert found.noise == noise_variance(0.5) == pytest.approx(2 * q / (1 - q) ** 2)
    assert (found + found).noise == 2 * found.noise


@pytest.mark.parametrize(("epsilon", "sites"), [(0.5, 1), (1 / 3, 3)])
def test_a_group_without_patients_has_none_on_average(epsilon, sites):
    rng = np.random.default_rng(1)
    found = [pooled(epsilon, sites, rng) for _ in range(2000)]
    spread = np.sqrt(found[0].noise * 8)
    for label in ("ill", "healthy"):
        totals = [sum(getattr(counts, label)) for counts in found]
        assert abs(np.mean(totals)) < 4 * spread / len(found) ** 0.5
        assert np.std(totals) == pytest.approx(spread, rel=0.1)


def test_a_group_without_patients_gets_no_threshold():
    rng = np.random.default_rng(2)
    assert not any(pooled(1 / 3, 3, rng).has(5) and pooled(1 / 3, 3, rng).has(5) for _ in range(500))
    real = ScoreCounts((20, 20, 30, 40, 50, 60, 60, 60), (60, 60, 60, 50, 40, 30, 20, 20))
    folds = [
        {"a": pooled(1 / 3, 3, rng, real), "b": pooled(1 / 3, 3, rng, real), "none": pooled(1 / 3, 3, rng)}
        for _ in range(2)
    ]
    found = method.propose("sex", *folds, method.levels(7, 0.1), seeds=[0])
    assert found.groups == ("a", "b") and found.left_alone == ("none",) and found.noised


def test_noise_raises_the_fewest_by_two_standard_deviations():
    # Eight counts with variance 8 each: the standard deviation of their sum is 8.
    def group(n: int, noise: float) -> ScoreCounts:
        return ScoreCounts((n, *[0] * 7), (100, *[0] * 7), noise)

    assert group(5, 0.0).has(5) and not group(4, 0.0).has(5)
    assert group(21, 8.0).has(5) and not group(20, 8.0).has(5)


def test_only_sums_are_clipped():
    found = ScoreCounts((-3, 4), (5, -1), 2.0)
    assert found.n == 5 and found.fewest == 1
    assert found.clipped() == ScoreCounts((0, 4), (5, 0), 2.0)
