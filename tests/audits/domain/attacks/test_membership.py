"""Counts of scores and what they show, by hand, against scikit-learn, and over simulated fair models."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from audits.domain.attacks.membership import BINS, EDGE, ScoreCounts, separation


def counted(members: list[float], others: list[float], rng: np.random.Generator | None = None) -> ScoreCounts:
    scores = np.array([*members, *others])
    half = np.arange(len(scores)) % 2 if rng is None else rng.permutation(len(scores)) % 2
    return ScoreCounts.of(scores, np.arange(len(scores)) < len(members), half)


def test_scores_that_part_members_from_others_give_everything_away():
    found = separation(counted([3.0] * 40, [-3.0] * 40), delta=0.0)
    assert found is not None
    assert (found.auc, found.advantage, found.balanced_accuracy, found.tpr) == (1.0, 1.0, 1.0, 1.0)
    assert found.epsilon_lower == found.epsilon_reach > 2  # every guess is right


def test_equal_scores_give_nothing_away():
    found = separation(counted([0.0] * 40, [0.0] * 40), delta=0.0)
    assert found is not None
    assert (found.auc, found.advantage, found.tpr, found.epsilon_lower) == (0.5, 0.0, 0.0, 0.0)
    assert found.advantage_lower < 0 < found.advantage_upper


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 2))
def test_the_area_is_that_of_scikit_learn_on_the_binned_scores(seed, shift):
    rng = np.random.default_rng(seed)
    members, others = rng.normal(shift, 1, 60), rng.normal(0, 1, 45)
    found = separation(counted(list(members), list(others)), delta=0.0)
    assert found is not None
    binned = np.floor((np.concatenate([members, others]) + EDGE) / (2 * EDGE) * BINS)
    assert found.auc == pytest.approx(roc_auc_score([1] * 60 + [0] * 45, binned), abs=1e-12)
    assert found.auc_lower <= found.auc <= found.auc_upper
    assert found.advantage_lower <= found.advantage <= found.advantage_upper
    assert found.tpr_lower <= found.tpr <= found.tpr_upper


@settings(deadline=None)
@given(arrays(float, 30, elements=st.floats(-1e6, 1e6)), arrays(bool, 30))
def test_counts_survive_json(scores, member):
    counts = ScoreCounts.of(scores, member, np.arange(30) % 2)
    back = ScoreCounts.from_dict(json.loads(json.dumps(counts.as_dict())))
    assert (back.members == counts.members).all() and (back.others == counts.others).all()
    assert back.n_members + back.n_others == 30


@pytest.mark.parametrize(
    "row",
    [[0, 0, -1], [2, 0, 1], [0, BINS, 1], [0, 0, 1.5], [0, 0, True]],
    ids=["minus", "half", "bin", "part", "bool"],
)
def test_counts_that_cannot_be_are_refused(row):
    with pytest.raises(ValueError, match="expected"):
        ScoreCounts.from_dict({"members": [row], "others": []})


def test_a_score_counted_twice_is_refused():
    with pytest.raises(ValueError, match="once"):
        ScoreCounts.from_dict({"members": [[0, 3, 1], [0, 3, 2]], "others": []})


def test_a_score_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        counted([np.nan], [0.0])


def test_without_members_or_others_in_a_half_nothing_is_shown():
    assert separation(counted([1.0], [0.0, 0.0]), delta=0.0) is None
    assert separation(ScoreCounts.empty(), delta=0.0) is None


def test_attacks_on_fair_models_are_taken_for_leaks_as_rarely_as_stated():
    """500 models that tell nothing; each one-sided bound at 5 % may miss 25 + 4 SD of them."""
    rng = np.random.default_rng(11)
    most = 25 + 4 * np.sqrt(500 * 0.05 * 0.95)
    missed = {"auc": 0, "advantage": 0, "epsilon": 0}
    for _ in range(500):
        found = separation(counted(list(rng.normal(size=60)), list(rng.normal(size=45)), rng), delta=0.0)
        assert found is not None
        missed["auc"] += found.auc_lower > 0.5
        missed["advantage"] += found.advantage_lower > 0
        missed["epsilon"] += found.epsilon_lower > 0
    assert max(missed.values()) <= most, missed


@pytest.mark.parametrize(("members", "others"), [(60, 45), (400, 10), (300, 200)])
def test_the_bounds_of_what_is_found_at_one_percent_hold_for_the_true_share(members, others):
    """A leak of one standard deviation: 9.1 % are found at a true 1 %. 500 draws, each bound at 5 %, both shares."""
    rng = np.random.default_rng(12)
    true = float(norm.sf(norm.isf(0.01) - 1))
    missed = {"lower": 0, "upper": 0}
    for _ in range(500):
        found = separation(counted(list(rng.normal(1, 1, members)), list(rng.normal(size=others)), rng), delta=0.0)
        assert found is not None and found.tpr_lower <= found.tpr <= found.tpr_upper
        missed["lower"] += found.tpr_lower > true
        missed["upper"] += found.tpr_upper < true
    assert max(missed.values()) <= 25 + 4 * np.sqrt(500 * 0.05 * 0.95), missed
