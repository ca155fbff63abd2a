"""The batched executor beside PennyLane's TorchLayer: values, weight and input gradients of one circuit.

RX angle embedding, three strongly entangling layers, every <Z>, two threads. The peer (`default.qubit` with
backpropagation) is measured alternately with ours in the same process and in double precision, its only one. Where it
ends in reasonable time, `lightning.qubit` with its adjoint gradient is shown in the note: it takes no batches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pennylane as qml
import torch
from torch import Tensor

from benchmarks.frame import QUICK_RUNS, RUNS, Measure, alternate, compared, progress
from federation.domain.quantum.circuits import CircuitShape
from federation.domain.quantum.simulator import StatevectorSimulator

LAYERS, THREADS = 3, 2
PASSES = 9  # a run of either side is the mean of so many, back to back, because one of ours takes a millisecond or two


@dataclass(frozen=True)
class Case:
    """Qubits, samples at once, and how many times faster than the peer ours must be in both precisions."""

    qubits: int
    batch: int
    target: dict[torch.dtype, float]

    @property
    def name(self) -> str:
        return f"vqc.{self.qubits}q{self.batch}"


SMALL = {torch.float32: 9.0, torch.float64: 5.0}
CASES = (Case(6, 256, SMALL), Case(6, 4096, dict.fromkeys(SMALL, 12.0)), Case(8, 256, SMALL), Case(10, 256, SMALL))
SUFFIX = {torch.float32: "", torch.float64: ".c128"}


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        for case in CASES:
            if not only or any(word in f"simulation {case.name}.c128" for word in only):
                progress(case.name)
                yield from _case(case, QUICK_RUNS if quick else RUNS, quick)
    finally:
        torch.set_num_threads(before)


def _case(case: Case, runs: int, quick: bool) -> Iterator[Measure]:
    source = torch.Generator().manual_seed(1)
    inputs = torch.randn(case.batch, case.qubits, generator=source, dtype=torch.float64)
    weights = 6.28 * torch.rand(LAYERS, case.qubits, 3, generator=source, dtype=torch.float64)
    steps = {kind: step_of(_ours(case), inputs.to(kind), weights.to(kind)) for kind in SMALL}
    peer = step_of(_pennylane(case, "default.qubit", "backprop"), inputs, weights)
    errors = {kind: difference(step(), peer()) for kind, step in steps.items()}
    ours = [lambda step=step: milliseconds(step, PASSES) for step in steps.values()]
    *mine, theirs = alternate(*ours, lambda: milliseconds(peer, PASSES), runs=runs)
    beside = "" if quick else _lightning(case, inputs, weights)
    for kind, figures in zip(steps, mine, strict=True):
        note = (
            f"target ratio >= {case.target[kind]:g}; {'complex64' if kind == torch.float32 else 'complex128'} against "
            f"complex128, forward and backward, {THREADS} threads, largest difference {errors[kind]:.0e}{beside}"
        )
        yield compared(
            case.name + SUFFIX[kind], figures, "ms", better="lower", theirs=theirs,
            peer="PennyLane TorchLayer, default.qubit, backprop", note=note,
        )  # fmt: skip


def _ours(case: Case) -> Callable[[Tensor, Tensor], Tensor]:
    return StatevectorSimulator(CircuitShape(case.qubits, LAYERS, reupload=False))


def _pennylane(case: Case, device: str, method: str) -> Callable[[Tensor, Tensor], Tensor]:
    wires = range(case.qubits)

    @qml.qnode(qml.device(device, wires=case.qubits), interface="torch", diff_method=method)
    def node(inputs: Tensor, weights: Tensor) -> list:
        qml.AngleEmbedding(inputs, wires=wires, rotation="X")
        qml.StronglyEntanglingLayers(weights, wires=wires)
        return [qml.expval(qml.PauliZ(wire)) for wire in wires]

    layer = qml.qnn.TorchLayer(node, {"weights": (LAYERS, case.qubits, 3)})

    def run(inputs: Tensor, weights: Tensor) -> Tensor:
        layer.qnode_weights["weights"] = weights
        return layer(inputs)

    return run


def step_of(
    run: Callable[[Tensor, Tensor], Tensor], inputs: Tensor, weights: Tensor
) -> Callable[[], tuple[Tensor, ...]]:
    """One pass: values, and the gradients of their mean square by both."""
    inputs, weights = inputs.clone().requires_grad_(), weights.clone().requires_grad_()

    def step() -> tuple[Tensor, ...]:
        out = run(inputs, weights)
        return out.detach(), *torch.autograd.grad(out.square().mean(), [inputs, weights])

    return step


def difference(one: tuple[Tensor, ...], two: tuple[Tensor, ...]) -> float:
    return max(float((a.double() - b.double()).abs().max()) for a, b in zip(one, two, strict=True))


def milliseconds(step: Callable[[], object], passes: int) -> float:
    begin = time.perf_counter()
    for _ in range(passes):
        step()
    return 1e3 * (time.perf_counter() - begin) / passes


def _lightning(case: Case, inputs: Tensor, weights: Tensor) -> str:
    """The other simulator of PennyLane on the same samples: once, because it takes seconds."""
    if case.batch > 256:
        return ""
    step = step_of(_pennylane(case, "lightning.qubit", "adjoint"), inputs, weights)
    return f"; lightning.qubit adjoint {milliseconds(step, 1):.0f} ms (one run, cold)"
