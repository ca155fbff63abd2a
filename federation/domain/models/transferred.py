"""The part of a model that is handed on to another one, and the classifier that stands on such a part.

`encoder_in` finds the encoder inside a model, with the model's own weights: what is put into it, or frozen in it, is
put into or frozen in the model. Its weights have the same names in a hybrid and in its twin.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from federation.domain.models.base import Model
from federation.domain.models.blocks import check_images, standardised
from federation.domain.models.bottleneck import Core, QuantumBottleneck
from federation.domain.models.chest import ChestNet
from federation.domain.models.pooled_unet import PooledUNet
from federation.domain.models.position_unet import PositionUNet
from federation.domain.models.specs import HEADS
from federation.domain.models.vqc_classifier import Classifier


class TransferError(ValueError):
    """A model or data that cannot be transferred. The text says what was expected and came."""


class Encoder(nn.Module):
    """The part of a model that is handed on: inputs to `n_features` numbers a row."""

    n_features: int

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.spec = model.spec  # of the model that it is a part of


class FirstLayer(Encoder):
    """A classifier's first layer, squashed as the model does."""

    def __init__(self, model: Classifier) -> None:
        super().__init__(model)
        core = model.bottleneck
        self.first = core.to_angles if isinstance(core, QuantumBottleneck) else core.hidden
        self.n_features = self.first.out_features

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.first(x))


class Stages(Encoder):
    """A chest network's convolutions, averaged by quadrant."""

    def __init__(self, model: ChestNet) -> None:
        super().__init__(model)
        self.stages = model.stages
        self.n_features = model.n_features
        self._pooled = model.pooled  # a method: of its model only what stands above is a part of this module

    def forward(self, x: Tensor) -> Tensor:
        return self._pooled(x)


class WayDown(Encoder):
    """A U-Net's convolutions down to the bottleneck, averaged over the image."""

    def __init__(self, model: PooledUNet | PositionUNet) -> None:
        super().__init__(model)
        if isinstance(model, PooledUNet):
            self.downs, self.standardise = nn.ModuleList([model.down1, model.down2, model.bottom]), False
        else:
            self.downs, self.standardise = model.downs, bool(model.spec["standardise"])
        self.n_features = model.spec["channels"][-1]
        self._levels = model.encode  # a method, see `Stages`

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, channels=int(self.spec["inputs"]), levels=len(self.downs))
        return self._levels(standardised(x) if self.standardise else x)[-1].mean(dim=(2, 3))


class Transferred(Model):
    """An encoder with a classifier as its head: what is trained when the encoder is tuned, and what is deployed."""

    task = "classification"

    def __init__(self, encoder: Encoder, head: Classifier) -> None:
        kind = next(whole for whole, of_head in HEADS.items() if of_head == head.spec["kind"])
        own = {"kind": kind, "inputs": encoder.spec["inputs"], "encoder": dict(encoder.spec)}
        super().__init__({**head.spec, **own})
        self.encoder, self.head = encoder, head

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(x))

    def represent(self, x: Tensor) -> Tensor:
        return self.head.represent(self.encoder(x))

    @property
    def core(self) -> Core:
        """What audits take apart: the circuit of the head, or what stands in its place in the twin."""
        return self.head.bottleneck


def encoder_in(model: Model) -> Encoder:
    """The encoder of a model, with the model's own weights.

    Raises
    ------
    TransferError
        For a model of another kind.
    """
    if isinstance(model, Transferred):
        return model.encoder
    if isinstance(model, Classifier):
        return FirstLayer(model)
    if isinstance(model, ChestNet):
        return Stages(model)
    if isinstance(model, PooledUNet | PositionUNet):
        return WayDown(model)
    raise TransferError(
        f"expected a classifier or a U-Net in two dimensions to take an encoder from, got {type(model).__name__}. "
        "A logistic regression has no encoder: begin from a version that was trained beside its classical twin"
    )


def encoder_of(model: Model) -> Encoder:
    """A copy of a model's encoder; `model` is never changed by what becomes of it. Raises as `encoder_in`."""
    return encoder_in(copy.deepcopy(model))
