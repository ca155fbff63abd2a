"""How many numbers a network trains, counted from its spec: web processes never load torch.

A test builds every kind of model and compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from federation.domain.models.specs import QUADRANTS
from federation.domain.quantum.spec import circuit_of, is_quantum


def count_parameters(spec: Mapping[str, Any]) -> int | None:
    """Trained numbers of the network that the spec describes; None if the kind is unknown."""
    kind = spec["kind"]
    if kind in {"vqc_classifier", "mlp_classifier"}:
        core, outputs = _core(spec, spec["inputs"])
        return core + outputs + 1
    if kind == "logistic_regression":
        return spec["inputs"] + 1
    if "encoder" in spec:
        down, features = _encoder(spec["encoder"])
        core, outputs = _core(spec, features)
        return None if down is None else down + core + outputs + 1
    if "standardise" in spec and kind in {"hybrid_unet", "unet2d"}:
        widths = list(spec["channels"])
        core, outputs = _core(spec, widths[-1])
        pairs = list(zip(widths[:-1], widths[1:], strict=True))
        downs = _block(spec["inputs"], widths[0]) + sum(_block(a, b) for a, b in pairs)
        ups = sum(_block(a + b, a) for a, b in pairs)
        return downs + ups + widths[0] + 1 + core + (widths[-1] + 1) * (outputs + 1)
    if kind in {"chest_vqc", "chest_cnn"}:
        widths = [spec["inputs"], *spec["channels"]]
        core, outputs = _core(spec, QUADRANTS * widths[-1])
        stages = sum(9 * a * b + 2 * b for a, b in zip(widths[:-1], widths[1:], strict=True))
        return stages + core + outputs + 1
    if kind in {"hybrid_unet", "unet"}:
        first, second, third = spec["channels"]
        core, outputs = _core(spec, third)
        blocks = ((spec["inputs"], first), (first, second), (second, third), (third + second, second),
                  (second + first, first))  # fmt: skip
        return sum(_block(*b) for b in blocks) + first + 1 + core + 2 * third * (outputs + 1)
    return None


def _encoder(spec: Mapping[str, Any]) -> tuple[int | None, int]:
    """Parameters of the part that is handed on to another model, None for an unknown kind, and the numbers it gives."""
    if spec["kind"] not in {"hybrid_unet", "unet2d", "unet"}:
        return None, 1
    widths = [spec["inputs"], *spec["channels"]]
    return sum(_block(a, b) for a, b in zip(widths[:-1], widths[1:], strict=True)), widths[-1]


def _block(n_in: int, n_out: int) -> int:
    """Two 3x3 convolutions without bias, each followed by a group normalisation."""
    return 9 * n_in * n_out + 9 * n_out * n_out + 4 * n_out


def _core(spec: Mapping[str, Any], features: int) -> tuple[int, int]:
    """Parameters and outputs of the exchangeable core."""
    if is_quantum(spec):
        shape = circuit_of(spec)
        return (features + 1) * shape.n_inputs + shape.n_parameters, shape.n_qubits
    return (features + 1) * spec["hidden"] + (spec["hidden"] + 1) * spec["outputs"], spec["outputs"]
