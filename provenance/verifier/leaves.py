"""The inner loop of checking a whole log: leaves in, roots of their tiles out.

Leaves in the form that the sequencer writes are matched by one regular expression a bundle, which is the only way to
look at every byte of half a million leaves a second in Python. What it does not match (an object's name in another
script, say) is parsed leaf by leaf; the two ways accept the same leaves.
"""

from __future__ import annotations

import gc
import hashlib
import re
import struct
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from provenance.domain.canonical import canonical
from provenance.domain.commit import parse_leaf
from provenance.domain.errors import FormatError
from provenance.domain.tiles import MAX_ENTRY_BYTES, TILE_WIDTH, bundle_path, decode_bundle, tile_path
from provenance.verifier.sources import open_source

TILE_BYTES = 32 * TILE_WIDTH
BUNDLE_BYTES = TILE_WIDTH * (MAX_ENTRY_BYTES + 2)
MAX_PROBLEMS = 10  # told of one task; more say nothing new

_NAME = rb"[A-Za-z][A-Za-z0-9_.:-]{0,127}"
_LEAVES = re.compile(
    rb'((?s:..))(\{"actor":(?:null|"psn:((?s:.{32}))"),'
    rb'"at":"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z",'
    rb'"commitment":"((?s:.{64}))","object":"[ !#-\[\]-~]*","op":"' + _NAME + rb'",'
    rb'"seq":([0-9]+),"table":"' + _NAME + rb'","v":1\})'
)
_HEX = b"0123456789abcdef"  # looked for in all digests at once: in the expression that would cost twice as much


@dataclass(frozen=True)
class Task:
    """A run of tiles of one log."""

    path: Path
    size: int  # of the whole log
    first: int  # tile
    last: int  # tile, excluded
    table: str = ""  # whose entries about `object_id` to list; empty: none
    object_id: str = ""


@dataclass(frozen=True)
class Checked:
    """What a run of tiles came to."""

    roots: bytes  # of the full tiles, 32 bytes each
    entries: int
    places: tuple[int, ...]  # of the entries about the wanted object
    problems: tuple[str, ...]


def check_tiles(task: Task) -> Checked:
    """Hash every leaf of a run of tiles and compare with the exported tiles.

    Raises
    ------
    Unreadable
        If a file is missing or too large.
    """
    collecting = gc.isenabled()
    gc.disable()  # a million short-lived tuples, and not one cycle among them
    try:
        return _check_tiles(task)
    finally:
        if collecting:
            gc.enable()


def _check_tiles(task: Task) -> Checked:
    source = open_source(task.path)
    roots, problems, places, entries = [], [], [], 0
    needle = b'"object":' + canonical(task.object_id) if task.table else b""
    for index in range(task.first, task.last):
        first = index * TILE_WIDTH
        width = min(TILE_WIDTH, task.size - first)
        data = source.read(bundle_path(index, width), BUNDLE_BYTES)
        tile = source.read(tile_path(0, index, width), TILE_BYTES)
        try:
            leaves = read_leaves(data, first, width)
        except FormatError as error:
            problems.append(str(error))
            continue
        entries += width
        if (hashes := hash_leaves(leaves)) != tile:
            problems.append(f"the hashes in {tile_path(0, index, width)} are not those of its entries")
        if width == TILE_WIDTH:
            roots.append(tile_root(hashes))
        if needle and needle in data:
            places += [first + i for i, leaf in enumerate(leaves) if needle in leaf and _is_about(leaf, task)]
        if len(problems) >= MAX_PROBLEMS:
            break
    return Checked(b"".join(roots), entries, tuple(places), tuple(problems))


def read_leaves(data: bytes, first: int, width: int) -> list[bytes]:
    """Decode an entry bundle whose leaves must be well-formed and numbered from `first` on.

    Raises
    ------
    FormatError
        If an entry is cut short, missing, too many, out of form, or numbered otherwise than it stands.
    """
    found = _LEAVES.findall(data)
    if len(found) == width:
        prefixes, leaves, actors, hours, digests, numbers = zip(*found, strict=True)
        lengths = list(map(len, leaves))
        if (
            sum(lengths) + 2 * width == len(data)
            and max(lengths) <= MAX_ENTRY_BYTES
            and b"".join(prefixes) == struct.pack(f">{width}H", *lengths)
            and b" ".join(numbers) == " ".join(map(str, range(first, first + width))).encode()
            and all(map(_is_hour, set(hours)))
            and not b"".join(actors + digests).translate(None, _HEX)
        ):
            return list(leaves)
    return _read_slowly(data, first, width)


def _read_slowly(data: bytes, first: int, width: int) -> list[bytes]:
    try:
        leaves = decode_bundle(data, width)
    except FormatError as error:
        raise FormatError(f"entries {first} to {first + width - 1}: {error}") from None
    for seq, entry in enumerate(leaves, first):
        try:
            said = parse_leaf(entry).seq
        except FormatError as error:
            raise FormatError(f"entry {seq}: {error}") from None
        if said != seq:
            raise FormatError(f"entry {seq}: its leaf says that it is entry {said}; entries were moved or are missing")
    return leaves


def hash_leaves(leaves: list[bytes]) -> bytes:
    """Leaf hashes, joined."""
    sha256 = hashlib.sha256
    return b"".join([sha256(b"\x00" + leaf).digest() for leaf in leaves])


def tile_root(hashes: bytes) -> bytes:
    """Root over the 256 hashes of a full tile, joined."""
    sha256 = hashlib.sha256
    while len(hashes) > 32:
        hashes = b"".join([sha256(b"\x01" + hashes[i : i + 64]).digest() for i in range(0, len(hashes), 64)])
    return hashes


@lru_cache(maxsize=65_536)
def _is_hour(text: bytes) -> bool:
    try:
        datetime.fromisoformat(text.decode())
    except ValueError:
        return False
    return True


def _is_about(leaf: bytes, task: Task) -> bool:
    parsed = parse_leaf(leaf)
    return (parsed.table, parsed.object_id) == (task.table, task.object_id)
