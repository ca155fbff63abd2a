"""Federated transfer: what hospitals with many patients learned serves hospitals with few.

A *source* model is trained at the rich sites. Its encoder (the layers before the bottleneck) is handed to the poor
sites, where a new head for their own task is trained by federated averaging: a variational circuit, or its classical
twin [1]_. A frozen encoder is applied once by each site, and then only the head's weights travel; a tuned one goes on
learning with the head. Heads are the platform's own classifiers, so they are built, averaged, stored and audited as any
model.

References
----------
.. [1] Mari et al., "Transfer learning in hybrid classical-quantum neural networks", Quantum 4, 340 (2020).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from federation.domain.data.dataset import SiteData
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.local import train_local
from federation.domain.learning.loss import loss_per_row
from federation.domain.learning.weights import State, load_state, state_of
from federation.domain.models.base import Model, as_batch
from federation.domain.models.blocks import standardised
from federation.domain.models.bottleneck import QuantumBottleneck
from federation.domain.models.pooled_unet import PooledUNet
from federation.domain.models.position_unet import PositionUNet
from federation.domain.models.registry import build, default_specs
from federation.domain.models.vqc_classifier import Classifier
from federation.domain.strategies import fedavg
from federation.domain.strategies.base import Update

HEADS = ("quantum", "classical")
ROWS_AT_ONCE = 256


class TransferError(ValueError):
    """A model or data that cannot be transferred. The text says what was expected and came."""


class Encoder(nn.Module):
    """The part of a model that is handed on: inputs to `n_features` numbers a row."""

    n_features: int


class FirstLayer(Encoder):
    """A classifier's first layer, squashed as the model does."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        core = model.bottleneck
        self.first = core.to_angles if isinstance(core, QuantumBottleneck) else core.hidden
        self.n_features = self.first.out_features

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.first(x))


class WayDown(Encoder):
    """A U-Net's convolutions down to the bottleneck, averaged over the image."""

    def __init__(self, model: PooledUNet | PositionUNet) -> None:
        super().__init__()
        self._network = (model,)  # in a tuple, so that only what is handed on counts as a part of this module
        if isinstance(model, PooledUNet):
            self.downs, self.standardise = nn.ModuleList([model.down1, model.down2, model.bottom]), False
        else:
            self.downs, self.standardise = model.downs, bool(model.spec["standardise"])
        self.n_features = model.spec["channels"][-1]

    def forward(self, x: Tensor) -> Tensor:
        return self._network[0]._encode(standardised(x) if self.standardise else x)[-1].mean(dim=(2, 3))


def encoder_of(model: Model) -> Encoder:
    """A copy of the encoder of a classifier or a U-Net; `model` is never changed by what becomes of it.

    Raises
    ------
    TransferError
        For a model of another kind.
    """
    if isinstance(model, Classifier):
        return FirstLayer(copy.deepcopy(model))
    if isinstance(model, PooledUNet | PositionUNet):
        return WayDown(copy.deepcopy(model))
    raise TransferError(f"expected a classifier or a U-Net to take an encoder from, got {type(model).__name__}")


class Transferred(Model):
    """An encoder with a classifier as its head: what is trained when the encoder is tuned, and what is deployed."""

    task = "classification"

    def __init__(self, encoder: Encoder, head: Classifier) -> None:
        super().__init__({"kind": "transferred", "features": encoder.n_features, "head": head.spec})
        self.encoder, self.head = encoder, head

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(x))

    def represent(self, x: Tensor) -> Tensor:
        return self.head.represent(self.encoder(x))


def new_head(kind: str, n_features: int, *, seed: int) -> Classifier:
    """An untrained head: "quantum", or "classical", its twin of nearly as many parameters.

    Raises
    ------
    TransferError
        For another kind.
    """
    if kind not in HEADS:
        raise TransferError(f"expected a head among {', '.join(HEADS)}, got {kind!r}")
    spec = default_specs("classification", n_features)[HEADS.index(kind)]
    head = build(spec, seed=seed)
    assert isinstance(head, Classifier)  # noqa: S101 - for the type checker
    return head


def encoded(encoder: Encoder, data: SiteData) -> SiteData:
    """A site's data as a frozen encoder sees them: one row of features for each row or slice."""
    encoder.eval()
    with torch.inference_mode():
        parts = [encoder(as_batch(data.x[i : i + ROWS_AT_ONCE])).numpy() for i in range(0, len(data.x), ROWS_AT_ONCE)]
    x = np.concatenate(parts) if parts else np.zeros((0, encoder.n_features), dtype=np.float32)
    return replace(data, x=x, feature_names=tuple(f"feature {i}" for i in range(encoder.n_features)))


def presence(data: SiteData) -> SiteData:
    """Slices with masks as a task of their own: does this slice show a lesion? One label a slice."""
    if data.task != "segmentation":
        raise TransferError(f"expected images with masks, got data for {data.task}")
    return replace(data, task="classification", y=np.asarray(data.y.any(axis=(1, 2)), dtype=np.int64))


@dataclass(frozen=True)
class Trained:
    """What a federation learned.

    Attributes
    ----------
    model : Model
        With the weights of the round that was best on the validation patients.
    best_round : int
        From 1; 0 if no round was better than no training.
    losses : tuple of float
        Validation loss before training and after each round, averaged over rows.
    bytes_per_update : int
        What one site sends in one round: float32 weights.
    """

    model: Model
    best_round: int
    losses: tuple[float, ...]
    bytes_per_update: int


def train_federated(
    model: Model,
    train: Sequence[SiteData],
    validation: Sequence[SiteData],
    config: LocalConfig,
    *,
    rounds: int,
    seed: int,
) -> Trained:
    """Federated averaging of a model over some sites, in this process; `model` is left as it was.

    Parameters
    ----------
    train, validation : one `SiteData` a site
        Validation patients choose the round, nothing else; sites without any are fine as long as one has some.
    rounds : int, >= 1
    seed : int, >= 0
        With a site and a round it decides the order of the patients.

    Raises
    ------
    TransferError
        If there is no site to learn from, or no validation patient.
    """
    if not train or not any(site.n_patients for site in validation) or rounds < 1:
        raise TransferError(
            f"expected sites to learn from, validation patients and at least one round; got {len(train)} sites, "
            f"{sum(site.n_patients for site in validation)} patients and {rounds} rounds"
        )
    working = copy.deepcopy(model)
    best = state_of(working)
    losses, best_round = [_loss(working, validation)], 0
    common = best
    for number in range(1, rounds + 1):
        common = fedavg.aggregate(
            [_update(working, common, site, config, (seed, number, i)) for i, site in enumerate(train)]
        )
        load_state(working, common)
        losses.append(_loss(working, validation))
        if losses[-1] < min(losses[:-1]):
            best, best_round = common, number
    load_state(working, best)
    return Trained(working.eval(), best_round, tuple(losses), sum(value.nbytes for value in best.values()))


def _update(working: Model, common: State, site: SiteData, config: LocalConfig, seeds: tuple[int, int, int]) -> Update:
    load_state(working, common)
    own = int(np.random.SeedSequence(seeds).generate_state(1)[0])
    result = train_local(working.train(), site, config, seed=own)
    return Update(site.site, result.state, result.n_records)


def _loss(model: Model, sites: Sequence[SiteData]) -> float:
    total, rows = 0.0, 0
    for site in sites:
        if site.n_patients:
            target = torch.from_numpy(site.y.astype(np.float32))
            with torch.inference_mode():
                total += float(loss_per_row(model.eval()(as_batch(site.x)), target, model.task).sum())
            rows += len(site.x)
    return total / rows


def scores(model: Model, data: SiteData) -> NDArray[np.float64]:
    """Logit of each row of a classifier."""
    with torch.inference_mode():
        return model.eval()(as_batch(data.x)).numpy().astype(float)
