"""What every solver returns, so that a quantum figure always stands beside the classical ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.domain.quantum.solvers.ising import Floats, Qubo


@dataclass(frozen=True)
class Solution:
    """The best choice that one solver found, and how it found it.

    Attributes
    ----------
    solver : str
    bits : tuple of int
        The best allowed bit string among those drawn; empty where none was allowed.
    energy : float or None
        Its cost; None where none was allowed.
    p_optimum : float in [0, 1] or None
        Probability that *one* draw of this solver is an optimum: a shot, a run of annealing. None where the optimum is
        not known because there are too many choices to list.
    p_uniform : float in (0, 1] or None
        The same for a draw without any thought from the solver's own space. A solver is worth something where
        `p_optimum` is well above this; "it found the optimum" alone says little when there are few choices.
    ratio : float or None
        Approximation ratio of the mean of its draws: 1 the optimum, 0 the worst allowed choice; below 0 where broken
        blocks are drawn.
    allowed : float in [0, 1]
        Probability that a draw keeps to the blocks.
    evaluations : int
        Energies computed: choices listed, moves weighed, or (quantum) expectations with their gradient.
    shots : int or None
        Draws from the final state; None for a classical solver.
    seed : int or None
        None for a solver that draws nothing.
    backend : str
    depth : int or None
        Layers of the circuit; None for a classical solver.
    seconds : float
        Wall time, without listing the energies that only the figures above need.
    """

    solver: str
    bits: tuple[int, ...]
    energy: float | None
    p_optimum: float | None
    p_uniform: float | None
    ratio: float | None
    allowed: float
    evaluations: int
    shots: int | None
    seed: int | None
    backend: str
    depth: int | None
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def best_drawn(
    problem: Qubo, probability: Floats, energies: Floats, *, shots: int, rng: np.random.Generator
) -> tuple[int, NDArray[np.int64]]:
    """The cheapest of `shots` states drawn by their probability, and all that were drawn."""
    drawn = rng.choice(len(probability), size=shots, p=probability / probability.sum())
    return int(drawn[np.argmin(energies[drawn])]), drawn
