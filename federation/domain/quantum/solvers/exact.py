"""Listing every allowed choice: what the others are measured against, and fast at the sizes a QPU holds today."""

from __future__ import annotations

import time

import numpy as np

from federation.domain.quantum.solvers.ising import Qubo
from federation.domain.quantum.solvers.solution import Solution, uniform_chance


def solve(problem: Qubo) -> Solution:
    """The cheapest allowed choice; of several, the first in the order of the bits.

    Raises
    ------
    ProblemError
        If there are too many choices to list (`ising.MAX_STATES`).
    """
    started = time.perf_counter()
    fresh = Qubo(
        problem.linear, problem.quadratic, problem.constant, problem.blocks, problem.ones
    )  # so that listing is timed
    best = int(np.argmin(np.where(fresh.allowed, fresh.spectrum, np.inf)))
    seconds = time.perf_counter() - started
    return Solution(
        "exact", problem.bits_of(best), float(problem.spectrum[best]), 1.0, uniform_chance(problem), 1.0, 1.0,
        problem.n_states, None, None, "numpy, every choice listed", None, seconds,
    )  # fmt: skip
