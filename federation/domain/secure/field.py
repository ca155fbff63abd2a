"""Numbers as elements of a prime field, so that masks can be uniform and sums exact.

Real values are clipped, scaled to whole steps and rounded. The number of steps is chosen from the number of sites, so
that the sum of all of them cannot wrap around: with a modulus p and s sites, a value may have at most
(p - 1) / (2 s) steps to either side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Elements = NDArray[np.uint32]  # reduced elements, whatever the field
MODULI = {12: 4093, 16: 65521, 32: 4294967291}  # bits on the wire -> the largest prime below 2^bits


@dataclass(frozen=True)
class Field:
    """A prime field whose elements take `bits` bits on the wire."""

    bits: int

    def __post_init__(self) -> None:
        if self.bits not in MODULI:
            raise ValueError(f"expected a field of {' or '.join(map(str, MODULI))} bits, got {self.bits!r}")

    @property
    def modulus(self) -> int:
        return MODULI[self.bits]

    @property
    def signed(self) -> type[np.signedinteger[Any]]:
        """Integers that hold an element and its negative; of narrow ones a processor divides many at once."""
        return np.int32 if self.bits <= 16 else np.int64

    def pack(self, elements: Elements) -> NDArray[np.generic]:
        """As sent: two or four bytes an element, or three bytes for two."""
        if self.bits == 12:
            even, odd = _pairs(elements)
            return np.stack([even >> 4, (even & 15) << 4 | odd >> 8, odd & 255], axis=1).astype(np.uint8).ravel()
        return elements.astype(np.uint16 if self.bits == 16 else np.uint32)

    def unpack(self, packed: NDArray[np.generic], count: int) -> Elements:
        """`count` elements of what came from outside.

        Raises
        ------
        ValueError
            If it is not so many elements of this field.
        """
        kind, size = {
            12: (np.uint8, 3 * ((count + 1) // 2)),
            16: (np.uint16, count),
            32: (np.uint32, count),
        }[self.bits]
        if packed.dtype != kind or packed.shape != (size,):
            raise ValueError(f"expected {size} numbers of {np.dtype(kind)}, got {packed.dtype} of shape {packed.shape}")
        elements = packed.astype(np.uint32)
        if self.bits == 12:
            first, middle, last = elements.reshape(-1, 3).T
            elements = np.stack([first << 4 | middle >> 4, (middle & 15) << 8 | last], axis=1).ravel()[:count]
        if count and int(elements.max()) >= self.modulus:
            raise ValueError(f"expected elements under {self.modulus}, got {int(elements.max())}")
        return elements


def _pairs(elements: Elements) -> tuple[Elements, Elements]:
    even = elements[0::2]
    odd = np.zeros_like(even)
    odd[: len(elements) // 2] = elements[1::2]
    return even, odd


@dataclass(frozen=True)
class Quantiser:
    """Between real values and field elements.

    Attributes
    ----------
    field : Field
    clip : float, > 0
        Values beyond are clipped; what is lost is the caller's to carry over (`compression.ErrorFeedback`).
    parties : int, >= 1
        At most so many encoded values are summed: the bound against overflow.
    """

    field: Field
    clip: float
    parties: int

    def __post_init__(self) -> None:
        if not (np.isfinite(self.clip) and self.clip > 0):
            raise ValueError(f"expected a finite clip over 0, got {self.clip!r}")
        if self.parties < 1 or self.levels < 1:
            raise ValueError(f"expected 1 to {self.field.modulus // 2} parties, got {self.parties!r}")

    @property
    def levels(self) -> int:
        """Steps from 0 to the clip."""
        return (self.field.modulus - 1) // (2 * self.parties)

    @property
    def step(self) -> float:
        """Size of a step; a rounded value is off by less than one, by half of one to nearest."""
        return self.clip / self.levels

    def encode(self, values: NDArray[np.floating], *, uniforms: NDArray[np.floating] | None = None) -> Elements:
        """Clip, round and lift into the field.

        Parameters
        ----------
        values : ndarray, shape (n,)
            Finite.
        uniforms : ndarray in [0, 1), shape (n,), optional
            Rounds up with the probability of the fraction, which makes the rounded value right in the mean; from a
            cryptographic source. Without them, to nearest.

        Raises
        ------
        ValueError
            If a value is not finite.
        """
        scaled = np.asarray(values, dtype=np.float64) / self.step
        if not np.isfinite(scaled).all():
            raise ValueError("expected finite values, got NaN or infinity; there is no update to send")
        # Into the range first: rounding after it cannot leave it, so the bound against overflow holds whatever comes.
        np.clip(scaled, -self.levels, self.levels, out=scaled)
        if uniforms is None:
            np.rint(scaled, out=scaled)
        else:
            np.floor(np.add(scaled, uniforms, out=scaled), out=scaled)
        whole = scaled.astype(self.field.signed)
        whole += (whole < 0) * self.field.signed(self.field.modulus)
        return whole.astype(np.uint32)

    def decode(self, elements: Elements) -> NDArray[np.float64]:
        """The real value of a sum of at most `parties` encoded ones."""
        whole = elements.astype(self.field.signed)
        whole -= (whole > self.field.modulus // 2) * self.field.signed(self.field.modulus)
        return np.asarray(whole * np.float64(self.step), dtype=np.float64)
