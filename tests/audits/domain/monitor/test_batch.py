"""Folding a batch at once gives the bits of folding it one by one."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.domain.monitor.batch import fold_batch
from audits.domain.monitor.betting import EventError, OutcomeEvent, PolicyMismatch, PositionError, begin, fold_all
from audits.domain.monitor.calibration import calibration_case
from audits.domain.monitor.columns import Columns, Labels, columns_of
from audits.domain.monitor.pairing import walk
from audits.domain.monitor.policy import MonitorPolicy

GROUPS = {"sex": ("f", "m"), "age": ("a", "b", "c"), "age × sex": ("a × f", "a × m", "b × f")}


def policy(**changes) -> MonitorPolicy:
    given = {"metrics": ("accuracy", "selection_rate", "calibration"), "groups": GROUPS, "queue": 3, "window": 5}
    return MonitorPolicy(**given | changes)


def same(events, chosen: MonitorPolicy, cuts=()) -> None:
    """Both folds, with the second one cut into batches that each begin from the state before."""
    one_by_one = fold_all(begin(chosen), events, chosen)
    state = begin(chosen)
    for start, stop in pairwise([0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]):
        state = fold_batch(state, columns_of(events[start:stop], chosen), chosen)
    assert state.to_json() == one_by_one.to_json()
    assert state == one_by_one


rows = st.lists(
    st.tuples(
        st.sampled_from(["f", "m", "u", None]), st.sampled_from(["a", "b", "c", "unknown"]),
        st.sampled_from([0.0, 0.1, 0.3, 1.0, None]), st.sampled_from(["0", "1", None]), st.floats(0, 1),
    ),
    max_size=80,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(rows, st.lists(st.integers(0, 80), max_size=5), st.integers(1, 6))
def test_any_events_in_any_split_give_the_same_bits(drawn, cuts, queue):
    events = []
    for number, (sex, age, value, label, score) in enumerate(drawn):
        residual, score_bin = calibration_case(score, float(label or 0))
        groups = {"age": age} | ({"sex": sex} if sex else {})
        values = {"accuracy": value, "selection_rate": float(score > 0.5), "calibration": residual}
        events.append(OutcomeEvent(number + 1, groups, values, label, score_bin))
    same(events, policy(queue=queue), cuts)


def stream(n, rates, seed=0, prevalence=0.5):
    rng = np.random.default_rng(seed)
    out = []
    for number in range(n):
        sex, ill = "fm"[rng.integers(2)], rng.random() < prevalence
        right = float(rng.random() < rates[sex])
        out.append(OutcomeEvent(number + 1, {"sex": sex}, {"accuracy": right}, str(int(ill))))
    return out


@pytest.mark.parametrize("rates", [{"f": 0.85, "m": 0.85}, {"f": 0.4, "m": 0.9}, {"f": 0.6, "m": 0.8}])
def test_halts_lost_bets_and_the_upper_end_of_wealth_give_the_same_bits(rates, monkeypatch):
    from audits.domain.monitor import batch, betting

    for module in (batch, betting):  # so near that a few hundred pairs reach both ends
        monkeypatch.setattr(module, "TINY", 1e-3)
        monkeypatch.setattr(module, "HUGE", 1e5)
    monkeypatch.setattr(batch, "CELLS", 900)  # several blocks
    chosen = MonitorPolicy(metrics=("accuracy",), groups={"sex": ("f", "m")}, arl=100.0)
    same(stream(3000, rates), chosen, (1000, 1700))


def test_the_first_halt_is_the_one_of_the_fold():
    chosen = MonitorPolicy(metrics=("accuracy",), groups={"sex": ("f", "m")})
    events = stream(2000, {"f": 0.5, "m": 0.9})
    at_once = fold_batch(begin(chosen), columns_of(events, chosen), chosen)
    assert at_once.streams[0].halted == fold_all(begin(chosen), events, chosen).streams[0].halted
    assert set(at_once.streams[0].halted) == {"betting", "e_sr"}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([1, -1]), min_size=1, max_size=300), st.integers(-4, 4), st.integers(4, 9))
def test_the_walk_is_held_at_both_ends(steps, start, most):
    level, expected = start, []
    for step in steps:
        level = max(-most, min(most, level + step))
        expected.append(level)
    assert walk(np.array(steps, dtype=np.int8), start, most).tolist() == expected


def test_what_the_fold_refuses_is_refused():
    chosen = MonitorPolicy(metrics=("accuracy",), groups={"sex": ("f", "m")})
    good = stream(3, {"f": 1, "m": 1})
    with pytest.raises(PositionError):
        fold_batch(begin(chosen, position=1), columns_of(good, chosen), chosen)
    with pytest.raises(PositionError):
        columns_of([good[0], good[2]], chosen)
    with pytest.raises(PolicyMismatch):
        fold_batch(begin(chosen), columns_of(good, chosen), MonitorPolicy(metrics=("tpr",), groups={"sex": ("f", "m")}))
    bad = Columns(1, {"sex": Labels(np.zeros(2, np.int16), ("f",))}, {"accuracy": np.array([0.5, 1.5])})
    with pytest.raises(EventError, match="position 2, accuracy"):
        fold_batch(begin(chosen), bad, chosen)
    with pytest.raises(EventError, match="position 1"):
        columns_of([OutcomeEvent(1, {}, {"accuracy": "1"}, None)], chosen)


def test_no_event_changes_nothing():
    chosen = policy()
    assert fold_batch(begin(chosen), columns_of([], chosen), chosen) == begin(chosen)
