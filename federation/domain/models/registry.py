"""From a spec (plain JSON) to a network. What a spec may hold, and the specs that runs start from: `specs`.

Adding a model: write its builder in a file of its own, then one line in `_MAKERS` and in `specs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from federation.domain.models.base import Model
from federation.domain.models.chest import chest_cnn, chest_vqc
from federation.domain.models.hybrid_unet import hybrid_unet
from federation.domain.models.logistic import logistic_regression
from federation.domain.models.pooled_unet import pooled_hybrid, pooled_twin
from federation.domain.models.specs import CHANNELS, HEADS, check, default_specs, unet_specs
from federation.domain.models.transferred import Transferred, encoder_of
from federation.domain.models.unet2d import unet2d
from federation.domain.models.unet3d import unet3d
from federation.domain.models.vqc_classifier import Classifier, mlp_classifier, vqc_classifier

__all__ = ["CHANNELS", "build", "default_specs", "unet_specs"]

_MAKERS: dict[str, Callable[[Mapping[str, Any]], Model]] = {
    "vqc_classifier": vqc_classifier,
    "mlp_classifier": mlp_classifier,
    "logistic_regression": logistic_regression,
    "chest_vqc": chest_vqc,
    "chest_cnn": chest_cnn,
    "hybrid_unet": hybrid_unet,
    "unet2d": unet2d,
    "unet3d": unet3d,
    # Of stored versions: a core that saw the pooled bottleneck.
    "pooled_hybrid": pooled_hybrid,
    "unet": pooled_twin,
}


def build(spec: Mapping[str, Any], *, seed: int = 0) -> Model:
    """The network that `spec` describes, with initial weights that depend on `seed` alone.

    The global random state of torch is left as it was.

    Raises
    ------
    ValueError
        If the kind is unknown, a key is missing or unexpected, or a value is out of range.
    """
    make = _MAKERS[check(spec)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make(spec)


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
    encoder = encoder_of(_MAKERS[check(inner)](inner))
    own = {key: value for key, value in spec.items() if key != "encoder"}
    head = {**own, "kind": HEADS[kind], "inputs": encoder.n_features}
    made = _MAKERS[check(head)](head)
    assert isinstance(made, Classifier)  # noqa: S101 - for the type checker
    return Transferred(encoder, made)


_MAKERS |= dict.fromkeys(HEADS, _transferred)
