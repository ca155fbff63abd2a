"""Any PennyLane circuit as a torch module: through the batched executor if it can run it, else through PennyLane."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pennylane as qml
import torch
from torch import Tensor, nn

from federation.domain.quantum.errors import Unsupported
from federation.domain.quantum.simulator import StatevectorSimulator
from federation.domain.quantum.tape import compile_tape

logger = logging.getLogger(__name__)


def executor(function: Callable[..., Any], *, n_qubits: int, n_inputs: int, weight_shape: tuple[int, ...]) -> nn.Module:
    """A module ``(inputs (batch, n_inputs), weights) -> (batch, outputs)`` for a PennyLane quantum function.

    Parameters are those of `tape.compile_tape`. What the executor cannot run is run by PennyLane's `default.qubit`,
    sample by sample, and one line in the log says so.
    """
    try:
        plan = compile_tape(function, n_qubits=n_qubits, n_inputs=n_inputs, weight_shape=weight_shape)
    except Unsupported as error:
        logger.warning("Circuit %s runs through PennyLane: %s", getattr(function, "__name__", "?"), error)
        return PennyLaneExecutor(function, n_qubits)
    return StatevectorSimulator(plan, weight_shape)


class PennyLaneExecutor(nn.Module):
    """A quantum function on PennyLane's `default.qubit`, one sample after another, by backpropagation."""

    def __init__(self, function: Callable[..., Any], n_qubits: int) -> None:
        super().__init__()
        device = qml.device("default.qubit", wires=n_qubits)
        self.node = qml.QNode(function, device, interface="torch", diff_method="backprop")

    def forward(self, inputs: Tensor, weights: Tensor) -> Tensor:
        rows = []
        for sample in inputs:
            out = self.node(sample, weights)
            parts = out if isinstance(out, tuple | list) else [out]
            rows.append(torch.cat([part.reshape(-1) for part in parts]))
        return torch.stack(rows).to(inputs.dtype)
