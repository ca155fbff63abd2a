"""Paired sums: hand-checked figures, coverage of both intervals, and what may leave a site."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from audits.domain.robustness.drops import worst_drop
from audits.domain.robustness.paired import (
    EVERYONE,
    from_rows,
    merged,
    pair_up,
    shareable,
    to_rows,
)
from audits.domain.verdict import Verdict
from federation.domain.intervals import wilson
from federation.domain.paired import PairedSums, mover

FIRST, SECOND = np.array([1.0, 1, 1, 0, 0]), np.array([1.0, 0, 0, 1, 0])


def table(both: int, only_first: int, only_second: int, neither: int) -> PairedSums:
    n = both + only_first + only_second + neither
    return PairedSums(n, both + only_first, both + only_second, only_first + only_second)


def test_sums_by_hand():
    sums = PairedSums.of(FIRST, SECOND)
    assert sums == PairedSums(5, 3.0, 2.0, 3.0)
    assert sums.difference == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [  # of Newcombe (1998), table II, method 10
        ((36, 12, 2, 0), (0.0569, 0.3404)),
        ((54, 0, 0, 0), (-0.0664, 0.0664)),
        ((0, 30, 0, 0), (0.8395, 1.0)),
    ],
)
def test_newcombes_own_examples(cells, expected):
    assert table(*cells).interval(0.95, binary=True) == pytest.approx(expected, abs=6e-4)


def test_the_interval_of_yes_no_scores_covers():
    """Exactly, over every table of 24 patients, for several truths."""
    n = 24
    for p_both, p_first, p_second in ((0.7, 0.1, 0.05), (0.9, 0.05, 0.0), (0.3, 0.3, 0.1), (0.5, 0.2, 0.2)):
        covered = 0.0
        for both in range(n + 1):
            for one in range(n - both + 1):
                for two in range(n - both - one + 1):
                    chance = binom.pmf(both, n, p_both) * binom.pmf(one, n - both, p_first / (1 - p_both))
                    left = 1 - p_both - p_first
                    chance *= binom.pmf(two, n - both - one, p_second / left)
                    if chance > 1e-7:
                        low, high = table(both, one, two, n - both - one - two).interval(0.95, binary=True)
                        covered += chance * (low <= p_first - p_second <= high)
        assert covered > 0.93


def test_the_interval_of_continuous_scores_covers():
    rng, hits = np.random.default_rng(4), 0
    for _ in range(500):
        before = rng.beta(8, 2, 30)
        after = before * rng.beta(9, 1, 30)
        low, high = PairedSums.of(before, after).interval(0.95, binary=False)
        hits += low <= 0.8 * 0.1 <= high
    assert hits >= binom.ppf(0.001, 500, 0.95)


def test_patients_who_did_not_differ_are_no_proof():
    same = PairedSums.of(np.full(10, 0.8), np.full(10, 0.8))
    for binary in (False, True):
        low, high = PairedSums(10, 10.0, 10.0, 0.0).interval(0.95, binary=binary)
        assert low < -0.05 and high > 0.05
    assert same.interval(0.95, binary=False)[1] > 0.05


def test_mover_without_correlation_is_the_difference_of_two_wilsons():
    """Newcombe's own example of independent proportions: 56/70 and 48/80."""
    one, two = (0.8, *wilson(56, 70, 0.95)), (0.6, *wilson(48, 80, 0.95))
    assert mover(one, two) == pytest.approx((0.0524, 0.3339), abs=1e-3)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30), st.booleans())
def test_any_scores_give_an_interval_that_holds_the_figure(pairs, binary):
    first, second = (np.array(column).round() if binary else np.array(column) for column in zip(*pairs, strict=True))
    sums = PairedSums.of(first, second)
    low, high = sums.interval(0.95, binary=binary)
    assert -1 <= low <= sums.difference + 1e-9 and sums.difference - 1e-9 <= high <= 1
    assert PairedSums.from_list(sums.as_list()) == sums


@pytest.mark.parametrize("bad", [[np.nan], [1.2], [-0.1]])
def test_scores_that_are_none_are_refused(bad):
    with pytest.raises(ValueError, match="scores from 0 to 1"):
        PairedSums.of(np.array(bad), np.array([1.0]))


def test_small_groups_stay_at_the_site_and_cannot_be_had_by_subtraction():
    names = np.array(["a"] * 8 + ["b"] * 4 + ["c"])
    parts = shareable({"sex": names}, 13, least=3)
    assert set(parts) == {EVERYONE, ("sex", "a")}  # c alone would follow from everyone less a less b
    assert set(shareable({"sex": names[:12]}, 12, least=3)) == {EVERYONE, ("sex", "a"), ("sex", "b")}
    assert shareable({}, 2, least=3) == {}


def test_rows_survive_json_and_add_up():
    parts = shareable({"sex": np.array(["f", "f", "f", "m", "m"])}, 5)
    sums = pair_up("case", FIRST, SECOND, parts)
    again = from_rows(to_rows(sums), patients=5, cases=["case"])
    assert again == sums
    assert merged([sums, again])["case", *EVERYONE] == PairedSums(10, 6.0, 4.0, 6.0)


def judged(*drops: tuple[str, int, int]):
    sums = {("case", *EVERYONE): table(500, 10, 10, 480)}
    for name, n, lost in drops:
        sums["case", "sex", name] = table(n - lost, lost, 0, 0)
    return worst_drop(sums, ("case",), tolerated=0.1, confidence=0.95, min_count=30, binary=True)


def test_the_worst_group_decides():
    found = judged(("f", 200, 60), ("m", 200, 2))
    assert found.verdict is Verdict.FAIL and found.worst.group == "f"
    assert judged(("f", 400, 2)).verdict is Verdict.PASS
    assert judged(("f", 60, 6)).verdict is Verdict.INCONCLUSIVE


def test_a_group_that_is_too_small_is_listed_and_not_judged():
    found = judged(("f", 20, 20), ("m", 400, 2))
    assert found.verdict is Verdict.PASS
    assert [drop.group for drop in found.drops if not drop.judged] == ["f"]


def test_a_case_that_nobody_measured_is_an_error():
    with pytest.raises(KeyError, match="other"):
        worst_drop({}, ("other",), tolerated=0.1, confidence=0.95, min_count=30, binary=True)


def simulated(rng, *, drop: float, n: int = 120, groups: int = 4):
    """A model that is right for 85 of 100 before and loses exactly `drop` in every group."""
    sums = {}
    for group in range(groups):
        both, lost, gained = rng.multinomial(n, [0.83 - drop, drop + 0.02, 0.02, 0.13])[:3]
        sums["case", "site", str(group)] = table(both, lost, gained, n - both - lost - gained)
    sums["case", *EVERYONE] = sum(list(sums.values())[1:], start=next(iter(sums.values())))
    return worst_drop(sums, ("case",), tolerated=0.1, confidence=0.95, min_count=30, binary=True).verdict


def test_models_at_the_limit_rarely_fail_and_worse_ones_never_pass():
    """Type-I error over 600 simulated models each: nominally at most 5 %, up to chance."""
    rng = np.random.default_rng(8)
    at_limit = [simulated(rng, drop=0.1) for _ in range(600)]
    assert at_limit.count(Verdict.FAIL) <= binom.ppf(0.999, 600, 0.05)
    assert at_limit.count(Verdict.PASS) <= binom.ppf(0.999, 600, 0.05)


def test_a_large_drop_is_found_and_a_large_sample_passes():
    rng = np.random.default_rng(9)
    assert [simulated(rng, drop=0.3) for _ in range(100)].count(Verdict.FAIL) > 90
    assert [simulated(rng, drop=0.02, n=600) for _ in range(100)].count(Verdict.PASS) > 90
