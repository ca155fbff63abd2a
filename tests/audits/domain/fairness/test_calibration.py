from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from audits.domain.fairness.calibration import (
    FEWEST_IN_BIN,
    Bin,
    Platt,
    expected_calibration_error,
    fit_platt,
    logit,
    pooled,
    recalibration_line,
    reliability,
    simultaneous_bounds,
)


def patients(n, rng, *, slope=1.0, intercept=0.0):
    """Scores whose true log odds are intercept + slope * logit(score)."""
    score = 1 / (1 + np.exp(-rng.normal(0, 1.5, n)))
    return score, rng.random(n) < Platt(intercept, slope).apply(score)


def test_bins_sum_to_the_patients_and_hold_enough_of_them_each():
    score = np.array([0.01, 0.02, 0.03, 0.15, 0.18, 0.95, 0.96])
    ill = np.array([0, 0, 1, 0, 0, 1, 1], dtype=bool)
    found = reliability(score, ill)
    assert [(b.n, b.ill) for b in found.bins] == [(7, 3)]
    assert found.bins[0].score == pytest.approx(score.sum())
    ten = reliability(np.linspace(0.95, 0.05, 10), np.arange(10) < 5)  # in order of score
    assert [(b.n, b.ill) for b in ten.bins] == [(5, 0), (5, 5)]
    assert found.squared == pytest.approx(((score - ill) ** 2).sum())
    rng = np.random.default_rng(0)
    many = reliability(*patients(300, rng))
    assert sum(b.n for b in many.bins) == 300
    assert all(b.n >= FEWEST_IN_BIN for b in many.bins)
    assert reliability(score[:4], ill[:4]).bins == ()


def test_the_calibration_error_equals_the_hand_calculation():
    bins = [Bin(10, 2.0, 4, -10.0), Bin(30, 24.0, 21, 40.0)]
    assert expected_calibration_error(bins) == pytest.approx((2 + 3) / 40)


def test_pooling_two_sites_is_nearly_binning_their_patients_by_tenths():
    rng = np.random.default_rng(1)
    score, ill = patients(8000, rng, slope=0.5)
    apart = pooled([*reliability(score[::2], ill[::2]).bins, *reliability(score[1::2], ill[1::2]).bins])
    place = np.minimum((score * 10).astype(int), 9)
    by_tenth = np.abs(np.bincount(place, weights=score - ill)).sum() / len(score)
    assert sum(b.n for b in apart) == 8000 and len(apart) == 10
    assert expected_calibration_error(apart) == pytest.approx(by_tenth, abs=0.01)


def test_platt_agrees_with_scikit_learn_on_many_patients():
    score, ill = patients(20_000, np.random.default_rng(2), slope=0.5, intercept=-0.7)
    ours = fit_platt(score, ill)
    theirs = LogisticRegression(C=1e9).fit(logit(score)[:, None], ill)
    assert ours.slope == pytest.approx(theirs.coef_[0, 0], abs=0.01)
    assert ours.intercept == pytest.approx(theirs.intercept_[0], abs=0.01)


def test_platt_on_few_or_separable_patients_stays_near_where_it_is_pulled():
    few = fit_platt(np.array([0.9, 0.8]), np.array([True, True]))
    assert abs(few.intercept) < 0.5 and abs(few.slope - 1) < 0.5
    nobody = fit_platt(np.array([]), np.array([], dtype=bool), towards=Platt(0.3, 0.8))
    assert (nobody.intercept, nobody.slope) == pytest.approx((0.3, 0.8))
    extreme = fit_platt(np.array([0.0, 1.0] * 50), np.array([False, True] * 50))
    assert np.isfinite([extreme.intercept, extreme.slope]).all()


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.5, 0.0), (1.6, 0.8)])
def test_slope_and_intercept_are_found_from_bins(slope, intercept):
    found = recalibration_line(
        reliability(*patients(40_000, np.random.default_rng(3), slope=slope, intercept=intercept)).bins
    )
    assert found is not None
    (a, a_error), (b, b_error) = found
    # Bins blur scores a little, by less than a twentieth of the slope.
    assert b == pytest.approx(slope, abs=4 * b_error + 0.05 * slope)
    assert a == pytest.approx(intercept, abs=4 * a_error + 0.05)


def test_labels_that_do_not_vary_or_are_separable_have_no_slope():
    assert recalibration_line([Bin(10, 5.0, 0, 0.0), Bin(10, 8.0, 0, 9.0)]) is None
    assert recalibration_line([Bin(10, 5.0, 3, 0.0)]) is None
    assert recalibration_line([Bin(10, 1.0, 0, -20.0), Bin(10, 9.0, 10, 20.0)]) is None
    assert recalibration_line([Bin(10, 5.0, 4, 0.0), Bin(10, 5.0, 6, 0.0)]) is None  # constant score


def true_error(slope, rng):
    """The binned error of the same scores with no noise in the labels."""
    score, _ = patients(200_000, rng)
    place = np.minimum((score * 10).astype(int), 9)
    distance = Platt(0.0, slope).apply(score) - score
    return np.abs(np.bincount(place, weights=distance)).sum() / len(score)


@pytest.mark.parametrize("slope", [1.0, 0.4])
def test_bounds_hold_for_all_groups_at_once(slope):
    rng = np.random.default_rng(4)
    true, wrong = true_error(slope, rng), 0
    for _ in range(300):
        groups = [pooled(reliability(*patients(n, rng, slope=slope)).bins) for n in (80, 200, 400)]
        bounds = simultaneous_bounds(groups, confidence=0.95, draws=300, rng=rng)
        wrong += any(not low <= true <= high for low, high in bounds)
    assert wrong <= 27  # nominal 15; P(Binomial(300, 0.05) > 27) < 0.2 %


def test_bounds_of_few_patients_are_wide_and_of_many_narrow():
    rng = np.random.default_rng(5)
    groups = [pooled(reliability(*patients(n, rng)).bins) for n in (40, 20_000)]
    (_, few), (low, many) = simultaneous_bounds(groups, confidence=0.95, draws=500, rng=rng)
    assert few > 0.2 and many < 0.03 and low == 0.0
