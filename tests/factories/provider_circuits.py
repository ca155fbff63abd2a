"""Circuits as they arrive at a provider, read off the wire and run on Qiskit Aer."""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from typing import Any

BASIS = ["rz", "sx", "x", "cz"]
_LINE = re.compile(r"(?P<name>\w+)(?:\((?P<angle>[^)]*)\))?\s+(?P<operands>[^;]+);")
Gates = list[tuple[str, float | None, tuple[int, ...]]]


def read_qasm3(text: str) -> tuple[list[int], Gates]:
    """What of OpenQASM 3 a compiled circuit has: gates on physical qubits, then one measurement a bit."""
    gates: Gates = []
    measured: dict[int, int] = {}
    assert text.startswith("OPENQASM 3"), text[:40]
    for line in text.splitlines():
        if found := re.match(r"meas\[(\d+)\] = measure (?:\$|q\[)(\d+)\]?;", line):
            measured[int(found[1])] = int(found[2])
        elif (found := _LINE.fullmatch(line.strip())) and found["name"] in {*BASIS, "rx", "ry", "cx"}:
            qubits = tuple(int(number) for number in re.findall(r"(?:\$|q\[)(\d+)", found["operands"]))
            gates.append((found["name"], _angle(found["angle"]), qubits))
        elif not re.match(r"(OPENQASM|include|qubit|bit|barrier|//)|$", line):
            raise AssertionError(f"not read: {line}")
    return [measured[bit] for bit in sorted(measured)], gates


def read_ionq(circuit: dict[str, Any]) -> tuple[list[int], Gates]:
    gates: Gates = []
    for gate in circuit["circuit"]:
        if gate["gate"] == "cnot":
            gates.append(("cx", None, (gate["control"], gate["target"])))
        else:
            gates.append((gate["gate"], gate["rotation"], (gate["target"],)))
    return list(range(circuit["qubits"])), gates


def run_gates(measured: list[int], gates: Gates, *, shots: int, readout_error: float = 0.0) -> Counter[str]:
    """Counts on Qiskit Aer, as bit strings that begin with the first measured qubit."""
    from qiskit import QuantumCircuit
    from qiskit_aer import AerSimulator
    from qiskit_aer.noise import NoiseModel, ReadoutError

    n = max([*measured, *(qubit for _, _, qubits in gates for qubit in qubits)]) + 1
    circuit = QuantumCircuit(n, len(measured))
    for name, angle, qubits in gates:
        getattr(circuit, name)(*((angle,) if angle is not None else ()), *qubits)
    circuit.measure(measured, range(len(measured)))
    noise = None
    if readout_error:
        noise = NoiseModel()
        e = readout_error
        noise.add_all_qubit_readout_error(ReadoutError([[1 - e, e], [e, 1 - e]]))
    found = AerSimulator(noise_model=noise, seed_simulator=11).run(circuit, shots=shots).result().get_counts()
    return Counter({bits[::-1]: times for bits, times in found.items()})


def _angle(text: str | None) -> float | None:
    """A number, or what Qiskit writes for fractions of pi."""
    if text is None:
        return None

    def value(node: ast.expr) -> float:
        if isinstance(node, ast.Constant):
            return float(node.value)
        if isinstance(node, ast.Name) and node.id == "pi":
            return math.pi
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -value(node.operand)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            return value(node.left) * value(node.right)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return value(node.left) / value(node.right)
        raise AssertionError(f"not a number: {text}")

    return value(ast.parse(text, mode="eval").body)
