"""What every solver returns, so that a quantum figure always stands beside the classical ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

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
        The same for a draw from the allowed choices without any thought, whatever space the solver itself draws from.
        A solver is worth something where `p_optimum` is well above this, and above that of the classical ones; "it
        found the optimum" alone says little when there are few choices.
    ratio : float in [0, 1] or None
        Approximation ratio, as a mean over its draws: 1 the optimum, 0 the worst allowed choice, or one that is not
        allowed.
    allowed : float in [0, 1]
        Probability that a draw is an allowed choice.
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


class Figures(NamedTuple):
    """Of `Solution`, those that say what a solver is worth."""

    p_optimum: float | None
    p_uniform: float | None
    ratio: float | None
    allowed: float


def figures(problem: Qubo, probability: Floats, energies: Floats, allowed: NDArray[np.bool_]) -> Figures:
    """What draws with these probabilities are worth; energies and whether they are allowed of the same states."""
    weight, known = float(probability[allowed].sum()), problem.extremes
    share = 1.0 if allowed.all() else min(1.0, weight)  # without the rounding of the sum
    if known is None:
        return Figures(None, None, None, share)
    found = min(1.0, float(probability[allowed & problem.optimal(energies)].sum()))
    mean = float(probability[allowed] @ energies[allowed]) / weight if weight else known.highest
    return Figures(found, uniform_chance(problem), share * min(1.0, known.ratio(mean)), share)


def uniform_chance(problem: Qubo) -> float:
    """Probability that an allowed choice drawn without any thought is an optimum."""
    return float(problem.optimal(problem.spectrum[problem.allowed]).mean())


def best_drawn(
    probability: Floats, energies: Floats, allowed: NDArray[np.bool_], *, shots: int, rng: np.random.Generator
) -> int | None:
    """The cheapest allowed of `shots` states drawn by their probability; None if none is allowed."""
    drawn = rng.choice(len(probability), size=shots, p=probability / probability.sum())
    drawn = drawn[allowed[drawn]]
    return int(drawn[np.argmin(energies[drawn])]) if len(drawn) else None
