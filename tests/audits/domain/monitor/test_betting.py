import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.domain.monitor.alarms import alarms, log_wealth
from audits.domain.monitor.betting import (
    EventError,
    MonitorError,
    MonitorState,
    OutcomeEvent,
    PolicyMismatch,
    PositionError,
    begin,
    fold,
    fold_all,
)
from audits.domain.monitor.policy import MonitorPolicy, PolicyError

POLICY = MonitorPolicy(metrics=("tpr",), groups={"sex": ("f", "m")}, detectors=("betting",))


def pairs(first, second, start=0):
    """Alternating cases of f and m, all diseased: f takes `first`, m takes `second`."""
    values = [v for both in zip(first, second, strict=True) for v in both]
    return [OutcomeEvent(start + i + 1, {"sex": "fm"[i % 2]}, {"tpr": float(v)}, "1") for i, v in enumerate(values)]


def run(policy, rng, f, m, n):
    """Pairs until the first halt, or None."""
    state = begin(policy)
    for event in pairs(rng.random(n) < f, rng.random(n) < m):
        state = fold(state, event, policy)
        if state.halted:
            return state.streams[0].pairs
    return None


def test_wealth_of_one_bet_by_hand():
    policy = MonitorPolicy(metrics=("tpr",), groups={"sex": ("f", "m")}, bets=(0.5,))
    state = fold_all(begin(policy), pairs([1, 1], [0, 1]), policy)  # d = 1, then 0
    stream = state.streams[0]
    win, flat = 1 + 0.5 * 0.9 / 1.1, 1 - 0.5 * 0.1 / 1.1
    assert stream.up == pytest.approx((win * flat,))
    assert stream.down == pytest.approx(((1 - 0.5) * flat,))
    assert stream.e_sr_up == pytest.approx(((win + 1) * flat,))
    assert log_wealth(stream) == pytest.approx(math.log(win * flat))


def test_pairs_are_made_first_in_first_out_and_within_the_label():
    policy = MonitorPolicy(metrics=("accuracy",), groups={"sex": ("f", "m")})

    def event(i, sex, value, label):
        return OutcomeEvent(i, {"sex": sex}, {"accuracy": value}, label)

    waiting = [event(1, "f", 0.9, "1"), event(2, "f", 0.1, "1"), event(3, "m", 0.5, "0")]
    state = fold_all(begin(policy), waiting, policy)
    assert state.streams[0].pairs == 0
    state = fold_all(state, [event(4, "m", 0.4, "1"), event(5, "f", 0.5, "0")], policy)
    assert state.streams[0].recent == (0.5, 0.0)


def test_a_full_queue_drops_its_oldest_case_and_counts_it():
    policy = MonitorPolicy(metrics=("tpr",), groups={"sex": ("f", "m")}, queue=2)
    cases = [OutcomeEvent(i + 1, {"sex": "f"}, {"tpr": v}, "1") for i, v in enumerate((0.1, 0.2, 0.3))]
    state = fold_all(begin(policy), [*cases, OutcomeEvent(4, {"sex": "m"}, {"tpr": 0.0}, "1")], policy)
    assert state.streams[0].dropped == 1
    assert state.streams[0].recent == (0.2,)


def test_undefined_values_and_undeclared_groups_are_passed_over():
    state = begin(POLICY)
    state = fold(state, OutcomeEvent(1, {"sex": "unknown", "race": "x"}, {"tpr": 1.0}, "1"), POLICY)
    state = fold(state, OutcomeEvent(2, {"sex": "f"}, {"tpr": None, "fpr": 1.0}, "0"), POLICY)
    assert state.streams == begin(POLICY).streams
    assert state.position == 2


def test_a_fair_model_is_hardly_ever_halted():
    rng = np.random.default_rng(0)
    assert sum(run(POLICY, rng, 0.85, 0.85, 150) is not None for _ in range(100)) <= 5


def test_a_gap_at_the_threshold_is_halted_no_more_often_than_promised():
    rng = np.random.default_rng(1)
    assert (
        sum(run(POLICY, rng, 0.75, 0.85, 200) is not None for _ in range(100)) <= 12
    )  # alpha 5; P(more than 12) < 0.1 %


def test_a_gap_of_three_tenths_is_found_within_150_pairs():
    rng = np.random.default_rng(2)
    found = [run(POLICY, rng, 0.55, 0.85, 600) or math.inf for _ in range(40)]
    assert np.median(found) <= 150


def test_e_sr_finds_harm_that_begins_late_and_betting_does_not():
    policy = MonitorPolicy(metrics=("tpr",), groups={"sex": ("f", "m")})
    rng = np.random.default_rng(3)
    before = pairs(rng.random(1500) < 0.85, rng.random(1500) < 0.85)
    after = pairs(rng.random(500) < 0.45, rng.random(500) < 0.85, start=3000)
    state = fold_all(begin(policy), before, policy)
    assert not state.halted
    assert list(fold_all(state, after, policy).streams[0].halted) == ["e_sr"]


def test_the_alarm_names_stream_groups_evidence_and_limit():
    state = fold_all(begin(POLICY), pairs([0] * 60, [1] * 60), POLICY)
    alarm = alarms(state, POLICY)[0]
    assert (alarm.level, alarm.rule, alarm.metric, alarm.attribute) == ("halt", "betting", "tpr", "sex")
    assert (alarm.higher, alarm.lower, alarm.gap, alarm.pairs) == ("m", "f", 1.0, 60)
    assert alarm.log_limit == pytest.approx(math.log(2 * 1 / 0.05))
    assert alarm.log_evidence >= alarm.log_limit
    assert alarm.position < 120  # it halted long before the last event
    assert "probability at most 0.05" in alarm.sentence
    json.dumps(alarm.as_dict())


def test_the_limit_grows_with_the_streams_declared():
    policy = MonitorPolicy(metrics=("tpr", "fpr"), groups={"sex": ("f", "m"), "age": ("a", "b", "c")})
    assert len(policy.streams) == 2 * (1 + 3)
    assert policy.betting_limit == pytest.approx(2 * 8 / 0.05)
    assert policy.e_sr_limit == pytest.approx(4 * 8 * 10_000)


def test_the_moving_window_only_warns_and_silence_is_not_fairness():
    policy = MonitorPolicy(metrics=("tpr",), groups={"sex": ("f", "m")}, min_pairs=20, window=20)
    state = fold_all(begin(policy), pairs([1] * 17 + [0] * 3, [1] * 20), policy)
    found = alarms(state, policy)
    assert {(a.level, a.rule) for a in found} == {("amber", "window"), ("amber", "not_shown_fair")}
    assert not state.halted
    assert alarms(begin(policy), policy) == []


def test_duplicates_gaps_and_disorder_are_refused():
    state = fold_all(begin(POLICY), pairs([1], [1]), POLICY)
    for position in (2, 1, 4):
        with pytest.raises(PositionError) as refused:
            fold(state, OutcomeEvent(position, {}, {}, None), POLICY)
        assert (refused.value.expected, refused.value.got) == (3, position)


@pytest.mark.parametrize("value", [1.5, -0.1, math.nan, "1"])
def test_values_out_of_range_are_refused(value):
    with pytest.raises(EventError, match="position 1"):
        fold(begin(POLICY), OutcomeEvent(1, {"sex": "f"}, {"tpr": value}, "1"), POLICY)


def test_a_state_cannot_change_its_policy():
    other = MonitorPolicy(metrics=("tpr",), groups={"sex": ("f", "m")}, threshold=0.2)
    with pytest.raises(PolicyMismatch):
        fold(begin(POLICY), OutcomeEvent(1, {}, {}, None), other)
    with pytest.raises(PolicyMismatch):
        alarms(begin(POLICY), other)
    with pytest.raises(MonitorError, match="version"):
        MonitorState.from_json('{"version": 99}')


@pytest.mark.parametrize(
    "wrong",
    [{"groups": {"sex": ("f",)}}, {"alpha": 0.0}, {"bets": (1.0,)}, {"detectors": ("window",)}, {"metrics": ()}],
)
def test_policies_that_cannot_keep_their_promise_are_refused(wrong):
    with pytest.raises(PolicyError, match="expected"):
        MonitorPolicy(**({"metrics": ("tpr",), "groups": {"sex": ("f", "m")}} | wrong))


def test_policy_survives_json_with_its_digest():
    policy = MonitorPolicy(metrics=("tpr", "fpr"), groups={"sex": ("f", "m")}, alpha=0.01)
    assert MonitorPolicy.from_dict(json.loads(json.dumps(policy.as_dict()))).digest == policy.digest


def test_wealth_stays_finite_and_free_of_denormals():
    state = fold_all(begin(POLICY), pairs([1] * 3000, [0] * 3000), POLICY)
    stream = state.streams[0]
    assert all(w == 0.0 or 1e-280 <= w <= 1e280 for w in (*stream.up, *stream.down))


events_strategy = st.lists(
    st.tuples(st.sampled_from("fmu"), st.sampled_from("abc"), st.sampled_from([0.0, 0.3, 1.0, None]), st.booleans()),
    max_size=60,
)


@settings(max_examples=40, deadline=None)
@given(events_strategy, st.lists(st.integers(0, 60), max_size=4))
def test_any_split_into_batches_gives_the_same_bits(rows, cuts):
    policy = MonitorPolicy(
        metrics=("accuracy", "selection_rate"), groups={"sex": ("f", "m"), "age": ("a", "b", "c")}, queue=3
    )
    events = [
        OutcomeEvent(i + 1, {"sex": s, "age": a}, {"accuracy": v, "selection_rate": v}, str(int(y)))
        for i, (s, a, v, y) in enumerate(rows)
    ]
    whole = fold_all(begin(policy), events, policy)
    state, edges = begin(policy), [0, *sorted(min(c, len(events)) for c in cuts), len(events)]
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        state = MonitorState.from_json(state.to_json())  # every batch begins from what was stored
        state = fold_all(state, events[start:stop], policy)
    assert state.to_json() == whole.to_json()
    assert state == whole
