"""The key-encryption keys: the first one wraps, the others still open what they wrapped before a rotation.

A KEK never enters the database. It comes from the operator's secret store (QFL_KEK_FILE, one base64 line a key, the
current one first). Without that, one is made in `var/keys/kek`: good for a trial, where the folder stands on the same
machine as the database, so that it protects dumps and backups but not the machine.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
import uuid
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from core.keyfiles import given_or_made, write_draft

KEK_BYTES, _NONCE_BYTES = 32, 12


def new_line() -> bytes:
    """A fresh KEK, as it stands in the file."""
    return base64.b64encode(secrets.token_bytes(KEK_BYTES)) + b"\n"


@dataclass(frozen=True)
class Ring:
    """The known KEKs by name, the current one first. A name is a digest and says nothing about the key."""

    keys: dict[str, AESGCM]

    @classmethod
    def load(cls) -> Ring:
        """Read the file, again whenever it has changed: a rotation reaches running processes."""
        path, _ = _file()
        return _read(path, path.stat().st_mtime_ns)

    @property
    def current(self) -> str:
        return next(iter(self.keys))

    def wrap(self, subject: uuid.UUID, data_key: bytes) -> tuple[bytes, str]:
        """The wrapped key, bound to its subject, and the name of the KEK."""
        nonce, name = os.urandom(_NONCE_BYTES), self.current
        return nonce + self.keys[name].encrypt(nonce, data_key, _bound(subject)), name

    def unwrap(self, subject: uuid.UUID, wrapped: bytes, name: str) -> bytes:
        """The data key.

        Raises
        ------
        ImproperlyConfigured
            If the KEK is not known here, or does not fit: the wrong file, or a row that was changed.
        """
        if name not in self.keys:
            raise ImproperlyConfigured(
                f"The key of {subject} is wrapped under KEK {name}; this process knows {', '.join(self.keys)}. Give "
                "the KEK in QFL_KEK_FILE (older ones on further lines), or restore it from its backup."
            )
        try:
            return self.keys[name].decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _bound(subject))
        except (InvalidTag, ValueError):
            raise ImproperlyConfigured(
                f"The wrapped key of {subject} does not open under KEK {name}: the row was changed."
            ) from None


def add_current(line: bytes) -> str:
    """Put a new KEK in front of the file's others; returns its name. Only for a file that this process may write."""
    path, content = _file()
    _parse(path, line + content)
    os.replace(write_draft(path, line + content), path)
    return Ring.load().current


def drop_old() -> list[str]:
    """Take every KEK but the current one out of the file; returns their names."""
    path, content = _file()
    ring = Ring.load()
    os.replace(write_draft(path, _lines(content)[0] + b"\n"), path)
    return list(ring.keys)[1:]


def _file() -> tuple[Path, bytes]:
    return given_or_made(settings.KEK_FILE, "QFL_KEK_FILE", "kek", new_line)


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> Ring:
    return Ring(_parse(path, path.read_bytes()))


def _lines(content: bytes) -> list[bytes]:
    return [line.strip() for line in content.splitlines() if line.strip()]


def _parse(path: Path, content: bytes) -> dict[str, AESGCM]:
    found = {}
    for number, line in enumerate(_lines(content), start=1):
        try:
            key = base64.b64decode(line, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEK_BYTES:
            raise ImproperlyConfigured(
                f"{path}, line {number}: expected a key of {KEK_BYTES} bytes in base64 (openssl rand -base64 32)."
            )
        found[hashlib.sha256(b"qfl-ethics/kek-name/v1\n" + key).hexdigest()[:12]] = AESGCM(key)
    if not found:
        raise ImproperlyConfigured(f"{path} holds no key; expected one base64 line a key, the current one first.")
    return found


def _bound(subject: uuid.UUID) -> bytes:
    return b"qfl-ethics/data-key/v1\n" + subject.bytes
