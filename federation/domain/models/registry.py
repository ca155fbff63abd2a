"""From a spec (plain JSON) to a network, and the specs that a new run starts from.

Adding a model: write its builder in a file of its own, then one line in `_KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from federation.domain.data.dataset import Task
from federation.domain.learning.defaults import MEASURED_SIDE
from federation.domain.models.base import Model
from federation.domain.models.bottleneck import matching_hidden_units
from federation.domain.models.chest import chest_cnn, chest_specs, chest_vqc
from federation.domain.models.hybrid_unet import hybrid_unet
from federation.domain.models.pooled_unet import pooled_hybrid, pooled_twin
from federation.domain.models.transferred import HEADS, Transferred, encoder_of
from federation.domain.models.unet2d import unet2d
from federation.domain.models.unet3d import unet3d
from federation.domain.models.vqc_classifier import Classifier, mlp_classifier, vqc_classifier
from federation.domain.quantum.circuits import MAX_LAYERS, MAX_QUBITS, CircuitShape

DEFAULT_QUBITS, DEFAULT_LAYERS = 4, 3
UNET_QUBITS = 6
BOTTLENECK_SIDE = 8  # positions on each side at least
SMALL_CHANNELS = (8, 16, 24)
CHANNELS = (16, 32, 48, 64, 64, 64)
STANDARDISE, VIEWS = True, 1

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
    levels: tuple[int, int] = (3, 6)  # of a U-Net


_IMAGES = ("inputs", "channels", "standardise", "views")
_KINDS = {
    "vqc_classifier": _Kind("classification", ("inputs", "qubits", "layers", "entangling"), vqc_classifier),
    "mlp_classifier": _Kind("classification", ("inputs", "hidden", "outputs"), mlp_classifier),
    "chest_vqc": _Kind("classification", ("inputs", "channels", "qubits", "layers", "entangling"), chest_vqc),
    "chest_cnn": _Kind("classification", ("inputs", "channels", "hidden", "outputs"), chest_cnn),
    "hybrid_unet": _Kind("segmentation", (*_IMAGES, "qubits", "layers", "entangling"), hybrid_unet),
    "unet2d": _Kind("segmentation", (*_IMAGES, "hidden", "outputs"), unet2d),
    "unet3d": _Kind("segmentation", ("inputs", "channels", "standardise"), unet3d),
    # Of stored versions: a core that saw the pooled bottleneck.
    "unet": _Kind("segmentation", ("inputs", "channels", "hidden", "outputs"), pooled_twin, (3, 3)),
}
# On another model's encoder stands a head, whose keys are those of its own kind.
_KINDS |= {
    kind: _Kind("classification", ("encoder", *_KINDS[head].keys), lambda spec: _transferred(spec))
    for kind, head in HEADS.items()
}
_POOLED_HYBRID = _Kind("segmentation", ("inputs", "channels", "qubits", "layers", "entangling"), pooled_hybrid, (3, 3))


def default_specs(task: Task, n_inputs: int, side: int | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The quantum model that a run trains and its classical twin of nearly the same number of parameters.

    Parameters
    ----------
    task : "classification" or "segmentation"
    n_inputs : int, >= 1
        Features of a row, or channels of an image.
    side : int or None
        Of the images, in pixels; None stands for rows of a table or, in segmentation, for small
        images. From 64 px on the networks are those that the comparison
        of `benchmarks/dice` measured; they get deeper with the side, so that the bottleneck stays small.

    Returns
    -------
    primary, baseline : dict
        Plain JSON, for `build`.
    """
    if task == "classification":
        circuit = {"qubits": DEFAULT_QUBITS, "layers": DEFAULT_LAYERS, "entangling": True}
        if side is not None:
            return chest_specs(n_inputs, circuit)
        hidden = matching_hidden_units(n_inputs, CircuitShape(DEFAULT_QUBITS, DEFAULT_LAYERS))
        primary = {"kind": "vqc_classifier", "inputs": n_inputs, **circuit}
        baseline = {"kind": "mlp_classifier", "inputs": n_inputs, "hidden": hidden, "outputs": DEFAULT_QUBITS}
        _check(primary)
        return primary, baseline
    if task == "segmentation":
        return unet_specs(n_inputs, _channels(side))
    raise ValueError(f"expected the task classification or segmentation, got {task!r}")


def unet_specs(n_inputs: int, channels: Sequence[int], **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A hybrid U-Net and its classical twin, whose hidden units bring it nearest to the hybrid's size.

    Parameters
    ----------
    channels : three to six ints
        Of each level, the finest first.
    changes : entries of the hybrid's spec that differ from the recommended ones; "views" and "standardise" for both.
    """
    images = {"inputs": n_inputs, "channels": list(channels), "standardise": STANDARDISE, "views": VIEWS}
    circuit = {"qubits": UNET_QUBITS, "layers": DEFAULT_LAYERS, "entangling": True}
    primary = {"kind": "hybrid_unet", **images, **circuit, **changes}
    _check(primary)
    hidden = matching_hidden_units(channels[-1], CircuitShape(primary["qubits"], primary["layers"]))
    shared = {key: primary[key] for key in images}
    return primary, {"kind": "unet2d", **shared, "hidden": hidden, "outputs": primary["qubits"]}


def _channels(side: int | None) -> tuple[int, ...]:
    if side is None or side < MEASURED_SIDE:
        return SMALL_CHANNELS
    levels = 1
    while side // 2**levels >= BOTTLENECK_SIDE and side % 2**levels == 0 and levels < len(CHANNELS):
        levels += 1
    return CHANNELS[: max(3, levels)]


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


def transferred_specs(sources: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A quantum classifier and its twin on the encoders of two trained models, one for each.

    Parameters
    ----------
    sources : specs of the model whose encoder the quantum head stands on, and of the twin's

    Raises
    ------
    TransferError
        If one of them has no encoder to hand on.
    """
    found = []
    for number, (source, kind) in enumerate(zip(sources, HEADS, strict=True)):
        head = default_specs("classification", encoder_of(build(source)).n_features)[number]
        found.append({**head, "kind": kind, "inputs": source["inputs"], "encoder": dict(source)})
    return found[0], found[1]


def _transferred(spec: Mapping[str, Any]) -> Transferred:
    kind, inner = spec["kind"], spec["encoder"]
    if not isinstance(inner, Mapping) or inner.get("kind") in HEADS or inner.get("inputs") != spec["inputs"]:
        raise ValueError(f"{kind}: expected the spec of a model with as many inputs as encoder, got {inner!r}")
    encoder = encoder_of(_check(inner).make(inner))
    own = {key: value for key, value in spec.items() if key != "encoder"}
    head = {**own, "kind": HEADS[kind], "inputs": encoder.n_features}
    made = _check(head).make(head)
    assert isinstance(made, Classifier)  # noqa: S101 - for the type checker
    return Transferred(encoder, made)


def _check(spec: Mapping[str, Any]) -> _Kind:
    name = spec.get("kind")
    if not isinstance(name, str) or name not in _KINDS:
        raise ValueError(f"expected a model kind among {', '.join(sorted(_KINDS))}, got {name!r}")
    kind = _KINDS[name]
    if name == "hybrid_unet" and set(spec) == {"kind", *_POOLED_HYBRID.keys}:
        kind = _POOLED_HYBRID
    expected, got = {"kind", *kind.keys}, set(spec)
    if expected != got:
        raise ValueError(
            f"expected the keys {sorted(expected)} for a {name}; missing {sorted(expected - got)}, "
            f"unexpected {sorted(got - expected)}"
        )
    for key in kind.keys:
        _check_value(name, key, spec[key], kind.levels)
    return kind


def _check_value(name: str, key: str, value: Any, levels: tuple[int, int]) -> None:
    if key == "encoder":
        return  # the spec of another model, which is checked when it is built
    if key in {"entangling", "standardise"}:
        if not isinstance(value, bool):
            raise ValueError(f"{name}: expected {key} to be true or false, got {value!r}")
    elif key == "channels":
        fits = isinstance(value, list | tuple) and levels[0] <= len(value) <= levels[1]
        if not fits or not all(isinstance(c, int) and 4 <= c <= 512 and c % 4 == 0 for c in value):
            few = "three" if levels == (3, 3) else f"{levels[0]} to {levels[1]}"
            raise ValueError(f"{name}: expected {few} channel counts divisible by 4, from 4 to 512, got {value!r}")
    elif key == "views":
        if isinstance(value, bool) or value not in (1, 2, 4):
            raise ValueError(f"{name}: expected views to be 1, 2 or 4, got {value!r}")
    else:
        low, high = _INTEGER_RANGES[key]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"{name}: expected {key} to be an integer from {low} to {high}, got {value!r}")
