"""Random numbers that nobody can predict or repeat without the key. No numpy generator: their states can be guessed."""

from __future__ import annotations

import hashlib
import secrets

import numpy as np
from numpy.typing import NDArray


class KeyedStream:
    """Random numbers from SHAKE-256 in counter mode: as unpredictable as their key.

    A DP guarantee is void if an attacker can repeat the noise. So the key must be secret and hold at least 128 bits of
    entropy, e.g. ``secrets.randbits(256)`` drawn by the site. A small or public seed repeats a test, and protects
    nobody.
    """

    def __init__(self, key: int) -> None:
        if key < 0:
            raise ValueError(f"expected a key that is not negative, got {key}")
        self._key = key.to_bytes((key.bit_length() + 7) // 8 or 1, "big")
        self._counter = 0

    @classmethod
    def fresh(cls) -> KeyedStream:
        """A stream whose key the operating system has just drawn, and nobody keeps."""
        return cls(secrets.randbits(256))

    def uniforms(self, size: int) -> NDArray[np.float64]:
        """Values in [0, 1), multiples of 2^-53, shape (size,)."""
        block = hashlib.shake_256(len(self._key).to_bytes(4, "big") + self._key + self._counter.to_bytes(8, "big"))
        self._counter += 1
        words = np.frombuffer(block.digest(8 * size), dtype="<u8")
        return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def normals(self, size: int) -> NDArray[np.float64]:
        """Standard normal values by the Box-Muller method, shape (size,)."""
        half = (size + 1) // 2
        radius = np.sqrt(-2 * np.log1p(-self.uniforms(half)))
        angle = 2 * np.pi * self.uniforms(half)
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:size]
