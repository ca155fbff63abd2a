"""Classifiers of tabular records: a variational quantum circuit and its classical twin.

They differ in the bottleneck alone, so a difference in what they achieve is due to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from federation.domain.models.base import REPRESENTATION_SIZE, Model
from federation.domain.models.bottleneck import ClassicalBottleneck, QuantumBottleneck


class Classifier(Model):
    """Bottleneck, then one linear logit."""

    task = "classification"

    def __init__(self, spec: Mapping[str, Any], bottleneck: QuantumBottleneck | ClassicalBottleneck) -> None:
        super().__init__(spec)
        self.n_inputs = int(spec["inputs"])
        self.bottleneck = bottleneck
        self.head = nn.Linear(bottleneck.n_outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self._features(x)).squeeze(-1)

    def represent(self, x: Tensor) -> Tensor:
        return self._features(x)[:, :REPRESENTATION_SIZE]

    def _features(self, x: Tensor) -> Tensor:
        if x.dim() != 2 or x.shape[1] != self.n_inputs:
            raise ValueError(f"expected rows of {self.n_inputs} features, got an array of shape {tuple(x.shape)}")
        return self.bottleneck(x)


def vqc_classifier(spec: Mapping[str, Any]) -> Classifier:
    """``{"kind": "vqc_classifier", "inputs": d, "qubits": 4..10, "layers": L, "entangling": bool}`` and
    `quantum.spec.OPTIONS`.
    """
    return Classifier(spec, QuantumBottleneck(spec["inputs"], spec))


def mlp_classifier(spec: Mapping[str, Any]) -> Classifier:
    """``{"kind": "mlp_classifier", "inputs": d, "hidden": h, "outputs": 4..10}``."""
    return Classifier(spec, ClassicalBottleneck(spec["inputs"], spec["hidden"], spec["outputs"]))
