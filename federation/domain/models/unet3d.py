"""The classical 3-D U-Net [1]_ that the platform's claims are measured against, as MONAI builds it.

It takes slabs: neighbouring slices of one patient, stacked. MONAI takes a second to import and only this model needs
it, so it is imported where the model is built.

References
----------
.. [1] Cicek et al., "3D U-Net", MICCAI 2016, arXiv:1606.06650.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from federation.domain.models.base import REPRESENTATION_SIZE, Model
from federation.domain.models.blocks import standardised


class UNet3D(Model):
    """MONAI's residual U-Net in three dimensions, with group normalisation."""

    task = "segmentation"

    def __init__(self, spec: Mapping[str, Any]) -> None:
        super().__init__(spec)
        from monai.networks.nets import UNet

        self.n_inputs, self.levels = int(spec["inputs"]), len(spec["channels"])
        # MONAI would end in one normalised, rectified channel, which can die; the head of the 2-D networks cannot.
        first = spec["channels"][0]
        self.net = UNet(
            spatial_dims=3, in_channels=self.n_inputs, out_channels=first, channels=list(spec["channels"]),
            strides=[2] * (self.levels - 1), num_res_units=2, norm=("GROUP", {"num_groups": 4}),
            act=("RELU", {"inplace": False}),
        )  # fmt: skip
        self.head = nn.Conv3d(first, 1, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        self._check(x)
        return self.head(self.net(standardised(x) if self.spec["standardise"] else x)).squeeze(1)

    def represent(self, x: Tensor) -> Tensor:
        self._check(x)
        x = standardised(x) if self.spec["standardise"] else x
        part: Any = self.net.model
        while isinstance(part, nn.Sequential):  # down, the levels below, up
            x, part = part[0](x), part[1].submodule
        return torch.tanh(part(x).mean(dim=(2, 3, 4)))[:, :REPRESENTATION_SIZE]

    def _check(self, x: Tensor) -> None:
        step = 2 ** (self.levels - 1)
        if x.dim() != 5 or x.shape[1] != self.n_inputs or any(side % step or side == 0 for side in x.shape[2:]):
            raise ValueError(
                f"expected slabs of shape (m, {self.n_inputs}, depth, height, width), each side divisible by {step}, "
                f"got {tuple(x.shape)}; load the set with slab=16"
            )


def unet3d(spec: Mapping[str, Any]) -> UNet3D:
    """``{"kind": "unet3d", "inputs", "channels", "standardise"}``."""
    return UNet3D(spec)
