import numpy as np
import pytest
from scipy import stats

from federation.domain.privacy.discrete import log_poisson, poisson, skellam
from federation.domain.privacy.stream import KeyedStream

DRAWS = 40_000


@pytest.mark.parametrize("mean", [0.5, 9.9, 10.0, 31.7, 1e3])
def test_poisson_numbers_follow_their_law(mean):
    drawn = poisson(mean, DRAWS, KeyedStream(5))
    edges = np.unique(stats.poisson.ppf(np.linspace(0.01, 0.99, 25), mean))
    bins = np.searchsorted(edges, drawn)  # bin i holds what lies over edges[i - 1], up to edges[i]
    cumulative = np.concatenate([[0.0], stats.poisson.cdf(edges, mean), [1.0]])
    assert stats.chisquare(np.bincount(bins, minlength=len(edges) + 1), DRAWS * np.diff(cumulative)).pvalue > 0.001


@pytest.mark.parametrize("mean", [12.5, 1e6, 3e10])
def test_probabilities_are_exact_where_the_usual_formula_cancels(mean):
    import decimal

    decimal.getcontext().prec = 50
    for k in (int(mean), int(mean + 3 * mean**0.5), max(1, int(mean - 3 * mean**0.5))):
        wide, exact = decimal.Decimal(k), decimal.Decimal(mean)
        if k < 1000:
            factorial = sum(decimal.Decimal(i).ln() for i in range(1, k + 1))
        else:
            two_pi = 2 * decimal.Decimal("3.14159265358979323846264338327950288419716939937510")
            factorial = wide * wide.ln() - wide + (two_pi * wide).ln() / 2 + 1 / (12 * wide) - 1 / (360 * wide**3)
        expected = float(wide * exact.ln() - exact - factorial)
        assert log_poisson(np.array([float(k)]), mean)[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("variance", [0.0, 3.0, 400.0, 7e10])
def test_skellam_noise_has_the_moments_of_its_law(variance):
    drawn = skellam(variance, DRAWS, KeyedStream(11)).astype(float)
    assert abs(drawn.mean()) <= 4 * (variance / DRAWS) ** 0.5
    assert drawn.var() == pytest.approx(variance, rel=0.05)
    if variance >= 400:  # nearly normal by then
        assert stats.kstest((drawn + KeyedStream(3).uniforms(DRAWS) - 0.5) / drawn.std(), "norm").pvalue > 0.001


def test_skellam_noise_of_small_variance_follows_its_law():
    drawn = skellam(3.0, DRAWS, KeyedStream(2))
    inner = np.arange(-5, 6)
    observed = [(drawn < -5).sum(), *((drawn == k).sum() for k in inner), (drawn > 5).sum()]
    law = stats.skellam(1.5, 1.5)
    expected = DRAWS * np.array([law.cdf(-6), *law.pmf(inner), law.sf(5)])
    assert stats.chisquare(observed, expected).pvalue > 0.001


def test_noise_repeats_with_its_key_and_with_no_other():
    same = [skellam(1e8, 20, KeyedStream(key)) for key in (1, 1, 2)]
    assert np.array_equal(same[0], same[1]) and not np.array_equal(same[0], same[2])
    assert skellam(1e8, 0, KeyedStream(1)).shape == (0,)


@pytest.mark.parametrize("mean", [-1.0, float("nan"), float("inf"), 2.0**53])
def test_a_mean_that_cannot_be_drawn_is_refused(mean):
    with pytest.raises(ValueError, match="expected a mean"):
        poisson(mean, 1, KeyedStream(1))
