"""Predictions and outcomes held against the ledger: every stored row must stand in a batch whose root is logged."""

from __future__ import annotations

from audits.runtime.batches import batch_intact
from audits.runtime.models import Batch, Outcome, Prediction
from audits.runtime.retention import retired
from provenance.replay import SHOWN, BulkReplay, register


def predictions_replay() -> BulkReplay:
    return _replay("prediction", Prediction)


def outcomes_replay() -> BulkReplay:
    return _replay("outcome", Outcome)


def _replay(kind: str, model: type[Prediction] | type[Outcome]) -> BulkReplay:
    found = claimed = 0
    problems = []
    batches = Batch.objects.filter(kind=kind)
    gone = retired(list(batches.only("id", "created_at")))
    for batch in batches.exclude(id__in=gone).iterator(chunk_size=200):
        claimed += batch.rows
        if batch_intact(batch):
            found += batch.rows
        else:
            problems.append(f"batch {batch.id}: its {kind}s are not those that the log commits to")
    strangers = model.objects.exclude(batch_id__in=batches.values("id")).count()
    if strangers:
        problems.append(f"{strangers} {kind}s stand in no batch of the log")
    return BulkReplay(model._meta.db_table, claimed + strangers, found, problems[:SHOWN])


def register_all() -> None:
    """Called once when the application starts."""
    register(Prediction._meta.db_table, predictions_replay)
    register(Outcome._meta.db_table, outcomes_replay)
