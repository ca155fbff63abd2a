"""The hybrid U-Net: one variational quantum circuit at each position of the bottleneck."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from federation.domain.models.bottleneck import QuantumBottleneck
from federation.domain.models.position_unet import PositionUNet
from federation.domain.quantum.circuits import CircuitShape


def hybrid_unet(spec: Mapping[str, Any]) -> PositionUNet:
    """``{"kind": "hybrid_unet", "inputs", "channels", "standardise", "views", "qubits", "layers", "entangling"}``.

    ``"entangling": false`` is its ablation: the same network without CNOT gates.
    """
    shape = CircuitShape(spec["qubits"], spec["layers"], spec["entangling"])
    return PositionUNet(spec, lambda: QuantumBottleneck(spec["channels"][-1], shape, centred=True))
