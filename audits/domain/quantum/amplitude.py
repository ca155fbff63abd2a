"""Iterative quantum amplitude estimation of a rate, with bounds that hold whenever it stops.

An operator A prepares the uniform superposition over a group's records and marks the flagged ones, so that a
measurement finds the flag with probability a = sin^2(theta), the group's rate. After k Grover steps it finds it with
probability sin^2((2k + 1) theta), which moves 2k + 1 times faster with theta: so much more is learned from a shot, and
each shot costs 2k + 1 uses of A or its inverse, the *queries*.

Two faults of the published algorithm [1]_ are mended. It looks at its interval after every few shots and stops when it
likes it, which undercovers: here each look spends a share of its round's error, so that the union bound holds at any
stop. And the shots that led to the stop bias the estimate [2]_: here the last round is run again, with fresh shots, for
the estimate. Both cost queries, which are counted.

References
----------
.. [1] Grinko et al., "Iterative quantum amplitude estimation", npj Quantum Information 7, 52 (2021), arXiv:1912.05559.
.. [2] Miyamoto, "On the bias in iterative quantum amplitude estimation", arXiv:2311.16560.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from federation.domain.intervals import clopper_pearson

Sample = Callable[[int, int], int]
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Estimate:
    """What was learned of a rate and what it cost.

    Attributes
    ----------
    rate : float in [0, 1]
        From the fresh last round; inside the bounds.
    lower, upper : float in [0, 1]
        At most two epsilon apart; they hold the rate with at least the confidence asked for.
    queries : int
        Uses of A or its inverse, all rounds and the rerun together.
    rounds : int
        Numbers of Grover steps tried, without the rerun.
    largest_k : int
        Grover steps of the last round; the circuit uses A 2k + 1 times in a row.
    """

    rate: float
    lower: float
    upper: float
    queries: int
    rounds: int
    largest_k: int


@dataclass(frozen=True)
class _Angles:
    """An interval of theta in turns (theta / 2 pi), within [0, 1/4]."""

    low: float
    high: float

    @property
    def rates(self) -> tuple[float, float]:
        return _rate(self.low), _rate(self.high)

    def meet(self, other: _Angles) -> _Angles | None:
        low, high = max(self.low, other.low), min(self.high, other.high)
        return _Angles(low, high) if low <= high else None


def grover_law(rate: float, rng: np.random.Generator) -> Sample:
    """Measurements as the circuit gives them: so many ones in so many shots after k Grover steps."""
    theta = math.asin(math.sqrt(rate))
    return lambda k, shots: int(rng.binomial(shots, math.sin((2 * k + 1) * theta) ** 2))


def rounds_at_most(epsilon: float) -> int:
    """How many different k can be needed: each at least doubles 4k + 2, which stays under pi / (2 epsilon)."""
    return 1 + max(0, math.floor(math.log2(math.pi / (4 * epsilon))))


def estimate(
    sample: Sample, *, epsilon: float, confidence: float = 0.95, shots: int = 20, rerun: bool = True
) -> Estimate:
    """Estimate a rate to within epsilon.

    Parameters
    ----------
    sample : callable
        ``sample(k, shots)``: number of ones in so many measurements after k Grover steps.
    epsilon : float in (0, 0.5)
        Largest half width of the bounds.
    confidence : float in (0, 1)
    shots : int, >= 1
        Measurements between two looks at the interval.
    rerun : bool
        Whether the last round is run again for the estimate. Without it the estimate is biased (for study only).

    Raises
    ------
    ValueError
        If a setting is out of range.
    """
    if not 0 < epsilon < 0.5 or not 0 < confidence < 1 or shots < 1:
        raise ValueError(
            f"expected epsilon in (0, 0.5), confidence in (0, 1), shots >= 1; got {epsilon}, {confidence}, {shots}"
        )
    error = (1 - confidence) / (rounds_at_most(epsilon) + rerun)  # of each round, by the union bound
    found, k, queries, rounds = _Angles(0.0, 0.25), 0, 0, 0
    while True:
        start, ones, drawn, look = found, 0, 0, 0
        rounds += 1
        while _next_k(k, found) == k and not _narrow(found, epsilon):
            look += 1
            ones, drawn, queries = ones + sample(k, shots), drawn + shots, queries + shots * (2 * k + 1)
            seen = _angles(k, start, ones, drawn, error / (look * (look + 1)))
            found = found.meet(seen) or seen
        if _narrow(found, epsilon):
            break
        k = _next_k(k, found)
    if rerun:
        ones, queries = sample(k, drawn), queries + drawn * (2 * k + 1)
        # Where the rerun contradicts the bounds, one of them was wrong, and that chance is already paid for.
        found = found.meet(_angles(k, start, ones, drawn, error)) or found
    lower, upper = found.rates
    point = _rate(_angle(k, start, ones / drawn))
    return Estimate(min(max(point, lower), upper), lower, upper, queries, rounds, k)


def _narrow(angles: _Angles, epsilon: float) -> bool:
    lower, upper = angles.rates
    return (upper - lower) / 2 <= epsilon


def _rate(turns: float) -> float:
    return math.sin(2 * math.pi * turns) ** 2


def _half_turn(factor: int, angles: _Angles) -> int | None:
    """Which half turn holds the interval times `factor`; None if it lies across two. Only within one can an outcome's
    probability be led back to an angle.
    """
    half = math.floor(factor * (angles.low + angles.high))
    inside = 2 * factor * angles.low >= half - _ROUNDING and 2 * factor * angles.high <= half + 1 + _ROUNDING
    return half if inside else None


def _next_k(k: int, angles: _Angles) -> int:
    """The largest usable number of Grover steps that at least doubles 4k + 2, or k itself."""
    factor, width = 4 * k + 2, angles.high - angles.low
    largest = int(1 / (2 * width)) if width > 0 else factor
    for candidate in range(largest - (largest - 2) % 4, 2 * factor - 1, -4):
        if _half_turn(candidate, angles) is not None:
            return (candidate - 2) // 4
    return k


def _angles(k: int, start: _Angles, ones: int, drawn: int, error: float) -> _Angles:
    """Angles that explain so many ones, if the interval held theta when the round began."""
    ends = sorted(_angle(k, start, share) for share in clopper_pearson(ones, drawn, 1 - error))
    return _Angles(ends[0], ends[1])


def _angle(k: int, start: _Angles, share: float) -> float:
    """The angle at which a share of ones is expected, in the half turn that `start` lies in."""
    factor = 4 * k + 2
    half = _half_turn(factor, start) or 0
    turn = math.acos(1 - 2 * share) / (2 * math.pi)
    return (half / 2 + (0.5 - turn if half % 2 else turn)) / factor
