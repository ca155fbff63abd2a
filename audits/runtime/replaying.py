"""Predictions and outcomes held against the ledger: every stored row must stand in a batch whose root is logged.

Rows are counted against their batches in the database, all of them, in one pass. Their content is hashed here, which
takes minutes for ten million rows; whoever cannot wait for that has a number of rows hashed, of batches drawn by the
newest signed checkpoint: nobody could know the draw before that was signed, and anybody can draw again.
"""

from __future__ import annotations

import hashlib
import uuid

from django.db import connection

from audits.runtime.batches import batch_intact
from audits.runtime.models import Batch, Outcome, Prediction
from audits.runtime.retention import retired
from provenance.models import Checkpoint
from provenance.replay import SHOWN, BulkReplay, register

_COUNTED = """
    SELECT coalesce(b.id, s.batch_id), b.rows, coalesce(s.rows, 0)
    FROM (SELECT id, rows FROM audits_runtime_batch WHERE kind = %s AND id <> ALL(%s::uuid[])) b
    FULL JOIN (
        SELECT batch_id, count(*) AS rows FROM {table} WHERE batch_id <> ALL(%s::uuid[]) GROUP BY batch_id
    ) s ON s.batch_id = b.id
"""


def predictions_replay(hashed: int | None = None) -> BulkReplay:
    return _replay("prediction", Prediction, hashed)


def outcomes_replay(hashed: int | None = None) -> BulkReplay:
    return _replay("outcome", Outcome, hashed)


def _replay(kind: str, model: type[Prediction] | type[Outcome], most: int | None) -> BulkReplay:
    counted = _counted(kind, model._meta.db_table)
    claimed = {id: told for id, told, _ in counted if told is not None}
    strangers = sum(stored for _, told, stored in counted if told is None)
    wrong = {id for id, told, stored in counted if told is not None and told != stored}
    looked = _drawn({id: rows for id, rows in claimed.items() if id not in wrong}, most)
    for batch in Batch.objects.filter(id__in=looked).iterator(chunk_size=200):
        if not batch_intact(batch):
            wrong.add(batch.id)
    problems = [f"batch {id}: its {kind}s are not those that the log commits to" for id in sorted(wrong)]
    if strangers:
        problems.append(f"{strangers} {kind}s stand in no batch of the log")
    expected, lost = sum(claimed.values()), sum(claimed[id] for id in wrong)
    return BulkReplay(
        model._meta.db_table, expected + strangers, expected - lost, problems[:SHOWN], sum(claimed[id] for id in looked)
    )


def _counted(kind: str, table: str) -> list[tuple[uuid.UUID, int | None, int]]:
    """Of each batch its identifier, the rows that it claims (None: no batch of the log) and those that are stored."""
    gone = [str(id) for id in retired(list(Batch.objects.filter(kind=kind).only("id", "created_at")))]
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED.format(table=table), [kind, gone, gone])
        return cursor.fetchall()


def _drawn(rows: dict[uuid.UUID, int], most: int | None) -> list[uuid.UUID]:
    """The batches whose content is hashed: all, or as many as have together at least `most` rows."""
    if most is None or sum(rows.values()) <= most:
        return list(rows)
    newest = Checkpoint.objects.first()
    seed = bytes(newest.root) if newest else b""
    drawn: list[uuid.UUID] = []
    left = most
    for id in sorted(rows, key=lambda id: hashlib.sha256(seed + id.bytes).digest()):
        if left <= 0:
            break
        drawn.append(id)
        left -= rows[id]
    return drawn


def register_all() -> None:
    """Called once when the application starts."""
    register(Prediction._meta.db_table, predictions_replay)
    register(Outcome._meta.db_table, outcomes_replay)
