"""The log as files (C2SP tlog-tiles): what a static server, a mirror or an auditor takes.

Tiles go first, the checkpoint last and whole, so that a checkpoint in the folder never speaks of what is not there. A
crash leaves tiles that no checkpoint covers yet; the next export goes on from there.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from core.errors import Conflict
from provenance import reading
from provenance.bundles import log_vkeys, published_note
from provenance.domain.checkpoint import Checkpoint as Statement
from provenance.domain.checkpoint import parse_checkpoint
from provenance.domain.errors import FormatError
from provenance.domain.merkle import tree_root
from provenance.domain.tiles import TILE_WIDTH, bundle_path, encode_bundle, tile_path, tiles_between
from provenance.models import Checkpoint, Entry

CHECKPOINT, KEYS, WITNESSES = "checkpoint", "keys", "witnesses"


@dataclass(frozen=True)
class Exported:
    """What an export did."""

    size: int  # entries in the folder now
    old_size: int  # before
    files: int  # written
    removed: int  # partial tiles that fuller ones replaced


def log_export(*, folder: Path, full: bool = False) -> Exported:
    """Bring a folder up to the newest checkpoint.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    full : bool
        Write every tile again, also those that the folder's checkpoint says are there.

    Raises
    ------
    Conflict
        If nothing is signed yet, the folder holds another log or another history, another export runs, or the database
        no longer gives the root that was signed.
    """
    checkpoint = Checkpoint.objects.first()
    if checkpoint is None:
        raise Conflict("No checkpoint is signed yet; the first one follows the first entry within seconds.")
    statement = parse_checkpoint(checkpoint.note.encode())
    if tree_root(statement.size, reading.read_tile) != statement.root:
        raise Conflict("The entries no longer give the root that was signed: run verify_ledger. Nothing was exported.")
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        old_size = 0 if full else _exported_size(folder, statement)
        names = _write_tiles(folder, old_size, statement.size)
        note, others = published_note(checkpoint)
        _write(folder, KEYS, "".join(f"{key}\n" for key in log_vkeys([note])).encode())
        if others:
            _write(folder, WITNESSES, "".join(f"{key}\n" for key in others).encode())
        _write(folder, CHECKPOINT, note)
        if not others:
            (folder / WITNESSES).unlink(missing_ok=True)
        removed = _remove_stale(folder, statement.size)
    return Exported(statement.size, old_size, names + 2 + bool(others), removed)


def _exported_size(folder: Path, newest: Statement) -> int:
    """Size of the tree that the folder holds, which the newest one must begin with."""
    path = folder / CHECKPOINT
    if not path.exists():
        return 0
    try:
        held = parse_checkpoint(path.read_bytes())
    except FormatError as error:
        raise Conflict(f"{path} is not a checkpoint ({error}); export into an empty folder.") from None
    if held.origin != settings.LOG_ORIGIN:
        raise Conflict(f"{folder} holds the log {held.origin!r}; export into another folder.")
    if held.size > newest.size or tree_root(held.size, reading.read_tile) != held.root:
        raise Conflict(
            f"{folder} holds {held.size} entries that this log does not begin with: this database is older, or its "
            "history was rewritten. Keep the folder; it is evidence."
        )
    return held.size


def _write_tiles(folder: Path, old_size: int, size: int) -> int:
    count = 0
    for tile in tiles_between(old_size, size):
        level, first = tile.level or 0, tile.index * TILE_WIDTH
        if level == 0:
            entries = Entry.objects.filter(seq__gte=first, seq__lt=first + tile.width).order_by("seq")
            found = list(entries.values_list("leaf", "leaf_hash"))
            data = b"".join(bytes(leaf_hash) for _, leaf_hash in found)
            _write(folder, bundle_path(tile.index, tile.width), encode_bundle(bytes(leaf) for leaf, _ in found))
            count += 1
        else:
            data = reading.read_tile(level, tile.index, tile.width)
        if len(data) != 32 * tile.width:
            raise Conflict(f"Tile {level}/{tile.index} is not whole in the database: run verify_ledger.")
        _write(folder, tile_path(level, tile.index, tile.width), data)
        count += 1
    return count


def _remove_stale(folder: Path, size: int) -> int:
    """Remove partial tiles of smaller trees, and what a crash left of files that were being written."""
    expected = {tile_path(t.level or 0, t.index, t.width) for t in tiles_between(0, size)}
    expected |= {bundle_path(t.index, t.width) for t in tiles_between(0, size) if not t.level}
    removed = 0
    for path in [p for p in folder.rglob("*") if p.is_file()]:
        name = path.relative_to(folder).as_posix()
        is_partial = name.startswith("tile/") and path.parent.suffix == ".p" and name not in expected
        if is_partial or path.name.startswith(".tmp-"):
            path.unlink()
            removed += 1
            if is_partial and not any(path.parent.iterdir()):
                path.parent.rmdir()
    return removed


def _write(folder: Path, name: str, data: bytes) -> None:
    """Whole or not at all."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{path.name}")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One export at a time into a folder; the lock leaves no file behind."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Conflict(f"Another export into {folder} is running.") from None
    finally:
        os.close(descriptor)
