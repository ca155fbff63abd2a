"""Models without a site, rebuilt; and what the sites' sums say of them. All by hand."""

from __future__ import annotations

import numpy as np
import pytest

from federation.domain.contribution import EVERYBODY, Rebuilt, differences, gains
from federation.domain.strategies.base import Update


def state(value: float) -> dict:
    return {"w": np.array([value], dtype=np.float32)}


def test_the_changes_of_each_round_are_averaged_without_the_site_and_added_up():
    rebuilt = Rebuilt(state(0), ["a", "b", "c"])
    # Round 1 from 0: a moves by +4 (weight 1), b by +1 (weight 3): mean (4 + 3) / 4 = 1.75.
    rebuilt.add(state(0), [Update("a", state(4), 1), Update("b", state(1), 3)])
    # Round 2 from 1.75: b by -1, c by +2, equal weights: mean 0.5.
    rebuilt.add(state(1.75), [Update("b", state(0.75), 1), Update("c", state(3.75), 1)])
    found = {name: float(value["w"][0]) for name, value in rebuilt.states().items()}
    assert found == {EVERYBODY: 2.25, "a": 1 + 0.5, "b": 4 + 2, "c": 1.75 - 1}


def test_a_round_of_one_site_alone_changes_nothing_without_it():
    rebuilt = Rebuilt(state(0), ["a", "b"])
    rebuilt.add(state(0), [Update("a", state(3), 5)])
    found = {name: float(value["w"][0]) for name, value in rebuilt.states().items()}
    assert found == {EVERYBODY: 3, "a": 0, "b": 3}


def test_a_site_tells_sums_of_differences_where_both_scores_are_defined():
    scores = {EVERYBODY: np.array([1, 0.5, np.nan, 0]), "a": np.array([0, 0.25, 1, np.nan])}
    assert differences(scores) == {"a": [2, 1.25, 1 + 0.0625]}


def test_the_gain_is_of_the_others_patients_with_an_interval_by_site():
    told = {
        "a": {"a": [10, 5.0, 5.0], "b": [10, 0.0, 0.0]},
        "b": {"a": [8, 4.0, 4.0], "b": [8, -2.0, 2.0]},
        "c": {"a": [2, 1.0, 1.0], "b": [6, 0.0, 0.0]},  # two patients: too few to be told of
    }
    a, b = gains(told, ["a", "b"], min_cell=5)
    # Of b's patients alone, 8: 4 gained by 1. Variance (4 - 2) / 7; error of the mean sqrt(2 / 7 / 8); t(7) = 2.3646.
    reach = 2.3646 * (2 / 7 / 8) ** 0.5
    assert (a.site, a.n, a.gain, a.own_n, a.own) == ("a", 8, 0.5, 10, 0.5)
    assert a.low == pytest.approx(0.5 - reach, abs=1e-3) and a.high == pytest.approx(0.5 + reach, abs=1e-3)
    assert (b.n, b.gain, b.low, b.own) == (16, 0.0, 0.0, -0.25)


def test_of_few_patients_nothing_is_said():
    (only,) = gains({"b": {"a": [4, 1.0, 1.0]}}, ["a"], min_cell=5)
    assert (only.n, only.gain, only.low, only.own) == (0, None, None, None)
