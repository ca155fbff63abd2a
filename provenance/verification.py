"""Checking the whole log from its bytes: what `manage.py verify_ledger` does, and the report's verification section."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone

from provenance import checkpoints
from provenance.domain.checkpoint import open_checkpoint
from provenance.domain.commit import open_commitment, parse_leaf
from provenance.domain.errors import LedgerError
from provenance.domain.merkle import hash_leaf
from provenance.domain.note import parse_note
from provenance.domain.tiles import Frontier
from provenance.keys import verifiers_for
from provenance.models import Body, Checkpoint, Cosignature, Entry, Tile
from provenance.verify_anchors import anchors_check

CLOCK_SECONDS = 120  # between signing a checkpoint and storing it, at the worst


@dataclass
class Verification:
    """What was checked and what is wrong. `ok` means: every byte fits every other."""

    entries: int = 0
    checkpoints: int = 0
    tiles: int = 0
    anchors: int = 0
    unchecked_anchors: int = 0  # whose evidence only a node can tell
    cosignatures: int = 0
    root: str = ""
    anchored_size: int = 0
    problems: list[str] = field(default_factory=list)
    verified_at: str = ""

    @property
    def ok(self) -> bool:
        return not self.problems


def verify_ledger(*, limit: int = 50) -> Verification:
    """Recompute every leaf, commitment, tile and root, and check every signature and anchor.

    At most `limit` problems are listed. Reads the whole log, as it stood at one moment though the sequencer writes on;
    a planted change anywhere in it is found.
    """
    memory = checkpoints.remembered()  # before the moment: what is remembered then stands in it
    with one_moment():
        return _verify(limit, memory)


@contextmanager
def one_moment() -> Iterator[None]:
    """One view of all tables. A transaction that is open already keeps its own."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _verify(limit: int, memory: tuple[int, bytes] | None) -> Verification:
    found = Verification(verified_at=timezone.now().isoformat())
    frontier = Frontier()
    roots: dict[int, bytes] = {0: frontier.root()}
    wanted = set(Checkpoint.objects.values_list("size", flat=True))
    if memory is not None:
        wanted.add(memory[0])
    tiles: dict[tuple[int, int], bytes] = {}
    expected_seq = 0
    for entry in Entry.objects.select_related("body").order_by("seq").iterator(chunk_size=2000):
        found.problems += _check_entry(entry, expected_seq=expected_seq)
        expected_seq = entry.seq + 1
        for tile in frontier.push(hash_leaf(bytes(entry.leaf))):
            tiles[(tile.level, tile.index)] = tile.hashes + tile.root
        found.entries += 1
        if found.entries in wanted:
            roots[found.entries] = frontier.root()
        if len(found.problems) >= limit:
            found.problems.append("more problems follow; the check stopped here")
            return found
    found.root = frontier.root().hex()
    twice = Entry.objects.aggregate(twice=Count("seq") - Count("outbox_id", distinct=True))["twice"]
    if twice:
        found.problems.append(f"{twice} entries claim a row of the outbox that another entry claims")
    _check_tiles(found, tiles)
    _check_checkpoints(found, roots)
    anchors_check(found, roots)
    _check_cosignatures(found)
    _check_memory(found, roots, memory)
    return found


def _check_cosignatures(found: Verification) -> None:
    for row in Cosignature.objects.select_related("witness", "checkpoint").iterator(chunk_size=2000):
        found.cosignatures += 1
        verifiers = {key.key_id.hex(): key for key in row.witness.verifiers}
        where = f"cosignature of {row.witness.name} under checkpoint {row.checkpoint_id}"
        try:
            note = parse_note(row.checkpoint.note.encode() + row.line.encode())
            line = note.signatures[-1]
            timestamp = verifiers[line.key_id.hex()].verify(note.text, line.signature)
            if (line.key_id.hex(), timestamp) != (row.key_id, row.timestamp):
                found.problems.append(f"{where}: the row says otherwise than the line")
        except KeyError:
            found.problems.append(f"{where}: it was made by no key of the witness")
        except LedgerError as error:
            found.problems.append(f"{where}: {error}")


def _check_entry(entry: Entry, *, expected_seq: int) -> list[str]:
    where, leaf_bytes = f"entry {entry.seq}", bytes(entry.leaf)
    problems = []
    if entry.seq != expected_seq:
        problems.append(f"{where}: expected entry {expected_seq} here; entries are missing or were added")
    if hash_leaf(leaf_bytes) != bytes(entry.leaf_hash):
        problems.append(f"{where}: the stored hash is not the leaf's")
    try:
        leaf = parse_leaf(leaf_bytes)
        body = getattr(entry, "body", None)
        if body is None:
            problems.append(f"{where}: its body is missing")
        else:
            open_commitment(leaf.commitment, bytes(body.salt), body.body.encode())
            problems += _check_look_ups(where, body)
        shown = (entry.table, entry.operation.lower(), entry.object_id, entry.at, entry.seq)
        if shown != (leaf.table, leaf.op, leaf.object_id, leaf.at, leaf.seq):
            problems.append(f"{where}: the look-up columns do not say what the leaf says")
    except LedgerError as error:
        problems.append(f"{where}: {error}")
    return problems


def _check_look_ups(where: str, body: Body) -> list[str]:
    """The columns that pages search by must say what the committed text says."""
    try:
        said = json.loads(body.body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return [f"{where}: its body is not what the sequencer writes"]
    shown = {"actor": body.actor and str(body.actor), "action": body.action, "reason": body.reason,
             "request": body.request_id}  # fmt: skip
    wrong = [name for name, value in shown.items() if said.get(name) != value]
    return [f"{where}: the columns {', '.join(wrong)} do not say what the body says"] if wrong else []


def _check_tiles(found: Verification, expected: dict[tuple[int, int], bytes]) -> None:
    stored = {(t.level, t.index): bytes(t.hashes) + bytes(t.root) for t in Tile.objects.all()}
    found.tiles = len(stored)
    for key in sorted(set(stored) | set(expected)):
        if stored.get(key) != expected.get(key):
            found.problems.append(f"tile {key[0]}/{key[1]}: not what the entries give")


def _check_checkpoints(found: Verification, roots: dict[int, bytes]) -> None:
    for row in Checkpoint.objects.order_by("size"):
        found.checkpoints += 1
        where = f"checkpoint {row.size}"
        try:
            opened = open_checkpoint(row.note.encode(), origin=settings.LOG_ORIGIN, log_keys=verifiers_for(row.note))
        except LedgerError as error:
            found.problems.append(f"{where}: {error}")
            continue
        statement = opened.checkpoint
        if (statement.size, statement.root) != (row.size, bytes(row.root)):
            found.problems.append(f"{where}: the signed note says otherwise than the row")
        times = [v.timestamp for v in opened.log_signatures if v.timestamp is not None]
        if any(abs(row.created_at.timestamp() - time) > CLOCK_SECONDS for time in times):
            found.problems.append(f"{where}: the row's time is not the one that was signed")
        if roots.get(row.size) != statement.root:
            found.problems.append(f"{where}: the entries give another root; something before it was changed")


def _check_memory(found: Verification, roots: dict[int, bytes], memory: tuple[int, bytes] | None) -> None:
    """What this machine remembers having signed, which outlives a database that was cut back."""
    if memory is not None and roots.get(memory[0]) != memory[1]:
        found.problems.append(f"{memory[0]} entries were signed here under a root that the entries do not give")
