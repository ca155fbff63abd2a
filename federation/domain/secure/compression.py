"""Fewer numbers a round: the same random coordinates at every site.

Masked vectors can be added only coordinate by coordinate, so all sites must send the same ones, chosen by a seed that
they share. The coordinates of a model are dealt out in a random order, and every coordinate has its turn before one
comes again. What a site does not send, or loses to clipping and rounding, it adds to its next update (error feedback).
Runs without masks can send the largest of each site instead (`largest`).

References
----------
.. [1] Stich et al., "Sparsified SGD with memory", NeurIPS 2018, arXiv:1809.07599.
.. [2] Konečný et al., "Federated learning: strategies for improving communication efficiency", arXiv:1610.05492.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from federation.domain.secure.masks import Stream

Values = NDArray[np.float32]
Indices = NDArray[np.int64]


class CompressionError(ValueError):
    """Compressed values that do not fit what they are for."""


def common_indices(*, seed: str, round_number: int, size: int, keep: float) -> Indices:
    """The coordinates that every site sends in a round, sorted.

    Parameters
    ----------
    seed : str
        The same at all sites, e.g. the hash of the frozen configuration. It needs no secrecy.
    round_number : int, from 1
    size : int
        Coordinates of the model.
    keep : float, over 0 to 1
        The share of them that is sent. In ceil(1 / keep) rounds each coordinate is sent once.
    """
    if not 0 < keep <= 1 or round_number < 1 or size < 0:
        raise CompressionError(f"expected a share over 0 to 1 and a round from 1, got {keep!r} and {round_number!r}")
    turns = math.ceil(1 / keep - 1e-9)
    if turns == 1:
        return np.arange(size, dtype=np.int64)
    cycle, turn = divmod(round_number - 1, turns)
    order = _order(f"qfl-ethics/random-k/v1:{seed}:{cycle}:{size}", size)
    return np.sort(order[turn * size // turns : (turn + 1) * size // turns]).astype(np.int64)


@lru_cache(maxsize=8)
def _order(seed: str, size: int) -> Indices:
    """A sort of the keystream rather than NumPy's permutation, which may be another in another version of NumPy."""
    key = hashlib.sha256(seed.encode()).digest()
    return np.argsort(np.frombuffer(Stream(key).raw(8 * size), dtype="<u8"), kind="stable")


class ErrorFeedback:
    """What one site still owes of its updates. What was offered is settled only when it was counted.

    Parameters
    ----------
    owed : ndarray, shape (size,)
        Zero before the first round.
    """

    def __init__(self, owed: Values) -> None:
        self.owed = np.asarray(owed, dtype=np.float32)
        self._after: Values | None = None

    def offer(self, update: Values, indices: Indices, sent: Callable[[Values], NDArray[np.floating]]) -> Values:
        """The values to send of an update; `sent` says what of them arrives after clipping and rounding."""
        whole = self.owed + np.asarray(update, dtype=np.float32)
        chosen = whole[indices]
        whole[indices] = chosen - np.asarray(sent(chosen), dtype=np.float32)
        self._after = whole
        return chosen

    def settle(self) -> None:
        """The offer was counted. Without this (the site was dropped, the round was cancelled) it was never made."""
        if self._after is not None:
            self.owed, self._after = self._after, None

    def forget(self) -> None:
        """Owe nothing, whatever is lost: for runs without error feedback."""
        self.owed, self._after = np.zeros_like(self.owed), None
