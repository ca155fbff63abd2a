"""What one inclusion proof costs in a log of a million entries: time, and questions to the database."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator

from django.db import connection

from benchmarks.frame import QUICK_RUNS, RUNS, Measure, compared, progress
from benchmarks.ledger import backlog
from benchmarks.ledger.sequence import drain
from benchmarks.platform import durability
from provenance import checkpoints, reading, sequencing
from provenance.domain.merkle import inclusion_proof, verify_inclusion
from provenance.models import Checkpoint, Entry

SIZE, QUICK_SIZE = 1_000_000, 30_000
PROOFS = 200
CHUNK = 200_000


def measure(*, quick: bool) -> Iterator[Measure]:
    runs = QUICK_RUNS if quick else RUNS
    size = grow(QUICK_SIZE if quick else SIZE)
    rng = random.Random(1)  # noqa: S311 - which entries are asked for is no secret
    times, served, reads = [], [], 0
    root = bytes(Checkpoint.objects.get(size=size).root)
    for _ in range(runs):
        wanted = [rng.randrange(size) for _ in range(PROOFS)]
        times.append(statistics.median(_timed(seq, size, root) for seq in wanted))
        served.append(statistics.median(_served(entry) for entry in Entry.objects.filter(seq__in=wanted)))
        reads = max(reads, max(_reads(seq, size) for seq in wanted[:50]))
    note = f"median of {PROOFS} random entries a run, in a log of {size} entries; {durability()}"
    yield compared(
        "ledger.proof_ms", times, "ms", better="lower", note=f"target <= 1 ms; tile reads and hashes; {note}"
    )
    yield compared("ledger.proof_reads", [reads], "reads", better="lower", note=f"target <= 5; the most of any; {note}")
    yield compared(
        "ledger.prove_ms",
        served,
        "ms",
        better="lower",
        note=f"reading.prove: checkpoint and anchor looked up too; {note}",
    )


def grow(size: int) -> int:
    """Grow the log to at least this size, sign it, and verify one proof of it: a wrong proof has no speed."""
    frontier = sequencing.load_frontier()
    drain(frontier)
    while frontier.size < size:
        progress(f"filling the log: {frontier.size} of {size}")
        backlog.fill(min(CHUNK, size - frontier.size))
        drain(frontier)
    checkpoints.checkpoint_sign(frontier)
    newest = Checkpoint.objects.first()
    if newest is None or newest.size != frontier.size:
        raise RuntimeError(f"expected a checkpoint of {frontier.size} entries, got {newest}")
    entry = Entry.objects.get(seq=newest.size // 3)
    verify_inclusion(
        leaf_hash=bytes(entry.leaf_hash), index=entry.seq, size=newest.size, root=bytes(newest.root),
        proof=reading.prove(entry).path,
    )  # fmt: skip
    return newest.size


def _timed(seq: int, size: int, root: bytes) -> float:
    started = time.perf_counter()
    inclusion_proof(seq, size, reading.tiles_of(root))
    return (time.perf_counter() - started) * 1e3


def _served(entry: Entry) -> float:
    started = time.perf_counter()
    reading.prove(entry)
    return (time.perf_counter() - started) * 1e3


def _reads(seq: int, size: int) -> int:
    """Questions to the database by a process that has proved nothing yet."""
    count = 0

    def counted(execute, *arguments):
        nonlocal count
        count += 1
        return execute(*arguments)

    with connection.execute_wrapper(counted):
        inclusion_proof(seq, size, reading.read_tile)
    return count
