"""Tiles: the Merkle tree cut into immutable files of 256 hashes, and the right edge that grows them.

Tile `index` at `level` holds the hashes of 256 complete subtrees of 256^level leaves. A full tile never changes, so
stores insert and never update. Partial tiles are the right edge; they follow from the leaves or from the full tiles
below, and need not be stored.

References
----------
.. [1] C2SP tlog-tiles, https://c2sp.org/tlog-tiles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from provenance.domain.errors import FormatError
from provenance.domain.merkle import EMPTY_ROOT, HASH_BYTES, TILE_HEIGHT, TILE_WIDTH, hash_node, root_of

MAX_ENTRY_BYTES = 65_535
MAX_LEVEL = 7  # 256^8 leaves exceed every counter used here
_INDEX = r"((?:x\d{3}/){0,6}\d{3})"  # 21 digits: no tree of 64-bit size has more
_TILE_PATH = re.compile(rf"tile/(\d|[1-5]\d|6[0-3])/{_INDEX}(?:\.p/([1-9]\d{{0,2}}))?")
_BUNDLE_PATH = re.compile(rf"tile/entries/{_INDEX}(?:\.p/([1-9]\d{{0,2}}))?")


@dataclass(frozen=True)
class FullTile:
    """256 hashes that will never change."""

    level: int
    index: int
    hashes: bytes  # 8,192 bytes
    root: bytes  # 32 bytes: the hash this tile has in the tile above


@dataclass(frozen=True)
class TileName:
    """A parsed tile or bundle path; `level` is None for an entry bundle."""

    level: int | None
    index: int
    width: int  # 1 to 256


# --- names ---------------------------------------------------------------------------------------------------------


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Path of a tile under the log's prefix: ``tile/1/x001/x234/067``, with ``.p/<width>`` where it is partial."""
    if not 0 <= level <= 63:
        raise FormatError(f"expected a tile level from 0 to 63, got {level}")
    return f"tile/{level}/{_index_path(index)}{_width_suffix(width)}"


def bundle_path(index: int, width: int = TILE_WIDTH) -> str:
    """Path of an entry bundle: the entries whose hashes are tile `index` at level 0."""
    return f"tile/entries/{_index_path(index)}{_width_suffix(width)}"


def parse_path(path: str) -> TileName:
    """Read a requested path back; a second spelling of the same tile (a padded width, say) is refused.

    Raises
    ------
    FormatError
        If it is not the one path of a tile or bundle.
    """
    if match := _TILE_PATH.fullmatch(path):
        name = TileName(int(match[1]), _parse_index(match[2]), int(match[3] or TILE_WIDTH))
    elif match := _BUNDLE_PATH.fullmatch(path):
        name = TileName(None, _parse_index(match[1]), int(match[2] or TILE_WIDTH))
    else:
        raise FormatError(f"expected a path like tile/0/x001/234 or tile/entries/000.p/17, got {path[:80]!r}")
    only = bundle_path(name.index, name.width) if name.level is None else tile_path(name.level, name.index, name.width)
    if only != path:
        raise FormatError(f"expected the path {only!r}, got {path[:80]!r}")
    return name


def _index_path(index: int) -> str:
    if index < 0:
        raise FormatError(f"expected a tile index from 0, got {index}")
    path = f"{index % 1000:03d}"
    while index := index // 1000:
        path = f"x{index % 1000:03d}/{path}"
    return path


def _parse_index(path: str) -> int:
    return int(path.replace("x", "").replace("/", ""))


def _width_suffix(width: int) -> str:
    if not 1 <= width <= TILE_WIDTH:
        raise FormatError(f"expected a tile width from 1 to {TILE_WIDTH}, got {width}")
    return "" if width == TILE_WIDTH else f".p/{width}"


# --- which tiles a tree has ----------------------------------------------------------------------------------------


def edge_widths(size: int) -> list[int]:
    """Widths of the partial tiles from level 0 up: what `Frontier.rebuild` must be given."""
    widths = []
    while size:
        widths.append(size % TILE_WIDTH)
        size >>= TILE_HEIGHT
    return widths


def tiles_between(old_size: int, new_size: int) -> list[TileName]:
    """Names of the tiles to publish when a tree grows: those new or wider at `new_size`."""
    names = []
    for level in range(MAX_LEVEL + 1):
        old, new = old_size >> (TILE_HEIGHT * level), new_size >> (TILE_HEIGHT * level)
        for index in range(old // TILE_WIDTH, -(-new // TILE_WIDTH)):
            width = min(TILE_WIDTH, new - index * TILE_WIDTH)
            if index * TILE_WIDTH + width > old:
                names.append(TileName(level, index, width))
    return names


# --- entry bundles -------------------------------------------------------------------------------------------------


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Encode entries as a bundle: each with its length before it, as a big-endian uint16.

    Raises
    ------
    FormatError
        If an entry exceeds 65,535 bytes.
    """
    parts = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise FormatError(f"expected an entry of at most {MAX_ENTRY_BYTES} bytes, got {len(entry)}; log its digest")
        parts += [len(entry).to_bytes(2, "big"), entry]
    return b"".join(parts)


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """Decode a bundle that must hold `width` entries and nothing else.

    Raises
    ------
    FormatError
        If it is cut short, has bytes left over, or holds another number of entries.
    """
    entries, at = [], 0
    while at < len(data):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or at > len(data):
            raise FormatError(f"expected a whole entry at byte {start - 2}, got a bundle of {len(data)} bytes")
        entries.append(data[start:at])
        if len(entries) > width:
            break
    if len(entries) != width:
        raise FormatError(
            f"expected a bundle of {width} entries, got {'more' if len(entries) > width else len(entries)}"
        )
    return entries


# --- the growing edge ----------------------------------------------------------------------------------------------


class Frontier:
    """Right edge of a growing tree: at most 255 hashes a level, whatever the size.

    Owned by the one sequencer. Nothing here is durable: persist the tiles that `push` returns with the entries, in one
    transaction, and after a crash rebuild from what was committed.
    """

    def __init__(self) -> None:
        self._size = 0
        self._edge: list[list[bytes]] = [[]]

    @classmethod
    def rebuild(cls, size: int, edges: Sequence[Sequence[bytes]]) -> Frontier:
        """Restore the edge of a tree of `size` leaves.

        Parameters
        ----------
        size : int
        edges : sequence of sequences of bytes
            From level 0 up, the hashes right of the last full tile: leaf hashes at level 0, roots of the full tiles
            below at every other level. Their lengths are `edge_widths(size)`.

        Raises
        ------
        FormatError
            If the widths do not belong to this size: the store has lost rows, or the size is another tree's.
        """
        widths, got = edge_widths(size), [len(edge) for edge in edges]
        if got != widths:
            raise FormatError(f"expected edges of {widths} hashes for a tree of {size} leaves, got {got}")
        for value in (value for edge in edges for value in edge):
            if len(value) != HASH_BYTES:
                raise FormatError(f"expected hashes of {HASH_BYTES} bytes, got {len(value)}")
        frontier = cls()
        frontier._size = size
        frontier._edge = [list(edge) for edge in edges] or [[]]
        return frontier

    @property
    def size(self) -> int:
        """Leaves pushed so far."""
        return self._size

    def push(self, leaf_hash: bytes) -> list[FullTile]:
        """Append one leaf hash; return the tiles it completes, lowest level first (mostly none)."""
        return self.extend((leaf_hash,))

    def extend(self, leaf_hashes: Sequence[bytes]) -> list[FullTile]:
        """Append leaf hashes; return the tiles they complete, each after those below it.

        Raises
        ------
        FormatError
            If one is not 32 bytes; none is appended then.
        """
        for value in leaf_hashes:
            if len(value) != HASH_BYTES:
                raise FormatError(f"expected a leaf hash of {HASH_BYTES} bytes, got {len(value)}")
        full: list[FullTile] = []
        start = 0
        while start < len(leaf_hashes):
            part = leaf_hashes[start : start + TILE_WIDTH - len(self._edge[0])]
            self._edge[0] += part
            self._size += len(part)
            start += len(part)
            full += self._completed()
        return full

    def _completed(self) -> list[FullTile]:
        """Take the tiles that are full off the edge, from level 0 up, and put their roots on the level above."""
        full: list[FullTile] = []
        level = 0
        while len(edge := self._edge[level]) == TILE_WIDTH:
            tile = FullTile(level, (self._size >> (TILE_HEIGHT * (level + 1))) - 1, b"".join(edge), root_of(edge))
            full.append(tile)
            self._edge[level] = []
            level += 1
            if level == len(self._edge):
                self._edge.append([])
            self._edge[level].append(tile.root)
        return full

    def root(self) -> bytes:
        """Root of the tree so far, from the edge alone."""
        value: bytes | None = None
        for edge in self._edge:  # from the right end of the tree leftwards
            for subtree in reversed(_complete_runs(edge)):
                value = subtree if value is None else hash_node(subtree, value)
        return EMPTY_ROOT if value is None else value

    def edge(self, level: int) -> bytes:
        """Bytes of the partial tile at `level`; empty where there is none."""
        return b"".join(self._edge[level]) if level < len(self._edge) else b""


def _complete_runs(hashes: Sequence[bytes]) -> list[bytes]:
    """Roots of the maximal complete subtrees of a partial tile, left to right."""
    roots, at = [], 0
    while at < len(hashes):
        run = 1 << ((len(hashes) - at).bit_length() - 1)
        roots.append(root_of(hashes[at : at + run]))
        at += run
    return roots
