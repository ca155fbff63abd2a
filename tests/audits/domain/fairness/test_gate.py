"""Type-I error, power and coverage of the gate, over simulated audits of known truth."""

from __future__ import annotations

import numpy as np

from audits.domain.fairness.bias_score import bias_score
from audits.domain.verdict import Verdict
from benchmarks.audit.studies.bias_gate import audit


def verdicts(n, gap, runs, seed=0):
    rng = np.random.default_rng(seed)
    return [bias_score(audit(n, gap, rng), task="classification", draws=300, seed=i) for i in range(runs)]


def share(found, verdict):
    return sum(row.verdict is verdict for row in found) / len(found)


def test_of_600_fair_models_none_fails_and_bounds_cover_in_95_of_100_audits():
    """Small audits, in which a point rule at 0.1 would condemn more than a quarter."""
    found = verdicts(60, 0.0, 600)
    assert share(found, Verdict.FAIL) <= 0.01
    assert sum(row.score > 0.1 for row in found) > 150
    uncovered = sum(row.lower > 0 for row in found)
    assert uncovered <= 48  # nominal 30; P(Binomial(600, 0.05) > 48) < 0.1 %


def test_a_model_exactly_at_the_limit_fails_or_passes_at_most_as_often_as_promised():
    found = verdicts(300, 0.1, 500)
    wrong = share(found, Verdict.FAIL) + share(found, Verdict.PASS)
    assert wrong <= 0.08  # nominal 5 % for any wrong bound; P(Binomial(500, 0.05) > 40) < 0.2 %


def test_power_grows_with_the_gap_and_with_the_patients():
    by_gap = [share(verdicts(200, gap, 60), Verdict.FAIL) for gap in (0.1, 0.2, 0.3)]
    by_size = [share(verdicts(n, 0.2, 60), Verdict.FAIL) for n in (100, 400, 1600)]
    assert by_gap == sorted(by_gap) and by_gap[-1] > 0.9
    assert by_size == sorted(by_size) and by_size[-1] > 0.9


def test_fair_models_pass_once_there_are_enough_patients():
    assert share(verdicts(100, 0.0, 60), Verdict.PASS) < 0.1
    assert share(verdicts(1600, 0.0, 60), Verdict.PASS) > 0.9
