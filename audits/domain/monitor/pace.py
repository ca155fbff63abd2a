"""When a stream would halt if its evidence went on growing as it does now: an estimate for people, never a decision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Z_95 = 1.959963984540054
RECENT = 24  # steps of the history that count as "now"
FEWEST = 8  # steps below which no growth is told from chance


@dataclass(frozen=True)
class Pace:
    """How fast a stream moves towards its limit.

    Attributes
    ----------
    growth : float or None
        log10 of the evidence gained with each outcome; None if there are too few steps, or the evidence is all lost.
    outcomes : float or None
        Further outcomes until the limit at that growth; 0 if it is reached. None where the growth cannot be told from
        none ("not estimable"): a flat stream has no time to decision.
    soonest, latest : float or None
        The same at the ends of a plain 95 % interval of the growth. It informs; it is not valid at all times.
    """

    growth: float | None = None
    outcomes: float | None = None
    soonest: float | None = None
    latest: float | None = None

    @property
    def estimable(self) -> bool:
        return self.outcomes is not None


def pace(history: Sequence[tuple[int, float | None]], limit: float) -> Pace:
    """The pace of one stream.

    The evidence is multiplied by each pair, so its logarithm is a walk with a drift: the drift is the mean gain per
    outcome over the latest steps, its error comes from how much the steps differ from it, and a walk with a drift over
    a distance takes distance / drift on average.

    Parameters
    ----------
    history : sequence of (position, log10 evidence or None)
        In the order of their positions, of one epoch.
    limit : float
        log10 of the evidence at which the stream halts.

    Examples
    --------
    >>> steady = [(25 * i, 0.1 * i) for i in range(10)]
    >>> round(pace(steady, 2.0).outcomes)
    275
    """
    known = [(at, value) for at, value in history[-RECENT - 1 :] if value is not None]
    if history and history[-1][1] is None:
        return Pace()
    if known and known[-1][1] >= limit:
        return Pace(outcomes=0.0, soonest=0.0, latest=0.0)
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(known) if b[0] > a[0]]
    if len(steps) < FEWEST:
        return Pace()
    told = sum(width for width, _ in steps)
    growth = sum(gain for _, gain in steps) / told
    spread = sum((gain - growth * width) ** 2 / width for width, gain in steps) / (len(steps) - 1)
    error = Z_95 * math.sqrt(spread / told)
    if growth - error <= 0:
        return Pace(growth=growth)
    left = limit - known[-1][1]
    return Pace(growth, left / growth, left / (growth + error), left / (growth - error))
