"""What it costs to know a group's rate to within epsilon, by amplitude estimation and by reading records."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np

from audits.domain.quantum.amplitude import estimate, grover_law
from audits.domain.quantum.circuit import CountingCircuit
from audits.domain.quantum.sampling import reads_with_replacement, reads_without_replacement


@dataclass(frozen=True)
class Cost:
    """Queries and reads for one group, all for the same half width and confidence.

    A query is one use of the operator that prepares the records and marks the flagged ones, or of its inverse; a read
    looks at one record.

    Attributes
    ----------
    iqae : int
        Median over simulated repetitions.
    with_replacement, without_replacement, exact : int
        `exact` reads every record, and then knows the rate without an interval.
    lower, upper : float in [0, 1]
        The interval of the first repetition.
    inside : float in [0, 1]
        Share of the repetitions whose interval holds the rate.
    """

    iqae: int
    with_replacement: int
    without_replacement: int
    exact: int
    lower: float
    upper: float
    inside: float

    @property
    def best_classical(self) -> int:
        return min(self.with_replacement, self.without_replacement, self.exact)


def cost_of(
    found: int,
    records: int,
    *,
    epsilon: float,
    confidence: float,
    shots: int,
    runs: int,
    rng: np.random.Generator,
) -> Cost:
    """The cost for a group of `records`, of which `found` are flagged; measurements are drawn from the exact law."""
    rate = found / records
    sample = grover_law(rate, rng)
    seen = [estimate(sample, epsilon=epsilon, confidence=confidence, shots=shots) for _ in range(runs)]
    return Cost(
        round(median(one.queries for one in seen)),
        reads_with_replacement(rate, epsilon=epsilon, confidence=confidence),
        reads_without_replacement(found, records, epsilon=epsilon, confidence=confidence),
        records,
        seen[0].lower,
        seen[0].upper,
        float(np.mean([one.lower <= rate <= one.upper for one in seen])),
    )


def seconds_of(
    circuit: CountingCircuit, flags: np.ndarray, *, epsilon: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Wall time of one amplitude estimation on the simulated circuit, and of counting the same records.

    Each power of the Grover step is simulated once and then measured as often as needed, which favours the circuit.
    """
    started = time.perf_counter()
    estimate(lambda k, shots: int(rng.binomial(shots, min(1.0, circuit.probability(k)))), epsilon=epsilon)
    simulated = time.perf_counter() - started
    return simulated, median(_seconds(lambda: flags.mean()) for _ in range(101))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
