"""A sealed stream: AES-256-GCM in chunks, so that a file of any size is sealed and opened in little memory.

    magic, salt of 16 bytes, then chunks of 1 MiB, each with its tag of 16 bytes

The key of a file follows from the master key, the salt and the file's name (HKDF-SHA256), so a file cannot be put in
the place of another one. A chunk's nonce is its number and whether it is the last, so chunks cannot be moved, repeated
or cut off: the construction is STREAM, as in age.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"qfl-ethics.sealed/v1\n"
SALT, TAG, CHUNK, KEY = 16, 16, 2**20, 32


class SealBroken(ValueError):
    """The stream is not what was sealed: changed, cut short, of another name, or under another key."""


def read_key(text: bytes) -> bytes:
    """A master key as it stands in a file: 32 bytes in base64.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY:
        raise ValueError("expected a key of 32 bytes in base64 (openssl rand -base64 32)")
    return key


def key_name(key: bytes) -> str:
    """By which a key is recognised without showing it."""
    return hashlib.sha256(b"qfl-ethics.backup-key/v1\n" + key).hexdigest()[:16]


def mac(key: bytes, text: bytes) -> str:
    """What binds a text to the key, in hexadecimal digits."""
    derived = HKDF(SHA256(), KEY, None, b"qfl-ethics.manifest/v1").derive(key)
    return hmac.digest(derived, text, "sha256").hex()


def seal(source: BinaryIO, target: BinaryIO, *, key: bytes, name: str) -> int:
    """Seal all that `source` has; returns how many bytes were written."""
    salt = os.urandom(SALT)
    cipher, written = _cipher(key, salt, name), target.write(MAGIC + salt)
    chunk, number = _full(source, CHUNK), 0
    while True:
        following = _full(source, CHUNK) if len(chunk) == CHUNK else b""
        written += target.write(cipher.encrypt(_nonce(number, last=not following), chunk, None))
        if not following:
            return written
        chunk, number = following, number + 1


def opened(source: BinaryIO, *, key: bytes, name: str) -> Iterator[bytes]:
    """The sealed content, chunk by chunk. Each is checked before it is given; whether all came shows at the end.

    Raises
    ------
    SealBroken
        As soon as a chunk is not the one that was sealed there.
    """
    head = source.read(len(MAGIC) + SALT)
    if not head.startswith(MAGIC) or len(head) != len(MAGIC) + SALT:
        raise SealBroken(f"{name}: expected a sealed file, found something else or the beginning of one")
    cipher = _cipher(key, head[len(MAGIC) :], name)
    chunk, number = _full(source, CHUNK + TAG), 0
    while True:
        following = _full(source, CHUNK + TAG)
        try:
            yield cipher.decrypt(_nonce(number, last=not following), chunk, None)
        except InvalidTag:
            raise SealBroken(
                f"{name}: part {number + 1} is not what was sealed (changed, cut short, of another backup, or under "
                "another key)"
            ) from None
        if not following:
            return
        chunk, number = following, number + 1


def _cipher(key: bytes, salt: bytes, name: str) -> AESGCM:
    return AESGCM(HKDF(SHA256(), KEY, salt, MAGIC + name.encode()).derive(key))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _full(source: BinaryIO, size: int) -> bytes:
    """So many bytes, fewer only at the end: a pipe gives what it has at the moment."""
    found = source.read(size)
    while found and len(found) < size:
        more = source.read(size - len(found))
        if not more:
            break
        found += more
    return found
