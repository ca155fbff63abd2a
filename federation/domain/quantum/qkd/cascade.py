"""Cascade: error correction by parities said in public, each of them counted.

References
----------
.. [1] Brassard, Salvail, "Secret-key reconciliation by public discussion", EUROCRYPT 1993.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

PASSES = 6
FIRST_BLOCK = 0.73  # of 1 / QBER, as in the paper


@dataclass(frozen=True)
class Corrected:
    """The corrected bits, how many were flipped, and how many parities were said in public."""

    bits: np.ndarray
    flipped: int
    leaked: int


def correct(reference: np.ndarray, bits: np.ndarray, *, qber: float, rng: np.random.Generator) -> Corrected:
    """Bring `bits` in line with `reference`, of which nothing but parities is read.

    Parameters
    ----------
    reference, bits : uint8 arrays of 0 and 1, equally long
    qber : float
        Expected share of differences, over 0; sets the first block's length.
    rng : numpy.random.Generator
        Of the public shuffles.

    Returns
    -------
    Corrected
        Differences may remain; they are found by comparing a hash.
    """
    return _Cascade(reference, bits, qber, rng).run()


class _Cascade:
    def __init__(self, reference: np.ndarray, bits: np.ndarray, qber: float, rng: np.random.Generator) -> None:
        if reference.shape != bits.shape or bits.ndim != 1:
            raise ValueError(f"expected two equally long rows of bits, got {reference.shape} and {bits.shape}")
        if not 0 < qber < 1:
            raise ValueError(f"expected an error rate over 0 and under 1, got {qber}")
        self.reference, self.bits, self.rng = reference, bits.copy(), rng
        self.block = max(2, round(FIRST_BLOCK / qber))
        self.orders: list[np.ndarray] = []  # of each pass: the shuffled positions
        self.places: list[np.ndarray] = []  # of each pass: where a position lies in that order
        self.sizes: list[int] = []
        self.odd: list[np.ndarray] = []  # of each pass: whether a block's parities differ
        self.queue: list[tuple[int, int, int]] = []  # (size, pass, block), the smallest first
        self.flipped = self.leaked = 0

    def run(self) -> Corrected:
        n, size = len(self.bits), self.block
        for number in range(PASSES):
            self._open(np.arange(n) if number == 0 else self.rng.permutation(n), min(size, n))
            while self.queue:
                self._search(*heapq.heappop(self.queue)[1:])
            if size >= n:
                break
            size *= 2
        return Corrected(self.bits, self.flipped, self.leaked)

    def _open(self, order: np.ndarray, size: int) -> None:
        """Cut the positions into blocks and compare each block's parity."""
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        differs = np.add.reduceat(self.reference[order] ^ self.bits[order], np.arange(0, len(order), size)) & 1
        self.leaked += len(differs)
        self.orders.append(order)
        self.places.append(place)
        self.sizes.append(size)
        self.odd.append(differs.astype(bool))
        for block in np.flatnonzero(differs):
            heapq.heappush(self.queue, (size, len(self.orders) - 1, int(block)))

    def _search(self, number: int, block: int) -> None:
        """Halve an odd block until one wrong bit is left; flip it, which turns its block in every pass."""
        if not self.odd[number][block]:
            return
        size = self.sizes[number]
        inside = self.orders[number][block * size : (block + 1) * size]
        while len(inside) > 1:
            half = inside[: len(inside) // 2]
            self.leaked += 1
            odd = int((self.reference[half] ^ self.bits[half]).sum()) & 1
            inside = half if odd else inside[len(half) :]
        position = int(inside[0])
        self.bits[position] ^= 1
        self.flipped += 1
        for other, place in enumerate(self.places):
            touched = int(place[position]) // self.sizes[other]
            self.odd[other][touched] ^= True
            if self.odd[other][touched]:
                heapq.heappush(self.queue, (self.sizes[other], other, touched))
