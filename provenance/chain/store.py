"""Key-value store of the embedded chain: one SQLite file, one owning process, one transaction a block."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eth.db.backends.base import BaseAtomicDB

from provenance.chain.errors import ChainDamaged, ChainLocked

_SCHEMA = """
CREATE TABLE IF NOT EXISTS kv (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class SqliteStore(BaseAtomicDB):
    """A py-evm database over SQLite.

    What is written inside `transaction` is on disk when it returns (WAL, synchronous FULL), or not there at all: a
    killed process loses no block that it acknowledged, and leaves no half of one.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock_file = _own(path)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            self.close()
            raise ChainDamaged(
                f"expected a chain file at {path}, got: {error}; restore it or choose another path"
            ) from None

    def __getitem__(self, key: bytes) -> bytes:
        row = self._db.execute("SELECT v FROM kv WHERE k = ?", (bytes(key),)).fetchone()
        if row is None:
            raise KeyError(key)
        return row[0]

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO kv VALUES (?, ?)", (bytes(key), bytes(value)))

    def __delitem__(self, key: bytes) -> None:
        if self._db.execute("DELETE FROM kv WHERE k = ?", (bytes(key),)).rowcount == 0:
            raise KeyError(key)

    def _exists(self, key: bytes) -> bool:
        return self._db.execute("SELECT 1 FROM kv WHERE k = ?", (bytes(key),)).fetchone() is not None

    @contextmanager
    def atomic_batch(self) -> Iterator[Any]:
        """Batch of py-evm: part of the transaction in progress, or one of its own."""
        with self.transaction():
            yield self

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all writes inside, durably, or none. Nested use joins the outer transaction."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def is_empty(self) -> bool:
        """Whether no block was ever stored."""
        return self._db.execute("SELECT 1 FROM kv LIMIT 1").fetchone() is None

    def settle(self, name: str, value: str) -> None:
        """Record a property of the chain the first time; refuse a file that says otherwise."""
        self._db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (name, value))
        (found,) = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        if found != value:
            raise ChainDamaged(f"expected a chain file with {name} {value}, got {found}; choose another path")

    def close(self) -> None:
        """Close the file and let another process own it."""
        self._db.close()
        self._lock_file.close()


def _own(path: Path) -> Any:
    """Take the file's lock for as long as this process lives; the kernel gives it back even after kill -9."""
    lock = open(f"{path}.lock", "a+")  # noqa: SIM115 - held open on purpose
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise ChainLocked(
            f"expected to own {path}, but process {owner} does; the embedded chain has one owner, the anchor worker: "
            "stop that process, or read the chain's state from the database"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock
