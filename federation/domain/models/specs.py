"""Specs of models: what each kind takes, the specs that a new run starts from, and those that people choose.

Plain JSON and arithmetic without torch, so that a page can check and count; `registry.build` makes networks of them.
Adding a model: one line in `_KINDS` here, and its builder in `registry`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from federation.domain.data.dataset import Task
from federation.domain.learning.defaults import MEASURED_SIDE
from federation.domain.models.choice import LOGISTIC, NO_ENTANGLEMENT, TWIN, ModelChoice
from federation.domain.quantum.circuits import MAX_QUBITS, CircuitShape
from federation.domain.quantum.spec import (
    MIN_QUBITS,
    OPTIONS,
    REQUIRED,
    TRUTH,
    SpecError,
    check_circuit,
    circuit_of,
    is_quantum,
    require_whole,
    short,
)

DEFAULT_QUBITS, DEFAULT_LAYERS = 4, 3
UNET_QUBITS = 6
BOTTLENECK_SIDE = 8  # positions on each side at least
SMALL_CHANNELS = (8, 16, 24)
CHANNELS = (16, 32, 48, 64, 64, 64)
CHEST_CHANNELS = (8, 16, 24)
QUADRANTS = 4  # of a chest's feature map, each pooled by itself
STANDARDISE, VIEWS = True, 1

# Audits read four outputs of the bottleneck, so there are never fewer.
_INTEGER_RANGES = {"inputs": (1, 4096), "hidden": (1, 4096), "outputs": (MIN_QUBITS, MAX_QUBITS)}


@dataclass(frozen=True)
class Kind:
    """What the specs of a kind hold.

    Attributes
    ----------
    keys : tuple of str
        Besides "kind"; all required. A kind with a circuit also takes `spec.OPTIONS`, none of them required.
    levels : of a U-Net, fewest and most
    amplitudes : bool
        Can its circuit load the features as amplitudes?
    devices : bool
        Can its circuit be ordered on a device, and so be trained under the noise of one?
    """

    task: Task
    keys: tuple[str, ...]
    levels: tuple[int, int] = (3, 6)
    amplitudes: bool = False
    devices: bool = False
    stored: bool = False  # of versions of before there was a choice

    @property
    def options(self) -> tuple[str, ...]:
        return OPTIONS if "qubits" in self.keys and not self.stored else ()


_IMAGES = ("inputs", "channels", "standardise", "views")
_POOLED_HYBRID = "pooled_hybrid"  # the `hybrid_unet` of stored versions, whose core saw the pooled bottleneck
_KINDS = {
    "vqc_classifier": Kind("classification", ("inputs", *REQUIRED), amplitudes=True, devices=True),
    "mlp_classifier": Kind("classification", ("inputs", "hidden", "outputs")),
    "logistic_regression": Kind("classification", ("inputs",)),
    "chest_vqc": Kind("classification", ("inputs", "channels", *REQUIRED), amplitudes=True),
    "chest_cnn": Kind("classification", ("inputs", "channels", "hidden", "outputs")),
    "hybrid_unet": Kind("segmentation", (*_IMAGES, *REQUIRED)),
    "unet2d": Kind("segmentation", (*_IMAGES, "hidden", "outputs")),
    "unet3d": Kind("segmentation", ("inputs", "channels", "standardise")),
    "unet": Kind("segmentation", ("inputs", "channels", "hidden", "outputs"), (3, 3), stored=True),
}
# On another model's encoder stands a head, whose keys are those of its own kind.
HEADS = {"transferred_vqc": "vqc_classifier", "transferred_mlp": "mlp_classifier"}  # kind of the whole, of its head
_KINDS |= {
    whole: replace(_KINDS[head], keys=("encoder", *_KINDS[head].keys), devices=False) for whole, head in HEADS.items()
}
_STORED_HYBRID = Kind("segmentation", ("inputs", "channels", *REQUIRED), (3, 3), stored=True)


def runs_on_devices(spec: Mapping[str, Any]) -> bool:
    """Can the circuit of a model of this spec be ordered on a device?"""
    kind = _KINDS.get(spec["kind"])
    return kind is not None and kind.devices


# --- the specs of a run --------------------------------------------------------------------------------------------


def compared_of(models: Mapping[str, Mapping[str, Any]]) -> str:
    """What a run trains beside its quantum model, as `ModelChoice.compared` names it, from the run's specs."""
    if is_quantum(models["baseline"]):
        return NO_ENTANGLEMENT
    return LOGISTIC if models["baseline"]["kind"] == "logistic_regression" else TWIN


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
    return chosen_specs(task, n_inputs, side, ModelChoice())


def chosen_specs(
    task: Task, n_inputs: int, side: int | None, choice: ModelChoice
) -> tuple[dict[str, Any], dict[str, Any]]:
    """As `default_specs`, with what was chosen. Raises SpecError for a model that cannot be built."""
    if task not in {"classification", "segmentation"}:
        raise ValueError(f"expected the task classification or segmentation, got {task!r}")
    qubits = UNET_QUBITS if task == "segmentation" else DEFAULT_QUBITS
    circuit = {"qubits": qubits, "layers": DEFAULT_LAYERS, "entangling": True, **choice.circuit}
    if task == "segmentation":
        primary, twin = unet_specs(n_inputs, _channels(side), **circuit)
    elif side is not None:
        primary, twin = chest_specs(n_inputs, circuit)
    else:
        primary, twin = _row_specs(n_inputs, circuit)
    return primary, _beside(choice.compared, primary, twin)


def _beside(compared: str, primary: dict[str, Any], twin: dict[str, Any]) -> dict[str, Any]:
    if compared == NO_ENTANGLEMENT:
        return {**primary, "entangling": False}
    if compared == LOGISTIC:
        if primary["kind"] != "vqc_classifier":
            raise SpecError("compared", "expected rows of a table for a logistic regression, got images")
        return {"kind": "logistic_regression", "inputs": primary["inputs"]}
    return twin


def _row_specs(n_inputs: int, circuit: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    primary = _quantum({"kind": "vqc_classifier", "inputs": n_inputs, **circuit})
    hidden = matching_hidden_units(n_inputs, circuit_of(primary))
    return primary, {"kind": "mlp_classifier", "inputs": n_inputs, "hidden": hidden, "outputs": primary["qubits"]}


def chest_specs(n_inputs: int, circuit: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The quantum model and its twin for images of `n_inputs` channels; `circuit` holds the entries of the circuit."""
    images = {"inputs": n_inputs, "channels": list(CHEST_CHANNELS)}
    primary = _quantum({"kind": "chest_vqc", **images, **circuit})
    hidden = matching_hidden_units(QUADRANTS * CHEST_CHANNELS[-1], circuit_of(primary))
    return primary, {"kind": "chest_cnn", **images, "hidden": hidden, "outputs": primary["qubits"]}


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
    primary = _quantum({"kind": "hybrid_unet", **images, **circuit, **changes})
    hidden = matching_hidden_units(channels[-1], circuit_of(primary))
    shared = {key: primary[key] for key in images}
    return primary, {"kind": "unet2d", **shared, "hidden": hidden, "outputs": primary["qubits"]}


def _quantum(spec: dict[str, Any]) -> dict[str, Any]:
    check(spec)
    return short(spec)


def _channels(side: int | None) -> tuple[int, ...]:
    if side is None or side < MEASURED_SIDE:
        return SMALL_CHANNELS
    levels = 1
    while side // 2**levels >= BOTTLENECK_SIDE and side % 2**levels == 0 and levels < len(CHANNELS):
        levels += 1
    return CHANNELS[: max(3, levels)]


def matching_hidden_units(n_features: int, shape: CircuitShape) -> int:
    """Hidden units that bring the classical bottleneck nearest to the parameters of the quantum one."""
    quantum = (n_features + 1) * shape.n_inputs + shape.n_parameters
    per_unit = n_features + 1 + shape.n_qubits
    return max(1, round((quantum - shape.n_qubits) / per_unit))


# --- what a spec may say -------------------------------------------------------------------------------------------


def check(spec: Mapping[str, Any]) -> str:
    """The name of what builds the spec's network. Raises SpecError for a spec that is not understood."""
    name = spec.get("kind")
    if not isinstance(name, str) or name not in _KINDS:
        raise SpecError(
            "kind", "expected a model kind among %(known)s, got %(got)s", known=", ".join(sorted(_KINDS)),
            got=repr(name),
        )  # fmt: skip
    kind, maker = _KINDS[name], name
    if name == "hybrid_unet" and set(spec) == {"kind", *_STORED_HYBRID.keys}:
        kind, maker = _STORED_HYBRID, _POOLED_HYBRID
    expected, got = {"kind", *kind.keys}, set(spec)
    if expected - got or got - expected - set(kind.options):
        raise SpecError(
            "", "expected the keys %(known)s for a %(kind)s; missing %(missing)s, unexpected %(unexpected)s",
            known=sorted(expected), kind=name, missing=sorted(expected - got),
            unexpected=sorted(got - expected - set(kind.options)),
        )  # fmt: skip
    for key in kind.keys:
        if key not in REQUIRED:
            _check_value(name, key, spec[key], kind.levels)
    if "qubits" in kind.keys:
        check_circuit(name, spec, amplitudes=kind.amplitudes, devices=kind.devices)
    return maker


def _check_value(name: str, key: str, value: Any, levels: tuple[int, int]) -> None:
    if key == "encoder":
        return  # the spec of another model, which is checked when it is built
    if key == "standardise":
        if not isinstance(value, bool):
            raise SpecError(key, TRUTH, model=name, key=key, got=repr(value))
    elif key == "channels":
        fits = isinstance(value, list | tuple) and levels[0] <= len(value) <= levels[1]
        if not fits or not all(isinstance(c, int) and 4 <= c <= 512 and c % 4 == 0 for c in value):
            few = "three" if levels == (3, 3) else f"{levels[0]} to {levels[1]}"
            raise SpecError(
                key, "expected %(few)s channel counts divisible by 4, from 4 to 512, got %(got)s", model=name, few=few,
                got=repr(value),
            )  # fmt: skip
    elif key == "views":
        if isinstance(value, bool) or value not in (1, 2, 4):
            raise SpecError(key, "expected views to be 1, 2 or 4, got %(got)s", model=name, got=repr(value))
    else:
        require_whole(name, key, value, *_INTEGER_RANGES[key])
