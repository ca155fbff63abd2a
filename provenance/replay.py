"""Replay: rebuild every governed table from the log in a scratch schema, and hold it against the table row by row.

What capture missed shows here: a row changed while the triggers were off differs, an added one is not in the log, a
removed one is missing. The rows of bulk tables are held against the Merkle roots of their batches by whoever owns them
(`register`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction

from core.capture import Capture

SHOWN = 20  # identifiers listed of each kind of difference
_PIN = "SET LOCAL timezone = 'UTC'; SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1"
_TYPES = """
    SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""
# The last word on each row: from the log, or still on its way there. One pass over the log for all tables.
_LAST = """
    CREATE TEMPORARY TABLE replay_last AS
    SELECT DISTINCT ON ("table", object_id) "table", object_id, operation, "row" FROM (
        SELECT e."table", e.object_id, e.operation, b.body::jsonb -> 'row' AS "row", 0 AS part, e.seq AS place
        FROM provenance_entry e JOIN provenance_body b ON b.seq = e.seq
        WHERE e.operation IN ('INSERT', 'UPDATE', 'DELETE', 'REBASELINE')
        UNION ALL
        SELECT o."table", o.object_id, o.operation, o.body, 1, o.id FROM core_outbox o
        WHERE o.operation IN ('INSERT', 'UPDATE', 'DELETE', 'REBASELINE')
    ) said ORDER BY "table", object_id, part DESC, place DESC
"""
_REBUILD = """
    CREATE TABLE {scratch} AS SELECT {values} FROM replay_last WHERE "table" = %s AND operation <> 'DELETE'
"""
_COMPARE = """
    SELECT kind, count(*), (array_agg(id ORDER BY id) FILTER (WHERE kind <> 'same'))[1:{shown}] FROM (
        SELECT coalesce(t.{key}, s.{key})::text AS id,
               CASE WHEN t.{key} IS NULL THEN 'missing' WHEN s.{key} IS NULL THEN 'unlogged'
                    WHEN {same} THEN 'same' ELSE 'different' END AS kind
        FROM {table} t FULL JOIN {scratch} s ON t.{key} = s.{key}
    ) compared GROUP BY kind
"""
BulkCheck = Callable[[int | None], "BulkReplay"]
_bulk: dict[str, BulkCheck] = {}


@dataclass(frozen=True)
class TableReplay:
    """One governed table. The lists name at most 20 rows each."""

    table: str
    expected: int  # rows that stand in the table or, by the log, should
    found: int  # of these, how many the log gives exactly
    missing: list[str]  # the log has them, the table does not
    unlogged: list[str]  # the table has them, the log does not
    different: list[str]  # both have them, with other values


@dataclass(frozen=True)
class BulkReplay:
    """One bulk table: rows that stand in a batch of the log.

    `found` counts rows of batches in which nothing is amiss, as far as they were looked at: all rows are counted
    against their batches, and the content of `hashed` of them was hashed to the roots that the log has.
    """

    table: str
    expected: int
    found: int
    problems: list[str]
    hashed: int


@dataclass(frozen=True)
class Replay:
    """The measured completeness of the log: `found` of `expected` rows."""

    tables: list[TableReplay] = field(default_factory=list)
    bulk: list[BulkReplay] = field(default_factory=list)

    @property
    def all(self) -> list[TableReplay | BulkReplay]:
        """Every table, governed and bulk."""
        return [*self.tables, *self.bulk]

    @property
    def expected(self) -> int:
        return sum(item.expected for item in self.all)

    @property
    def found(self) -> int:
        return sum(item.found for item in self.all)

    @property
    def bulk_expected(self) -> int:
        return sum(item.expected for item in self.bulk)

    @property
    def bulk_hashed(self) -> int:
        """Bulk rows whose content was hashed, and not only counted."""
        return sum(item.hashed for item in self.bulk)

    @property
    def complete(self) -> bool:
        return self.expected == self.found

    @property
    def problems(self) -> list[str]:
        """Each difference in words."""
        said = []
        for item in self.tables:
            said += [f"{item.table} {key}: in the log, but not in the table" for key in item.missing]
            said += [f"{item.table} {key}: in the table, but not in the log" for key in item.unlogged]
            said += [f"{item.table} {key}: other values than the log gives" for key in item.different]
        return said + [problem for item in self.bulk for problem in item.problems]


def register(table: str, check: BulkCheck) -> None:
    """Have a bulk table replayed by its owner; called from `ready()`.

    The check is given how many rows it may hash at most; None is all.
    """
    _bulk[table] = check


def replay(*, keep: str | None = None, hashed: int | None = None) -> Replay:
    """Rebuild and compare all governed tables, as they stood at one moment.

    Parameters
    ----------
    keep : str, optional
        A new schema in which the rebuilt tables stay (the owner role's right). Without it they are temporary.
    hashed : int, optional
        Of each bulk table, how many rows are hashed at most: all are counted against their batches, and batches drawn
        at random are held against their roots. Without it, every row is hashed, which takes minutes for millions.
    """
    with _one_moment(), connection.cursor() as cursor:
        cursor.execute(_PIN)
        cursor.execute("DROP TABLE IF EXISTS pg_temp.replay_last")  # of an earlier replay in this session
        cursor.execute(_LAST)
        if keep is not None:
            cursor.execute(f"CREATE SCHEMA {connection.ops.quote_name(keep)}")
        tables = [
            _replay_table(cursor, model, columns, keep)
            for model in apps.get_models()
            if (columns := captured_columns(model))
        ]
        return Replay(tables, [check(hashed) for check in _bulk.values()])


def captured_columns(model: type[models.Model]) -> tuple[str, ...]:
    """The columns that the log follows, the identifier first; empty if the model is not governed."""
    triggers = getattr(model._meta, "triggers", [])
    return next((trigger.columns for trigger in triggers if isinstance(trigger, Capture)), ())


@contextmanager
def _one_moment() -> Iterator[None]:
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def _replay_table(cursor: Any, model: type[models.Model], columns: tuple[str, ...], keep: str | None) -> TableReplay:
    name = connection.ops.quote_name
    table = model._meta.db_table
    scratch = f"{name(keep)}.{name(table)}" if keep else f"pg_temp.{name('replay_' + table)}"
    cursor.execute(_TYPES, [table])
    types = dict(cursor.fetchall())
    values = ", ".join(f"""("row" ->> '{column}')::{types[column]} AS {name(column)}""" for column in columns)
    if not keep:
        cursor.execute(f"DROP TABLE IF EXISTS {scratch}")
    cursor.execute(_REBUILD.format(scratch=scratch, values=values), [table])
    key = name(columns[0])
    same = " AND ".join(f"t.{name(c)}::text IS NOT DISTINCT FROM s.{name(c)}::text" for c in columns)
    cursor.execute(_COMPARE.format(key=key, same=same, table=name(table), scratch=scratch, shown=SHOWN))
    counts = {row[0]: (row[1], row[2] or []) for row in cursor.fetchall()}
    return TableReplay(
        table=table,
        expected=sum(count for count, _ in counts.values()),
        found=counts.get("same", (0, []))[0],
        missing=counts.get("missing", (0, []))[1],
        unlogged=counts.get("unlogged", (0, []))[1],
        different=counts.get("different", (0, []))[1],
    )
