"""Our detectors on many simulated deployments at once, and simple versions of what others use.

All look at the same thing: the differences of pairs, an array of shape (pairs, deployments). Each returns, for each
deployment, after how many pairs it first halts; infinity if it does not.

The peers are written here from what their documentation says, and named "-like": they are no other project's code. Both
library rules compare with a reference period, so they look for a *change*, not for a gap above the limit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from audits.domain.monitor.betting import HUGE, TINY
from audits.domain.monitor.policy import MonitorPolicy

Floats = NDArray[np.float64]
LIMIT, Z_95 = 0.1, 1.959963984540054
CHUNK, REFERENCE = 100, 1000  # pairs in a batch of the chunked rules, and in the reference
CLIP_EVERY = 50
NEVER = np.inf
WINDOW_100, WINDOW_200 = "naive window of 100 pairs", "naive window of 200 pairs"
PEEKED, NANNYML, EVIDENTLY = "cumulative 95 % interval, peeked at", "NannyML-like", "Evidently-like"


def ours(differences: Floats, policy: MonitorPolicy, stream: int = 0) -> tuple[Floats, Floats]:
    """First halts of the betting and of the e-SR detector: the arithmetic of `audits.domain.monitor.betting`."""
    pairs, runs = differences.shape
    base, slope = (np.array(part) for part in zip(*policy.steps[stream], strict=True))
    bets = len(base)
    wealth, evidence = np.ones((2, bets, runs)), np.zeros((2, bets, runs))
    first, first_sr = np.full(runs, NEVER), np.full(runs, NEVER)
    factors, turned = np.empty((2, bets, runs)), slope[:, None]
    for number in range(pairs):
        np.multiply(turned, differences[number], out=factors[0])
        np.subtract(base[:, None], factors[0], out=factors[1])
        factors[0] += base[:, None]
        wealth *= factors
        evidence += 1.0
        evidence *= factors
        _note(first, wealth, policy.betting_limit, number)
        _note(first_sr, evidence, policy.e_sr_limit, number)
        if number % CLIP_EVERY == 0:
            wealth[wealth < TINY] = 0.0
            np.minimum(wealth, HUGE, out=wealth)
            np.minimum(evidence, HUGE, out=evidence)
    return first, first_sr


def _note(first: Floats, values: Floats, limit: float, number: int) -> None:
    crossed = values.mean(axis=1).max(axis=0) >= limit
    if crossed.any():
        first[crossed & (first == NEVER)] = number + 1


def window(differences: Floats, size: int) -> Floats:
    """Halts when the mean of the last `size` pairs is beyond the limit."""
    total = np.cumsum(differences, axis=0)
    total = np.concatenate([np.zeros((1, total.shape[1])), total])
    means = (total[size:] - total[:-size]) / size
    return _first(np.abs(means) > LIMIT, lambda place: place + size)


def peeked(differences: Floats, least: int = 30) -> Floats:
    """Halts when a plain 95 % interval over all pairs so far, looked at after each one, lies beyond the limit."""
    n = np.arange(1, len(differences) + 1)[:, None]
    mean = np.cumsum(differences, axis=0) / n
    variance = np.cumsum(differences**2, axis=0) / n - mean**2
    out = np.abs(mean) - Z_95 * np.sqrt(np.maximum(variance, 1e-12) / n) > LIMIT
    out[: least - 1] = False
    return _first(out, lambda place: place + 1)


def nannyml_like(differences: Floats, reference: Floats) -> Floats:
    """Halts when a chunk's mean leaves the mean of the reference's chunks by three of their standard deviations."""
    known, live = _chunks(reference), _chunks(differences)
    low, high = known.mean(axis=0) - 3 * known.std(axis=0), known.mean(axis=0) + 3 * known.std(axis=0)
    return _first((live < low) | (live > high), lambda place: (place + 1) * CHUNK)


def evidently_like(differences: Floats, reference: Floats) -> Floats:
    """Halts when a two-sample test of a batch against the reference gives p < 0.05."""
    live = _chunks(differences)
    spread = _chunks(differences**2) - live**2
    error = np.sqrt(np.maximum(spread, 1e-12) / CHUNK + reference.var(axis=0) / len(reference))
    return _first(np.abs(live - reference.mean(axis=0)) / error > Z_95, lambda place: (place + 1) * CHUNK)


def peers(differences: Floats, reference: Floats) -> dict[str, Floats]:
    """Each of the others' first halts, by name."""
    return {
        WINDOW_100: window(differences, 100),
        WINDOW_200: window(differences, 200),
        PEEKED: peeked(differences),
        NANNYML: nannyml_like(differences, reference),
        EVIDENTLY: evidently_like(differences, reference),
    }


def _chunks(differences: Floats) -> Floats:
    whole = len(differences) // CHUNK * CHUNK
    return differences[:whole].reshape(-1, CHUNK, differences.shape[1]).mean(axis=1)


def _first(out: NDArray[np.bool_], pairs: Callable[[NDArray[np.intp]], NDArray[np.intp]]) -> Floats:
    return np.where(out.any(axis=0), pairs(np.argmax(out, axis=0)), NEVER)
