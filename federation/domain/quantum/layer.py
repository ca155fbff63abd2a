"""The circuit as a torch layer that can stand anywhere in a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from federation.domain.quantum.circuits import CircuitShape
from federation.domain.quantum.execution import executor
from federation.domain.quantum.initial import initial_weights
from federation.domain.quantum.noise import NoiseModel
from federation.domain.quantum.noisy_simulator import NoisySimulator
from federation.domain.quantum.spec import usual_start


class QuantumLayer(nn.Module):
    """Map (batch, n_inputs) angles in radians, or amplitudes, to (batch, n_qubits) expectation values in [-1, 1].

    The only state is `weights`, the angles of shape `shape.weight_shape`, in radians. It runs where its inputs are.
    `start` is that of `initial_weights`. With `noise`, its gradients in training (`as_trained`) are those of the
    circuit on a device with this noise; its answers are always those without.
    """

    def __init__(self, shape: CircuitShape, *, start: str | None = None, noise: NoiseModel | None = None) -> None:
        super().__init__()
        self.shape, self.start, self.noise = shape, start or usual_start(shape.ansatz), noise
        self.executor = executor(shape)
        self.struck = None if noise is None else NoisySimulator(shape, noise)
        self.is_struck = False
        self.weights = nn.Parameter(initial_weights(shape, start=start))

    def forward(self, angles: Tensor) -> Tensor:
        run = self.struck if self.is_struck and self.struck is not None else self.executor
        return run(angles, self.weights)

    def facts(self) -> dict:
        """What every number made with this layer must carry. `shots` None means analytic expectation values."""
        return {
            "backend": "torch state vector, analytic, noiseless",
            "shots": None,
            "n_qubits": self.shape.n_qubits,
            "layers": self.shape.layers,
            "depth": self.shape.depth,
            "n_parameters": self.shape.n_parameters,
            "entangling": self.shape.entangling,
            "embedding": self.shape.embedding_words,
            "ansatz": self.shape.ansatz,
            "start": self.start,
            **({"trained_under": self.noise.facts} if self.noise is not None else {}),
        }


def under_noise(model: nn.Module) -> bool:
    """Is a circuit of the model trained under noise?"""
    return any(isinstance(layer, QuantumLayer) and layer.noise is not None for layer in model.modules())


@contextmanager
def as_trained(model: nn.Module) -> Iterator[None]:
    """Run the circuits of a model under the noise that they are trained for, if there is any."""
    before = [(layer, layer.is_struck) for layer in model.modules() if isinstance(layer, QuantumLayer)]
    for layer, _ in before:
        layer.is_struck = True
    try:
        yield
    finally:
        for layer, was in before:
            layer.is_struck = was
