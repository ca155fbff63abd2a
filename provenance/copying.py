"""Rows of the log in PostgreSQL's binary COPY format: nothing to escape, and less work for the server.

References
----------
.. [1] PostgreSQL documentation, COPY, "Binary Format".
"""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from typing import Any
from uuid import UUID

_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_EPOCH = 946_684_800_000_000  # PostgreSQL counts microseconds from 2000-01-01
_ENTRY = (
    'COPY provenance_entry (seq, outbox_id, leaf, leaf_hash, "table", operation, object_id, "at") FROM STDIN BINARY'
)
_BODY = "COPY provenance_body (seq, salt, body, actor, action, reason, request_id) FROM STDIN BINARY"
_TILE = 'COPY provenance_tile (level, "index", hashes, root) FROM STDIN BINARY'
_entry_head = struct.Struct(">hiqiqi").pack  # 8 columns: seq, outbox_id, length of the leaf
_body_head = struct.Struct(">hiqi").pack  # 7 columns: seq, length of the salt
_tile_head = struct.Struct(">hihiqi").pack  # 4 columns: level, index, length of the hashes
_length = struct.Struct(">i").pack
_moment = struct.Struct(">iq").pack


class Rows:
    """Rows of the log's three tables, to be written together."""

    def __init__(self) -> None:
        self._entries: list[bytes] = []
        self._bodies: list[bytes] = []
        self._tiles: list[bytes] = []

    def entry(
        self, seq: int, outbox_id: int, leaf: bytes, leaf_hash: bytes, table: str, op: str, object_id: str, at: int
    ) -> None:
        """Add an entry; `at` in microseconds since 1970."""
        named = object_id.encode()
        self._entries += (
            _entry_head(8, 8, seq, 8, outbox_id, len(leaf)), leaf, b"\x00\x00\x00\x20", leaf_hash, _word(table),
            _word(op), _length(len(named)), named, _moment(8, at - _EPOCH),
        )  # fmt: skip

    def body(
        self, seq: int, salt: bytes, body: bytes, actor: str | None, action: str, reason: str, request_id: str
    ) -> None:
        """Add what an entry commits to."""
        self._bodies += (
            _body_head(7, 8, seq, len(salt)), salt, _length(len(body)), body, _actor(actor), _word(action),
            _word(reason), _word(request_id),
        )  # fmt: skip

    def tile(self, level: int, index: int, hashes: bytes, root: bytes) -> None:
        """Add a full tile."""
        self._tiles += (_tile_head(4, 2, level, 8, index, len(hashes)), hashes, b"\x00\x00\x00\x20", root)

    def write(self, cursor: Any) -> None:
        """Copy everything through a psycopg2 cursor, in its transaction."""
        for statement, parts in ((_ENTRY, self._entries), (_BODY, self._bodies), (_TILE, self._tiles)):
            if parts:
                data = b"".join((_HEADER, *parts, _TRAILER))
                cursor.copy_expert(statement, io.BytesIO(data), len(data))


@lru_cache(maxsize=4096)
def _word(text: str) -> bytes:
    raw = text.encode()
    return _length(len(raw)) + raw


@lru_cache(maxsize=4096)
def _actor(actor: str | None) -> bytes:
    return _NULL if actor is None else b"\x00\x00\x00\x10" + UUID(actor).bytes
