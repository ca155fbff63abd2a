"""Exact bounds, against figures that can be had by hand and against simulated attacks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from audits.domain.attacks.bounds import (
    attempts_needed,
    epsilon_lower_bound,
    epsilon_lower_bounds,
    lower_bound,
    resistance,
    upper_bound,
)


@pytest.mark.parametrize(("successes", "attempts"), [(0, 598), (1, 947), (2, 1258)])
def test_so_many_patients_show_a_resistance_of_995_in_1000(successes, attempts):
    assert attempts_needed(successes) == attempts
    assert resistance(successes, attempts).lower >= 0.995 > resistance(successes, attempts - 1).lower


def test_without_success_the_bound_is_the_root_of_the_error():
    assert upper_bound(0, 50) == pytest.approx(1 - 0.05 ** (1 / 50))
    assert lower_bound(50, 50) == pytest.approx(0.05 ** (1 / 50))


def test_no_attempt_shows_nothing():
    found = resistance(0, 0)
    assert (found.value, found.lower, found.upper) == (None, 0.0, 1.0)
    assert epsilon_lower_bound(0, 0, 0, 0, delta=0.0) == 0.0


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(1, 60), st.floats(0.6, 0.999))
def test_the_bound_is_where_the_binomial_tail_is_the_error(successes, attempts, confidence):
    successes = min(successes, attempts)
    low, high = (bound(successes, attempts, confidence=confidence) for bound in (lower_bound, upper_bound))
    assert 0 <= low <= successes / attempts <= high <= 1
    if successes:
        assert binom.sf(successes - 1, attempts, low) == pytest.approx(1 - confidence, rel=1e-6)
    if successes < attempts:
        assert binom.cdf(successes, attempts, high) == pytest.approx(1 - confidence, rel=1e-6)


@pytest.mark.parametrize(("successes", "attempts"), [(-1, 5), (6, 5)])
def test_counts_that_cannot_be_are_refused(successes, attempts):
    with pytest.raises(ValueError, match="successes"):
        resistance(successes, attempts)


def test_epsilon_is_the_logarithm_of_the_ratio_of_the_bounded_rates():
    found = epsilon_lower_bound(90, 100, 5, 100, delta=0.01)
    low, high = lower_bound(90, 100, confidence=0.975), upper_bound(5, 100, confidence=0.975)
    direct, complement = math.log((low - 0.01) / high), math.log((1 - high - 0.01) / (1 - low))
    assert found == pytest.approx(max(direct, complement))


def test_guessing_at_random_shows_no_epsilon():
    assert epsilon_lower_bound(50, 100, 50, 100, delta=0.0) == 0.0


def test_the_lower_bound_of_epsilon_beats_the_truth_as_rarely_as_it_says():
    """The strongest attack under epsilon = 1: TPR e times the FPR. 2000 runs; at 5 % nominal, 100 + 4 SD at most."""
    rng = np.random.default_rng(4)
    fpr = 1 / (1 + math.e)
    tp, fp = rng.binomial(150, math.e * fpr, 2000), rng.binomial(150, fpr, 2000)
    shown = epsilon_lower_bounds(tp, 150, fp, 150, delta=0.0, confidence=0.95)
    assert shown[0] == epsilon_lower_bound(int(tp[0]), 150, int(fp[0]), 150, delta=0.0)
    assert (shown > 1.0).sum() <= 100 + 4 * math.sqrt(2000 * 0.05 * 0.95)
