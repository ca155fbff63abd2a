"""What mitigation is worth at equal shots: ``python -m benchmarks.quantum.studies.mitigation``.

Forty random circuits of 4 qubits and 3 layers (RY, a chain of CNOT gates), measured in Z of the first times Z of the
last qubit. Prints the rows of the tables in docs/design/quantum-devices.md. The shots of folded circuits and of the
calibration count.
"""

from __future__ import annotations

import sys

import numpy as np
import pennylane as qml

from federation.domain.quantum.device_runs import run
from federation.domain.quantum.health import read_counts, readout_circuits
from federation.domain.quantum.mitigation import (
    Calibration,
    Comparison,
    Floats,
    compared,
    mitigate_readout,
    zne_values,
)
from federation.domain.quantum.noise import GateNoise, NoiseModel, Readout

CIRCUITS, QUBITS, LAYERS = 40, 4, 3
DEPOLARISING = NoiseModel("1 % depolarising after CNOT", two_qubit=GateNoise(0.01))
MISREAD = NoiseModel("readout 2 % and 5 %", readout=Readout(0.02, 0.05))
BUDGETS = (300, 3_000, 30_000, 100_000)
SIGNS = np.array([(-1.0) ** ((row >> (QUBITS - 1)) + (row & 1)) for row in range(2**QUBITS)])


def circuits(measurement: object) -> list[qml.tape.QuantumScript]:
    rng, out = np.random.default_rng(1), []
    for _ in range(CIRCUITS):
        gates: list = []
        for angles in rng.uniform(0, np.pi, (LAYERS, QUBITS)):
            gates += [qml.RY(angle, wire) for wire, angle in enumerate(angles)]
            gates += [qml.CNOT([wire, wire + 1]) for wire in range(QUBITS - 1)]
        out.append(qml.tape.QuantumScript(gates, [measurement]))
    return out


def row(name: str, found: Comparison) -> None:
    shots = "exact" if found.shots is None else f"{found.shots:,}"
    bounds = f"{found.difference:+.5f} ({found.lower:+.5f} to {found.upper:+.5f})"
    sys.stdout.write(f"| {name} | {shots} | {found.plain:.3f} | {found.mitigated:.3f} | {bounds} | {found.verdict} |\n")
    sys.stdout.flush()


def values(device: str, tapes: list, shots: int | None, seed: int, noise: NoiseModel | None = None) -> Floats:
    return np.array([float(one[0]) for one in run(device, tapes, shots=shots, seed=seed, noise=noise).values])


def extrapolation() -> None:
    tapes = circuits(qml.expval(qml.Z(0) @ qml.Z(QUBITS - 1)))
    truth = values("simulator", tapes, None, 0)
    for shots in (None, *BUDGETS):
        plain = values("default.mixed", tapes, shots, 2, DEPOLARISING)
        mitigated = zne_values("default.mixed", tapes, shots=shots, seed=3, noise=DEPOLARISING)
        row("extrapolation", compared(truth, plain, mitigated, shots=shots))


def readout(circuits_of_one_calibration: int) -> None:
    """The calibration's two circuits get as many shots as one circuit, and are shared by so many circuits."""
    tapes = circuits(qml.probs(wires=range(QUBITS)))
    truth = np.array([SIGNS @ one[0] for one in run("simulator", tapes, shots=None, seed=0).values])
    k = circuits_of_one_calibration
    for shots in BUDGETS:
        plain = run("default.mixed", tapes, shots=shots, seed=4, noise=MISREAD).values
        each = shots * k // (k + 2)  # what is left for a circuit
        found = run("default.mixed", tapes, shots=each, seed=5, noise=MISREAD).values
        mitigated = []
        for first in range(0, CIRCUITS, k):
            counted = run("default.mixed", readout_circuits(QUBITS), shots=each, seed=6 + first, noise=MISREAD)
            calibration = Calibration.from_counts(read_counts(counted))
            mitigated += [SIGNS @ mitigate_readout(one[0], calibration).quasi for one in found[first : first + k]]
        name = f"readout, calibrated every {k} circuit{'s' * (k > 1)}"
        pairs = np.array([SIGNS @ one[0] for one in plain]), np.array(mitigated)
        row(name, compared(truth, *pairs, shots=shots))


def main() -> None:
    extrapolation()
    readout(1)
    readout(CIRCUITS)


if __name__ == "__main__":
    main()
