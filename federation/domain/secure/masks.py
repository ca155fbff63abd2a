"""Masks that hide a site's numbers and cancel in the sum.

Two sites agree on a secret by ML-KEM-768 once a run; the masks of each session are drawn from a seed that HKDF derives
of it. Nobody who sees the seed of one session (the server does, of sites that drop out) learns that of another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from federation.domain.secure.field import Elements, Field

SEED_BYTES = 32
CIPHERTEXT_BYTES = 1088
_CACHED = 2**14  # numbers made at once where that changes nothing but how long it takes
_BLOCK = 2**20  # elements drawn at once: a long mask is never whole in memory twice


def derive(secret: bytes, *purpose: str, length: int = SEED_BYTES) -> bytes:
    """Bytes for one purpose (HKDF-SHA-256); other purposes give unrelated ones. Lengths keep purposes apart."""
    info = b"qfl-ethics/secagg/v1" + b"".join(len(p.encode()).to_bytes(4, "big") + p.encode() for p in purpose)
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(secret)


def pair_secret(
    shared: bytes, *, run: str, sites: tuple[str, str], transcript: Sequence[bytes], extra: bytes = b""
) -> bytes:
    """What two sites of a run share.

    Parameters
    ----------
    shared : bytes, 32
        ML-KEM's shared secret.
    run : str
    sites : the two sites, in either order
    transcript : sequence of bytes
        What both saw of the agreement (public key, ciphertext): sites that saw different things share nothing.
    extra : bytes
        A key from another source, e.g. of quantum key distribution. It enters beside ML-KEM's, so the result is secret
        as long as either is.
    """
    seen = hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in transcript)).hexdigest()
    keyed = len(shared).to_bytes(4, "big") + shared + len(extra).to_bytes(4, "big") + extra
    return derive(keyed, "pair", run, *sorted(sites), seen)


def encapsulate(public_key: bytes) -> tuple[bytes, bytes]:
    """A fresh shared secret and the ciphertext that carries it to the key's owner. Raises ValueError for a bad key."""
    shared, ciphertext = MLKEM768PublicKey.from_public_bytes(public_key).encapsulate()
    return ciphertext, shared


def decapsulate(seed: bytes, ciphertext: bytes) -> bytes:
    """The shared secret, by the owner's 64-byte seed. A ciphertext for another key gives an unrelated secret."""
    if len(ciphertext) != CIPHERTEXT_BYTES:
        raise ValueError(f"expected a ciphertext of {CIPHERTEXT_BYTES} bytes, got {len(ciphertext)}")
    return _private(seed).decapsulate(ciphertext)


@lru_cache(maxsize=128)
def _private(seed: bytes) -> MLKEM768PrivateKey:
    return MLKEM768PrivateKey.from_seed_bytes(seed)


class Stream:
    """AES-256 in counter mode as a source of uniform numbers; the same seed gives the same ones."""

    def __init__(self, seed: bytes) -> None:
        # The key is derived from the seed, so that nothing else that uses the seed meets this keystream.
        self._bytes = Cipher(AES(derive(seed, "stream")), CTR(bytes(16))).encryptor()

    def raw(self, count: int) -> bytes:
        return self._bytes.update(bytes(count))

    def elements(self, count: int, field: Field) -> Elements:
        """Uniform field elements."""
        return self.words(count, field).astype(np.uint32)

    def words(self, count: int, field: Field) -> NDArray[Any]:
        """The same in the narrowest type: words of the keystream that are no element are passed over."""
        kind, width, cut = ("<u4", 4, 0) if field.bits == 32 else ("<u2", 2, 16 - field.bits)
        found: list[NDArray[Any]] = []
        missing = count
        while missing > 0:
            words: NDArray[Any] = np.frombuffer(self.raw(width * (missing + missing // 512 + 8)), dtype=kind)
            words = words >> cut if cut else words
            fit = words[words < field.modulus][:missing]
            found.append(fit)
            missing -= len(fit)
        if len(found) == 1:  # nearly always
            return found[0]
        return np.concatenate(found) if found else np.zeros(0, dtype=kind)

    def uniforms(self, count: int) -> NDArray[np.float64]:
        """Numbers in [0, 1) of 53 bits."""
        out = np.empty(count, dtype=np.float64)
        for start in range(0, count, _CACHED):
            part = out[start : start + _CACHED]
            words: NDArray[np.uint64] = np.frombuffer(self.raw(8 * len(part)), dtype="<u8")
            whole = (words >> np.uint64(11)).view(np.int64)  # signed ones are converted several times as fast
            np.multiply(whole, 2.0**-53, out=part)
        return out


class MaskedSum:
    """Adds and subtracts masks on top of some elements, in signed integers, reduced before they can overflow."""

    def __init__(self, elements: Elements, field: Field) -> None:
        self._field = field
        self._sum = elements.astype(field.signed)
        self._most = np.iinfo(field.signed).max // field.modulus - 1  # terms that fit beside a reduced one
        self._terms = 1

    def add(self, elements: Elements) -> None:
        self._make_room()
        self._sum += elements.astype(self._sum.dtype)

    def mask(self, seed: bytes, *, sign: int) -> None:
        self._make_room()
        stream = Stream(seed)
        for start in range(0, len(self._sum), _BLOCK):
            part = self._sum[start : start + _BLOCK]
            drawn = stream.words(len(part), self._field)
            (np.add if sign > 0 else np.subtract)(part, drawn, out=part)

    def reduced(self) -> Elements:
        self._reduce()
        return self._sum.astype(np.uint32)

    def _make_room(self) -> None:
        if self._terms >= self._most:
            self._reduce()
        self._terms += 1

    def _reduce(self) -> None:
        modulus = self._field.signed(self._field.modulus)
        self._sum -= self._sum // modulus * modulus  # NumPy has a fast floor division and a slow remainder
        self._terms = 1
