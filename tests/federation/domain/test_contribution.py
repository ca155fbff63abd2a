"""Models without a site, rebuilt; and what the sites' sums say of them. All by hand."""

from __future__ import annotations

import numpy as np
import pytest

from federation.domain.contribution import EVERYBODY, Rebuilt, differences, from_units, gains, in_units, measures
from federation.domain.feature_summaries import Question
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


def test_with_noise_a_site_tells_whole_units_of_gain_and_square_and_each_patient_moves_each_by_one():
    scores = {EVERYBODY: np.array([1, 0.5, np.nan]), "b": np.array([0, 0.75, 1]), "a": np.array([1, 0.5, 0])}
    names = measures(["b", "a"])
    assert names == ("a: gain", "a: square", "b: gain", "b: square")
    # Of b the gains are 1, -1/4 and none: 64 - 16 units, and 64 + 64/16 of squares.
    counts = in_units(scores, names)
    assert counts.tolist() == [0, 0, 48, 68]
    assert from_units(counts.tolist(), names, 3) == {"a": [3, 0, 0], "b": [3, 0.75, 1.0625]}
    question = Question(names, 2.0)
    assert question.levels == 128 and question.spend.parameters == 4  # 64 units in each of four: 64 * sqrt(4) in L2
    with pytest.raises(ValueError, match="to be asked for"):
        in_units(scores, measures(["a"]))
    with pytest.raises(ValueError, match="between 0 and 1"):
        in_units({EVERYBODY: np.array([3.0]), "a": np.array([0.0])}, measures(["a"]))


def test_noise_widens_the_interval_and_never_narrows_it():
    told = {"b": {"a": [100, 10.0, 10.0]}, "c": {"a": [100, 10.0, 10.0]}}
    (exact,) = gains(told, ["a"], min_cell=5)
    (noised,) = gains(told, ["a"], min_cell=5, noise_sd=8.0)
    # Squares at 10 + 1.645 * 8 = 23.16: variance (23.16 - 1) / 99 a site; noise 64 a site.
    error = (2 * (100 * (23.16 - 1) / 99 + 64)) ** 0.5 / 200
    assert noised.gain == exact.gain == 0.1 and noised.high == pytest.approx(0.1 + 1.972 * error, abs=1e-3)
    (negative,) = gains({"b": {"a": [100, 10.0, -50.0]}}, ["a"], min_cell=5, noise_sd=8.0)
    assert negative.high - negative.gain > 1.9 * 8 / 100  # the noise alone


def test_intervals_with_noise_cover_the_truth():
    """300 studies of three sites of 60 patients, where one of five gains 1 by the site: at least nine of ten cover."""
    draw = np.random.default_rng(5)
    covered = 0
    for _ in range(300):
        told = {}
        for site in "bcd":
            gained = (draw.random(60) < 0.2).astype(float)
            noise = draw.normal(0, 4, 2)
            told[site] = {"a": [60, gained.sum() + noise[0], (gained**2).sum() + noise[1]]}
        (found,) = gains(told, ["a"], min_cell=5, noise_sd=4.0)
        covered += found.low <= 0.2 <= found.high
    assert covered >= 285
