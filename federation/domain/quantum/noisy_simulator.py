"""A batched executor of a circuit under a noise model, in plain PyTorch: for training that knows its decoherence.

A mixed state is kept as its expectation values of the 4^n Pauli words, real numbers of shape (batch, 4^n). A gate on
one qubit and the errors after it are one real 4 x 4 matrix (its Pauli transfer matrix [1]_), and what follows one
another on a qubit is multiplied before the states see it; a CNOT gate is a reordering with signs. Nothing is in place,
so autograd and `torch.func` pass through. It is tested equal, gate for gate, to `noise.noisy_qnode` on PennyLane's
`default.mixed`.

References
----------
.. [1] Greenbaum, "Introduction to quantum gate set tomography", arXiv:1509.02921 (2015), section 2.3.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from federation.domain.quantum import input_checks as checks
from federation.domain.quantum.circuits import CircuitShape, plan_of
from federation.domain.quantum.errors import Unsupported
from federation.domain.quantum.noise import NATIVE, GateNoise, NoiseModel, Readout
from federation.domain.quantum.plan import Angle, Gate

QUARTER = Angle(math.pi / 2)
ONE, X, Y, Z = range(4)  # rows of a matrix
# The axis of a rotation keeps its value; of the two others the first turns into the second.
_PLANES = {"RX": (Y, Z), "RY": (Z, X), "RZ": (X, Y)}
Wires = tuple[int, ...]


class NoisySimulator(nn.Module):
    """Exact expectation values of Z on each qubit, (batch, n_inputs) to (batch, n_qubits), as a noisy device has them.

    What is left to a device is the difference of its noise to the model, and its shots.

    Raises
    ------
    CircuitError
        If the circuit begins with amplitudes or the model speaks of other gates; in a call, as `StatevectorSimulator`.
    """

    def __init__(self, shape: CircuitShape, noise: NoiseModel) -> None:
        super().__init__()
        if shape.embedding == "amplitude" or set(noise.native) != set(NATIVE):
            raise Unsupported(
                expected=f"angles as inputs and the native gates {', '.join(NATIVE)}",
                got=f"{shape.embedding} and {', '.join(noise.native)}",
                remedy="Load the inputs as angles, or run it on default.mixed (`noise.noisy_qnode`).",
            )
        self.shape, self.noise = shape, noise
        self.gates = [native for gate in plan_of(shape).gates for native in _native(gate)]
        # Of matrices to the state, each of which keeps a state for the gradient.
        self.applications = shape.n_qubits + 2 * sum(not gate.angles for gate in self.gates)
        # For each Pauli word: the start, and each CNOT gate's order and signs, which are kept in float64 as well.
        self._table_numbers = 1 + 7 * len({gate.wires for gate in self.gates if not gate.angles})
        self._tables: dict[tuple[torch.dtype, torch.device], tuple[_Turns, _Turns, _Fixed]] = {}

    def forward(self, inputs: Tensor, weights: Tensor) -> Tensor:
        shape = self.shape
        checks.require_shapes(inputs, weights, n_inputs=shape.n_inputs, weight_shape=shape.weight_shape)
        dtype = torch.float64 if inputs.dtype == torch.float64 else torch.float32
        inputs, weights = inputs.to(dtype), weights.to(dtype)
        if not checks.transformed():
            checks.require_finite("inputs", inputs)
            checks.require_finite("weights", weights)
        if not len(inputs):
            return checks.no_answers(inputs, weights, shape.n_qubits)
        batch = checks.samples_in(inputs)
        kept = 4 + (self.applications if torch.is_grad_enabled() else 0)
        tables = 0 if (dtype, inputs.device) in self._tables else self._table_numbers
        checks.require_memory(
            (kept * batch + tables) * 4**shape.n_qubits * dtype.itemsize,
            n_qubits=2 * shape.n_qubits, batch=batch, device=inputs.device,
        )  # fmt: skip
        shared, sample, fixed = self._made(dtype, inputs.device)
        return self._run(shared.matrices(weights, None), sample.matrices(weights, inputs), fixed, len(inputs))

    def __getstate__(self) -> dict[str, Any]:
        """A copy makes its own tables: those of a first call under `torch.func` cannot be copied."""
        return {**self.__dict__, "_tables": {}}

    def _made(self, dtype: torch.dtype, device: torch.device) -> tuple[_Turns, _Turns, _Fixed]:
        key = dtype, device
        if key not in self._tables:
            turns = [gate for gate in self.gates if gate.angles]
            with torch.inference_mode(False):  # the tables outlive a first call that only answers
                self._tables[key] = (
                    _Turns.of([g for g in turns if not g.angles[0].inputs], self.noise, self.shape, dtype, device),
                    _Turns.of([g for g in turns if g.angles[0].inputs], self.noise, self.shape, dtype, device),
                    _Fixed.of(self.gates, self.noise, self.shape.n_qubits, dtype, device),
                )
        return self._tables[key]

    def _run(self, shared: Tensor, sample: Tensor, fixed: _Fixed, batch: int) -> Tensor:
        """`shared` and `sample`: matrices of the turns in order, (..., 4, 4), the latter with one for each input."""
        n, sources = self.shape.n_qubits, {True: iter(sample), False: iter(shared)}
        state = fixed.start.expand(batch, -1)
        waiting: dict[int, Tensor] = {}  # by wire, what has not reached the state yet
        for gate in self.gates:
            if gate.angles:
                (wire,), matrix = gate.wires, next(sources[bool(gate.angles[0].inputs)])
                waiting[wire] = matrix @ waiting[wire] if wire in waiting else matrix
                continue
            for wire in gate.wires:
                state = _applied(state, waiting.pop(wire, None), wire, n)
            order, signs = fixed.cnots[gate.wires]
            state = state[:, order] * signs
            if fixed.after is not None:
                waiting |= dict.fromkeys(gate.wires, fixed.after)
        for wire, matrix in waiting.items():
            state = _applied(state, matrix, wire, n)
        return state[:, fixed.measured] * fixed.scale + fixed.bias


def _applied(state: Tensor, matrix: Tensor | None, wire: int, n: int) -> Tensor:
    """A (4, 4) or (batch, 4, 4) matrix on one wire, of which wire 0 is the slowest index."""
    if matrix is None:
        return state
    cube = state.reshape(len(state), 4**wire, 4, 4 ** (n - wire - 1))
    return (matrix[..., None, :, :] @ cube).reshape(len(state), -1)


# --- in native gates -------------------------------------------------------------------------------------------------


def _native(gate: Gate) -> list[Gate]:
    """As `noise.in_gates` writes the gates of a `CircuitShape`."""
    if gate.name == "Rot":
        return [Gate(name, gate.wires, (angle,)) for name, angle in zip(("RZ", "RY", "RZ"), gate.angles, strict=True)]
    if gate.name == "Hadamard":
        return [Gate(name, gate.wires, (QUARTER,)) for name in ("RZ", "RX", "RZ")]
    if gate.name == "CZ":
        (one, two), cnot = gate.wires, Gate("CNOT", gate.wires)
        before, between, after = ((one, QUARTER), (two, -QUARTER), (two, QUARTER))
        first, second, third = (Gate("RZ", (wire,), (angle,)) for wire, angle in (before, between, after))
        return [first, cnot, second, cnot, third]
    return [gate]


# --- as matrices of Pauli expectation values -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Turns:
    """Rotations and their errors: ``fixed + cos(angle) cosine + sin(angle) sine``, each of shape (turns, 4, 4)."""

    offset: Tensor
    by_weight: Tensor
    by_input: Tensor
    fixed: Tensor
    cosine: Tensor
    sine: Tensor

    @classmethod
    def of(
        cls, gates: list[Gate], noise: NoiseModel, shape: CircuitShape, dtype: torch.dtype, device: torch.device
    ) -> _Turns:
        offset = np.array([gate.angles[0].offset for gate in gates])
        by_weight, by_input = np.zeros((len(gates), shape.n_parameters)), np.zeros((len(gates), shape.n_inputs))
        parts = np.zeros((3, len(gates), 4, 4))
        for row, gate in enumerate(gates):
            angle = gate.angles[0]
            for table, terms in ((by_weight, angle.weights), (by_input, angle.inputs)):
                for index, coefficient in terms:
                    table[row, index] = coefficient
            parts[:, row] = error_matrix(noise.of_gate(gate.name)) @ _rotation_parts(gate.name)
        tables = (offset, by_weight, by_input, *parts)
        return cls(*(torch.tensor(table, dtype=dtype, device=device) for table in tables))

    def matrices(self, weights: Tensor, inputs: Tensor | None) -> Tensor:
        """Shape (turns, 4, 4), or (turns, batch, 4, 4) with inputs."""
        angles = self.offset + self.by_weight @ weights.flatten()
        if inputs is not None:
            angles = angles[:, None] + self.by_input @ inputs.T
        parts = [part if inputs is None else part[:, None] for part in (self.fixed, self.cosine, self.sine)]
        return parts[0] + torch.cos(angles)[..., None, None] * parts[1] + torch.sin(angles)[..., None, None] * parts[2]


@dataclass(frozen=True)
class _Fixed:
    """What depends on no angle.

    Attributes
    ----------
    start : (1, 4^n), all qubits in 0
    cnots : order and signs of the words after each CNOT gate
    after : errors on each wire of a CNOT gate, None without any
    measured : indices of the words that have Z on one qubit alone
    scale, bias : of the readout
    """

    start: Tensor
    cnots: dict[Wires, tuple[Tensor, Tensor]]
    after: Tensor | None
    measured: Tensor
    scale: float
    bias: float

    @classmethod
    def of(cls, gates: list[Gate], noise: NoiseModel, n: int, dtype: torch.dtype, device: torch.device) -> _Fixed:
        start = functools.reduce(np.kron, [np.array([1.0, 0.0, 0.0, 1.0])] * n)
        cnots = {}
        for wires in {gate.wires for gate in gates if not gate.angles}:
            order, signs = _cnot(wires, n)
            cnots[wires] = torch.tensor(order, device=device), torch.tensor(signs, dtype=dtype, device=device)
        errors = noise.of_gate("CNOT")
        after = None if errors == GateNoise() else torch.tensor(error_matrix(errors), dtype=dtype, device=device)
        measured = torch.tensor([Z * 4 ** (n - wire - 1) for wire in range(n)], device=device)
        scale, bias = _misread(noise.readout)
        return cls(torch.tensor(start, dtype=dtype, device=device)[None], cnots, after, measured, scale, bias)


def error_matrix(noise: GateNoise) -> NDArray[np.float64]:
    """Damping, dephasing, then depolarising on one qubit: what becomes of (1, <X>, <Y>, <Z>), shape (4, 4)."""
    kept = 1 - noise.amplitude_damping
    damped = np.diag([1.0, math.sqrt(kept), math.sqrt(kept), kept])
    damped[Z, ONE] = noise.amplitude_damping
    coherent, mixed = math.sqrt(1 - noise.dephasing), 1 - 4 * noise.depolarising / 3
    return np.diag([1.0, mixed, mixed, mixed]) @ np.diag([1.0, coherent, coherent, 1.0]) @ damped


def _rotation_parts(name: str) -> NDArray[np.float64]:
    """What stays, what goes with the cosine and what with the sine of the angle: shape (3, 4, 4)."""
    one, two = _PLANES[name]
    stays, cosine, sine = np.eye(4), np.zeros((4, 4)), np.zeros((4, 4))
    for axis in (one, two):
        stays[axis, axis], cosine[axis, axis] = 0.0, 1.0
    sine[two, one], sine[one, two] = 1.0, -1.0
    return np.stack([stays, cosine, sine])


def _misread(readout: Readout) -> tuple[float, float]:
    """<Z> as it is read is ``scale <Z> + bias``."""
    return 1 - readout.one_if_zero - readout.zero_if_one, readout.zero_if_one - readout.one_if_zero


@functools.lru_cache(maxsize=256)
def _cnot(wires: Wires, n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where the value of each Pauli word comes from when a CNOT gate acts, and with which sign: shapes (4^n,)."""
    shift = [2 * (n - wire - 1) for wire in wires]
    words = np.arange(4**n)
    control, target = (words >> bits & 3 for bits in shift)
    source, sign = _CNOT
    pair = 4 * control + target
    rest = words - (control << shift[0]) - (target << shift[1])
    return rest + (source[pair] // 4 << shift[0]) + (source[pair] % 4 << shift[1]), sign[pair]


def _cnot_on_pairs() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The same for two qubits alone, by multiplying it out."""
    paulis = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    pairs = np.array([np.kron(one, two) for one in paulis for two in paulis])
    gate = np.eye(4)[[0, 1, 3, 2]]
    moved = np.einsum("iab,bc,jcd,da->ij", pairs, gate, pairs, gate).real / 4
    source = np.abs(moved).argmax(axis=1)
    return source, moved[np.arange(16), source]


_CNOT = _cnot_on_pairs()
