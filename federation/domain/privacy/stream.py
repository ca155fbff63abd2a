"""Random numbers that nobody can predict or repeat without the key. No numpy generator: their states can be guessed."""

from __future__ import annotations

import secrets

import numpy as np
from numpy.typing import NDArray

from federation.domain.secure.masks import Stream, derive


class KeyedStream(Stream):
    """The stream that masks are drawn from, under a key of its own kind, and with normal numbers.

    A DP guarantee is void if an attacker can repeat the noise. So the key must be secret and hold at least 128 bits of
    entropy, e.g. ``secrets.randbits(256)`` drawn by the site. A small or public seed repeats a test, and protects
    nobody.
    """

    def __init__(self, key: int) -> None:
        if key < 0:
            raise ValueError(f"expected a key that is not negative, got {key}")
        super().__init__(derive(key.to_bytes((key.bit_length() + 7) // 8 or 1, "big"), "privacy"))

    @classmethod
    def fresh(cls) -> KeyedStream:
        """A stream whose key the operating system has just drawn, and nobody keeps."""
        return cls(secrets.randbits(256))

    def normals(self, size: int) -> NDArray[np.float64]:
        """Standard normal values by the Box-Muller method, shape (size,)."""
        half = (size + 1) // 2
        radius = np.sqrt(-2 * np.log1p(-self.uniforms(half)))
        angle = 2 * np.pi * self.uniforms(half)
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:size]
