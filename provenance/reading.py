"""Proofs and look-ups, in O(log n) reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from provenance.domain.merkle import consistency_proof, inclusion_proof, root_of
from provenance.domain.proof import Proof, format_proof
from provenance.domain.tiles import TILE_WIDTH
from provenance.models import Anchor, Checkpoint, Entry, Tile


def read_tile(level: int, index: int, width: int) -> bytes:
    """The first `width` hashes of a tile: from the stored full tile, or derived from what lies under it."""
    first = index * TILE_WIDTH
    if level == 0:
        rows = Entry.objects.filter(seq__gte=first, seq__lt=first + width).order_by("seq")
        return b"".join(bytes(value) for value in rows.values_list("leaf_hash", flat=True))
    stored = Tile.objects.filter(level=level, index=index).values_list("hashes", flat=True).first()
    if stored is not None:
        return bytes(stored)[: 32 * width]
    below = Tile.objects.filter(level=level - 1, index__gte=first, index__lt=first + width).order_by("index")
    return b"".join(_root(bytes(value)) for value in below.values_list("hashes", flat=True))


@lru_cache(maxsize=4096)
def _root(hashes: bytes) -> bytes:
    return root_of([hashes[i : i + 32] for i in range(0, len(hashes), 32)])


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
    path = tuple(inclusion_proof(entry.seq, checkpoint.size, read_tile))
    anchor = (
        Anchor.objects.filter(checkpoint_id__gt=entry.seq, state=Anchor.State.FINAL).order_by("checkpoint_id").first()
    )
    return Inclusion(entry, checkpoint, path, anchor)


def proof_file(inclusion: Inclusion) -> bytes:
    """The inclusion as a C2SP tlog-proof file. The checkpoint must exist."""
    if inclusion.checkpoint is None:
        raise ValueError("the entry is in no checkpoint yet; wait a second")
    return format_proof(Proof(inclusion.entry.seq, inclusion.path, inclusion.checkpoint.note.encode()))


def prove_consistency(old_size: int, new_size: int) -> list[bytes]:
    return consistency_proof(old_size, new_size, read_tile)


def latest_entry(object_id: object) -> Entry | None:
    """The newest change of one governed row; that somebody read about it is none."""
    return Entry.objects.filter(object_id=str(object_id)).exclude(operation="READ").order_by("-seq").first()
