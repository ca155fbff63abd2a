"""Waiting rows made into entries: leaf, commitment, body, tiles. No database: the sequencer reads and writes.

What many rows share (table, operation, actor; who, what and why) is checked and encoded once and kept; a log of many
million rows has few of each.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from core.said import read
from provenance import copying
from provenance.domain import commit
from provenance.domain.canonical import canonical, encode_floats
from provenance.domain.merkle import hash_leaf
from provenance.domain.tiles import Frontier

# id, at (microseconds since 1970), table, operation, object_id, body, context
Waiting = tuple[int, int, str, str, str, str, str | None]
_ROW_OPERATIONS = {"INSERT", "UPDATE", "DELETE", "REBASELINE"}
_decode = msgspec.json.Decoder(dict[str, str | None]).decode
_encode = msgspec.json.Encoder(order="sorted").encode
_encode_shaped = msgspec.json.Encoder().encode  # the fields of a shape are sorted already
_shapes: dict[str, Callable[[str], Any]] = {}  # table -> decoder of rows with the columns that its last row had


class _Context(NamedTuple):
    """Who, what and why, as many rows of a transaction share it."""

    actor: UUID | None
    members: dict[str, str | None]
    before_row: bytes  # a body up to its row
    columns: bytes  # see `copying.context_columns`


def make(frontier: Frontier, waiting: Sequence[Waiting], pseudonyms: Mapping[UUID, str]) -> copying.Rows:
    """The rows of the log for waiting ones, in their order; the frontier grows by them."""
    rows, salts = copying.Rows(), os.urandom(commit.SALT_BYTES * len(waiting))
    leaf_hashes = []
    for number, (outbox_id, at, table, operation, object_id, text, why) in enumerate(waiting):
        seq, salt = frontier.size + number, salts[commit.SALT_BYTES * number : commit.SALT_BYTES * (number + 1)]
        context = _context(why)
        body = _body(context, table, operation, text)
        frame = _frame(table, operation, pseudonyms[context.actor] if context.actor else None)
        leaf = frame.fill(object_id, seq, at, commit.commitment(salt, body))
        leaf_hash = hash_leaf(leaf)
        leaf_hashes.append(leaf_hash)
        rows.entry(copying.kind_columns(table, operation), seq, outbox_id, at, leaf_hash, object_id, leaf)
        rows.body(context.columns, seq, salt, body)
    for tile in frontier.extend(leaf_hashes):
        rows.tile(tile.level, tile.index, tile.hashes, tile.root)
    return rows


@lru_cache(maxsize=1024)
def _frame(table: str, operation: str, pseudonym: str | None) -> commit.LeafFrame:
    return commit.LeafFrame(table=table, op=operation.lower(), actor=pseudonym)


@lru_cache(maxsize=1024)
def _context(text: str | None) -> _Context:
    actor, action, request_id, reason = read(text)
    members = {"action": action, "actor": str(actor) if actor else None, "reason": reason, "request": request_id}
    columns = copying.context_columns(actor, action, reason, request_id)
    return _Context(actor, members, _encode(members)[:-1] + b',"row":', columns)


def _body(context: _Context, table: str, operation: str, text: str) -> bytes:
    """What the leaf commits to: the row as canonical JSON, with who, what and why.

    A captured row is text throughout, so the fast encoder's output is canonical (a test holds it against `canonical`).
    What was recorded by hand may have no canonical form (a huge integer, a key in another script); it is kept as the
    database's own text: one row must not hold up all others for ever.
    """
    if operation in _ROW_OPERATIONS and table.isascii():
        try:
            return context.before_row + _captured(table, text) + b"}"
        except msgspec.ValidationError:
            pass  # a row from before values were text
    try:
        return canonical({**context.members, "row": encode_floats(json.loads(text, parse_float=Decimal))})
    except (ValueError, RecursionError):
        return canonical({**context.members, "text": text})


def _captured(table: str, text: str) -> bytes:
    """A captured row with its columns sorted: half the work where they are those of the table's last row."""
    if shape := _shapes.get(table):
        try:
            return _encode_shaped(shape(text))
        except msgspec.ValidationError:
            pass  # the table was changed, or it is no row of text: seen below
    row = _decode(text)
    if all(name.isascii() and name.isidentifier() for name in row):
        _shapes[table] = _decoder(tuple(sorted(row)))
    return _encode(row)


@lru_cache(maxsize=512)
def _decoder(columns: tuple[str, ...]) -> Callable[[str], Any]:
    """Decoder of rows that have exactly these columns, into an object whose fields stand in this order."""
    fields = {f"column_{number}": name for number, name in enumerate(columns)}
    kinds = [(field, str | None) for field in fields]
    shape = msgspec.defstruct("Row", kinds, rename=fields, forbid_unknown_fields=True, gc=False)
    return msgspec.json.Decoder(shape).decode
