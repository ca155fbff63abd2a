"""One key a person: what is sealed under it can be read until the key is shredded, and never again afterwards.

A data key (DEK) of 32 random bytes stands in `core_subjectkey`, wrapped by the key-encryption key (KEK), which is never
in the database. Names, addresses and what people type about decisions are sealed with AES-256-GCM before they are
written, so that tables, outbox, log, dumps and backups hold ciphertext only. Erasing a person shreds one row: every
commitment and proof over the ciphertext stays valid, and nobody can open it.

Who is trusted: whoever holds both a live database (or a backup of the key tables) and the KEK reads everything. A dump
alone, or the KEK alone, reads nothing.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import connection, transaction

from core.kek import Ring

PREFIX = "v1:"  # AES-256-GCM, nonce of 12 bytes in front, base64url
_KEY_BYTES, _NONCE_BYTES, _TAG_BYTES = 32, 12, 16
_CACHED = 10_000  # keys held in memory at most


class SealError(Exception):
    """A sealed text that cannot be what this platform wrote: changed, moved to another place, or under another key."""


class Shredded(Exception):
    """The person's key is gone, so nothing more can be written under it."""

    def __init__(self, subject: uuid.UUID) -> None:
        super().__init__(f"The key of {subject} was erased; nothing can be written in this person's name any more.")


@dataclass(frozen=True)
class _Keys:
    """What one data key gives: the cipher, and the key of the person's pseudonym in the ledger."""

    cipher: AESGCM
    pseudonym: bytes

    @classmethod
    def of(cls, data_key: bytes) -> _Keys:
        return cls(AESGCM(_derive(data_key, b"qfl-ethics/seal/v1")), _derive(data_key, b"qfl-ethics/pseudonym-key/v1"))


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=purpose).derive(key)


# Subject -> (good until, keys or None if shredded). Short-lived, so that a shredded key is forgotten everywhere within
# `VAULT_CACHE_SECONDS`; never filled with a row that this transaction wrote and may yet roll back.
_cache: dict[uuid.UUID, tuple[float, _Keys | None]] = {}


# --- sealing -------------------------------------------------------------------------------------------------------


def seal(subject: uuid.UUID, text: str, context: str) -> str:
    """Encrypt a text under a person's key; the first use makes the key.

    Parameters
    ----------
    subject : UUID
        The person (or machine) whose text it is.
    context : str
        Where it stands, such as ``table.column:row``. Opening needs the same, so a text cannot be moved elsewhere.

    Returns
    -------
    str
        ``v1:`` and base64url of nonce, ciphertext and tag.

    Raises
    ------
    Shredded
        If the person was erased.
    """
    keys = _keys(subject, make=True)
    if keys is None:
        raise Shredded(subject)
    return _encrypt(keys.cipher, text, _bound(subject, context))


def open(subject: uuid.UUID, token: str, context: str) -> str | None:  # noqa: A001 - seal and open are the words
    """Decrypt what `seal` gave. None: the key is gone, so nobody can.

    Raises
    ------
    SealError
        If the text was changed, stands in another place, or was sealed under another key.
    """
    sealed = _bytes_of(token, context)
    keys = _keys(subject)
    return None if keys is None else _decrypt(keys.cipher, sealed, _bound(subject, context), context)


def seal_under(key: bytes, text: str, context: str) -> str:
    """Encrypt under a key of 32 bytes that the caller derives, and that stands nowhere."""
    return _encrypt(AESGCM(key), text, context.encode())


def open_under(key: bytes, token: str, context: str) -> str:
    """Decrypt what `seal_under` gave; raises `SealError` as `open` does."""
    return _decrypt(AESGCM(key), _bytes_of(token, context), context.encode(), context)


def _encrypt(cipher: AESGCM, text: str, bound: bytes) -> str:
    nonce = os.urandom(_NONCE_BYTES)
    return PREFIX + base64.urlsafe_b64encode(nonce + cipher.encrypt(nonce, text.encode(), bound)).decode()


def _decrypt(cipher: AESGCM, sealed: bytes, bound: bytes, context: str) -> str:
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound).decode()
    except InvalidTag:
        raise SealError(f"{context}: the sealed text was changed, moved, or sealed under another key") from None


def _bytes_of(token: str, context: str) -> bytes:
    try:
        sealed = base64.b64decode(token.removeprefix(PREFIX).encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        sealed = b""
    if not is_sealed(token) or len(sealed) < _NONCE_BYTES + _TAG_BYTES:
        raise SealError(f"{context}: expected a sealed text ({PREFIX}…), got {token[:12]!r} of {len(token)} characters")
    return sealed


def is_sealed(text: str) -> bool:
    return text.startswith(PREFIX)


def _bound(subject: uuid.UUID, context: str) -> bytes:
    return b"qfl-ethics/sealed/v1\n" + subject.bytes + context.encode()


def pseudonym_key(subject: uuid.UUID) -> bytes:
    """The key of a person's pseudonym, 32 bytes, made on first use.

    Of an erased person a random one that nobody can find again: what is still written about them links to nothing.
    """
    keys = _keys(subject, make=True)
    return keys.pseudonym if keys is not None else secrets.token_bytes(_KEY_BYTES)


# --- keys ----------------------------------------------------------------------------------------------------------


def ensure(subject: uuid.UUID) -> None:
    """Make the key of a new person with the person's own row, so that later work never waits for it."""
    _keys(subject, make=True)


def warm(subjects: Iterable[uuid.UUID]) -> None:
    """Fetch the keys of many people in one query, before their texts are shown."""
    now = time.monotonic()
    missing = [subject for subject in set(subjects) if _cache.get(subject, (0.0, None))[0] <= now]
    if missing:
        _fetch(missing)


def erased(subject: uuid.UUID) -> bool:
    """Whether this person's key was shredded."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM core_subjectkey WHERE subject = %s AND shredded_at IS NOT NULL", [subject])
        return cursor.fetchone() is not None


def shred(subject: uuid.UUID) -> bool:
    """Destroy a person's key. Everything sealed under it is noise from the commit on; False: it was gone already.

    The row stays, empty: no second key is ever made for the same person.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_subjectkey (subject, wrapped, kek, created_at, shredded_at) "
            "VALUES (%s, ''::bytea, '', clock_timestamp(), clock_timestamp()) "
            "ON CONFLICT (subject) DO UPDATE SET wrapped = ''::bytea, kek = '', shredded_at = excluded.shredded_at "
            "WHERE core_subjectkey.shredded_at IS NULL",
            [subject],
        )
        done = cursor.rowcount == 1
        _cache.pop(subject, None)
        transaction.on_commit(lambda: _cache.pop(subject, None))  # another thread may have read it meanwhile
    return done


def forget_cached() -> None:
    """Drop every key held in memory."""
    _cache.clear()


def rewrap(*, batch: int = 1000) -> int:
    """Wrap every key that stands under an older KEK under the current one; returns how many. Services keep running."""
    ring, done = Ring.load(), 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT subject, wrapped, kek FROM core_subjectkey WHERE kek NOT IN ('', %s) "
                "LIMIT %s FOR UPDATE SKIP LOCKED",
                [ring.current, batch],
            )
            rows = cursor.fetchall()
            for subject, wrapped, kek in rows:
                again, name = ring.wrap(subject, ring.unwrap(subject, bytes(wrapped), kek))
                cursor.execute(
                    "UPDATE core_subjectkey SET wrapped = %s, kek = %s WHERE subject = %s", [again, name, subject]
                )
        done += len(rows)
        if len(rows) < batch:
            return done


def kek_uses() -> dict[str, int]:
    """How many keys stand under each KEK."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT kek, count(*) FROM core_subjectkey WHERE kek <> '' GROUP BY kek")
        return dict(cursor.fetchall())


def lost_keks() -> set[str]:
    """Names of KEKs under which keys stand and which this process does not know: what they seal cannot be opened."""
    return set(kek_uses()) - set(Ring.load().keys)


def _keys(subject: uuid.UUID, *, make: bool = False) -> _Keys | None:
    held = _cache.get(subject)
    if held is not None and held[0] > time.monotonic():
        return held[1]
    found = _fetch([subject])
    if subject not in found and make:
        _make(subject)
        found = _fetch([subject])
    return found.get(subject)


def _fetch(subjects: Sequence[uuid.UUID]) -> dict[uuid.UUID, _Keys | None]:
    """Read and unwrap keys. A row as young as this transaction may be its own and roll back: it is not kept."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT subject, wrapped, kek, shredded_at IS NULL, created_at < now() FROM core_subjectkey "
            "WHERE subject = ANY(%s::uuid[])",
            [list(subjects)],
        )
        rows = cursor.fetchall()
    ring, found = Ring.load(), {}
    if len(_cache) > _CACHED:
        _cache.clear()
    for subject, wrapped, kek, lives, settled in rows:
        keys = _Keys.of(ring.unwrap(subject, bytes(wrapped), kek)) if lives else None
        found[subject] = keys
        if settled and lives:
            _cache[subject] = (time.monotonic() + settings.VAULT_CACHE_SECONDS, keys)
    return found


def _make(subject: uuid.UUID) -> None:
    wrapped, kek = Ring.load().wrap(subject, secrets.token_bytes(_KEY_BYTES))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_subjectkey (subject, wrapped, kek, created_at) VALUES (%s, %s, %s, clock_timestamp()) "
            "ON CONFLICT (subject) DO NOTHING",
            [subject, wrapped, kek],
        )
