"""The attack that somebody with a quantum computer instead of its simulator could make.

A device gives no derivative, only counts of measurements. The parameter-shift rule [1]_ turns counts into a gradient
that is right on average: for each rotation that the input turns, two more circuits. Re-uploading turns each angle once
a layer, so one gradient costs 2 x layers x qubits circuits, and each is known only as well as its shots allow.

References
----------
.. [1] Schuld et al., Phys. Rev. A 99, 032331 (2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from federation.domain.learning.loss import loss_per_row
from federation.domain.models.base import Model, as_batch
from federation.domain.models.bottleneck import QuantumBottleneck
from federation.domain.quantum.circuits import qnode


@dataclass(frozen=True)
class ShotGradient:
    """Gradients estimated on a device with finite shots.

    Attributes
    ----------
    gradient : ndarray, shape (n, d)
        Of each row's loss with respect to its input.
    circuits : int
        Circuits executed for all rows, forward passes included.
    shots : int
        Measurements in each of them.
    """

    gradient: NDArray[np.float32]
    circuits: int
    shots: int


def quantum_core(model: Model) -> QuantumBottleneck | None:
    """The classifier's circuit with what feeds it; None if no input turns a rotation of one."""
    core = getattr(model, "bottleneck", None)
    return core if isinstance(core, QuantumBottleneck) and turns_rotations(model.spec) else None


def turns_rotations(spec: Mapping[str, Any]) -> bool:
    """Do the inputs of the model turn rotations of a circuit, and nothing else?

    Behind convolutions the exact gradient is attacked alone; amplitudes have no parameter-shift rule.
    """
    return "qubits" in spec and "channels" not in spec and spec.get("embedding") != "amplitude"


def shot_gradient(
    model: Model, x: NDArray[np.float32], y: NDArray[np.integer], *, shots: int | None, seed: int
) -> ShotGradient:
    """The gradient of each row's loss, its quantum part by the parameter-shift rule on PennyLane's `default.qubit`.

    Parameters
    ----------
    model : classifier with a quantum bottleneck
    x : ndarray, shape (n, d)
    y : ndarray of 0 and 1, shape (n,)
    shots : int or None
        Measurements a circuit; None is the limit of infinitely many.
    seed : int
        Of the measurements.

    Raises
    ------
    ValueError
        If the model has no quantum bottleneck.
    """
    import pennylane as qml

    core = quantum_core(model)
    if core is None:
        raise ValueError("expected a classifier with a quantum bottleneck, got another model")
    shape = core.circuit.shape
    device = qml.device("default.qubit", wires=shape.n_qubits, seed=seed)
    node = qml.set_shots(qnode(shape, device=device, diff_method="parameter-shift"), shots=shots)
    weights = core.circuit.weights.detach().double()
    rows = []
    with qml.Tracker(device) as tracker:
        for row, label in zip(as_batch(x), y, strict=True):
            rows.append(_row_gradient(model, core, node, weights, row, int(label)))
    circuits = int(tracker.totals.get("executions", 0))
    return ShotGradient(np.stack(rows).astype(np.float32), circuits, shots or 0)


def _row_gradient(
    model: Model, core: QuantumBottleneck, node, weights: Tensor, row: Tensor, label: int
) -> NDArray[np.float32]:
    """Exact derivatives before and after the circuit (they are the attacker's own arithmetic), shifted ones within."""
    row = row.clone().requires_grad_(True)
    angles = core.encode(row)
    measured = torch.stack(list(node(angles.double(), weights))).to(row.dtype)
    logit = model.head(measured).squeeze(-1)  # type: ignore[operator]  # torch types every submodule as Tensor | Module
    loss = loss_per_row(logit[None], torch.tensor([float(label)]), "classification")
    return torch.autograd.grad(loss.sum(), row)[0].numpy()


def agreement(one: NDArray[np.floating], two: NDArray[np.floating]) -> tuple[float, float]:
    """How alike two gradients are: mean cosine over rows (-1 to 1), and share of components of equal sign (0 to 1).

    Rows in which either gradient is zero count as cosine 0.
    """
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    products = (one * two).sum(axis=1)
    cosine = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
    return float(cosine.mean()), float((np.sign(one) == np.sign(two)).mean())
