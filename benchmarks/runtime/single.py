"""Events that come one at a time, each with its own key, transaction and ledger entry."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.frame import QUICK_RUNS, RUNS, Measure, compared, progress
from benchmarks.runtime.ingest import conditions
from benchmarks.runtime.sending import Sender, Sent
from benchmarks.runtime.serving import Platform

CONNECTIONS = 8


def measure(platform: Platform, *, quick: bool) -> Iterator[Measure]:
    runs, seconds = (QUICK_RUNS, 2.0) if quick else (RUNS, 5.0)
    sent = [_run(platform, seconds=1.5), *(_run(platform, seconds=seconds) for _ in range(runs))][1:]
    note = conditions(f"one event a request over {CONNECTIONS} connections")
    yield compared(
        "runtime.single_rate", [run.rate for run in sent], "events/s", better="higher", note=f"target >= 500; {note}"
    )
    yield compared("runtime.p99_ms.single", [run.percentile(99) for run in sent], "ms", better="lower", note=note)


def _run(platform: Platform, *, seconds: float) -> Sent:
    requests = int(seconds * 3000 / CONNECTIONS)
    sender = Sender(platform, connections=CONNECTIONS, requests=requests, size=1, seconds=seconds)
    sender.go()
    sent = sender.done()
    progress(f"{sent.rate:.0f} single events/s, p50 {sent.percentile(50):.1f} ms, p99 {sent.percentile(99):.1f} ms")
    return sent
