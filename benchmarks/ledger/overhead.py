"""What capture adds to a business commit of one row: the same INSERT into the same shape, followed in four ways.

The ways take short turns, so that what else the machine does falls on all alike.
"""

from __future__ import annotations

import json
import os
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version

import psycopg2

from benchmarks.frame import QUICK_RUNS, Measure, alternate, compared
from benchmarks.platform import durability
from core.said import SETTING, Said

COLUMNS = "(id, name, state, score, version, details, changed_at)"
ROW = "(%s, %s, %s, %s, %s, %s, %s)"
CONTEXT = "SELECT set_config(%s, %s, true)"
TURNS, COMMITS = 321, 200  # short turns: what the machine does besides changes within a second
DETAILS = json.dumps({"site": "north", "dice": "0.8123", "rounds": 12, "note": "a decision of ordinary size"})


def row(number: int) -> tuple:
    """The values of one row of the shape."""
    return (str(uuid.uuid4()), f"model {number}", "open", 0.25, number, DETAILS, datetime.now(UTC))


def measure(*, quick: bool) -> Iterator[Measure]:
    runs, commits = (QUICK_RUNS if quick else TURNS), COMMITS
    opened = psycopg2.connect(os.environ["DATABASE_URL"])
    opened.autocommit = True
    tables = ("bench_plain", "bench_governed", "bench_history")
    plain, governed, history = (_inserts(opened, table, commits) for table in tables)
    without, bare, theirs, full = alternate(plain, governed, history, _in_context(opened, commits), runs=runs)
    opened.close()
    said = f"one row, one commit, raw SQL, one connection, application role; {durability()}"
    for name, ours, note in (
        ("ledger.capture_overhead", bare, f"target <= 2x the same INSERT without triggers; {said}"),
        ("ledger.capture_overhead.in_context", full, f"with actor, action and reason set in the transaction; {said}"),
    ):
        factors, peers = ([a / b for a, b in zip(way, without, strict=True)] for way in (ours, theirs))
        peer = f"django-pghistory {version('django-pghistory')}, without a context"
        yield compared(name, factors, "x", better="lower", peer=peer, theirs=peers, note=note)
    added, theirs_added = ([(a - b) * 1e3 for a, b in zip(way, without, strict=True)] for way in (bare, theirs))
    more = _median([b - a for a, b in zip(added, theirs_added, strict=True)])
    note = f"added to the same INSERT; the peer adds {more} us more, turn by turn; {said}"
    yield compared("ledger.capture_us", added, "us", better="lower", peer=peer, theirs=theirs_added, note=note)
    yield compared("ledger.commit_ms", bare, "ms", better="lower", peer="no triggers", theirs=without, note=said)


def _median(figures: list[float]) -> str:
    """The median with its distribution-free interval of 95 %."""
    ordered, half = sorted(figures), round(0.98 * len(figures) ** 0.5)
    middle = len(ordered) // 2
    low, high = ordered[max(0, middle - half)], ordered[min(len(ordered) - 1, middle + half)]
    return f"{statistics.median(ordered):.1f} ({low:.1f} to {high:.1f})"


def _inserts(opened, table: str, commits: int) -> Callable[[], float]:
    """Milliseconds of one commit."""
    insert = f"INSERT INTO {table} {COLUMNS} VALUES {ROW}"  # noqa: S608 - constants

    def run() -> float:
        with opened.cursor() as cursor:
            started = time.perf_counter()
            for number in range(commits):
                cursor.execute(insert, row(number))
            return (time.perf_counter() - started) * 1e3 / commits

    return run


def _in_context(opened, commits: int) -> Callable[[], float]:
    """The same as `core.context.governed` does it: a transaction that first says who, what and why."""
    said = [SETTING, Said(uuid.uuid4(), "bench.insert", reason="because the benchmark asks").text()]
    insert = f"INSERT INTO bench_governed {COLUMNS} VALUES {ROW}"  # noqa: S608 - constants

    def run() -> float:
        with opened.cursor() as cursor:
            started = time.perf_counter()
            for number in range(commits):
                cursor.execute("BEGIN")
                cursor.execute(CONTEXT, said)
                cursor.execute(insert, row(number))
                cursor.execute("COMMIT")
            return (time.perf_counter() - started) * 1e3 / commits

    return run
