"""The circuit as a torch layer that can stand anywhere in a network."""

from __future__ import annotations

from torch import Tensor, nn

from federation.domain.quantum.circuits import CircuitShape
from federation.domain.quantum.execution import executor
from federation.domain.quantum.initial import initial_weights
from federation.domain.quantum.spec import usual_start


class QuantumLayer(nn.Module):
    """Map (batch, n_inputs) angles in radians, or amplitudes, to (batch, n_qubits) expectation values in [-1, 1].

    The only state is `weights`, the angles of shape `shape.weight_shape`, in radians. It runs where its inputs are.
    `start` is that of `initial_weights`.
    """

    def __init__(self, shape: CircuitShape, *, start: str | None = None) -> None:
        super().__init__()
        self.shape, self.start = shape, start or usual_start(shape.ansatz)
        self.executor = executor(shape)
        self.weights = nn.Parameter(initial_weights(shape, start=start))

    def forward(self, angles: Tensor) -> Tensor:
        return self.executor(angles, self.weights)

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
        }
