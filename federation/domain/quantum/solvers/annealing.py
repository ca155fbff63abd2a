"""Simulated annealing [1]_: many runs at once, each decision redrawn by its costs while the temperature falls.

Blocks are kept by redrawing a whole block at a time (heat bath), so no run ever leaves the allowed choices. Free bits
are also exchanged in pairs, because a penalty on how many are 1 stops every single move once it is cold.

References
----------
.. [1] Kirkpatrick et al., "Optimization by simulated annealing", Science 220, 671 (1983).
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from federation.domain.quantum.solvers.ising import Floats, Qubo
from federation.domain.quantum.solvers.solution import Solution, figures

RUNS, SWEEPS = 20, 100
COLDEST = 1e-6  # of the starting temperature: a penalty sets that, and the differences below it are to be told apart
STILL = 5  # passes at the end that only go down


def solve(problem: Qubo, *, seed: int = 0, runs: int = RUNS, sweeps: int = SWEEPS) -> Solution:
    """The best of `runs` independent runs of `sweeps` passes over all decisions.

    Raises
    ------
    ValueError
        Unless there is at least one run and one sweep.
    """
    if runs < 1 or sweeps < 1:
        raise ValueError(f"expected at least one run and one sweep, got {runs} and {sweeps}")
    started = time.perf_counter()
    rng = np.random.default_rng(seed)
    both = problem.quadratic + problem.quadratic.T
    for rows in _decisions(problem):
        both[rows, rows] = 0.0  # no two bits of a block are 1, and the one that is redrawn is not there to be paid for
    bits = _start(problem, runs, rng)
    hottest = float((np.abs(problem.linear) + np.abs(both).sum(axis=1)).max()) or 1.0
    for temperature in (*np.geomspace(hottest, COLDEST * hottest, sweeps), *[0.0] * STILL):
        for rows in _decisions(problem):
            _redraw(bits, rows, problem.linear[rows] + bits @ both[:, rows], temperature, rng, bool(problem.blocks))
            if not problem.blocks and problem.n_bits > 1:
                _exchange(bits, problem.linear, both, temperature, rng)
    energies = problem.constant + bits @ problem.linear + np.einsum("ri,ij,rj->r", bits, problem.quadratic, bits)
    seconds = time.perf_counter() - started
    allowed = np.array([problem.allows(row) for row in bits])
    best = int(np.argmin(np.where(allowed, energies, np.inf)))
    kept = bool(allowed[best])
    moves = runs * (sweeps + STILL) * len(problem.dims) * (1 if problem.blocks else 2)
    return Solution(
        "annealing", tuple(int(b) for b in bits[best]) if kept else (), float(energies[best]) if kept else None,
        *figures(problem, np.full(runs, 1 / runs), energies, allowed), moves, None, seed, "numpy, heat bath", None,
        seconds,
    )  # fmt: skip


def _decisions(problem: Qubo) -> list[slice]:
    sizes = problem.blocks or (1,) * problem.n_bits
    ends = np.cumsum(sizes)
    return [slice(int(end) - size, int(end)) for end, size in zip(ends, sizes, strict=True)]


def _start(problem: Qubo, runs: int, rng: np.random.Generator) -> Floats:
    bits = np.zeros((runs, problem.n_bits))
    for rows in _decisions(problem):
        if problem.blocks:
            bits[np.arange(runs), rows.start + rng.integers(0, rows.stop - rows.start, runs)] = 1
        else:
            bits[:, rows.start] = rng.integers(0, 2, runs)
    return bits


def _redraw(
    bits: Floats, rows: slice, cost: Floats, temperature: float, rng: np.random.Generator, one_hot: bool
) -> None:
    """Draw one decision of every run anew; at temperature 0, take its cheapest choice. `bits` is changed."""
    if not one_hot:
        cost = np.column_stack([np.zeros(len(cost)), cost])
    chosen = _chosen(cost, temperature, rng)
    if one_hot:
        bits[:, rows] = chosen[:, None] == np.arange(cost.shape[1])
    else:
        bits[:, rows.start] = chosen


def _exchange(bits: Floats, linear: Floats, both: Floats, temperature: float, rng: np.random.Generator) -> None:
    """Try to let two bits of every run change places; `bits` is changed. Equal bits stay as they are."""
    runs = np.arange(len(bits))
    first, second = rng.integers(0, bits.shape[1], (2, len(bits)))
    turn = bits[runs, second] - bits[runs, first]  # what the first bit gains: 1, 0 or -1
    at_first, at_second = ((bits * both[place]).sum(axis=1) + linear[place] for place in (first, second))
    change = turn * (at_first - at_second) - turn**2 * both[first, second]
    limit = temperature * rng.exponential(size=len(bits))
    moved = np.where(change <= limit, turn, 0.0)
    bits[runs, first] += moved
    bits[runs, second] -= moved


def _chosen(cost: Floats, temperature: float, rng: np.random.Generator) -> NDArray[np.int64]:
    if temperature == 0:
        return cost.argmin(axis=1)
    # The largest of (-cost / T + Gumbel noise) is a draw with probabilities proportional to exp(-cost / T).
    return (rng.gumbel(size=cost.shape) - cost / temperature).argmax(axis=1)
