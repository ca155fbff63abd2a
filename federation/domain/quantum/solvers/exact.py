"""Listing every allowed choice: what the others are measured against, and fast at the sizes a QPU holds today."""

from __future__ import annotations

import time

import numpy as np

from federation.domain.quantum.solvers.ising import Qubo
from federation.domain.quantum.solvers.solution import Solution


def solve(problem: Qubo) -> Solution:
    """The cheapest allowed choice; of several, the first in the order of the bits.

    Raises
    ------
    ProblemError
        If there are too many choices to list (`ising.MAX_STATES`).
    """
    started = time.perf_counter()
    fresh = Qubo(problem.linear, problem.quadratic, problem.constant, problem.blocks)  # so that listing is timed
    best = int(np.argmin(fresh.spectrum))
    seconds = time.perf_counter() - started
    uniform = float(problem.optimal(problem.spectrum).mean())
    return Solution(
        "exact", problem.bits_of(best), float(problem.spectrum[best]), 1.0, uniform, 1.0, 1.0, problem.n_states, None,
        None, "numpy, every choice listed", None, seconds,
    )  # fmt: skip
