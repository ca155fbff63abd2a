"""The area under the curve over sites: by hand, against scikit-learn, and the coverage of its intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, norm
from sklearn.metrics import roc_auc_score

from audits.domain.robustness.auc import SiteAuc, pooled_auc


def site(rng, n: int, shift: float, *, twin: float | None = None) -> SiteAuc:
    """n ill and n healthy patients; scores share half of their noise between the two models."""
    truth = np.repeat([True, False], n)
    common = rng.standard_normal(2 * n)
    one, two = (
        truth * move * np.sqrt(2) + common + rng.standard_normal(2 * n)
        for move in (shift, shift if twin is None else twin)
    )
    return SiteAuc.of(truth, one, two)


def test_by_hand_with_a_tie():
    truth = np.array([True, True, True, False, False, False])
    found = SiteAuc.of(truth, np.array([0.9, 0.6, 0.4, 0.4, 0.3, 0.2]), np.zeros(6))
    assert found.first == pytest.approx(8.5 / 9) and found.second == 0.5 and found.variance_second == 0


def test_the_area_is_that_of_scikit_learn():
    rng = np.random.default_rng(1)
    truth, score = rng.random(200) < 0.3, rng.random(200).round(2)
    found = SiteAuc.of(truth, score, score)
    assert found.first == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    assert pooled_auc([found], 0.95).difference[1:] == pytest.approx((0, 0), abs=0.02)


def test_few_of_a_kind_stay_at_the_site():
    assert SiteAuc.of(np.array([True, True, False, False, False]), np.arange(5.0), np.arange(5.0)) is None


def test_scores_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="finite"):
        SiteAuc.of(np.repeat([True, False], 4), np.full(8, np.nan), np.zeros(8))


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0])
def test_the_interval_of_an_area_over_three_sites_covers(shift):
    rng, truth = np.random.default_rng(3), norm.cdf(shift / np.sqrt(2))
    hits = 0
    for _ in range(500):
        _, lower, upper = pooled_auc([site(rng, n, shift) for n in (6, 12, 25)], 0.95).first
        hits += lower <= truth <= upper
    assert hits >= binom.ppf(0.001, 500, 0.94)


def test_a_fair_comparison_of_equal_models_rarely_finds_a_winner():
    """The type-I error over 600 pairs of equally good models: at most the nominal 5 %, up to chance."""
    rng, wins = np.random.default_rng(5), 0
    for _ in range(600):
        _, lower, upper = pooled_auc([site(rng, 20, 1.0), site(rng, 30, 1.0)], 0.95).difference
        wins += lower > 0 or upper < 0
    assert wins <= binom.ppf(0.999, 600, 0.05)


def test_a_better_model_is_found():
    rng = np.random.default_rng(6)
    found = [pooled_auc([site(rng, 100, 2.0, twin=0.5)], 0.95).difference[1] > 0 for _ in range(50)]
    assert np.mean(found) > 0.8


def test_a_perfect_area_is_not_certain():
    found = SiteAuc.of(np.repeat([True, False], 8), np.repeat([0.9, 0.1], 8), np.repeat([0.1, 0.9], 8))
    area = pooled_auc([found], 0.95)
    assert area.first[0] == 1 and 0.7 < area.first[1] < 0.99 and area.first[2] == 1
    assert area.second[0] == 0 and 0.01 < area.second[2] < 0.3
    assert area.difference[1] > 0.5


@pytest.mark.parametrize(
    "raw",
    [
        [2, 9, 0.5, 0.5, 0, 0.1, 0.1], [9, 9, 1.5, 0.5, 0, 0.1, 0.1], [9, 9, 0.5, 0.5, 0.9, 0.1, 0.1],
        [9, 9, 0.5, float("nan"), 0, 0.1, 0.1], [9, 9.5, 0.5, 0.5, 0, 0.1, 0.1], [9, 9, 0.5],
    ],
)  # fmt: skip
def test_figures_that_no_patients_can_have_are_refused(raw):
    with pytest.raises(ValueError):
        SiteAuc.from_list(raw)


def test_no_site_is_an_error():
    with pytest.raises(ValueError, match="at least one site"):
        pooled_auc([], 0.95)
