"""Four business processes commit single rows while the platform's own sequencer process runs beside them.

A row counts once it is committed *and* stands in the log: the clock runs until the last one does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from benchmarks.frame import QUICK_RUNS, ROOT, RUNS, Measure, compared, progress
from benchmarks.ledger.sequence import drain
from benchmarks.platform import durability
from provenance import sequencing

WRITERS = 4
PATIENCE_SECONDS = 60


def measure(*, quick: bool) -> Iterator[Measure]:
    runs, seconds = (QUICK_RUNS, 2.0) if quick else (RUNS, 8.0)
    drain(sequencing.load_frontier())
    rates, committed, lags = [], [], []
    with _sequencer() as sequencer:
        for turn in range(runs):
            rows, wrote, took = _run(seconds, sequencer)
            rates.append(rows / took)
            committed.append(rows / wrote)
            lags.append((took - wrote) * 1e3)
            progress(f"run {turn + 1}: {rates[-1]:.0f} rows a second, drained {lags[-1]:.0f} ms after the writers")
    note = f"{WRITERS} writers of single-row commits and the sequencer on {os.cpu_count()} cores; {durability()}"
    yield compared("ledger.e2e_rate", rates, "rows/s", better="higher", note=f"target >= 3000; {note}")
    yield compared("ledger.e2e_rate.committed", committed, "rows/s", better="higher", note=f"writers alone; {note}")
    yield compared("ledger.e2e_drain_ms", lags, "ms", better="lower", note="from the last commit to its entry")


def _run(seconds: float, sequencer: subprocess.Popen) -> tuple[int, float, float]:
    """Rows committed, seconds the writers took, seconds until all were in the log."""
    before = _written()
    writers = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.ledger.writer", str(seconds)], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for _ in range(WRITERS)
    ]  # fmt: skip
    for writer in writers:
        writer.stdout.readline()  # type: ignore[union-attr]
    started = time.perf_counter()
    for writer in writers:
        writer.stdin.write("go\n")  # type: ignore[union-attr]
        writer.stdin.flush()  # type: ignore[union-attr]
    rows = sum(int(writer.communicate(timeout=seconds + 60)[0]) for writer in writers)
    wrote = time.perf_counter() - started
    while (written := _written() - before) < rows:
        if sequencer.poll() is not None or time.perf_counter() - started - wrote > PATIENCE_SECONDS:
            raise RuntimeError(
                f"expected {rows} rows in the log, got {written}; the sequencer stopped or is {PATIENCE_SECONDS} s late"
            )
        time.sleep(0.01)
    return rows, wrote, time.perf_counter() - started


def _written() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM provenance_entry WHERE \"table\" = 'bench_governed'")
        return cursor.fetchone()[0]


@contextmanager
def _sequencer() -> Iterator[subprocess.Popen]:
    """`manage.py run_sequencer`, which signs checkpoints and prunes the outbox meanwhile, as it always does."""
    process = subprocess.Popen([sys.executable, "manage.py", "run_sequencer"], cwd=ROOT, stdout=sys.stderr)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
