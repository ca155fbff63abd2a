"""Three adversaries that guess a protected attribute: a variational circuit, a small network, a logistic model.

Circuit and network are the platform's own classifiers, of nearly the same number of parameters; all three are trained
alike, so that a difference between them is due to what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from federation.domain.models.registry import build
from federation.domain.models.specs import matching_hidden_units
from federation.domain.quantum.circuits import CircuitShape

NAMES = ("logistic", "mlp", "vqc")
Guess = Callable[[NDArray[np.floating]], NDArray[np.float64]]


@dataclass(frozen=True)
class AdversarySettings:
    """How the adversaries are made; every site uses the same.

    Attributes
    ----------
    qubits, layers : int
        Of the circuit (data re-uploading, strongly entangling layers).
    epochs : int, >= 1
        Full-batch steps of Adam.
    learning_rate, weight_decay : float
    """

    qubits: int = 4
    layers: int = 3
    epochs: int = 60
    learning_rate: float = 0.05
    weight_decay: float = 5e-3

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def train(
    name: str, x: NDArray[np.floating], attribute: NDArray[np.bool_], *, settings: AdversarySettings, seed: int
) -> Guess:
    """Train one adversary.

    Parameters
    ----------
    name : one of `NAMES`
    x : ndarray, shape (n, k)
        What it sees of each patient.
    attribute : ndarray of bool, shape (n,)
        What it is to guess.

    Returns
    -------
    callable
        Rows (m, k) to probabilities (m,) in (0, 1). 1: surely the attribute.
    """
    model = _network(name, x.shape[1], settings, seed)
    rows = torch.from_numpy(np.array(x, dtype=np.float32))
    truth = torch.from_numpy(np.array(attribute, dtype=np.float32))
    steps = torch.optim.Adam(model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    for _ in range(settings.epochs):
        steps.zero_grad()
        binary_cross_entropy_with_logits(model(rows).reshape(-1), truth).backward()
        steps.step()

    def guess(unseen: NDArray[np.floating]) -> NDArray[np.float64]:
        with torch.inference_mode():
            logits = model(torch.from_numpy(np.array(unseen, dtype=np.float32))).reshape(-1)
            return torch.sigmoid(logits.double()).numpy()

    return guess


def facts(inputs: int, settings: AdversarySettings) -> Mapping[str, Any]:
    """What every figure of the circuit must carry, and the sizes of all three for `inputs` columns."""
    sizes = {name: sum(p.numel() for p in _network(name, inputs, settings, 0).parameters()) for name in NAMES}
    circuit = build(_specs(inputs, settings)["vqc"]).facts()["quantum"]
    return {**circuit, "shots": "analytic", "noise_model": "none", "parameters": sizes, **settings.as_dict()}


def _network(name: str, inputs: int, settings: AdversarySettings, seed: int) -> nn.Module:
    if name == "logistic":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return nn.Linear(inputs, 1)
    return build(_specs(inputs, settings)[name], seed=seed)


def _specs(inputs: int, settings: AdversarySettings) -> dict[str, dict[str, Any]]:
    shape = CircuitShape(settings.qubits, settings.layers)
    circuit = {"inputs": inputs, "qubits": shape.n_qubits, "layers": shape.layers, "entangling": True}
    hidden = matching_hidden_units(inputs, shape)
    return {
        "vqc": {"kind": "vqc_classifier", **circuit},
        "mlp": {"kind": "mlp_classifier", "inputs": inputs, "hidden": hidden, "outputs": shape.n_qubits},
    }
