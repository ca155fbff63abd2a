"""The hybrid U-Net: the network of `unet` with a variational quantum circuit as its core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from federation.domain.models.bottleneck import QuantumBottleneck
from federation.domain.models.unet import UNet
from federation.domain.quantum.circuits import CircuitShape


def hybrid_unet(spec: Mapping[str, Any]) -> UNet:
    """``{"kind": "hybrid_unet", "inputs", "channels", "qubits": 4..10, "layers", "entangling"}``."""
    shape = CircuitShape(spec["qubits"], spec["layers"], spec["entangling"])
    return UNet(spec, lambda: QuantumBottleneck(spec["channels"][-1], shape))
