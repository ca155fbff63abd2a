"""How fast the sequencer moves a backlog of captured rows into the log: leaves, commitments, tree, tiles, commit."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.frame import QUICK_RUNS, RUNS, Measure, compared, progress
from benchmarks.ledger import backlog
from benchmarks.platform import durability
from provenance import sequencing
from provenance.models import Entry

BACKLOG, QUICK_BACKLOG = 200_000, 10_000
WARM = 4


def measure(*, quick: bool) -> Iterator[Measure]:
    """Each run drains a new backlog into the log that the runs before it have left, so the log grows as it does.

    Runs before the first are thrown away: until it recycles them, a new server fills each file of its write-ahead log
    with zeros first, which a server that has been up for some gigabytes never does again.
    """
    runs, count = (QUICK_RUNS, QUICK_BACKLOG) if quick else (RUNS, BACKLOG)
    frontier = sequencing.load_frontier()
    drain(frontier)
    rates = []
    for turn in range(-WARM, runs):
        backlog.fill(count)
        started = time.perf_counter()
        moved = drain(frontier)
        rate = moved / (time.perf_counter() - started)
        progress(f"run {turn + 1}: {moved} entries, {rate:.0f} a second")
        if turn >= 0:
            rates.append(rate)
    yield compared(
        "ledger.sequence_rate", rates, "entries/s", better="higher",
        note=f"target >= 50000; backlog of {count} rows made by capture, one process, log of {Entry.objects.count()} "
        f"entries at the end; {durability()}",
    )  # fmt: skip


def drain(frontier) -> int:
    """What the sequencer does until nothing waits. Returns how many entries it wrote."""
    moved = 0
    while step := sequencing.sequence(frontier):
        moved += step
    return moved
