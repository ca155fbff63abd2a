"""A circuit on its way to a provider: bound, in the four gates that every wire format knows, measured at the end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = dict[str, int]  # bit string to how often it was seen; the first letter is wire 0, as in PennyLane
_ROTATIONS = {"RX": "rx", "RY": "ry", "RZ": "rz"}


@dataclass(frozen=True)
class Gate:
    """One of `rx`, `ry`, `rz` (with an angle in radians) or `cx` (control first, no angle)."""

    name: str
    qubits: tuple[int, ...]
    angle: float = 0.0


@dataclass(frozen=True)
class Program:
    """Gates on `n_qubits` qubits that all start in 0; at the end each is measured."""

    n_qubits: int
    gates: tuple[Gate, ...]


def program_of(tape: Any, n_qubits: int) -> Program:
    """The operations of a PennyLane tape, decomposed. The tape's own measurements are left out.

    Raises
    ------
    ValueError
        If a gate cannot be decomposed, or an angle is not a finite number.
    """
    import pennylane as qml

    gate_set = {qml.RX, qml.RY, qml.RZ, qml.CNOT, qml.GlobalPhase}
    bare = qml.tape.QuantumScript(tape.operations, [qml.probs(wires=range(n_qubits))])
    (plain,), _ = qml.transforms.decompose(bare, gate_set=gate_set)
    gates = []
    for operation in plain.operations:
        wires = tuple(int(wire) for wire in operation.wires)
        if operation.name in _ROTATIONS:
            angle = float(operation.parameters[0])
            if not math.isfinite(angle):
                raise ValueError(f"expected a finite angle of {operation.name} on wire {wires[0]}, got {angle}")
            gates.append(Gate(_ROTATIONS[operation.name], wires, angle))
        elif operation.name == "CNOT":
            gates.append(Gate("cx", wires))
        elif operation.name not in {"GlobalPhase", "Barrier", "Identity"}:
            raise ValueError(f"expected gates that become rotations and CNOT, got {operation.name}")
    return Program(n_qubits, tuple(gates))


def to_ionq(program: Program) -> dict[str, Any]:
    """The JSON of ``ionq.circuit.v1``, which is measured as a whole without saying so."""
    circuit: list[dict[str, Any]] = []
    for gate in program.gates:
        if gate.name == "cx":
            circuit.append({"gate": "cnot", "control": gate.qubits[0], "target": gate.qubits[1]})
        else:
            circuit.append({"gate": gate.name, "target": gate.qubits[0], "rotation": gate.angle})
    return {"gateset": "qis", "qubits": program.n_qubits, "circuit": circuit}


def z_values(counts: Sequence[Counts], n_qubits: int) -> NDArray[np.float64]:
    """Mean of Pauli Z on each wire, shape (programs, n_qubits): 1 if all shots gave 0, -1 if all gave 1."""
    values = np.zeros((len(counts), n_qubits))
    for row, seen in enumerate(counts):
        total = sum(seen.values())
        for bits, times in seen.items():
            values[row] += times * np.array([1.0 if bit == "0" else -1.0 for bit in bits])
        values[row] /= total
    return values
