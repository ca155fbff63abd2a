"""Figures of arms and their differences, on numbers made up by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks import paired
from benchmarks.paired import Difference, Scored, compared


def seed_of(arms: dict, label, site=None, patient=None) -> Scored:
    n = len(label)
    site, patient = site or ["a"] * n, patient or [f"{i:02}" for i in range(n)]
    scores = {arm: np.array(values, dtype=float) for arm, values in arms.items()}
    return Scored(np.array(label, dtype=bool), np.array(site), np.array(patient), scores)


def test_areas_count_pairs_within_sites_only():
    # Site a: ill 3, healthy 1 and 4 -> one of two pairs. Site b: ill 0, healthy -1 -> one of one. Together 2 of 3.
    seed = seed_of({"one": [3, 1, 4, 0, -1]}, [1, 0, 0, 1, 0], list("aaabb"), list("vwxyz"))
    found = compared([seed, seed])
    assert found.found["one"].tolist() == pytest.approx([2 / 3, 2 / 3])
    assert found.draws["one"].shape == (paired.DRAWS,)


@pytest.mark.parametrize(
    ("figure", "value"),
    [(paired.accuracy, 3 / 4), (paired.log_loss, (2 * math.log(2) + math.log(4) + math.log(4 / 3)) / 4)],
)
def test_other_figures_are_means_over_patients(figure, value):
    # Logit 0 is a half and no diagnosis; of log 3, three quarters.
    seed = seed_of({"one": [0, 0, math.log(3), math.log(3)]}, [0, 0, 0, 1])
    assert compared([seed], figure).mean("one") == pytest.approx(value)


def test_two_arms_that_answer_alike_differ_by_nothing_in_every_resample():
    rng = np.random.default_rng(0)
    label = np.arange(40) < 20
    base = rng.normal(size=40) + label
    seeds = [seed_of({"one": base, "other": 2 * base + 1, "wrong": -base}, label) for _ in range(3)]
    found = compared(seeds)
    assert found.difference("one", "other") == Difference(0, 0, 0)
    worse = found.difference("wrong", "one")
    assert worse.lower < worse.value < worse.upper < 0
    low, high = found.interval("one")
    assert low < found.mean("one") < high


@pytest.mark.parametrize(
    ("lower", "upper", "better", "told"),
    [(0.1, 0.3, 1, "better"), (0.1, 0.3, -1, "worse"), (-0.3, -0.1, 1, "worse"), (-0.3, -0.1, -1, "better"),
     (-0.1, 0.2, 1, "undecided"), (0.0, 0.2, 1, "undecided")],
)  # fmt: skip
def test_a_difference_in_words(lower, upper, better, told):
    assert Difference((lower + upper) / 2, lower, upper).words(better=better) == told
