"""The one way to run a circuit in a model: through the batched executor if it can run it, else through PennyLane.

PennyLane takes seconds to import. A circuit of the platform (`CircuitShape`) never needs it, so it is imported for a
foreign quantum function alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, overload

import torch
from torch import Tensor, nn

from federation.domain.quantum import input_checks as checks
from federation.domain.quantum.circuits import CircuitShape
from federation.domain.quantum.errors import Unsupported
from federation.domain.quantum.simulator import StatevectorSimulator

logger = logging.getLogger(__name__)

QuantumFunction = Callable[..., Any]


@overload
def executor(circuit: CircuitShape) -> nn.Module: ...
@overload
def executor(circuit: QuantumFunction, *, n_qubits: int, n_inputs: int, weight_shape: tuple[int, ...]) -> nn.Module: ...
def executor(
    circuit: CircuitShape | QuantumFunction, *, n_qubits: int = 0, n_inputs: int = 0, weight_shape: tuple[int, ...] = ()
) -> nn.Module:
    """A module ``(inputs (batch, n_inputs), weights) -> (batch, outputs)`` for a circuit.

    Parameters
    ----------
    circuit : CircuitShape or callable
        One of the platform's circuits, or a PennyLane quantum function with the numbers that `tape.compile_tape` asks
        for. What the batched executor cannot run is run by PennyLane's `default.qubit`, sample by sample, and one line
        in the log says so.

    Raises
    ------
    CircuitError
        If neither can run it. Both modules refuse wrong shapes, numbers that are not finite, and states that do not
        fit into memory in the same way.
    """
    if isinstance(circuit, CircuitShape):
        return StatevectorSimulator(circuit)
    from federation.domain.quantum.tape import compile_tape

    checks.require_qubits(n_qubits)
    try:
        plan = compile_tape(circuit, n_qubits=n_qubits, n_inputs=n_inputs, weight_shape=weight_shape)
    except Unsupported as error:
        module = PennyLaneExecutor(circuit, n_qubits=n_qubits, n_inputs=n_inputs, weight_shape=weight_shape)
        logger.warning("Circuit %s runs through PennyLane: %s", getattr(circuit, "__name__", "?"), error)
        return module
    return StatevectorSimulator(plan, weight_shape)


class PennyLaneExecutor(nn.Module):
    """A quantum function on PennyLane's `default.qubit`, one sample after another, by backpropagation."""

    def __init__(
        self, function: QuantumFunction, *, n_qubits: int, n_inputs: int, weight_shape: tuple[int, ...]
    ) -> None:
        super().__init__()
        import pennylane as qml

        checks.require_qubits(n_qubits)
        self.n_qubits, self.n_inputs, self.weight_shape = n_qubits, n_inputs, weight_shape
        device = qml.device("default.qubit", wires=n_qubits)
        self.n_gates = _gates(device, function, n_inputs, weight_shape)
        self.node = qml.QNode(function, device, interface="torch", diff_method="backprop")

    def forward(self, inputs: Tensor, weights: Tensor) -> Tensor:
        checks.require_shapes(inputs, weights, n_inputs=self.n_inputs, weight_shape=self.weight_shape)
        traced = checks.transformed()
        if not traced:
            checks.require_finite("inputs", inputs)
            checks.require_finite("weights", weights)
        batch = checks.samples_in(inputs)
        kept = (self.n_gates + 1) * batch if torch.is_grad_enabled() else 2  # each gate's state, for the gradient
        checks.require_memory(
            kept * 2**self.n_qubits * torch.complex128.itemsize,
            n_qubits=self.n_qubits, batch=batch, device=inputs.device,
        )  # fmt: skip
        # No answer is as wide as any: it is told by one that is not asked for, and hangs on the inputs as others do.
        asked = inputs if len(inputs) else _some(self.n_inputs)[None].to(inputs) + inputs.sum()
        answer = torch.stack([self._answer(sample, weights) for sample in asked])[: len(inputs)]
        answer = answer.to(torch.float64 if inputs.dtype == torch.float64 else torch.float32)
        if not traced:
            checks.require_finite("answers", answer)  # it may take a root of an input
        return answer

    def _answer(self, sample: Tensor, weights: Tensor) -> Tensor:
        out = self.node(sample, weights)
        parts = out if isinstance(out, tuple | list) else [out]
        if any(part.is_complex() for part in parts):
            raise _complex("an observable that is not Hermitian")
        return torch.cat([part.reshape(-1) for part in parts])


def _some(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def _complex(got: str) -> Unsupported:
    return Unsupported(
        expected="measurements that are real numbers", got=got,
        remedy="Measure expectation values or probabilities, or run a QNode of your own.",
    )  # fmt: skip


def _gates(device: Any, function: QuantumFunction, n_inputs: int, weight_shape: tuple[int, ...]) -> int:
    """How many gates the device runs for the function; a typed refusal of what it cannot run, before any number."""
    import pennylane as qml

    script = qml.tape.make_qscript(function)(_some(n_inputs), _some(*weight_shape))
    for measurement in script.measurements:
        if isinstance(measurement, qml.measurements.StateMP):  # density matrices are
            raise _complex(str(measurement))
    try:
        tapes, _ = device.preprocess_transforms()([script])
    except (qml.exceptions.DeviceError, qml.exceptions.WireError, qml.exceptions.DecompositionError) as error:
        raise Unsupported(
            expected="gates, wires and measurements of PennyLane's default.qubit, without shots", got=str(error),
            remedy="Write the circuit in other gates, or run its tape on a device that has them (`device_runs.run`).",
        ) from error  # fmt: skip
    return sum(len(tape.operations) for tape in tapes)
