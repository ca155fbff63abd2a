"""What an owner of the database can do to a ledger, triggers switched off: one function a kind of change.

The ledger has checkpoints at `SIZES`, those at `ANCHORED` anchored, each cosigned by one witness (tests/provenance/
test_tamper.py writes it). A change draws its place and content from the attack's own random numbers.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from provenance.domain import commit
from provenance.domain.merkle import hash_leaf
from provenance.domain.tiles import Frontier
from provenance.models import Body, Checkpoint, Entry, Tile

SIZES = (40, 256, 270, 300, 310)  # of the checkpoints
ANCHORED = (256, 300)


# --- the attacker's hands ------------------------------------------------------------------------------------------


@dataclass
class Attack:
    """SQL of the owner, and chance."""

    rng: random.Random

    def sql(self, statement: str, *values: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)

    def seq(self, low: int = 0) -> int:
        return self.rng.randrange(low, SIZES[-1])

    def two(self) -> tuple[int, int]:
        first, second = self.rng.sample(range(SIZES[-1]), 2)
        return first, second

    def flip_bit(self, table: str, column: str, key: str, value: object) -> None:
        """Another bit somewhere in a column of bytes."""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT length({column}) FROM {table} WHERE {key} = %s", [value])
            bit = self.rng.randrange(cursor.fetchone()[0] * 8)
        self.sql(
            f"UPDATE {table} SET {column} = set_bit({column}, %s, 1 - get_bit({column}, %s)) WHERE {key} = %s",
            bit, bit, value,
        )  # fmt: skip

    def change_character(self, table: str, column: str, key: str, value: object) -> None:
        """Another printable character somewhere in a text."""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {column} FROM {table} WHERE {key} = %s", [value])
            (text,) = cursor.fetchone()
        at = self.rng.randrange(len(text))
        other = self.rng.choice([c for c in map(chr, range(32, 127)) if c != text[at]])
        self.sql(f"UPDATE {table} SET {column} = %s WHERE {key} = %s", text[:at] + other + text[at + 1 :], value)


# --- the changes ---------------------------------------------------------------------------------------------------


def leaf_bit(a: Attack) -> None:
    a.flip_bit("provenance_entry", "leaf", "seq", a.seq())


def leaf_hash_bit(a: Attack) -> None:
    a.flip_bit("provenance_entry", "leaf_hash", "seq", a.seq())


def leaf_and_hash(a: Attack) -> None:
    """A leaf changed with its hash made to fit."""
    seq = a.seq()
    a.flip_bit("provenance_entry", "leaf", "seq", seq)
    a.sql("UPDATE provenance_entry SET leaf_hash = sha256('\\x00'::bytea || leaf) WHERE seq = %s", seq)


def body_character(a: Attack) -> None:
    a.change_character("provenance_body", "body", "seq", a.seq())


def salt_bit(a: Attack) -> None:
    a.flip_bit("provenance_body", "salt", "seq", a.seq())


def body_moved(a: Attack) -> None:
    """Two entries exchange bodies, with salts and look-ups."""
    one, two = a.two()
    a.sql("UPDATE provenance_body SET seq = -1 - seq WHERE seq IN (%s, %s)", one, two)
    a.sql("UPDATE provenance_body SET seq = CASE WHEN seq = %s THEN %s ELSE %s END WHERE seq < 0", -1 - one, two, one)


def body_deleted(a: Attack) -> None:
    a.sql("DELETE FROM provenance_body WHERE seq = %s", a.seq())


def entry_deleted(a: Attack) -> None:
    seq = a.seq()
    for table in ("provenance_body", "provenance_entry"):
        a.sql(f"DELETE FROM {table} WHERE seq = %s", seq)


def entry_deleted_and_rest_moved_up(a: Attack) -> None:
    seq = a.seq()
    for table in ("provenance_body", "provenance_entry"):
        a.sql(f"DELETE FROM {table} WHERE seq = %s", seq)
        a.sql(f"UPDATE {table} SET seq = -seq WHERE seq > %s", seq)
        a.sql(f"UPDATE {table} SET seq = -seq - 1 WHERE seq < 0")


def entry_renumbered(a: Attack) -> None:
    seq, other = a.seq(), SIZES[-1] + a.rng.randrange(1000)
    for table in ("provenance_body", "provenance_entry"):
        a.sql(f"UPDATE {table} SET seq = %s WHERE seq = %s", other, seq)


def tail_renumbered(a: Attack) -> None:
    """A gap is torn open."""
    seq = a.seq()
    for table in ("provenance_body", "provenance_entry"):
        a.sql(f"UPDATE {table} SET seq = -seq - 1 WHERE seq >= %s", seq)
        a.sql(f"UPDATE {table} SET seq = -seq WHERE seq < 0")


def entries_swapped(a: Attack) -> None:
    """Two entries change places, with all that belongs to them."""
    one, two = a.two()
    for table in ("provenance_body", "provenance_entry"):
        a.sql(f"UPDATE {table} SET seq = -1 - seq WHERE seq IN (%s, %s)", one, two)
        a.sql(f"UPDATE {table} SET seq = CASE WHEN seq = %s THEN %s ELSE %s END WHERE seq < 0", -1 - one, two, one)


def entry_duplicated_at_the_end(a: Attack) -> None:
    seq = a.seq()
    a.sql(
        'INSERT INTO provenance_entry (seq, outbox_id, leaf, leaf_hash, "table", operation, object_id, at) '
        f'SELECT {SIZES[-1]}, 10000000, leaf, leaf_hash, "table", operation, object_id, at FROM provenance_entry '
        "WHERE seq = %s",
        seq,
    )
    a.sql(
        "INSERT INTO provenance_body (seq, salt, body, actor, action, reason, request_id) "
        f"SELECT {SIZES[-1]}, salt, body, actor, action, reason, request_id FROM provenance_body WHERE seq = %s",
        seq,
    )


def old_entry_replayed(a: Attack) -> None:
    """An earlier entry stands where another one was, with its body."""
    old, place = sorted(a.two())
    a.sql(
        'UPDATE provenance_entry e SET leaf = o.leaf, leaf_hash = o.leaf_hash, "table" = o."table", '
        "operation = o.operation, object_id = o.object_id, at = o.at FROM provenance_entry o "
        "WHERE e.seq = %s AND o.seq = %s",
        place, old,
    )  # fmt: skip
    a.sql(
        "UPDATE provenance_body b SET salt = o.salt, body = o.body, actor = o.actor, action = o.action, "
        "reason = o.reason, request_id = o.request_id FROM provenance_body o WHERE b.seq = %s AND o.seq = %s",
        place, old,
    )  # fmt: skip


def entry_forged_with_its_tiles(a: Attack) -> None:
    """Everything made anew but the signatures: another body, its commitment, leaf, hash, and every tile above."""
    entry = Entry.objects.get(seq=a.seq())
    body = Body.objects.get(entry=entry)
    text = body.body.replace('"reason":"', '"reason":"not ', 1)
    leaf = commit.parse_leaf(bytes(entry.leaf))
    forged = commit.leaf_bytes(
        table=leaf.table, op=leaf.op, object_id=leaf.object_id, seq=leaf.seq, at=leaf.at, actor=leaf.actor,
        commitment=commit.commitment(bytes(body.salt), text.encode()),
    )  # fmt: skip
    a.sql("UPDATE provenance_body SET body = %s, reason = 'not ' || reason WHERE seq = %s", text, entry.seq)
    a.sql("UPDATE provenance_entry SET leaf = %s, leaf_hash = %s WHERE seq = %s", forged, hash_leaf(forged), entry.seq)
    frontier = Frontier()
    for value in Entry.objects.order_by("seq").values_list("leaf_hash", flat=True):
        for tile in frontier.push(bytes(value)):
            a.sql(
                "UPDATE provenance_tile SET hashes = %s WHERE level = %s AND index = %s",
                tile.hashes, tile.level, tile.index,
            )  # fmt: skip


def tail_truncated(a: Attack) -> None:
    low = a.seq()
    for table in ("provenance_body", "provenance_entry"):
        a.sql(f"DELETE FROM {table} WHERE seq >= %s", low)


def tail_truncated_with_its_checkpoints(a: Attack) -> None:
    """Cut below what is anchored; tiles, checkpoints and anchors that would show it go too."""
    low = a.rng.randrange(1, ANCHORED[-1])
    for table in ("provenance_body", "provenance_entry"):
        a.sql(f"DELETE FROM {table} WHERE seq >= %s", low)
    a.sql("DELETE FROM provenance_tile WHERE (index + 1) * 256 > %s", low)
    a.sql("DELETE FROM provenance_anchorattempt WHERE anchor_id > %s", low)
    a.sql("DELETE FROM provenance_anchor WHERE size > %s", low)
    a.sql("DELETE FROM provenance_cosignature WHERE size > %s", low)
    a.sql("DELETE FROM provenance_checkpoint WHERE size > %s", low)


def tile_bit(a: Attack) -> None:
    a.flip_bit("provenance_tile", "hashes", "index", 0)


def tile_deleted(a: Attack) -> None:
    a.sql("DELETE FROM provenance_tile")


def tile_added(a: Attack) -> None:
    a.sql(
        "INSERT INTO provenance_tile (level, index, hashes, root) SELECT %s, %s, hashes, root FROM provenance_tile",
        a.rng.randrange(1, 4), a.rng.randrange(5),
    )  # fmt: skip


def hashes_of_a_tile_swapped(a: Attack) -> None:
    one, two = sorted(a.rng.sample(range(256), 2))
    hashes = bytes(Tile.objects.get().hashes)
    parts = [hashes[at : at + 32] for at in range(0, len(hashes), 32)]
    parts[one], parts[two] = parts[two], parts[one]
    a.sql("UPDATE provenance_tile SET hashes = %s", b"".join(parts))


def checkpoint_root_bit(a: Attack) -> None:
    a.flip_bit("provenance_checkpoint", "root", "size", a.rng.choice(SIZES))


def checkpoint_note_character(a: Attack) -> None:
    a.change_character("provenance_checkpoint", "note", "size", a.rng.choice(SIZES))


def checkpoint_without_a_signature(a: Attack) -> None:
    size = a.rng.choice(SIZES)
    note = Checkpoint.objects.get(size=size).note
    dropped = a.rng.choice([line for line in note.splitlines(keepends=True) if line.startswith("\u2014")])
    a.sql("UPDATE provenance_checkpoint SET note = %s WHERE size = %s", note.replace(dropped, ""), size)


def checkpoint_of_another_size(a: Attack) -> None:
    one, two = a.rng.sample(SIZES, 2)
    a.sql(
        "UPDATE provenance_checkpoint c SET note = o.note, root = o.root FROM provenance_checkpoint o "
        "WHERE c.size = %s AND o.size = %s",
        one, two,
    )  # fmt: skip


def checkpoint_added(a: Attack) -> None:
    """A signed one, stood beside itself under a size that was never signed."""
    size = a.rng.choice([n for n in range(1, SIZES[-1]) if n not in SIZES])
    a.sql(
        "INSERT INTO provenance_checkpoint (size, root, note, created_at) "
        "SELECT %s, root, note, created_at FROM provenance_checkpoint WHERE size = %s",
        size, a.rng.choice(SIZES),
    )  # fmt: skip


def cosignature_character(a: Attack) -> None:
    a.change_character("provenance_cosignature", "line", "size", a.rng.choice(SIZES))


def cosignature_moved(a: Attack) -> None:
    """A witness's word about one tree shown under another."""
    one, two = a.rng.sample(SIZES, 2)
    a.sql("DELETE FROM provenance_cosignature WHERE size = %s", two)
    a.sql("UPDATE provenance_cosignature SET size = %s WHERE size = %s", two, one)


def cosignature_time(a: Attack) -> None:
    a.sql(
        "UPDATE provenance_cosignature SET timestamp = timestamp - %s WHERE size = %s",
        a.rng.randrange(1, 10**6), a.rng.choice(SIZES),
    )  # fmt: skip


def look_up(table: str, column: str, value: Callable[[random.Random], object]) -> Callable[[Attack], None]:
    """Another value in a column by which pages search."""

    def change(a: Attack) -> None:
        a.sql(f'UPDATE {table} SET "{column}" = %s WHERE seq = %s', value(a.rng), a.seq())

    change.__name__ = f"look_up_{column}"
    return change


def anchored_checkpoint_root(a: Attack) -> None:
    a.flip_bit("provenance_checkpoint", "root", "size", a.rng.choice(ANCHORED))


def chain_head_root(a: Attack) -> None:
    a.flip_bit("provenance_chainstate", "head_root", "id", 1)


def chain_head_size(a: Attack) -> None:
    a.sql(
        "UPDATE provenance_chainstate SET head_size = %s",
        a.rng.choice([n for n in range(1, 2000) if n != ANCHORED[-1]]),
    )


CHANGES: list[Callable[[Attack], None]] = [
    leaf_bit, leaf_hash_bit, leaf_and_hash, body_character, salt_bit, body_moved, body_deleted, entry_deleted,
    entry_deleted_and_rest_moved_up, entry_renumbered, tail_renumbered, entries_swapped, entry_duplicated_at_the_end,
    old_entry_replayed, entry_forged_with_its_tiles, tail_truncated, tail_truncated_with_its_checkpoints, tile_bit,
    tile_deleted, tile_added, hashes_of_a_tile_swapped, checkpoint_root_bit, checkpoint_note_character,
    checkpoint_without_a_signature, checkpoint_of_another_size, checkpoint_added,
    look_up("provenance_entry", "table", lambda rng: f"other_{rng.randrange(99)}"),
    look_up("provenance_entry", "operation", lambda rng: rng.choice(["DELETE", "READ", "insert"])),
    look_up("provenance_entry", "object_id", lambda rng: str(UUID(int=rng.getrandbits(128)))),
    look_up("provenance_entry", "at", lambda rng: f"2025-01-01 00:00:{rng.randrange(60):02d}+00"),
    look_up("provenance_body", "actor", lambda rng: str(UUID(int=rng.getrandbits(128)))),
    look_up("provenance_body", "action", lambda rng: f"other.{rng.randrange(99)}"),
    look_up("provenance_body", "reason", lambda rng: f"another reason {rng.randrange(99)}"),
    look_up("provenance_body", "request_id", lambda rng: f"request {rng.randrange(99)}"),
    anchored_checkpoint_root, chain_head_root, chain_head_size, cosignature_character, cosignature_moved,
    cosignature_time,
]  # fmt: skip
