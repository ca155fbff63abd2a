"""The exchangeable core of each model: a circuit, or the classical network that stands in its place in the twin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from federation.domain.quantum.layer import QuantumLayer
from federation.domain.quantum.spec import circuit_of, noise_of, start_of


class QuantumBottleneck(nn.Module):
    """Features to <Z_i>: a linear map to one angle per qubit, then the circuit of the spec.

    Angles are squashed to (-pi/2, pi/2), where the response of one rotation is one-to-one. The scale matters as much as
    the circuit: with twice the range, training on UCI heart was slower and five points worse in accuracy (3 seeds).

    `centred`: angles from 0 to pi / loadings instead. The layers load them again, so that a circuit that starts near
    the identity (`quantum.layer`) turns each qubit from 0 to pi in all, and answers like a hidden tanh unit from the
    first step. Angles around 0 start it on the crest of a cosine, where no gradient comes through; deep inside a
    network it is then never heard (measured: Dice lost without the circuit 0.003).

    An amplitude embedding takes the linear map's outputs, 2^qubits of them, as they are; the circuit normalises them.
    """

    def __init__(self, n_features: int, spec: Mapping[str, Any], *, centred: bool = False) -> None:
        super().__init__()
        shape = circuit_of(spec)
        self.n_outputs = shape.n_qubits
        self.scale = math.pi / 2 / (shape.loadings if centred else 1)
        self.centre = self.scale if centred else 0.0
        self.to_angles = nn.Linear(n_features, shape.n_inputs)
        self.circuit = QuantumLayer(shape, start=start_of(spec), noise=noise_of(spec))

    def forward(self, features: Tensor) -> Tensor:
        return self.circuit(self.encode(features))

    def encode(self, features: Tensor) -> Tensor:
        """What the circuit is fed: angles in radians, or amplitudes."""
        told = self.to_angles(features)
        if self.circuit.shape.embedding == "amplitude":
            return told
        return self.centre + self.scale * torch.tanh(told)


class ClassicalBottleneck(nn.Module):
    """Features to as many outputs in [-1, 1] through one hidden tanh layer."""

    def __init__(self, n_features: int, n_hidden: int, n_outputs: int) -> None:
        super().__init__()
        self.n_outputs = n_outputs
        self.hidden = nn.Linear(n_features, n_hidden)
        self.out = nn.Linear(n_hidden, n_outputs)

    def forward(self, features: Tensor) -> Tensor:
        return torch.tanh(self.out(torch.tanh(self.hidden(features))))


Core = QuantumBottleneck | ClassicalBottleneck
