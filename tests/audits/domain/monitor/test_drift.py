import json

import numpy as np
import pytest

from audits.domain.monitor.drift import (
    BLOCK,
    DriftState,
    estimated_accuracy,
    fold_scores,
    stability_index,
    warnings,
)

ALPHA = 0.05


def folded(scores, key="d") -> DriftState:
    return fold_scores(DriftState(), [float(score) for score in scores], key=key, alpha=ALPHA)


def test_scores_that_do_not_change_hardly_ever_alarm():
    alarms = sum(
        folded(np.random.default_rng(seed).beta(2, 5, 1500), key=str(seed)).alarm_at is not None for seed in range(100)
    )
    assert alarms <= 12  # alpha 5 of 100; P(more than 12) < 0.1 %


def test_a_shift_is_found_and_said_without_labels():
    rng = np.random.default_rng(1)
    state = folded([*rng.beta(2, 5, 1000), *rng.beta(5, 2, 1000)])
    assert 1000 < state.alarm_at < 1200
    assert stability_index(state) > 0.25
    assert {rule for rule, _ in warnings(state, alpha=ALPHA)} == {"score_drift", "score_psi"}


def test_less_confidence_is_told_as_an_estimate():
    state = folded([0.05, 0.95] * (BLOCK // 2) + [0.35, 0.65] * (BLOCK // 2))
    assert estimated_accuracy(state) == pytest.approx((0.95, 0.65))
    told = dict(warnings(state, alpha=ALPHA))
    assert "0.950 to 0.650" in told["estimated_decline"]
    assert "estimated_decline" not in dict(warnings(state, alpha=ALPHA, scores_are_probabilities=False))


def test_equal_blocks_have_an_index_of_zero_and_too_few_scores_have_none():
    assert stability_index(folded([0.2, 0.8] * BLOCK)) == pytest.approx(0)
    assert stability_index(folded([0.2] * BLOCK)) is None
    assert warnings(folded([0.2] * 10), alpha=ALPHA) == []


def test_the_split_into_batches_and_the_way_through_json_change_no_bit():
    scores = [float(s) for s in np.random.default_rng(2).random(1300)]
    state = DriftState()
    for start in range(0, 1300, 97):
        state = fold_scores(state, scores[start : start + 97], key="d", alpha=ALPHA)
        state = DriftState.from_dict(json.loads(json.dumps(state.as_dict())))
    assert state == folded(scores)
