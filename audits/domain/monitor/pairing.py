"""Which cases of a batch are paired, found for all of them at once; the same pairs that the fold makes one by one.

Of one stream and stratum, only one side ever waits, so the queue is a walk on the whole numbers from -most to most:
a case of side 0 steps up, one of side 1 steps down, and at either end a step changes nothing but drops the oldest.
Waiting cases leave in the order in which they came: the k-th that leaves a side is the k-th that began to wait there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.domain.monitor.betting import Waiting

SMALLEST, LARGEST = 64, 8192  # cases of the walk that are looked at together


@dataclass(frozen=True)
class Pairing:
    """The pairs of some cases, and who waits after them.

    Attributes
    ----------
    completes : ndarray of bool, one for each case
        Whether the case found a partner.
    differences : ndarray of float
        Of each pair, in the order in which they were completed: first group minus second.
    """

    completes: NDArray[np.bool_]
    differences: NDArray[np.float64]
    waiting: Waiting
    dropped: int


def pair(side: NDArray[np.int8], values: NDArray[np.float64], waiting: Waiting | None, most: int) -> Pairing:
    """Pair the cases of one stream and stratum, first in first out.

    Parameters
    ----------
    side : ndarray of 0 and 1, at least one case
    values : ndarray of float, of the same length
    waiting : who waits from before
    most : int
        Cases that may wait.
    """
    steps = np.where(side == 0, 1, -1).astype(np.int8)
    queue = waiting.values if waiting else ()
    start = 0 if not queue or waiting is None else len(queue) * (1 if waiting.side == 0 else -1)
    after = walk(steps, start, most)
    before = np.empty_like(after)
    before[0], before[1:] = start, after[:-1]
    height = before * steps
    completes = height < 0
    full = height == most
    partner = np.empty(len(side))
    left: dict[int, NDArray[np.float64]] = {}
    for number, sign in ((0, 1), (1, -1)):
        mine = steps == sign
        entries = values[mine & ~completes]
        if queue and start * sign > 0:
            entries = np.concatenate([np.array(queue), entries])
        leaves = np.flatnonzero((mine & full) | (~mine & completes))
        paired = completes[leaves]
        partner[leaves[paired]] = entries[: len(leaves)][paired]
        left[number] = entries[len(leaves) :]
    first = side[completes] == 0
    own, other = values[completes], partner[completes]
    differences = np.where(first, own - other, other - own)
    level = int(after[-1])
    # An empty queue remembers whose it was: the last pair was completed by the other side.
    waits = int(level < 0) if level else 1 - int(side[-1])
    rest = tuple(left[waits].tolist()) if level else ()
    return Pairing(completes, differences, Waiting(waits, rest), int(np.count_nonzero(full)))


def walk(steps: NDArray[np.int8], start: int, most: int) -> NDArray[np.int32]:
    """The level after each step of +1 or -1, held between -most and most.

    Between two ends, a walk that is held at one of them is the free walk less what it ever exceeded that end by; so it
    is computed in runs, each up to where it would leave at the other end.
    """
    after = np.empty(len(steps), dtype=np.int32)
    level, done, size = start, 0, LARGEST
    while done < len(steps):
        part = steps[done : done + size]
        free = np.cumsum(part, dtype=np.int32)
        free += level
        run = _held(free, most)
        after[done : done + len(run)] = run
        level = int(run[-1])
        done += len(run)
        size = min(LARGEST, 2 * size) if len(run) == len(part) else max(SMALLEST, min(size, 4 * len(run)))
    return after


def _held(free: NDArray[np.int32], most: int) -> NDArray[np.int32]:
    """The held walk up to where it would leave at the second end; at least one step."""
    high, low = free.max() > most, free.min() < -most
    if not high and not low:
        return free
    if high and low:
        high = int(np.argmax(free > most)) < int(np.argmax(free < -most))
    if high:
        held = free - np.maximum(np.maximum.accumulate(free) - most, 0)
        out = held < -most
    else:
        held = free - np.minimum(np.minimum.accumulate(free) + most, 0)
        out = held > most
    end = int(np.argmax(out))
    return held[:end] if out[end] else held
