"""The classical twin of the hybrid U-Net: a hidden layer of tanh units at each position, in place of the circuit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from federation.domain.models.bottleneck import ClassicalBottleneck
from federation.domain.models.position_unet import PositionUNet


def unet2d(spec: Mapping[str, Any]) -> PositionUNet:
    """``{"kind": "unet2d", "inputs", "channels", "standardise", "views", "hidden", "outputs"}``."""
    return PositionUNet(spec, lambda: ClassicalBottleneck(spec["channels"][-1], spec["hidden"], spec["outputs"]))
