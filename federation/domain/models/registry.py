"""From a spec (plain JSON) to a network, and the specs that a new run starts from.

Adding a model: write its builder in a file of its own, then one line in `_KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from federation.domain.data.dataset import Task
from federation.domain.models.base import Model
from federation.domain.models.bottleneck import matching_hidden_units
from federation.domain.models.chest import chest_cnn, chest_specs, chest_vqc
from federation.domain.models.hybrid_unet import hybrid_unet
from federation.domain.models.unet import unet
from federation.domain.models.vqc_classifier import mlp_classifier, vqc_classifier
from federation.domain.quantum.circuits import MAX_LAYERS, MAX_QUBITS, CircuitShape

DEFAULT_QUBITS, DEFAULT_LAYERS = 4, 3
DEFAULT_CHANNELS = [8, 16, 24]

# Audits read four outputs of the bottleneck, so there are never fewer.
_INTEGER_RANGES = {
    "inputs": (1, 4096),
    "qubits": (4, MAX_QUBITS),
    "layers": (1, MAX_LAYERS),
    "hidden": (1, 4096),
    "outputs": (4, MAX_QUBITS),
}


@dataclass(frozen=True)
class _Kind:
    task: Task
    keys: tuple[str, ...]  # besides "kind"; all required
    make: Callable[[Mapping[str, Any]], Model]


_KINDS = {
    "vqc_classifier": _Kind("classification", ("inputs", "qubits", "layers", "entangling"), vqc_classifier),
    "mlp_classifier": _Kind("classification", ("inputs", "hidden", "outputs"), mlp_classifier),
    "chest_vqc": _Kind("classification", ("inputs", "channels", "qubits", "layers", "entangling"), chest_vqc),
    "chest_cnn": _Kind("classification", ("inputs", "channels", "hidden", "outputs"), chest_cnn),
    "hybrid_unet": _Kind("segmentation", ("inputs", "channels", "qubits", "layers", "entangling"), hybrid_unet),
    "unet": _Kind("segmentation", ("inputs", "channels", "hidden", "outputs"), unet),
}


def default_specs(task: Task, n_inputs: int, *, images: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    """The quantum model that a run trains and its classical twin of nearly the same number of parameters.

    Parameters
    ----------
    task : "classification" or "segmentation"
    n_inputs : int, >= 1
        Features of a row, or channels of an image.
    images : bool
        Classification: the records are images, not rows.

    Returns
    -------
    primary, baseline : dict
        Plain JSON, for `build`.
    """
    circuit = {"qubits": DEFAULT_QUBITS, "layers": DEFAULT_LAYERS, "entangling": True}
    shape = CircuitShape(DEFAULT_QUBITS, DEFAULT_LAYERS)
    if task == "classification" and images:
        primary, baseline = chest_specs(n_inputs, circuit)
    elif task == "classification":
        twin = {"hidden": matching_hidden_units(n_inputs, shape), "outputs": DEFAULT_QUBITS}
        primary = {"kind": "vqc_classifier", "inputs": n_inputs, **circuit}
        baseline = {"kind": "mlp_classifier", "inputs": n_inputs, **twin}
    elif task == "segmentation":
        twin = {"hidden": matching_hidden_units(DEFAULT_CHANNELS[-1], shape), "outputs": DEFAULT_QUBITS}
        shared = {"inputs": n_inputs, "channels": list(DEFAULT_CHANNELS)}
        primary = {"kind": "hybrid_unet", **shared, **circuit}
        baseline = {"kind": "unet", **shared, **twin}
    else:
        raise ValueError(f"expected the task classification or segmentation, got {task!r}")
    _check(primary)
    return primary, baseline


def build(spec: Mapping[str, Any], *, seed: int = 0) -> Model:
    """The network that `spec` describes, with initial weights that depend on `seed` alone.

    The global random state of torch is left as it was.

    Raises
    ------
    ValueError
        If the kind is unknown, a key is missing or unexpected, or a value is out of range.
    """
    kind = _check(spec)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return kind.make(spec)


def _check(spec: Mapping[str, Any]) -> _Kind:
    name = spec.get("kind")
    if not isinstance(name, str) or name not in _KINDS:
        raise ValueError(f"expected a model kind among {', '.join(sorted(_KINDS))}, got {name!r}")
    kind = _KINDS[name]
    expected, got = {"kind", *kind.keys}, set(spec)
    if expected != got:
        raise ValueError(
            f"expected the keys {sorted(expected)} for a {name}; missing {sorted(expected - got)}, "
            f"unexpected {sorted(got - expected)}"
        )
    for key in kind.keys:
        _check_value(name, key, spec[key])
    return kind


def _check_value(name: str, key: str, value: Any) -> None:
    if key == "entangling":
        if not isinstance(value, bool):
            raise ValueError(f"{name}: expected entangling to be true or false, got {value!r}")
    elif key == "channels":
        fits = isinstance(value, list | tuple) and len(value) == 3
        if not fits or not all(isinstance(c, int) and 4 <= c <= 512 and c % 4 == 0 for c in value):
            raise ValueError(f"{name}: expected three channel counts divisible by 4, from 4 to 512, got {value!r}")
    else:
        low, high = _INTEGER_RANGES[key]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"{name}: expected {key} to be an integer from {low} to {high}, got {value!r}")
