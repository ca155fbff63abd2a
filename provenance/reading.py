"""Proofs and look-ups, in O(log n) reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection
from django.db.models import QuerySet

from provenance.domain.merkle import TileReader, consistency_proof, inclusion_proof
from provenance.domain.tiles import TILE_WIDTH
from provenance.models import Anchor, Checkpoint, Entry

_LEAVES = "SELECT string_agg(leaf_hash, ''::bytea ORDER BY seq) FROM provenance_entry WHERE seq >= %s AND seq < %s"
_NEWEST = (  # each by the index of its object, however many changes the object has
    "SELECT asked.id, newest.seq FROM unnest(%s::text[]) AS asked(id) CROSS JOIN LATERAL ("
    "SELECT seq FROM provenance_entry "
    "WHERE hashtext(object_id) = hashtext(asked.id) AND object_id = asked.id AND operation <> 'READ' "
    "ORDER BY seq DESC LIMIT 1) AS newest"
)
_ROOTS = (
    "SELECT string_agg(root, ''::bytea ORDER BY \"index\") FROM provenance_tile "
    'WHERE level = %s AND "index" >= %s AND "index" < %s'
)


def read_tile(level: int, index: int, width: int) -> bytes:
    """The first `width` hashes of a tile, in one read: a full tile is stored, a partial one lies under it in order."""
    first = index * TILE_WIDTH
    with connection.cursor() as cursor:
        if width == TILE_WIDTH:
            cursor.execute('SELECT hashes FROM provenance_tile WHERE level = %s AND "index" = %s', [level, index])
        elif level == 0:
            cursor.execute(_LEAVES, [first, first + width])
        else:
            cursor.execute(_ROOTS, [level - 1, first, first + width])
        row = cursor.fetchone()
    return bytes(row[0]) if row is not None and row[0] is not None else b""


@lru_cache(maxsize=4)
def tiles_of(root: bytes) -> TileReader:
    """`read_tile` for one tree, remembering what many of its proofs share: all but the full tiles of leaves.

    The root commits to every hash below it, so what is remembered under it can never be another tree's.
    """
    remember = lru_cache(maxsize=1024)(read_tile)

    def read(level: int, index: int, width: int) -> bytes:
        return (read_tile if level == 0 and width == TILE_WIDTH else remember)(level, index, width)

    return read


@dataclass(frozen=True)
class Inclusion:
    """An entry, the checkpoint that covers it, the path between them, and how far the outside world has it."""

    entry: Entry
    checkpoint: Checkpoint | None  # None: sequenced, not yet signed
    path: tuple[bytes, ...]
    anchor: Anchor | None  # the earliest final anchor whose tree holds the entry


def prove(entry: Entry) -> Inclusion:
    """The entry's inclusion in the newest checkpoint."""
    checkpoint = Checkpoint.objects.first()
    if checkpoint is None or checkpoint.size <= entry.seq:
        return Inclusion(entry, None, (), None)
    path = tuple(inclusion_proof(entry.seq, checkpoint.size, tiles_of(bytes(checkpoint.root))))
    anchor = (
        Anchor.objects.filter(checkpoint_id__gt=entry.seq, state=Anchor.State.FINAL).order_by("checkpoint_id").first()
    )
    return Inclusion(entry, checkpoint, path, anchor)


def prove_consistency(old_size: int, new_size: int) -> list[bytes]:
    return consistency_proof(old_size, new_size, read_tile)


def entries_about(object_id: object) -> QuerySet[Entry]:
    """The entries about an identifier; none for one that no text column can hold."""
    name = str(object_id)
    return Entry.objects.filter(object_id=name) if "\0" not in name else Entry.objects.none()


def latest_entry(object_id: object) -> Entry | None:
    """The newest change of an object: readings of it, and bundles that were made of it, do not count."""
    return entries_about(object_id).exclude(operation="READ").order_by("-seq").first()


def newest_of(object_ids: Iterable[object]) -> dict[str, int]:
    """The numbers of the newest changes of many objects, as `latest_entry` counts them, in one query."""
    names = sorted({name for name in map(str, object_ids) if "\0" not in name})
    if not names:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [names])
        return dict(cursor.fetchall())
