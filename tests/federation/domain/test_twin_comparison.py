"""The paired comparison by hand: test, interval, effect and verdict, and what a site refuses to say."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_rel

from federation.domain.round_metrics import paired_by_site
from federation.domain.twin_comparison import (
    LOSES,
    OPEN,
    UNKNOWN,
    WINS,
    Conclusion,
    PairedScores,
    between,
    conclude,
    over_runs,
)

FIRST, SECOND = np.array([0.9, 0.8, 0.7, 0.4]), np.array([0.5, 0.6, 0.7, 0.5])


def paired(first=FIRST, second=SECOND) -> PairedScores:
    found = PairedScores.of(np.asarray(first, float), np.asarray(second, float))
    assert found is not None
    return found


def test_sums_by_hand():
    found = paired()
    assert (found.sums.n, found.better, found.worse) == (4, 2, 1)
    assert found.sums.difference == pytest.approx((0.4 + 0.2 + 0.0 - 0.1) / 4)
    assert found.first_squares == pytest.approx(0.81 + 0.64 + 0.49 + 0.16)


def test_few_patients_are_in_the_sums_too_and_nobody_is_none():
    assert PairedScores.of(FIRST[:1], SECOND[:1]).sums.n == 1
    assert PairedScores.of(FIRST[:0], SECOND[:0]) is None


@pytest.mark.parametrize(("better", "worse"), [(0, 0), (1, 0), (5, 5), (9, 1), (20, 3), (3, 20)])
def test_the_sign_test_is_exact(better, worse):
    first = np.r_[np.ones(better), np.zeros(worse), np.ones(3)]
    second = np.r_[np.zeros(better), np.ones(worse), np.ones(3)]
    expected = binomtest(better, better + worse).pvalue if better + worse else 1.0
    assert paired(first, second).sign_p == pytest.approx(expected)


def test_sums_of_sites_are_those_of_all_patients():
    rng = np.random.default_rng(0)
    first, second = rng.random(40), rng.random(40)
    whole, parts = paired(first, second), paired(first[:13], second[:13]) + paired(first[13:], second[13:])
    assert parts.as_list() == pytest.approx(whole.as_list())


def test_an_interval_of_dice_is_that_of_the_paired_t_test():
    rng = np.random.default_rng(1)
    first, second = rng.random(60), rng.random(60)
    found = conclude([paired(first, second)], binary=False)
    expected = ttest_rel(first, second).confidence_interval(0.95)
    assert (found.lower, found.upper) == pytest.approx((expected.low, expected.high))
    assert found.effect == pytest.approx((first - second).mean() / (first - second).std(ddof=1))


@pytest.mark.parametrize(
    ("shift", "verdict"), [(0.3, WINS), (-0.3, LOSES), (0.0, OPEN)],
)  # fmt: skip
def test_the_verdict_is_the_intervals(shift, verdict):
    rng = np.random.default_rng(2)
    second = rng.uniform(0.35, 0.65, 200)
    assert conclude([paired(second + shift + rng.normal(0, 0.01, 200), second)], binary=False).verdict == verdict


def test_nothing_sent_is_not_measured():
    found = conclude([None, None], binary=True)
    assert (found.verdict, found.n, found.difference) == (UNKNOWN, 0, None)


def test_equal_scores_prove_nothing():
    found = conclude([paired(np.ones(30), np.ones(30))], binary=False)
    assert found.lower < 0 < found.upper
    assert (found.effect, found.p) == (None, 1.0)


@pytest.mark.parametrize(
    "raw",
    [
        None, [], "x", [4, 2, 2, 1], [4, 2.0, 2.0, 1.0, 2.0, 2.0, 1.5, 0], [4, 2.0, 2.0, 1.0, 2.0, 2.0, 4, 1],
        [4, 2.0, 2.0, 1.0, 99.0, 2.0, 1, 1], [4, float("nan"), 2.0, 1.0, 2.0, 2.0, 1, 1],
        [11, 2.0, 2.0, 1.0, 2.0, 2.0, 1, 1], [4, 2.0, 2.0, 1.0, "2", 2.0, 1, 1],
        [4, 2.0, 2.0, 1.0, {}, 2.0, 1, 1],
    ],
)  # fmt: skip
def test_what_no_patients_can_have_is_not_measured(raw):
    assert paired_by_site({"north": {"paired": raw, "n_records": 10}}) == {"north": None}


def test_a_sound_answer_is_kept():
    assert paired_by_site({"north": {"paired": paired().as_list(), "n_records": 4}})["north"] == paired().as_list()


def test_between_runs_is_wider_than_the_pairs():
    rng = np.random.default_rng(3)
    second = rng.random(50)
    first = np.clip(second + rng.normal(0.02, 0.05, 50), 0, 1)
    pairs = conclude([paired(first, second)], binary=False)
    difference, lower, upper = between(
        (50, first.sum(), (first**2).sum()), (50, second.sum(), (second**2).sum()), binary=False
    )
    assert difference == pytest.approx(pairs.difference)
    assert lower < pairs.lower < pairs.upper < upper


def test_between_right_and_wrong_by_hand():
    difference, lower, upper = between((10, 8, 8), (10, 5, 5), binary=True)
    assert difference == pytest.approx(0.3)
    one, two = (0.4901625, 0.9433178), (0.2365931, 0.7634069)  # Wilson's intervals of 8/10 and 5/10
    assert lower == pytest.approx(0.3 - sqrt((0.8 - one[0]) ** 2 + (two[1] - 0.5) ** 2), abs=1e-6)
    assert upper == pytest.approx(0.3 + sqrt((one[1] - 0.8) ** 2 + (0.5 - two[0]) ** 2), abs=1e-6)


def run_of(difference: float, n: int = 400, spread: float = 0.05) -> Conclusion:
    rng = np.random.default_rng(int(1000 * difference))
    noise = rng.normal(0, spread, n)
    second = np.full(n, 0.5)
    return conclude([paired(second + difference + noise - noise.mean(), second)], binary=False)


def test_runs_are_tested_by_all_their_signs():
    found = over_runs([run_of(0.1), run_of(0.2), run_of(0.3)])
    assert found.p == pytest.approx(2 / 8)  # all plus, all minus
    assert found.mean == pytest.approx(0.2)
    reach = 4.302653 * 0.1 / sqrt(3)  # Student's quantile of two degrees, spread of the three differences
    assert (found.lower, found.upper) == pytest.approx((0.2 - reach, 0.2 + reach), abs=1e-6)
    assert over_runs([run_of(0.1)]) is None
    assert over_runs([run_of(0.0), run_of(0.0)]).p == 1.0


def test_runs_that_happen_to_agree_are_known_no_better_than_by_their_patients():
    found = over_runs([run_of(0.05, n=40), run_of(0.05, n=40)])
    assert found.lower < 0 < found.upper and found.verdict == OPEN
    assert over_runs([run_of(0.05, n=400)] * 8).verdict == WINS


def test_interval_and_test_of_dice_say_the_same():
    rng = np.random.default_rng(6)
    first, second = np.clip(rng.normal(0.55, 0.2, 30), 0, 1), np.clip(rng.normal(0.5, 0.2, 30), 0, 1)
    assert conclude([paired(first, second)], binary=False).p == pytest.approx(ttest_rel(first, second).pvalue)
    # Most are better by little, few worse by much: the mean decides, not the count.
    found = conclude([paired(np.r_[np.full(34, 0.51), np.zeros(6)], np.full(40, 0.5))], binary=False)
    assert (found.verdict, found.better, found.worse) == (LOSES, 34, 6) and found.p < 0.05


def test_right_and_wrong_need_the_exact_test_too():
    first = np.r_[np.ones(5), np.ones(30), np.zeros(25)]
    found = conclude([paired(first, np.r_[np.zeros(5), np.ones(30), np.zeros(25)])], binary=True)
    assert found.lower > 0 and found.p == pytest.approx(2 / 2**5)
    assert (found.verdict, found.is_undecided) == (OPEN, True)
    first = np.r_[np.ones(6), np.ones(30), np.zeros(24)]
    found = conclude([paired(first, np.r_[np.zeros(6), np.ones(30), np.zeros(24)])], binary=True)
    assert (found.verdict, found.is_undecided) == (WINS, False)


def test_what_was_summed_under_masks_is_read_with_its_rounding():
    exact = paired().as_list()
    again = PairedScores.of_summed([value + 1e-7 for value in exact])
    assert again.as_list() == pytest.approx(exact, abs=1e-6) and again.as_list()[::7] == exact[::7]
    assert PairedScores.of_summed([0.0] * 8) is None and PairedScores.of_summed([-1e-7] * 8) is None
    same = PairedScores.of_summed([5, 3.0001, 2.9999, -1e-9, 2.5, 2.5, 0, 0])  # squares under what the means need
    assert PairedScores.from_list(same.as_list(), most=5) == same
