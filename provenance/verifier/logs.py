"""Checking a whole exported log (C2SP tlog-tiles): every entry, every tile, the signed root."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path

from provenance.domain.checkpoint import Checkpoint, parse_checkpoint
from provenance.domain.errors import VerificationError
from provenance.domain.merkle import tree_root
from provenance.domain.note import MAX_NOTE_BYTES, parse_note, verify_note
from provenance.domain.tiles import TILE_HEIGHT, TILE_WIDTH, bundle_path, tile_path, tiles_between
from provenance.verifier.findings import Unreadable, Verdict
from provenance.verifier.kept import check_kept
from provenance.verifier.leaves import TILE_BYTES, Checked, Task, check_tiles, tile_root
from provenance.verifier.options import Options
from provenance.verifier.sources import Source, open_source
from provenance.verifier.trust import SignedCheckpoint, Trust, make_trust, read_vkeys, report_checkpoint, report_keys

CHECKPOINT, KEYS, WITNESSES = "checkpoint", "keys", "witnesses"
TASK_TILES = 64  # 16,384 entries
_ALONE = 4 * TASK_TILES  # tiles up to which starting processes costs more than it saves


@dataclass(frozen=True)
class CheckedLog:
    """A log whose entries, tiles and root fit one another."""

    source: Source
    rows: list[bytes]  # hashes by level; level 0 stays on the disk
    newest: SignedCheckpoint
    places: tuple[int, ...]  # of the entries about the wanted object

    def root_at(self, size: int) -> bytes:
        """Root of the first `size` entries."""
        return tree_root(size, self._tile)

    def consistent(self, old: Checkpoint) -> bool | None:
        """Whether the log begins with a smaller tree; raises if it does not."""
        if self.root_at(old.size) != old.root:
            raise VerificationError(f"the first {old.size} entries have another root")
        return True

    def _tile(self, level: int, index: int, width: int) -> bytes:
        start = TILE_BYTES * index
        if level:
            return self.rows[level][start : start + 32 * width]
        stored = min(TILE_WIDTH, self.newest.checkpoint.size - TILE_WIDTH * index)
        return self.source.read(tile_path(0, index, stored), TILE_BYTES)[: 32 * width]


def check_log(
    verdict: Verdict, path: Path, options: Options, *, about: tuple[str, str] = ("", "")
) -> CheckedLog | None:
    """Check a log from its bytes. None where it is false.

    Parameters
    ----------
    verdict : Verdict
    path : Path
        Folder, or zip of one.
    options : Options
    about : (table, object id)
        Whose entries to list.

    Raises
    ------
    FormatError, Unreadable
        If it cannot be read: files missing, too many or too large.
    """
    started = time.perf_counter()
    source = open_source(path)
    note = source.read(CHECKPOINT, MAX_NOTE_BYTES)
    size = parse_checkpoint(note).size
    names = source.names()
    _check_names(names, size)
    try:
        trust, newest = _opened(source, note, options, has_witnesses=WITNESSES in names)
    except VerificationError as error:
        verdict.false("checkpoint", f"Nothing in this log can be believed: {error}.")
        return None
    report_keys(verdict, trust)
    report_checkpoint(verdict, trust, newest)
    tasks = [
        Task(path, size, first, min(first + TASK_TILES, -(-size // TILE_WIDTH)), *about)
        for first in range(0, -(-size // TILE_WIDTH), TASK_TILES)
    ]
    done = list(_run(tasks, options.processes))
    problems = [problem for checked in done for problem in checked.problems]
    rows = [b"", b"".join(checked.roots for checked in done)]
    if not problems:
        problems += _check_upper(source, rows, size)
    log = CheckedLog(source, rows, newest, tuple(place for checked in done for place in checked.places))
    if not problems and log.root_at(size) != newest.checkpoint.root:
        problems.append("the entries and tiles fit one another, and give another root than the log signed")
    entries, seconds = sum(checked.entries for checked in done), time.perf_counter() - started
    verdict.facts |= {"entries": entries, "seconds": round(seconds, 3), "rate": round(entries / max(seconds, 1e-9))}
    if problems:
        _tell_problems(verdict, problems)
        return None
    verdict.verified(
        "log",
        f"All {entries} entries are here, each at its place and in its form; every tile and the signed root follow "
        f"from them ({verdict.facts['rate']:,} entries a second).",
    )
    check_kept(verdict, trust, newest, options.kept, log.consistent)
    return log


def _opened(source: Source, note: bytes, options: Options, *, has_witnesses: bool) -> tuple[Trust, SignedCheckpoint]:
    keys = _key_lines(source, KEYS)
    witnesses = _key_lines(source, WITNESSES) if has_witnesses else []
    origin, parsed = parse_checkpoint(note).origin, parse_note(note)
    trust = make_trust(
        origin=origin, given=options.keys, found=keys, witnesses_given=options.witnesses, witnesses_found=witnesses,
        quorum=options.quorum,
    )  # fmt: skip
    opened = trust.open(note, origin)
    if any(key.name != origin for key in read_vkeys(keys)) or any(key.name == origin for key in read_vkeys(witnesses)):
        raise Unreadable(f"expected keys of {origin!r} in the file {KEYS}, and of others in the file {WITNESSES}")
    listed = read_vkeys([*keys, *witnesses])
    verify_note(parsed, [*listed, *trust.witnesses])  # also those that do not count must not be false
    known = {(key.name, key.key_id) for key in (*listed, *trust.witnesses)}
    lines = [(line.name, line.key_id) for line in parsed.signatures]
    if unknown := [name for name, key_id in lines if (name, key_id) not in known]:
        raise Unreadable(f"the checkpoint is also signed by {unknown[0]}, whose key is neither here nor given")
    if len(set(lines)) != len(lines):
        raise Unreadable("the checkpoint is signed twice by one key")
    return trust, opened


def _key_lines(source: Source, name: str) -> list[str]:
    try:
        text = source.read(name, MAX_NOTE_BYTES).decode()
    except UnicodeDecodeError:
        raise Unreadable(f"expected keys in the file {name}, got something else") from None
    if not text.endswith("\n"):
        raise Unreadable(f"the file {name} is cut short")
    return text[:-1].split("\n")


def _check_names(names: set[str], size: int) -> None:
    """An export holds the files of its checkpoint and no others: nothing that the checkpoint does not cover."""
    expected = {CHECKPOINT, KEYS}
    for tile in tiles_between(0, size):
        level, index, width = tile.level or 0, tile.index, tile.width
        expected.add(tile_path(level, index, width))
        if level == 0:
            expected.add(bundle_path(index, width))
    if missing := sorted(expected - names):
        raise Unreadable(f"{len(missing)} files are missing, the first is {missing[0]}: the export is not whole")
    if extra := sorted(names - expected - {WITNESSES}):
        raise Unreadable(
            f"{len(extra)} files are here that the checkpoint does not cover, the first is {extra[0]!r}; export again "
            "into an empty folder"
        )


def _run(tasks: list[Task], processes: int | None) -> Iterator[Checked]:
    count = processes or _cores()
    if count < 2 or sum(task.last - task.first for task in tasks) <= _ALONE or "fork" not in get_all_start_methods():
        yield from map(check_tiles, tasks)
        return
    with ProcessPoolExecutor(count, mp_context=get_context("fork")) as pool:
        try:
            yield from pool.map(check_tiles, tasks)
        except BrokenProcessPool:
            raise Unreadable("a process of the check was killed; is there enough memory? try --processes 1") from None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check_upper(source: Source, rows: list[bytes], size: int) -> list[str]:
    """Compare the tiles above the leaves with what the leaves give; append each level's hashes to `rows`."""
    problems, level = [], 1
    while count := size >> (TILE_HEIGHT * level):
        roots = []
        for index in range(-(-count // TILE_WIDTH)):
            width = min(TILE_WIDTH, count - index * TILE_WIDTH)
            expected = rows[level][TILE_BYTES * index : TILE_BYTES * index + 32 * width]
            name = tile_path(level, index, width)
            if source.read(name, TILE_BYTES) != expected:
                problems.append(f"the hashes in {name} are not those of the tiles under it")
            if width == TILE_WIDTH:
                roots.append(tile_root(expected))
        rows.append(b"".join(roots))
        level += 1
    return problems


def _tell_problems(verdict: Verdict, problems: list[str]) -> None:
    for problem in problems[:10]:
        verdict.false("log", f"{problem[:1].upper()}{problem[1:]}.")
    if len(problems) > 10:
        verdict.false("log", f"{len(problems) - 10} more problems of this kind follow.")
