"""Simulated pairs. The second group has the base rate, the first one that rate less the gap."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from audits.domain.monitor.calibration import SCALE
from audits.domain.monitor.policy import MonitorPolicy

Floats = NDArray[np.float64]
SEED = 20261128
BASE = 0.85  # true positive rate, or mean Dice, of the better group
CONCENTRATION = 8.0  # of the Beta distribution of Dice
RUNS = {False: 4000, True: 200}
AT_ONCE = 1000  # deployments held in memory together


def policy(streams: int = 1) -> MonitorPolicy:
    """The platform's own settings, over 1 stream, or 9: three metrics and three groups."""
    if streams == 1:
        return MonitorPolicy(metrics=("tpr",), groups={"sex": ("f", "m")})
    return MonitorPolicy(metrics=("tpr", "fpr", "accuracy"), groups={"age": ("a", "b", "c")})


def pairs(gap: float, count: int, runs: int, rng: np.random.Generator, *, kind: str = "tpr") -> Floats:
    """Differences of `count` pairs in each of `runs` deployments, shape (count, runs)."""
    if kind == "dice":
        low, high = (rng.beta(m * CONCENTRATION, (1 - m) * CONCENTRATION, (count, runs)) for m in (BASE - gap, BASE))
        return low - high
    low = rng.random((count, runs), dtype=np.float32) < BASE - gap
    high = rng.random((count, runs), dtype=np.float32) < BASE
    return low.astype(np.float64) - high


def residual_pairs(gap: float, count: int, runs: int, rng: np.random.Generator) -> Floats:
    """Differences of `calibration`: scores of one fifth (0.6 to 0.8), calibrated but for the first group's gap."""
    values = []
    for miss in (gap, 0.0):
        score = rng.uniform(0.6, 0.8, (count, runs))
        values.append(((rng.random((count, runs)) < score - miss) - score) * SCALE)
    return values[0] - values[1]


def portions(runs: int, *key: int) -> Iterator[tuple[int, np.random.Generator]]:
    """Deployments in portions that fit into memory, each with a random stream of its own."""
    for number, start in enumerate(range(0, runs, AT_ONCE)):
        yield min(AT_ONCE, runs - start), np.random.default_rng([SEED, number, *key])
