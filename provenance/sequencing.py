"""Outbox -> entries. One writer, under an advisory lock; what it writes is insert-only.

Rows of the outbox are found by anti-join, never by `id > last`: ids become visible out of order, and a row that commits
late would be lost.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction

from provenance.domain import commit
from provenance.domain.canonical import canonical, encode_floats
from provenance.domain.merkle import hash_leaf, root_of
from provenance.domain.tiles import Frontier, FullTile, edge_widths
from provenance.keys import secret
from provenance.models import Body, Entry, Tile

BATCH = 2000
_TAKE = """
    SELECT o.id, o.at, o."table", o.operation, o.object_id, o.body::text, o.actor, o.action, o.reason, o.request_id
    FROM core_outbox o
    WHERE NOT EXISTS (SELECT 1 FROM provenance_entry e WHERE e.outbox_id = o.id)
    ORDER BY o.id LIMIT %s
"""


@dataclass(frozen=True)
class _Waiting:
    id: int
    at: datetime
    table: str
    operation: str
    object_id: str
    body: str
    actor: UUID | None
    action: str
    reason: str
    request_id: str


def load_frontier() -> Frontier:
    """The right edge of the tree as it was committed."""
    size = Entry.objects.count()
    edges: list[list[bytes]] = []
    rows: Iterable[bytes | memoryview]
    for level, width in enumerate(edge_widths(size)):
        if level == 0:
            rows = Entry.objects.filter(seq__gte=size - width).order_by("seq").values_list("leaf_hash", flat=True)
        else:
            first = (size >> (8 * level)) - width
            rows = [
                root_of(_split(bytes(hashes)))
                for hashes in Tile.objects.filter(level=level - 1, index__gte=first)
                .order_by("index")
                .values_list("hashes", flat=True)
            ]
        edges.append([bytes(row) for row in rows])
    return Frontier.rebuild(size, edges)


def _split(hashes: bytes) -> list[bytes]:
    return [hashes[i : i + 32] for i in range(0, len(hashes), 32)]


def sequence(frontier: Frontier) -> int:
    """Move what waits into the log, in one transaction. Returns how many entries were written.

    The frontier is ahead of the database if this raises: throw it away and load it again.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, [BATCH])
            waiting = [_Waiting(*row) for row in cursor.fetchall()]
        entries, bodies, tiles = [], [], []
        for row in waiting:
            entry, body, full = _enter(frontier, row)
            entries.append(entry)
            bodies.append(body)
            tiles += [Tile(level=t.level, index=t.index, hashes=t.hashes) for t in full]
        Entry.objects.bulk_create(entries)
        Body.objects.bulk_create(bodies)
        Tile.objects.bulk_create(tiles)
    return len(waiting)


def _enter(frontier: Frontier, row: _Waiting) -> tuple[Entry, Body, list[FullTile]]:
    seq, salt, body = frontier.size, secrets.token_bytes(commit.SALT_BYTES), _body(row)
    leaf = commit.leaf_bytes(
        table=row.table,
        op=row.operation.lower(),
        object_id=row.object_id,
        seq=seq,
        at=row.at,
        actor=commit.pseudonym(secret("pseudonym"), row.actor) if row.actor else None,
        commitment=commit.commitment(salt, body),
    )
    leaf_hash = hash_leaf(leaf)
    entry = Entry(
        seq=seq, outbox_id=row.id, leaf=leaf, leaf_hash=leaf_hash, table=row.table, operation=row.operation,
        object_id=row.object_id, at=row.at,
    )  # fmt: skip
    stored = Body(
        entry=entry, salt=salt, body=body.decode(), actor=row.actor, action=row.action, reason=row.reason,
        request_id=row.request_id,
    )  # fmt: skip
    return entry, stored, frontier.push(leaf_hash)


def _body(row: _Waiting) -> bytes:
    """What the leaf commits to: the row as canonical JSON, with who, what and why.

    A row that has no canonical form (a huge integer, a key in another script) is kept as the database's own text: one
    row must not hold up all others for ever.
    """
    context = {
        "actor": str(row.actor) if row.actor else None,
        "action": row.action,
        "reason": row.reason,
        "request": row.request_id,
    }
    try:
        return canonical({"row": encode_floats(json.loads(row.body, parse_float=Decimal)), **context})
    except (ValueError, RecursionError):
        return canonical({"text": row.body, **context})


def prune_outbox() -> int:
    """Drop outbox rows that stand in the log. The database function can remove no others."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT provenance_prune_outbox()")
        return cursor.fetchone()[0]
