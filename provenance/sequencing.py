"""Outbox -> entries. One writer, under an advisory lock; what it writes is insert-only.

A row leaves the outbox in the transaction that enters it into the log, so whatever is seen there waits. Never by
`id > last`: ids become visible out of order, and a row that commits late would be lost.
"""

from __future__ import annotations

import logging
import os
import sys
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction

from core import vault
from core.said import read
from provenance import copying, entering
from provenance.domain import commit
from provenance.domain.tiles import Frontier, edge_widths
from provenance.models import Entry, Tile

logger = logging.getLogger(__name__)
BATCH = 50_000  # rows of one transaction: about a second's work at most
CHUNK = 4_000  # rows that are made while the ones before them are written; halving it costs a tenth of the rate
SWITCH_SECONDS = 0.0001  # the thread that feeds the database waits no longer than this for the one that makes rows
_WAITING = f"""
    DECLARE waiting NO SCROLL CURSOR FOR
    SELECT id, (date_part('epoch', "at") * 1000000)::bigint, "table", operation, object_id, body::text, context
    FROM core_outbox ORDER BY id LIMIT {BATCH}
"""  # noqa: S608 - a constant of ours
_CONTEXTS = f"""
    SELECT DISTINCT context FROM (SELECT context FROM core_outbox ORDER BY id LIMIT {BATCH}) waiting
"""  # noqa: S608 - a constant of ours
_NEXT = f"FETCH {CHUNK} FROM waiting"
_database = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sequencer")  # speaks on the one connection, in order


class NotSettled(RuntimeError):
    """Rows that were entered did not leave the outbox: they would be entered again."""


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
        cursor.execute(_CONTEXTS)  # one look ahead: a question in the middle would have to wait for the pipeline
        actors = pseudonyms_of(actors_of(context for (context,) in cursor.fetchall()))
        with connection.wrap_database_errors:  # the pipeline goes past Django, its errors should not
            _pipeline(cursor.cursor, frontier, actors)
        cursor.execute("CLOSE waiting")
    return frontier.size - first


def _pipeline(cursor: Any, frontier: Frontier, actors: dict[UUID, str]) -> None:
    """Make the entries of a chunk while the database writes the chunk before and reads the one after.

    One connection, one thread on it at a time: whoever else asks the database waits until its queue has run dry.
    """
    coming: deque[Future[Any]] = deque(_database.submit(_take, cursor) for _ in range(2))
    try:
        while waiting := coming.popleft().result().fetchall():
            if strangers := actors_of(row[6] for row in waiting) - actors.keys():  # committed since the look ahead
                wait(coming)
                actors |= pseudonyms_of(strangers)
            first = frontier.size
            copies = entering.make(frontier, waiting, actors).copies()
            coming.append(_database.submit(_enter, cursor, copies, first, frontier.size))
    finally:
        wait(coming)
    for done in coming:
        done.result()


def _take(cursor: Any) -> Any:
    """The next chunk on a cursor of its own: its rows are taken apart while the database goes on."""
    own = cursor.connection.cursor()
    own.execute(_NEXT)
    return own


def _enter(cursor: Any, copies: Sequence[copying.Copy], first: int, end: int) -> Any:
    """Write entries, let their rows leave the outbox while both are at hand, and take the chunk after the next."""
    copying.write(cursor, copies)
    cursor.execute("SELECT provenance_settle_outbox(%s, %s)", [first, end])
    (settled,) = cursor.fetchone()
    if settled != end - first:
        raise NotSettled(f"of {end - first} rows entered from {first} on, {settled} left the outbox")
    return _take(cursor)


def actors_of(contexts: Iterable[str | None]) -> set[UUID]:
    """Who is named by them."""
    return {said.actor for said in map(read, set(contexts)) if said.actor}


def pseudonyms_of(actors: Collection[UUID]) -> dict[UUID, str]:
    """Each actor's pseudonym under the actor's own key, which an erasure shreds (`core.vault`): asked anew each batch.

    Of somebody erased meanwhile it is a random one, so that nothing new links to what stands in the log.
    """
    try:
        vault.warm(actors)
    except ImproperlyConfigured:
        logger.warning("a key does not open; its actor is found below")
    return {actor: pseudonym_of(actor) for actor in actors}


def pseudonym_of(actor: UUID) -> str:
    """An actor whose key does not open gets a random pseudonym: one damaged row must not hold up the whole log."""
    try:
        key = vault.pseudonym_key(actor)
    except ImproperlyConfigured:
        logger.exception("no pseudonym for %s", actor)
        key = os.urandom(32)
    return commit.pseudonym(key, actor)
