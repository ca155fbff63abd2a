"""The quantum approximate optimisation algorithm [1]_ on a state vector of our own.

The cost is diagonal, so a layer is one phase on each amplitude and one mixer. Free bits are mixed by X on each qubit.
One-hot blocks are mixed by the XY ring within each block [2]_, which never leaves the allowed choices: the state then
needs one amplitude a choice (125 for 3 groups of 5 thresholds) instead of one a bit string (32,768). In the basis in
which the mixer is diagonal it is a phase too, so a layer costs two real matrix products; the gradient is the adjoint
one and costs three times the energy, at any depth.

The mixer is applied exactly. On hardware a ring of more than two qubits is a sequence of two-qubit gates, which
differs from it; such a run would state its own figures.

References
----------
.. [1] Farhi et al., "A quantum approximate optimization algorithm", arXiv:1411.4028.
.. [2] Hadfield et al., "From the QAOA to a quantum alternating operator ansatz", Algorithms 12, 34 (2019).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from federation.domain.quantum.solvers.ising import Floats, ProblemError, Qubo
from federation.domain.quantum.solvers.solution import Solution, best_drawn, figures

Complex = NDArray[np.complex128]
MAX_STATES = 2**20  # 16 MiB a vector, about 100 MiB in all
MAX_DEPTH = 64
DEPTH, SHOTS, EVALUATIONS = 4, 1000, 100
_SPREAD = 0.1  # of the starting angles, so that seeds start apart
BACKEND = "numpy state vector, exact expectations, noiseless"


def solve(
    problem: Qubo, *, depth: int = DEPTH, seed: int = 0, shots: int = SHOTS, max_evaluations: int = EVALUATIONS
) -> Solution:
    """Tune the angles by L-BFGS on exact expectations, then draw `shots` choices from the final state.

    Parameters
    ----------
    depth : int, 0 to 64
        Layers; 0 draws the allowed choices uniformly and tunes nothing.
    max_evaluations : int
        Budget: expectations, each with its gradient.

    Raises
    ------
    ProblemError
        If the state does not fit: more than `MAX_STATES` allowed choices.
    ValueError
        For a depth, shots or a budget out of range.
    """
    if not 0 <= depth <= MAX_DEPTH or shots < 1 or max_evaluations < 1:
        raise ValueError(
            f"expected a depth from 0 to {MAX_DEPTH}, shots and evaluations of at least 1; "
            f"got {depth}, {shots} and {max_evaluations}"
        )
    ansatz = Ansatz.of(problem)
    started = time.perf_counter()
    rng = np.random.default_rng(seed)
    used, angles = 0, _ramp(depth) * (1 + _SPREAD * rng.normal(size=(2, depth)))
    if depth:
        tuned = minimize(
            lambda flat: ansatz.energy_and_gradient(flat.reshape(2, depth)), angles.ravel(), jac=True,
            method="L-BFGS-B", options={"maxfun": max_evaluations, "maxiter": max_evaluations},
        )  # fmt: skip
        used, angles = int(tuned.nfev), tuned.x.reshape(2, depth)
    allowed = problem.allowed
    probability = np.abs(ansatz.state(angles)) ** 2 if depth else allowed / problem.n_choices
    best = best_drawn(probability, problem.spectrum, allowed, shots=shots, rng=rng)
    seconds = time.perf_counter() - started
    return Solution(
        "QAOA" if depth else "uniform draws", () if best is None else problem.bits_of(best),
        None if best is None else float(problem.spectrum[best]),
        *figures(problem, probability, problem.spectrum, allowed), used, shots, seed, BACKEND, depth, seconds,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Ansatz:
    """The circuit of one problem. Angles have shape (2, depth): those of the cost, then those of the mixer.

    Costs are centred and divided by their standard deviation first, so that angles mean the same for any problem.
    """

    cost: Floats
    bases: tuple[Floats, ...]  # eigenvectors of the mixer on each axis of the state
    levels: Floats  # eigenvalue of the mixer for each state of that basis

    @classmethod
    def of(cls, problem: Qubo) -> Ansatz:
        if problem.n_states > MAX_STATES:
            raise ProblemError(
                f"expected at most {MAX_STATES:,} choices (20 free bits) for a state vector, got "
                f"{problem.n_states:,}; screen variables first, take fewer levels, or use annealing"
            )
        energies = problem.spectrum
        cost = (energies - energies.mean()) / (float(energies.std()) or 1.0)
        parts = [_ring(size) for size in problem.blocks] if problem.blocks else _transverse(problem.n_bits)
        levels = np.zeros(1)
        for _, own in parts:
            levels = (levels[:, None] + own[None, :]).ravel()
        return cls(cost, tuple(basis for basis, _ in parts), levels)

    def state(self, angles: Floats) -> Complex:
        """Amplitude of each allowed choice."""
        psi = np.full(len(self.cost), 1 / np.sqrt(len(self.cost)), dtype=complex)
        for by_cost, by_mixer in angles.T:
            psi = psi * np.exp(-1j * by_cost * self.cost)
            psi = self._back(np.exp(-1j * by_mixer * self.levels) * self._into(psi))
        return psi

    def energy_and_gradient(self, angles: Floats) -> tuple[float, Floats]:
        """Expected scaled cost and its derivatives, by running the circuit backwards from the observable."""
        psi = self.state(angles)
        behind = self.cost * psi
        energy = float(np.vdot(psi, behind).real)
        gradient = np.zeros_like(angles)
        for layer in reversed(range(angles.shape[1])):
            mixed, mixed_behind = self._into(psi), self._into(behind)
            gradient[1, layer] = 2 * np.vdot(mixed_behind, self.levels * mixed).imag
            undo = np.exp(1j * angles[1, layer] * self.levels)
            psi, behind = self._back(undo * mixed), self._back(undo * mixed_behind)
            gradient[0, layer] = 2 * np.vdot(behind, self.cost * psi).imag
            undo = np.exp(1j * angles[0, layer] * self.cost)
            psi, behind = undo * psi, undo * behind
        return energy, gradient.ravel()

    def _into(self, psi: Complex) -> Complex:
        return self._apply(psi, [np.ascontiguousarray(basis.T) for basis in self.bases])

    def _back(self, psi: Complex) -> Complex:
        return self._apply(psi, list(self.bases))

    @staticmethod
    def _apply(psi: Complex, matrices: list[Floats]) -> Complex:
        """A real matrix on each axis: on the first, which then goes last, until all are back in their places.

        Real and imaginary parts are columns of one real product, which is half the work of a complex one.
        """
        for matrix in matrices:
            columns = psi.reshape(len(matrix), -1)
            psi = np.ascontiguousarray((matrix @ columns.view(float)).view(complex).T)
        return psi.reshape(-1)


def _ramp(depth: int) -> Floats:
    """Angles of a slow change from the mixer to the cost, the start that works for most problems."""
    part = (np.arange(depth) + 0.5) / max(depth, 1)
    return 0.6 * np.stack([part, 1 - part])


def _transverse(n_qubits: int) -> list[tuple[Floats, Floats]]:
    """Minus the sum of X, four qubits an axis: Hadamard matrices, and the eigenvalue of each sign pattern."""
    parts = []
    for first in range(0, n_qubits, 4):
        size = min(4, n_qubits - first)
        basis, levels = np.ones((1, 1)), np.zeros(1)
        for _ in range(size):
            basis = np.kron(basis, np.array([[1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2))
            levels = (levels[:, None] + np.array([-1.0, 1.0])).ravel()
        parts.append((basis, levels))
    return parts


def _ring(size: int) -> tuple[Floats, Floats]:
    """Minus the sum of (XX + YY) / 2 around a block, seen by its one-hot strings: neighbours change places."""
    hops = np.zeros((size, size))
    for option in range(size):
        for neighbour in {(option + 1) % size, (option - 1) % size} - {option}:
            hops[option, neighbour] = -1.0
    levels, basis = np.linalg.eigh(hops)
    return basis, levels
