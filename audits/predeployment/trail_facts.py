"""What the ledger says of each record that made a version: the facts behind the check "trail"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, models, transaction

from audits.predeployment.checks.links import Link, State
from federation import training
from federation.models import Consent, DataManifest, Round, SiteUpdate
from models_registry.models import Version
from provenance.domain.commit import open_commitment, parse_leaf
from provenance.domain.errors import LedgerError
from provenance.domain.merkle import hash_leaf, verify_inclusion
from provenance.models import Body, Checkpoint, Entry
from provenance.reading import prove
from provenance.replay import captured_columns

_PIN = "SET LOCAL timezone = 'UTC'; SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1"
_TYPES = """
    SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""
# For each row: the last entry that says what it is, whether that is what it is, and whether a change waits.
_COMPARE = """
    SELECT t.id::text, last.seq, coalesce(last.operation <> 'DELETE' AND {same}, false), EXISTS (
        SELECT 1 FROM core_outbox o WHERE o."table" = %(table)s AND o.object_id = t.id::text
    )
    FROM {table} t LEFT JOIN LATERAL (
        SELECT e.seq, e.operation, b.body::jsonb -> 'row' AS "row"
        FROM provenance_entry e JOIN provenance_body b ON b.seq = e.seq
        WHERE e.object_id = t.id::text AND e."table" = %(table)s
            AND e.operation IN ('INSERT', 'UPDATE', 'DELETE', 'REBASELINE')
        ORDER BY e.seq DESC LIMIT 1
    ) last ON true
    WHERE t.id = ANY(%(ids)s)
"""


@dataclass(frozen=True)
class _Said:
    """What the log says of one row."""

    seq: int | None  # None: nothing
    same: bool
    waiting: bool


def ledger(version: Version) -> dict[str, Any]:
    """Each record of the version against the ledger: see `checks.trail`."""
    newest = Checkpoint.objects.first()
    links = []
    with transaction.atomic():
        for rows in _records(version):
            said = _compared(rows)
            links += [_link(row, said[str(row.pk)]) for row in rows]
    return {
        "links": [link.as_fact() for link in links], "entries": Entry.objects.count(),
        "signed": newest.size if newest else 0,
    }  # fmt: skip


def _records(version: Version) -> list[Sequence[models.Model]]:
    """Everything that made the version, one list a table."""
    run = version.run
    participants = training.participants_of(run)
    manifests = DataManifest.objects.filter(participant__in=participants, digest__in=version.manifests.values())
    return [
        [run.federation], participants, list(manifests), [run], list(Consent.objects.filter(run=run)),
        list(Round.objects.filter(run=run)), list(SiteUpdate.objects.filter(round__run=run)), [version.model],
        [version], list(version.cards.all()),
    ]  # fmt: skip


def _compared(rows: Sequence[models.Model]) -> dict[str, _Said]:
    if not rows:
        return {}
    model = type(rows[0])
    table, name = model._meta.db_table, connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(_PIN)
        cursor.execute(_TYPES, [table])
        types = dict(cursor.fetchall())
        same = " AND ".join(
            f"""t.{name(c)}::text IS NOT DISTINCT FROM (last."row" ->> '{c}')::{types[c]}::text"""
            for c in captured_columns(model)
        )
        statement = _COMPARE.format(table=name(table), same=same)
        cursor.execute(statement, {"table": table, "ids": [row.pk for row in rows]})
        return {key: _Said(seq, agrees, waiting) for key, seq, agrees, waiting in cursor.fetchall()}


def _link(row: models.Model, said: _Said) -> Link:
    what = f"{row._meta.verbose_name} {row}"
    if said.waiting:
        return Link(what, State.UNKNOWN, "its newest change is still on the way into the ledger")
    if said.seq is None:
        return Link(what, State.BROKEN, "expected an entry in the ledger, found none")
    if not said.same:
        return Link(what, State.BROKEN, f"entry {said.seq} gives other values than the record has")
    try:
        signed = _proved(said.seq)
    except LedgerError as error:
        return Link(what, State.BROKEN, f"entry {said.seq} cannot be proved: {error}")
    if not signed:
        return Link(what, State.UNKNOWN, f"entry {said.seq} is not yet under a signed checkpoint")
    return Link(what, State.HOLDS, f"entry {said.seq}")


def _proved(seq: int) -> bool:
    """Whether the entry is under the newest checkpoint; LedgerError if its body or its path does not fit."""
    found = prove(Entry.objects.get(seq=seq))
    body = Body.objects.get(pk=seq)
    leaf = bytes(found.entry.leaf)
    open_commitment(parse_leaf(leaf).commitment, bytes(body.salt), body.body.encode())
    if found.checkpoint is None:
        return False
    verify_inclusion(
        leaf_hash=hash_leaf(leaf), index=seq, size=found.checkpoint.size, proof=found.path,
        root=bytes(found.checkpoint.root),
    )  # fmt: skip
    return True
