"""Outbox -> entries. One writer, under an advisory lock; what it writes is insert-only.

A row leaves the outbox in the transaction that enters it into the log, so whatever is seen there waits. Never by
`id > last`: ids become visible out of order, and a row that commits late would be lost.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db import connection, transaction

from provenance.domain import commit
from provenance.domain.canonical import canonical, encode_floats
from provenance.domain.merkle import hash_leaf, root_of
from provenance.domain.tiles import Frontier, FullTile, edge_widths
from provenance.keys import secret
from provenance.models import Entry, Tile

BATCH = 5000
_TAKE = """
    SELECT id, to_char("at" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), "table", operation, object_id,
           body::text, actor::text, action, reason, request_id
    FROM core_outbox ORDER BY id LIMIT %s
"""
_ENTRY = 'COPY provenance_entry (seq, outbox_id, leaf, leaf_hash, "table", operation, object_id, "at") FROM STDIN'
_BODY = "COPY provenance_body (seq, salt, body, actor, action, reason, request_id) FROM STDIN"
_TILE = 'COPY provenance_tile (level, "index", hashes) FROM STDIN'
_ROW_OPERATIONS = {"INSERT", "UPDATE", "DELETE", "REBASELINE"}
_decode = msgspec.json.Decoder(dict[str, str | None]).decode
_encode = msgspec.json.Encoder(order="sorted").encode
NULL = r"\N"
_escapes = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


class _Waiting(NamedTuple):
    id: int
    at: str
    table: str
    operation: str
    object_id: str
    body: str
    actor: str | None
    action: str
    reason: str
    request_id: str


def load_frontier() -> Frontier:
    """The right edge of the tree as it was committed."""
    newest = Entry.objects.order_by("-seq").values_list("seq", flat=True).first()
    size = 0 if newest is None else newest + 1
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
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TAKE, [BATCH])
        waiting = [_Waiting(*row) for row in cursor.fetchall()]
        if not waiting:
            return 0
        _store(cursor, frontier, waiting)
        cursor.execute("SELECT provenance_settle_outbox(%s)", [[row.id for row in waiting]])
    return len(waiting)


def _store(cursor: Any, frontier: Frontier, waiting: Sequence[_Waiting]) -> None:
    entries, bodies, tiles = [], [], []
    salts = os.urandom(commit.SALT_BYTES * len(waiting))
    for number, row in enumerate(waiting):
        salt = salts[commit.SALT_BYTES * number : commit.SALT_BYTES * (number + 1)]
        entry, body, full = _enter(frontier, row, salt)
        entries.append(entry)
        bodies.append(body)
        tiles += [f"{tile.level}\t{tile.index}\t\\\\x{tile.hashes.hex()}\n" for tile in full]
    for statement, lines in ((_ENTRY, entries), (_BODY, bodies), (_TILE, tiles)):
        if lines:
            with connection.wrap_database_errors:  # COPY goes past Django, its errors should not
                cursor.copy_expert(statement, io.StringIO("".join(lines)))


def _enter(frontier: Frontier, row: _Waiting, salt: bytes) -> tuple[str, str, list[FullTile]]:
    """The lines of one entry and its body, and the tiles that it fills."""
    seq, body = frontier.size, _body(row)
    leaf = commit.leaf_line(
        table=row.table,
        op=row.operation.lower(),
        object_id=row.object_id,
        seq=seq,
        at=row.at,
        actor=pseudonym_of(row.actor) if row.actor else None,
        commitment=commit.commitment(salt, body),
    )
    leaf_hash = hash_leaf(leaf)
    named = f"{row.table}\t{row.operation}\t{row.object_id.translate(_escapes)}\t{row.at}"
    entry = f"{seq}\t{row.id}\t\\\\x{leaf.hex()}\t\\\\x{leaf_hash.hex()}\t{named}\n"
    text = "\t".join(value.translate(_escapes) for value in (row.action, row.reason, row.request_id))
    stored = f"{seq}\t\\\\x{salt.hex()}\t{body.decode().translate(_escapes)}\t{row.actor or NULL}\t{text}\n"
    return entry, stored, frontier.push(leaf_hash)


@lru_cache(maxsize=4096)
def pseudonym_of(actor: str) -> str:
    return commit.pseudonym(secret("pseudonym"), UUID(actor))


def _body(row: _Waiting) -> bytes:
    """What the leaf commits to: the row as canonical JSON, with who, what and why.

    A captured row is text throughout, so the fast encoder's output is canonical (a test holds it against `canonical`).
    What was recorded by hand may have no canonical form (a huge integer, a key in another script); it is kept as the
    database's own text: one row must not hold up all others for ever.
    """
    context = {"action": row.action, "actor": row.actor, "reason": row.reason, "request": row.request_id}
    if row.operation in _ROW_OPERATIONS and row.table.isascii():
        try:
            return _encode({**context, "row": _decode(row.body)})
        except msgspec.ValidationError:
            pass  # a row from before values were text
    try:
        return canonical({**context, "row": encode_floats(json.loads(row.body, parse_float=Decimal))})
    except (ValueError, RecursionError):
        return canonical({**context, "text": row.body})
