"""The hybrid U-Net: one variational quantum circuit at each position of the bottleneck."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from federation.domain.models.bottleneck import QuantumBottleneck
from federation.domain.models.position_unet import PositionUNet


def hybrid_unet(spec: Mapping[str, Any]) -> PositionUNet:
    """``{"kind": "hybrid_unet", "inputs", "channels", "standardise", "views", "qubits", "layers", "entangling"}``
    and `quantum.spec.OPTIONS`.

    ``"entangling": false`` is its ablation: the same network without entangling gates.
    """
    return PositionUNet(spec, lambda: QuantumBottleneck(spec["channels"][-1], spec, centred=True))
