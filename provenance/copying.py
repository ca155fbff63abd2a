"""Rows of the log in PostgreSQL's binary COPY format: nothing to escape, and less work for the server.

References
----------
.. [1] PostgreSQL documentation, COPY, "Binary Format".
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_EPOCH = 946_684_800_000_000  # PostgreSQL counts microseconds from 2000-01-01
# The columns that many rows share stand first: they are encoded once.
_ENTRY = (
    'COPY provenance_entry ("table", operation, seq, outbox_id, "at", leaf_hash, object_id, leaf) FROM STDIN BINARY'
)
_BODY = "COPY provenance_body (actor, action, reason, request_id, seq, salt, body) FROM STDIN BINARY"
_TILE = 'COPY provenance_tile (level, "index", hashes, root) FROM STDIN BINARY'
_columns = struct.Struct(">h").pack
_length = struct.Struct(">i").pack
_entry = struct.Struct(">iqiqiqi32si").pack  # seq, outbox_id, at, leaf_hash, length of the object's name
_body = struct.Struct(">iqi32si").pack  # seq, salt, length of the body
_tile_head = struct.Struct(">hihiqi").pack  # 4 columns: level, index, length of the hashes
Copy = tuple[str, bytes]  # a COPY statement and its data


class Rows:
    """Rows of the log's three tables, to be written together."""

    def __init__(self) -> None:
        self._entries: list[bytes] = []
        self._bodies: list[bytes] = []
        self._tiles: list[bytes] = []

    def entry(
        self, kind: bytes, seq: int, outbox_id: int, at: int, leaf_hash: bytes, object_id: str, leaf: bytes
    ) -> None:
        """Add an entry; `kind` from `kind_columns`, `at` in microseconds since 1970."""
        named = object_id.encode()
        self._entries += (
            kind, _entry(8, seq, 8, outbox_id, 8, at - _EPOCH, 32, leaf_hash, len(named)), named, _length(len(leaf)),
            leaf,
        )  # fmt: skip

    def body(self, context: bytes, seq: int, salt: bytes, body: bytes) -> None:
        """Add what an entry commits to; `context` from `context_columns`."""
        self._bodies += (context, _body(8, seq, 32, salt, len(body)), body)

    def tile(self, level: int, index: int, hashes: bytes, root: bytes) -> None:
        """Add a full tile."""
        self._tiles += (_tile_head(4, 2, level, 8, index, len(hashes)), hashes, b"\x00\x00\x00\x20", root)

    def copies(self) -> list[Copy]:
        """What to send, in this order."""
        tables = ((_ENTRY, self._entries), (_BODY, self._bodies), (_TILE, self._tiles))
        return [(statement, b"".join((_HEADER, *parts, _TRAILER))) for statement, parts in tables if parts]


def write(cursor: Any, copies: Sequence[Copy]) -> None:
    """Copy everything through a psycopg2 cursor, in its transaction."""
    for statement, data in copies:
        cursor.copy_expert(statement, io.BytesIO(data), len(data))


@lru_cache(maxsize=1024)
def kind_columns(table: str, operation: str) -> bytes:
    """The columns of an entry that all of one table and operation share."""
    return _columns(8) + _word(table) + _word(operation)


def context_columns(actor: UUID | None, action: str, reason: str, request_id: str) -> bytes:
    """The columns of a body that say who, what and why."""
    who = _NULL if actor is None else _length(16) + actor.bytes
    return _columns(7) + who + _word(action) + _word(reason) + _word(request_id)


def _word(text: str) -> bytes:
    raw = text.encode()
    return _length(len(raw)) + raw
