"""Events a second in batches of a thousand, and how long a batch waits for its answer."""

from __future__ import annotations

import os
from collections.abc import Iterator

from benchmarks.frame import QUICK_RUNS, RUNS, Measure, compared, machine, progress
from benchmarks.platform import durability
from benchmarks.runtime.sending import Sender, Sent
from benchmarks.runtime.serving import Platform

CONNECTIONS, SIZE = 4, 1000
TARGET = 20_000  # events a second


def measure(platform: Platform, *, quick: bool) -> Iterator[Measure]:
    runs, seconds = (QUICK_RUNS, 3.0) if quick else (RUNS, 8.0)
    sent = [_run(platform, seconds=2.0), *(_run(platform, seconds=seconds) for _ in range(runs))][1:]
    note = conditions(f"batches of {SIZE} over {CONNECTIONS} connections")
    yield compared(
        "runtime.ingest_rate", [run.rate for run in sent], "events/s", better="higher", note=f"target >= 20000; {note}"
    )
    yield compared(
        "runtime.p99_ms.full", [run.percentile(99) for run in sent], "ms", better="lower", note=f"at that rate; {note}"
    )
    paced = [_run(platform, seconds=seconds, rate=TARGET) for _ in range(runs)]
    yield compared(
        "runtime.p99_ms", [run.percentile(99) for run in paced], "ms", better="lower",
        note=f"target <= 250; {TARGET} events/s, each batch waits from the moment when it was due; {note}",
    )  # fmt: skip


def _run(platform: Platform, *, seconds: float, rate: int = 0) -> Sent:
    requests = int(seconds * 60_000 / SIZE / CONNECTIONS) + 1
    sender = Sender(platform, connections=CONNECTIONS, requests=requests, size=SIZE, seconds=seconds, rate=rate)
    sender.go()
    sent = sender.done()
    progress(f"{sent.rate:.0f} events/s, p50 {sent.percentile(50):.0f} ms, p99 {sent.percentile(99):.0f} ms")
    return sent


def conditions(how: str) -> str:
    return (
        f"{how}, HTTP to granian (4 workers of 2 threads), sequencer and monitor running, the sender on the "
        f"same {os.cpu_count()} cores, load {machine()['load'][0]}; {durability()}"
    )
