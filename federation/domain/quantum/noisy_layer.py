"""The circuit of a model as it would run on a noisy device, differentiable: for training that knows its decoherence."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from federation.domain.quantum.circuits import CircuitShape, qnode
from federation.domain.quantum.devices import find
from federation.domain.quantum.noise import NoiseModel, noisy_qnode


class NoisyQuantumLayer(nn.Module):
    """Stands in the place of `layer.QuantumLayer`, with the same weights, under a noise model.

    Exact expectation values from a density matrix of 4^n entries: for few qubits. The difference to a device is then
    that of its noise to the model, and its shots.
    """

    def __init__(self, shape: CircuitShape, noise: NoiseModel, weights: nn.Parameter) -> None:
        super().__init__()
        import pennylane as qml

        find("default.mixed").require_qubits(shape.n_qubits)
        self.shape, self.noise, self.weights = shape, noise, weights
        device = qml.device("default.mixed", wires=shape.n_qubits)
        self._node = noisy_qnode(qnode(shape, device=device, diff_method="backprop"), noise)

    def forward(self, angles: Tensor) -> Tensor:
        """Map (batch, n_qubits) angles in radians to (batch, n_qubits) expectation values in [-1, 1]."""
        values = torch.stack(self._node(angles.double(), self.weights.double()), dim=-1)
        return values.to(angles.dtype)
