"""How healthy a device is, measured by circuits that carry no patient's data: readout error and quantum volume [1]_.

References
----------
.. [1] Cross et al., "Validating quantum computers using randomized model circuits", Phys. Rev. A 100, 032328 (2019).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from federation.domain.quantum.device_figures import share
from federation.domain.quantum.device_work import exact_probabilities
from federation.domain.quantum.providers.program import Counts, Gate, Program, program_of

Check = Literal["readout", "quantum_volume"]
VOLUME_CIRCUITS = 100  # the protocol asks for at least so many
HEAVY_THRESHOLD = 2 / 3
DEVIATIONS = 2.0


def check_programs(check: Check, n_qubits: int, *, seed: int) -> list[Program]:
    """The circuits of a check; the same for the same seed, so that what is asked again is the same.

    Readout takes two, all zeros and all ones. Quantum volume takes 100 square ones, which need 2 qubits or more.
    """
    if check == "readout":
        ones = tuple(Gate("rx", (wire,), math.pi) for wire in range(n_qubits))
        return [Program(n_qubits, ()), Program(n_qubits, ones)]
    if n_qubits < 2:
        raise ValueError(f"expected at least 2 qubits for quantum volume, got {n_qubits}")
    rng = np.random.default_rng(seed)
    return [_model_circuit(n_qubits, rng) for _ in range(VOLUME_CIRCUITS)]


def n_programs(check: Check) -> int:
    return 2 if check == "readout" else VOLUME_CIRCUITS


def read_check(check: Check, programs: Sequence[Program], counts: Sequence[Counts]) -> dict[str, Any]:
    """What the counts say of the device, as plain JSON."""
    return _readout(counts) if check == "readout" else _volume(programs, counts)


def _readout(counts: Sequence[Counts]) -> dict[str, Any]:
    """Share of wrong bits by qubit: `false_one` after preparing 0, `false_zero` after preparing 1, with their mean.

    The error of preparing a 1 is counted in; it is small beside that of reading on present machines.
    """
    zeros, ones = counts
    shots, n = sum(zeros.values()), len(next(iter(zeros)))
    qubits = []
    for wire in range(n):
        false_one = sum(times for bits, times in zeros.items() if bits[wire] == "1")
        false_zero = sum(times for bits, times in ones.items() if bits[wire] == "0")
        both = share(false_one + false_zero, 2 * shots)
        qubits.append(
            {"false_one": false_one / shots, "false_zero": false_zero / shots, "error": both.value,
             "lower": both.lower, "upper": both.upper}
        )  # fmt: skip
    worst = max(qubits, key=lambda qubit: qubit["error"])
    return {"qubits": qubits, "worst": worst, "mean": sum(qubit["error"] for qubit in qubits) / n}


def _volume(programs: Sequence[Program], counts: Sequence[Counts]) -> dict[str, Any]:
    """Mean share of heavy outputs with the protocol's lower bound. The volume is 2^n if the bound is over 2/3."""
    n, n_circuits, shots = programs[0].n_qubits, len(programs), sum(counts[0].values())
    heavy = 0
    for program, seen in zip(programs, counts, strict=True):
        probabilities = exact_probabilities(program)
        median = float(np.median(probabilities))
        heavy += sum(times for bits, times in seen.items() if probabilities[int(bits, 2)] > median)
    deviation = math.sqrt(heavy * (shots - heavy / n_circuits)) / (n_circuits * shots)
    mean = heavy / (n_circuits * shots)
    passed = mean - DEVIATIONS * deviation > HEAVY_THRESHOLD
    return {
        "qubits": n, "circuits": n_circuits, "heavy": mean, "lower": mean - DEVIATIONS * deviation, "passed": passed,
        "quantum_volume": 2**n if passed else None, "tried": 2**n,
    }  # fmt: skip


def _model_circuit(n_qubits: int, rng: np.random.Generator) -> Program:
    """As many layers as qubits; each pairs the qubits at random and gives each pair a random unitary."""
    import pennylane as qml

    operations = []
    for _ in range(n_qubits):
        order = rng.permutation(n_qubits)
        for first in range(0, n_qubits - 1, 2):
            pair = [int(wire) for wire in order[first : first + 2]]
            operations.append(qml.QubitUnitary(_haar(rng), wires=pair))
    return program_of(qml.tape.QuantumScript(operations, []), n_qubits)


def _haar(rng: np.random.Generator) -> np.ndarray:
    """A 4 by 4 unitary drawn evenly: QR of a complex normal matrix, its phases corrected."""
    q, r = np.linalg.qr(rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4)))
    return q * (np.diagonal(r) / np.abs(np.diagonal(r)))
