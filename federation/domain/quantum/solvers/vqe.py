"""A variational eigensolver [1]_ with one hardware-efficient ansatz: RY on each qubit, a ladder of CNOTs, repeated.

All gates are real, so the state is. Blocks are kept only by a penalty, as on hardware without a special mixer; what
share of the draws keeps to them is reported.

References
----------
.. [1] Kandala et al., "Hardware-efficient variational quantum eigensolver", Nature 549, 242 (2017), arXiv:1704.05018.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from federation.domain.quantum.solvers.ising import Floats, ProblemError, Qubo
from federation.domain.quantum.solvers.solution import Solution, best_drawn, figures

MAX_QUBITS = 16
MAX_LAYERS = 12
LAYERS, SHOTS, EVALUATIONS = 2, 1000, 100
_SPREAD = 0.3  # radians around the uniform start
_TOGETHER = 4  # qubits that one matrix turns: fewer passes over the state
BACKEND = "numpy state vector, exact expectations, noiseless"


def solve(
    problem: Qubo, *, layers: int = LAYERS, seed: int = 0, shots: int = SHOTS, max_evaluations: int = EVALUATIONS
) -> Solution:
    """Tune the angles by L-BFGS on exact expectations, then draw `shots` bit strings from the final state.

    Parameters
    ----------
    layers : int, 1 to 12
        CNOT ladders, each followed by RY on every qubit.
    max_evaluations : int
        Budget: expectations, each with its gradient.

    Raises
    ------
    ProblemError
        For more than `MAX_QUBITS` bits.
    ValueError
        For layers, shots or a budget out of range.
    """
    n = problem.n_bits
    if n > MAX_QUBITS:
        raise ProblemError(f"expected at most {MAX_QUBITS} bits, one a qubit, got {n}; screen variables or use QAOA")
    if not 1 <= layers <= MAX_LAYERS or shots < 1 or max_evaluations < 1:
        raise ValueError(
            f"expected 1 to {MAX_LAYERS} layers, shots and evaluations of at least 1; "
            f"got {layers}, {shots} and {max_evaluations}"
        )
    free = problem.penalised()
    energies = free.spectrum
    cost = (energies - energies.mean()) / (float(energies.std()) or 1.0)
    started = time.perf_counter()
    rng = np.random.default_rng(seed)
    angles = _SPREAD * rng.normal(size=(layers + 1, n))
    angles[0] += np.pi / 2
    tuned = minimize(
        lambda flat: energy_and_gradient(flat.reshape(layers + 1, n), cost), angles.ravel(), jac=True,
        method="L-BFGS-B", options={"maxfun": max_evaluations, "maxiter": max_evaluations},
    )  # fmt: skip
    probability = state(tuned.x.reshape(layers + 1, n)) ** 2
    allowed = _allowed(problem)
    best = best_drawn(probability, energies, allowed, shots=shots, rng=rng)
    seconds = time.perf_counter() - started
    bits = () if best is None else free.bits_of(best)
    return Solution(
        "VQE", bits, problem.energy(bits) if bits else None, *figures(problem, probability, energies, allowed),
        int(tuned.nfev), shots, seed, BACKEND, layers, seconds,
    )  # fmt: skip


def state(angles: Floats) -> Floats:
    """Amplitude of each bit string (the first qubit counts most) for angles of shape (layers + 1, n), in radians."""
    n = angles.shape[1]
    order = _ladder(n)
    psi = np.zeros(2**n)
    psi[0] = 1.0
    for layer, row in enumerate(angles):
        psi = _rotated(psi if layer == 0 else psi[order], row)
    return psi


def energy_and_gradient(angles: Floats, cost: Floats) -> tuple[float, Floats]:
    """Expected cost and its derivative by each angle, by running the circuit backwards from the observable."""
    n = angles.shape[1]
    back = np.argsort(_ladder(n))
    psi = state(angles)
    behind = cost * psi
    energy = float(psi @ behind)
    gradient = np.zeros_like(angles)
    for layer in reversed(range(len(angles))):
        gradient[layer] = _by_angle(psi, behind, n)
        psi, behind = _rotated(psi, -angles[layer]), _rotated(behind, -angles[layer])
        if layer:
            psi, behind = psi[back], behind[back]
    return energy, gradient.ravel()


def _by_angle(psi: Floats, behind: Floats, n: int) -> Floats:
    """Derivative by the angle of each qubit of a layer, from the state after it. (That of RY is half of RY turned on by
    pi; two halves make one.)
    """
    found = np.zeros(n)
    for first in range(0, n, _TOGETHER):
        size = min(_TOGETHER, n - first)
        other, ours = (vector.reshape(2**first, 2**size, -1) for vector in (behind, psi))
        overlap = np.tensordot(other, ours, axes=((0, 2), (0, 2)))
        for qubit in range(size):
            own = overlap.reshape(2**qubit, 2, 2 ** (size - 1 - qubit), 2**qubit, 2, -1)
            found[first + qubit] = np.einsum("abab->", own[:, 1, :, :, 0]) - np.einsum("abab->", own[:, 0, :, :, 1])
    return found


def _rotated(psi: Floats, angles: Floats) -> Floats:
    n = len(angles)
    for first in range(0, n, _TOGETHER):
        gate = np.ones((1, 1))
        for angle in angles[first : first + _TOGETHER]:
            cos, sin = np.cos(angle / 2), np.sin(angle / 2)
            gate = np.kron(gate, np.array([[cos, -sin], [sin, cos]]))
        psi = np.matmul(gate, psi.reshape(2**first, len(gate), -1))
    return psi.ravel()


def _ladder(n: int) -> NDArray[np.int64]:
    """`order` such that the state after CNOTs from each qubit to the next is ``state[order]``."""
    index = np.arange(2**n)
    order = index
    for control in range(n - 1):
        order = order[index ^ (((index >> (n - 1 - control)) & 1) << (n - 2 - control))]
    return order


def _allowed(problem: Qubo) -> NDArray[np.bool_]:
    """Which of all bit strings are allowed choices."""
    if not problem.blocks:
        return problem.allowed
    index = np.arange(2**problem.n_bits)
    kept, end = np.ones(len(index), dtype=bool), problem.n_bits
    for size in problem.blocks:
        end -= size
        part = (index >> end) & (2**size - 1)
        kept &= (part != 0) & (part & (part - 1) == 0)
    return kept
