"""From a spec (plain JSON) to a network. What a spec may hold, and the specs that runs start from: `specs`.

Adding a model: write its builder in a file of its own, then one line in `_MAKERS` and in `specs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from federation.domain.models.base import Model
from federation.domain.models.chest import chest_cnn, chest_vqc
from federation.domain.models.hybrid_unet import hybrid_unet
from federation.domain.models.pooled_unet import pooled_hybrid, pooled_twin
from federation.domain.models.specs import CHANNELS, check, default_specs, unet_specs
from federation.domain.models.unet2d import unet2d
from federation.domain.models.unet3d import unet3d
from federation.domain.models.vqc_classifier import mlp_classifier, vqc_classifier

__all__ = ["CHANNELS", "build", "default_specs", "unet_specs"]

_MAKERS: dict[str, Callable[[Mapping[str, Any]], Model]] = {
    "vqc_classifier": vqc_classifier,
    "mlp_classifier": mlp_classifier,
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
