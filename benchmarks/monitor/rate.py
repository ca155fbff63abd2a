"""Outcomes folded a second from columns in memory, beside the fold that takes them one by one. Both give equal bits."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from audits.domain.monitor.batch import fold_batch
from audits.domain.monitor.betting import MonitorState, OutcomeEvent, begin, fold_all
from audits.domain.monitor.columns import Columns, Labels, columns_of
from audits.domain.monitor.policy import MonitorPolicy
from benchmarks.frame import QUICK_RUNS, RUNS, Measure, compared, progress

EVENTS = {False: 1_000_000, True: 100_000}
ONE_BY_ONE = {False: 20_000, True: 4_000}
PREVALENCE = 0.3
GROUPS = ("a", "b", "c")
METRICS = ("tpr", "fpr", "accuracy")


def columns(events: int, groups: int, metrics: tuple[str, ...], rng: np.random.Generator) -> Columns:
    """A classifier's outcomes: 85 % of the ill found, 10 % of the healthy flagged, in all groups."""
    ill = rng.random(events) < PREVALENCE
    flagged = (rng.random(events) < np.where(ill, 0.85, 0.1)).astype(np.float64)
    values = {
        "tpr": np.where(ill, flagged, np.nan),
        "fpr": np.where(ill, np.nan, flagged),
        "accuracy": (flagged == ill).astype(np.float64),
    }
    group = rng.integers(0, groups, events).astype(np.int16)
    return Columns(
        1, {"group": Labels(group, GROUPS[:groups])}, {name: values[name] for name in metrics},
        Labels(ill.astype(np.int16), ("0", "1")),
    )  # fmt: skip


def events_of(given: Columns, count: int) -> list[OutcomeEvent]:
    """The first events of the columns, as the scalar fold takes them."""
    labels, strata = given.groups["group"], given.stratum
    assert strata is not None
    return [
        OutcomeEvent(
            i + 1, {"group": labels.names[labels.codes[i]]},
            {name: None if np.isnan(column[i]) else float(column[i]) for name, column in given.values.items()},
            strata.names[strata.codes[i]],
        )
        for i in range(count)
    ]  # fmt: skip


def measure(*, quick: bool) -> Iterator[Measure]:
    """One stream of the true positive rate, and nine streams. By CPU time: the monitor is one process on one core."""
    runs = QUICK_RUNS if quick else RUNS
    for name, groups, metrics in (("", 3, METRICS), (".one_stream", 2, METRICS[:1]), (".accuracy", 2, METRICS[2:])):
        policy = MonitorPolicy(metrics=metrics, groups={"group": GROUPS[:groups]})
        given = columns(EVENTS[quick], groups, metrics, np.random.default_rng(0))
        singly = events_of(given, ONE_BY_ONE[quick])
        _same(singly, policy)
        ours, wall, theirs = [], [], []
        for _ in range(runs):
            wall_from, from_ = time.perf_counter(), time.process_time()
            fold_batch(begin(policy), given, policy)
            ours.append(len(given) / (time.process_time() - from_))
            wall.append(len(given) / (time.perf_counter() - wall_from))
            from_ = time.process_time()
            fold_all(begin(policy), singly, policy)
            theirs.append(len(singly) / (time.process_time() - from_))
        progress(f"{len(policy.streams)} streams: {ours[-1]:,.0f} events/s of CPU time, one by one {theirs[-1]:,.0f}")
        note = (
            f"target >= 1,000,000; {len(given):,} outcomes in memory, {len(policy.streams)} streams, CPU time of one "
            f"core; by the wall clock of this machine {np.median(wall):,.0f}/s"
        )
        peer = f"the scalar fold, {len(singly):,} outcomes, equal bits"
        yield compared(
            f"runtime.monitor_rate{name}", ours, "outcomes/s", better="higher", peer=peer, theirs=theirs, note=note
        )


def _same(events: list[OutcomeEvent], policy: MonitorPolicy) -> None:
    """A rate of something else would be worth nothing."""
    one_by_one: MonitorState = fold_all(begin(policy), events, policy)
    if fold_batch(begin(policy), columns_of(events, policy), policy).to_json() != one_by_one.to_json():
        raise AssertionError("the batch fold differs from the fold")
