"""Outcomes folded a second from memory, as the live monitor folds what it has read. Its own area has the details."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

from audits.domain.monitor.betting import OutcomeEvent, begin, fold_all
from audits.domain.monitor.policy import MonitorPolicy
from audits.runtime.ingest import score_label
from benchmarks.frame import QUICK_RUNS, RUNS, Measure, compared
from benchmarks.runtime.serving import Platform

EVENTS, QUICK_EVENTS = 50_000, 10_000


def measure(platform: Platform, *, quick: bool) -> Iterator[Measure]:
    policy = MonitorPolicy(metrics=("tpr", "fpr", "accuracy"), groups={"sex": ("female", "male")})
    events = drawn(QUICK_EVENTS if quick else EVENTS)
    run = _fold(events, policy)
    run()
    rates = [run() for _ in range(QUICK_RUNS if quick else RUNS)]
    note = f"target >= 1000000; {len(policy.streams)} streams, {len(events)} outcomes, one process"
    yield compared("runtime.monitor_rate", rates, "events/s", better="higher", note=note)


def drawn(count: int) -> list[OutcomeEvent]:
    """Outcomes of a fair classifier."""
    rng = random.Random(1)  # noqa: S311 - made-up patients
    found = []
    for position in range(1, count + 1):
        ill = rng.random() < 0.3
        scored = score_label(rng.random() < (0.85 if ill else 0.1), ill)
        group = {"sex": rng.choice(("female", "male"))}
        found.append(OutcomeEvent(position, group, scored.values, str(scored.stratum)))
    return found


def _fold(events: list[OutcomeEvent], policy: MonitorPolicy) -> Callable[[], float]:
    def run() -> float:
        started = time.perf_counter()
        folded = fold_all(begin(policy), events, policy)
        seconds = time.perf_counter() - started
        if folded.position != len(events):
            raise RuntimeError(f"expected {len(events)} outcomes to be folded, got {folded.position}")
        return len(events) / seconds

    return run
