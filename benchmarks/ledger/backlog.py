"""Rows waiting in the outbox, put there by the capture trigger of a governed table, as the application role."""

from __future__ import annotations

import uuid

from django.db import connection

from benchmarks.ledger.overhead import DETAILS
from core.context import governed

CHUNK = 10_000


def fill(count: int) -> None:
    """Insert rows into the governed table, each with the actor, action and reason of its transaction."""
    for start in range(0, count, CHUNK):
        actor = uuid.UUID(int=start + 1)
        with (
            governed(action="bench.insert", actor=actor, reason="because the benchmark asks"),
            connection.cursor() as cursor,
        ):
            cursor.execute(
                "INSERT INTO bench_governed (id, name, state, score, version, details, changed_at) "
                "SELECT gen_random_uuid(), 'model ' || n, 'open', n / 7.0, n, %s::jsonb, clock_timestamp() "
                "FROM generate_series(1, %s) AS n",
                [DETAILS, min(CHUNK, count - start)],
            )
