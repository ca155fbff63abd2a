"""What the parts of a model's core contribute: each input wire, each entangler, each layer, taken away one at a time.

A wire is silenced by giving it the mean angle of the training patients; a CNOT gate or a whole layer is left out. The
classical twin's hidden units are silenced in the same way. Nothing is trained again: this explains the model as it is,
and does not say what another circuit could learn without the part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import factorial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from audits.domain.robustness.scores import scored
from federation.domain.data.dataset import SiteData
from federation.domain.learning.evaluation import THRESHOLD, predict, segmentation_metrics
from federation.domain.models.base import Model
from federation.domain.models.bottleneck import ClassicalBottleneck, QuantumBottleneck
from federation.domain.quantum.circuits import CircuitShape
from federation.domain.quantum.layer import QuantumLayer

Floats = NDArray[np.float64]
Core = QuantumBottleneck | ClassicalBottleneck
Coalition = frozenset[int]
MOST_SINGLE_GATES = 24  # above this the CNOT gates are taken away by layer only


@dataclass(frozen=True)
class Ablated(CircuitShape):
    """A circuit without some of its parts.

    Attributes
    ----------
    kept : tuple of int
        Numbers that the layers have in the whole circuit; one for each of `layers`.
    cut : frozenset of (layer, control)
        CNOT gates that are left out.
    """

    kept: tuple[int, ...] = ()
    cut: frozenset[tuple[int, int]] = frozenset()

    def cnots(self, layer: int) -> tuple[tuple[int, int], ...]:
        return tuple(pair for pair in super().cnots(layer) if (self.kept[layer], pair[0]) not in self.cut)

    def number(self, layer: int) -> int:
        return self.kept[layer]


@dataclass(frozen=True)
class Outcome:
    """A model's answers with some part taken away; arrays of shape (n,), one value a patient.

    Attributes
    ----------
    score : in [0, 1]
        1 if right, or the Dice of the patient's volume.
    moved : in [0, 1]
        How far the answer is from that of the whole model. Classification: the change of the probability.
        Segmentation: 1 minus the Dice of both masks. 0: the same answer.
    """

    score: Floats
    moved: Floats


def core_of(model: Model) -> Core | None:
    """The exchangeable core of a model; None if it has none."""
    core = getattr(model, "bottleneck", None) or getattr(model, "core", None)
    return core if isinstance(core, QuantumBottleneck | ClassicalBottleneck) else None


def _gate(core: Core) -> nn.Module:
    """What the core's units feed: the circuit takes one angle a wire, the twin's last layer one value a hidden unit."""
    return core.circuit if isinstance(core, QuantumBottleneck) else core.out


def mean_units(model: Model, x: NDArray[np.float32]) -> Tensor:
    """Mean input of each wire, or of each hidden unit, over some rows or images: shape (units,)."""
    seen: list[Tensor] = []
    core = core_of(model)
    if core is None:
        raise ValueError(f"expected a model with a core, got {model.spec['kind']}")
    handle = _gate(core).register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    try:
        predict(model, x, model.task)
    finally:
        handle.remove()
    return torch.cat(seen).mean(dim=0)


@contextmanager
def silenced(core: Core, mean: Tensor, kept: Coalition) -> Iterator[None]:
    """Give every wire (or hidden unit) outside `kept` its mean input."""
    mask = torch.tensor([unit in kept for unit in range(len(mean))])
    handle = _gate(core).register_forward_pre_hook(lambda module, inputs: (torch.where(mask, inputs[0], mean),))
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def without(core: QuantumBottleneck, shape: Ablated) -> Iterator[None]:
    """Run the circuit without some of its parts."""
    whole = core.circuit
    part = QuantumLayer(shape)
    with torch.no_grad():
        part.weights.copy_(whole.weights[list(shape.kept)])
    core.circuit = part
    try:
        yield
    finally:
        core.circuit = whole


def gate_cases(shape: CircuitShape) -> dict[str, Ablated]:
    """Every part of a circuit that can be taken away, by name.

    ``entanglers``: all CNOT gates. ``entanglers/l``: those of layer l. ``entangler/l/c``: the one with control c, where
    there are at most `MOST_SINGLE_GATES`. ``layer/l``: uploading, rotations and CNOT gates of layer l, where there are
    several. Layers and wires count from 0.
    """
    layers = tuple(range(shape.layers))
    gates = [(layer, control) for layer in layers for control, _ in shape.cnots(layer)]

    def part(kept: tuple[int, ...], cut: list[tuple[int, int]]) -> Ablated:
        rest = {"embedding": shape.embedding, "reupload": shape.reupload, "ansatz": shape.ansatz}
        return Ablated(shape.n_qubits, len(kept), shape.entangling, kept, frozenset(cut), **rest)

    out = {"entanglers": part(layers, gates)} if gates else {}
    if gates and shape.layers > 1:
        out |= {f"entanglers/{n}": part(layers, [gate for gate in gates if gate[0] == n]) for n in layers}
    if len(gates) <= MOST_SINGLE_GATES:
        out |= {f"entangler/{n}/{control}": part(layers, [(n, control)]) for n, control in gates}
    if shape.layers > 1:
        out |= {f"layer/{n}": part(tuple(k for k in layers if k != n), []) for n in layers}
    return out


class Ablation:
    """One model on some patients, with parts of its core taken away. The model is as before after each call.

    Parameters
    ----------
    background : ndarray
        Training rows or images; a silenced unit takes its mean over them.
    """

    def __init__(self, model: Model, data: SiteData, background: NDArray[np.float32]) -> None:
        core = core_of(model)
        if core is None:
            raise ValueError(f"expected a model with a core, got {model.spec['kind']}")
        self.model, self.data, self.core = model, data, core
        self.mean = mean_units(model, background)
        self.units = len(self.mean)
        self._whole = self._probability()
        self._known: dict[Coalition, Outcome] = {}

    def whole(self) -> Outcome:
        return self.of_units(frozenset(range(self.units)))

    def of_units(self, kept: Coalition) -> Outcome:
        """Answers when only some wires (or hidden units) are told about the patient."""
        if kept not in self._known:
            with silenced(self.core, self.mean, kept):
                self._known[kept] = self._outcome()
        return self._known[kept]

    def of_circuit(self, shape: Ablated) -> Outcome:
        """Answers of the circuit without some gates or layers."""
        if not isinstance(self.core, QuantumBottleneck):
            raise ValueError(f"expected a model with a circuit, got {self.model.spec['kind']}")
        with without(self.core, shape):
            return self._outcome()

    def _probability(self) -> NDArray[np.float32]:
        return predict(self.model, self.data.x, self.data.task).probability

    def _outcome(self) -> Outcome:
        probability = self._probability()
        return Outcome(scored(probability, self.data), _moved(self._whole, probability, self.data))


def _moved(before: NDArray[np.float32], after: NDArray[np.float32], data: SiteData) -> Floats:
    if data.task == "classification":
        moved = np.zeros(data.n_patients)
        moved[data.patient_index] = np.abs(before.astype(float) - after)
        return moved
    masks = before >= THRESHOLD, after >= THRESHOLD
    alike = segmentation_metrics(*masks, data.patient_index, data.n_patients)["dice"]
    return 1 - np.where(np.isnan(alike), 1.0, alike)


def shapley(
    value: Callable[[Coalition], Floats],
    units: int,
    *,
    most: int,
    rng: np.random.Generator,
    tell: Callable[[int, int], None] = lambda step, steps: None,
) -> tuple[Floats, bool]:
    """Each unit's share of the score, for each patient [1]_.

    Parameters
    ----------
    value : callable
        Score of each patient, shape (n,), when only these units are told about the patient. Should remember.
    most : int
        Calls allowed: exact if all 2^units coalitions fit, else averaged over as many random orders as fit (at least
        two), each followed by its reverse.

    Returns
    -------
    shares : ndarray, shape (units, n)
        They add up to the score with all units minus the score with none. 0: the unit never mattered.
    exact : bool

    References
    ----------
    .. [1] Shapley, "A value for n-person games", Contributions to the Theory of Games II (1953), 307-317.
    """
    if 2**units <= most:
        return _exact(value, units, tell), True
    pairs = max(1, most // (2 * units))
    orders = [order for _ in range(pairs) for order in _both_ways(rng.permutation(units).tolist())]
    shares: Mapping[int, list[Floats]] = {unit: [] for unit in range(units)}
    for number, order in enumerate(orders):
        tell(number + 1, len(orders))
        for place, unit in enumerate(order):
            before = frozenset(order[:place])
            shares[unit].append(value(before | {unit}) - value(before))
    return np.array([np.mean(shares[unit], axis=0) for unit in range(units)]), False


def _exact(value: Callable[[Coalition], Floats], units: int, tell: Callable[[int, int], None]) -> Floats:
    shares = []
    for unit in range(units):
        tell(unit + 1, units)
        others = [other for other in range(units) if other != unit]
        parts = []
        for code in range(2 ** len(others)):
            before = frozenset(other for bit, other in enumerate(others) if code >> bit & 1)
            weight = factorial(len(before)) * factorial(units - len(before) - 1) / factorial(units)
            parts.append(weight * (value(before | {unit}) - value(before)))
        shares.append(np.sum(parts, axis=0))
    return np.array(shares)


def _both_ways(order: list[int]) -> tuple[list[int], list[int]]:
    return order, order[::-1]


def encoded(core: QuantumBottleneck, spread: Floats, names: tuple[str, ...]) -> list[dict[str, float]]:
    """What each wire is fed: each column's share of |weight| x spread, in [0, 1], summing to 1 for each wire.

    Parameters
    ----------
    spread : ndarray, shape (d,)
        Standard deviation of each column over the training patients.
    """
    load = np.abs(core.to_angles.weight.detach().numpy().astype(float)) * spread
    total = load.sum(axis=1, keepdims=True)
    shares = np.divide(load, total, out=np.zeros_like(load), where=total > 0)
    return [dict(zip(names, row.round(4).tolist(), strict=True)) for row in shares]
