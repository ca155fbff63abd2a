"""Outbox -> entries. One writer, under an advisory lock; what it writes is insert-only.

A row leaves the outbox in the transaction that enters it into the log, so whatever is seen there waits. Never by
`id > last`: ids become visible out of order, and a row that commits late would be lost.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction

from core import vault
from provenance.copying import Rows
from provenance.domain import commit
from provenance.domain.canonical import canonical, encode_floats
from provenance.domain.merkle import hash_leaf
from provenance.domain.tiles import Frontier, edge_widths
from provenance.models import Entry, Tile

logger = logging.getLogger(__name__)
BATCH = 10_000  # rows of one transaction
CHUNK = 2_000  # rows that are made while the ones before them are written
SWITCH_SECONDS = 0.0005  # the thread that feeds the database waits no longer than this for the one that makes rows
_WAITING = f"""
    DECLARE waiting NO SCROLL CURSOR FOR
    SELECT id, (date_part('epoch', "at") * 1000000)::bigint, "table", operation, object_id, body::text, actor::text,
           action, reason, request_id
    FROM core_outbox ORDER BY id LIMIT {BATCH}
"""  # noqa: S608 - a constant of ours
_NEXT = f"FETCH {CHUNK} FROM waiting"
_ROW_OPERATIONS = {"INSERT", "UPDATE", "DELETE", "REBASELINE"}
_decode = msgspec.json.Decoder(dict[str, str | None]).decode
_encode = msgspec.json.Encoder(order="sorted").encode
_database = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sequencer")  # speaks on the one connection, in order


class _Waiting(NamedTuple):
    id: int
    at: int  # microseconds since 1970
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
            below = Tile.objects.filter(level=level - 1, index__gte=(size >> (8 * level)) - width)
            rows = below.order_by("index").values_list("root", flat=True)
        edges.append([bytes(row) for row in rows])
    return Frontier.rebuild(size, edges)


def sequence(frontier: Frontier) -> int:
    """Move what waits into the log, in one transaction. Returns how many entries were written.

    The frontier is ahead of the database if this raises: throw it away and load it again.
    """
    first = frontier.size
    sys.setswitchinterval(SWITCH_SECONDS)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_WAITING)
        with connection.wrap_database_errors:  # the pipeline goes past Django, its errors should not
            _pipeline(cursor.cursor, frontier)
        cursor.execute("CLOSE waiting")
        if frontier.size > first:
            cursor.execute("SELECT provenance_settle_outbox(%s, %s)", [first, frontier.size])
    return frontier.size - first


def _pipeline(cursor: Any, frontier: Frontier) -> None:
    """Make the entries of a chunk while the database writes the chunk before and reads the one after.

    One connection, one thread on it at a time: whoever else asks the database waits until its queue has run dry.
    """
    writing: list[Future[None]] = []
    actors: dict[str, str] = {}
    coming = _database.submit(_take, cursor)
    try:
        while waiting := [_Waiting(*row) for row in coming.result().fetchall()]:
            coming = _database.submit(_take, cursor)
            if strangers := {row.actor for row in waiting if row.actor} - actors.keys():
                _database.submit(int).result()
                actors |= pseudonyms_of(strangers)
            writing.append(_database.submit(_make(frontier, waiting, actors).write, cursor))
    finally:
        wait([coming])
        wait(writing)
    for done in writing:
        done.result()


def _take(cursor: Any) -> Any:
    """The next chunk on a cursor of its own: its rows are taken apart while the database goes on."""
    own = cursor.connection.cursor()
    own.execute(_NEXT)
    return own


def _make(frontier: Frontier, waiting: Sequence[_Waiting], actors: Mapping[str, str]) -> Rows:
    rows, salts = Rows(), os.urandom(commit.SALT_BYTES * len(waiting))
    for number, row in enumerate(waiting):
        salt = salts[commit.SALT_BYTES * number : commit.SALT_BYTES * (number + 1)]
        _enter(rows, frontier, row, salt, actors)
    return rows


def _enter(rows: Rows, frontier: Frontier, row: _Waiting, salt: bytes, actors: Mapping[str, str]) -> None:
    seq, body = frontier.size, _body(row)
    leaf = commit.leaf_line(
        table=row.table,
        op=row.operation.lower(),
        object_id=row.object_id,
        seq=seq,
        at=_time(row.at),
        actor=actors[row.actor] if row.actor else None,
        commitment=commit.commitment(salt, body),
    )
    leaf_hash = hash_leaf(leaf)
    rows.entry(seq, row.id, leaf, leaf_hash, row.table, row.operation, row.object_id, row.at)
    rows.body(seq, salt, body, row.actor, row.action, row.reason, row.request_id)
    for tile in frontier.push(leaf_hash):
        rows.tile(tile.level, tile.index, tile.hashes, tile.root)


def _time(microseconds: int) -> str:
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{_second(seconds)}.{rest:06d}Z"


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def pseudonyms_of(actors: Collection[str]) -> dict[str, str]:
    """Each actor's pseudonym under the actor's own key, which an erasure shreds (`core.vault`): asked anew each batch.

    Of somebody erased meanwhile it is a random one, so that nothing new links to what stands in the log.
    """
    known = {actor: UUID(actor) for actor in actors}
    try:
        vault.warm(known.values())
    except ImproperlyConfigured:
        logger.warning("a key does not open; its actor is found below")
    return {actor: pseudonym_of(subject) for actor, subject in known.items()}


def pseudonym_of(actor: UUID) -> str:
    """An actor whose key does not open gets a random pseudonym: one damaged row must not hold up the whole log."""
    try:
        key = vault.pseudonym_key(actor)
    except ImproperlyConfigured:
        logger.exception("no pseudonym for %s", actor)
        key = os.urandom(32)
    return commit.pseudonym(key, actor)


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
