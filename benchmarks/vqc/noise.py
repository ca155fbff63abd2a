"""The executor under a noise model beside PennyLane's density matrix: values, weight and input gradients.

A batch of a tabular classifier, one thread; RX angles re-uploaded before each of three strongly entangling layers, the
noise model *decaying*, every <Z>. The peer is `default.mixed` with backpropagation, measured alternately with ours in
the same process; it computes in complex128, so ours does too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pennylane as qml
import torch
from torch import Tensor

from benchmarks.frame import QUICK_RUNS, RUNS, Measure, alternate, compared, progress
from benchmarks.vqc.simulation import LAYERS, difference, milliseconds, step_of
from federation.domain.quantum.circuits import CircuitShape, qnode
from federation.domain.quantum.noise import noisy_qnode
from federation.domain.quantum.noise_choice import PRESETS
from federation.domain.quantum.noisy_simulator import NoisySimulator

NOISE = PRESETS["decaying"]
CASES = ((4, 32), (6, 32))  # qubits, samples at once
PASSES = 5


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for qubits, batch in CASES:
            name = f"vqc.noise.{qubits}q{batch}"
            if not only or any(word in f"noise {name}" for word in only):
                progress(name)
                yield _case(name, qubits, batch, QUICK_RUNS if quick else RUNS)
    finally:
        torch.set_num_threads(before)


def _case(name: str, qubits: int, batch: int, runs: int) -> Measure:
    shape, source = CircuitShape(qubits, LAYERS), torch.Generator().manual_seed(1)
    inputs = torch.randn(batch, qubits, generator=source, dtype=torch.float64)
    weights = 6.28 * torch.rand(shape.weight_shape, generator=source, dtype=torch.float64)
    ours, peer = step_of(NoisySimulator(shape, NOISE), inputs, weights), step_of(_pennylane(shape), inputs, weights)
    error = difference(ours(), peer())
    mine, theirs = alternate(lambda: milliseconds(ours, PASSES), lambda: milliseconds(peer, PASSES), runs=runs)
    return compared(
        name, mine, "ms", better="lower", theirs=theirs, peer="PennyLane default.mixed, backprop",
        note=f"noise {NOISE.name}, {LAYERS} layers, forward and backward, one thread, largest difference {error:.0e}",
    )  # fmt: skip


def _pennylane(shape: CircuitShape):
    device = qml.device("default.mixed", wires=shape.n_qubits)
    node = noisy_qnode(qnode(shape, device=device, diff_method="backprop"), NOISE)

    def run(inputs: Tensor, weights: Tensor) -> Tensor:
        return torch.stack(list(node(inputs, weights)), -1)

    return run
