"""Capture of governed rows into the outbox, by database trigger.

Every change of a governed table, also by raw SQL, bulk statements and cascades, writes one outbox row in the same
transaction. A model is governed if its Meta lists `captured(...)`, which is an allow-list: passwords, secrets and
counters never leave their table. An owner who disables triggers cannot be prevented, only detected (replay).
"""

from __future__ import annotations

import json

import pgtrigger
from django.db import connection, models


class Capture(pgtrigger.Trigger):
    """AFTER each row: call the shared function `core_capture` with the allow-listed columns.

    The shared function (core/migrations) does not honour `pgtrigger.ignore`. After each migration every table gets a
    faster function of its own (`core.specialise`), which captures the same.
    """

    when = pgtrigger.After
    operation = pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete
    func = "RETURN NULL;"  # pgtrigger wants a body; the trigger executes core_capture instead

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        super().__init__(name="capture")

    def render_execute(self, model: models.Model) -> str:
        # A proxy puts another package's table under the ledger's eye; its columns are those of the model behind it.
        known = {field.column for field in model._meta.concrete_fields}
        if unknown := set(self.columns) - known:
            raise ValueError(f"{model._meta.label}: capture names columns that do not exist: {sorted(unknown)}")
        quoted = ", ".join(f"'{column}'" for column in self.columns)
        return f"core_capture({quoted})"


class AppendOnly(pgtrigger.Trigger):
    """Refuse UPDATE and DELETE of a row."""

    when = pgtrigger.Before
    operation = pgtrigger.Update | pgtrigger.Delete
    func = "RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';"


class NoTruncate(pgtrigger.Trigger):
    """Refuse TRUNCATE of the table."""

    when = pgtrigger.Before
    level = pgtrigger.Statement
    operation = pgtrigger.Truncate
    func = "RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';"


def captured(*columns: str) -> list[pgtrigger.Trigger]:
    """The triggers of a governed model: capture of these columns (``id`` first), no TRUNCATE."""
    return [Capture(columns), NoTruncate(name="no_truncate")]


def append_only() -> list[pgtrigger.Trigger]:
    """The triggers of a table that only ever grows."""
    return [AppendOnly(name="append_only"), NoTruncate(name="no_truncate")]


def record(*, table: str, operation: str, object_id: str, body: dict) -> None:
    """Write one outbox row for what is no row change: a bulk batch, a read of a sensitive record, a heartbeat."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT core_record(%s, %s, %s, %s::jsonb)", [table, operation, object_id, json.dumps(body)])
