"""What mitigation is worth at equal shots: those of folded circuits and of the calibration count.

Random circuits of 4 qubits and 3 layers (RY, a chain of CNOT gates), measured in Z of the first times Z of the last
qubit. The peer is the plain answer to the same circuits; an interval is over circuits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pennylane as qml

from benchmarks.frame import Measure
from benchmarks.quantum.notes import made_with
from federation.domain.quantum.device_runs import Outcome, run
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

CIRCUITS, QUICK_CIRCUITS, QUBITS, LAYERS = 40, 8, 4, 3
DEVICE = "default.mixed"
DEPOLARISING = NoiseModel("1 % depolarising after CNOT", two_qubit=GateNoise(0.01))
MISREAD = NoiseModel("readout 2 % and 5 %", readout=Readout(0.02, 0.05))
BUDGETS, QUICK_BUDGETS = (300, 3_000, 30_000, 100_000), (300, 3_000)
SIGNS = np.array([(-1.0) ** ((row >> (QUBITS - 1)) + (row & 1)) for row in range(2**QUBITS)])


def measure(*, quick: bool) -> Iterator[Measure]:
    count, budgets = (QUICK_CIRCUITS, QUICK_BUDGETS) if quick else (CIRCUITS, BUDGETS)
    yield from _extrapolation(count, budgets)
    for shared_by in (1, count):
        yield from _readout(count, budgets, shared_by)


def circuits(count: int, measurement: object) -> list[Any]:
    rng, out = np.random.default_rng(1), []
    for _ in range(count):
        gates: list = []
        for angles in rng.uniform(0, np.pi, (LAYERS, QUBITS)):
            gates += [qml.RY(angle, wire) for wire, angle in enumerate(angles)]
            gates += [qml.CNOT([wire, wire + 1]) for wire in range(QUBITS - 1)]
        out.append(qml.tape.QuantumScript(gates, [measurement]))
    return out


def _extrapolation(count: int, budgets: Sequence[int]) -> Iterator[Measure]:
    tapes = circuits(count, qml.expval(qml.Z(0) @ qml.Z(QUBITS - 1)))
    truth = _firsts(run("simulator", tapes, shots=None, seed=0))
    for shots in (None, *budgets):
        plain = run(DEVICE, tapes, shots=shots, seed=2, noise=DEPOLARISING)
        mitigated = zne_values(DEVICE, tapes, shots=shots, seed=3, noise=DEPOLARISING)
        yield _row("extrapolation", compared(truth, _firsts(plain), mitigated, shots=shots), plain)


def _readout(count: int, budgets: Sequence[int], shared_by: int) -> Iterator[Measure]:
    """The calibration's two circuits get as many shots as one circuit, and are shared by so many circuits."""
    tapes = circuits(count, qml.probs(wires=range(QUBITS)))
    truth = _signed(run("simulator", tapes, shots=None, seed=0))
    for shots in budgets:
        plain = run(DEVICE, tapes, shots=shots, seed=4, noise=MISREAD)
        each = shots * shared_by // (shared_by + 2)  # what is left for a circuit
        found = run(DEVICE, tapes, shots=each, seed=5, noise=MISREAD).values
        mitigated = []
        for first in range(0, count, shared_by):
            counted = run(DEVICE, readout_circuits(QUBITS), shots=each, seed=6 + first, noise=MISREAD)
            calibration = Calibration.from_counts(read_counts(counted))
            part = found[first : first + shared_by]
            mitigated += [SIGNS @ mitigate_readout(one[0], calibration).quasi for one in part]
        name = "readout_each" if shared_by == 1 else "readout_once"
        yield _row(name, compared(truth, _signed(plain), np.array(mitigated), shots=shots), plain)


def _firsts(outcome: Outcome) -> Floats:
    return np.array([float(one[0]) for one in outcome.values])


def _signed(outcome: Outcome) -> Floats:
    return np.array([SIGNS @ one[0] for one in outcome.values])


def _row(name: str, found: Comparison, plain: Outcome) -> Measure:
    shots = "exact" if found.shots is None else f"shots_{found.shots}"
    note = f"{found.verdict}: plain minus mitigated squared error {found.difference:+.4f}, "
    note += f"95 % {found.lower:+.4f} to {found.upper:+.4f} over circuits; {made_with(plain.facts)}"
    ratio = found.plain / found.mitigated if found.mitigated else None
    return Measure(
        f"quantum.mitigation.{name}.{shots}", found.mitigated, "RMSE", "plain, the same shots", found.plain, ratio,
        found.circuits, note=note,
    )  # fmt: skip
