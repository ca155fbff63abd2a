"""Federated transfer: what hospitals with many patients learned serves hospitals with few.

A *source* model is trained at the rich sites. Its encoder (the layers before the bottleneck) is handed to the poor
sites, where a new head for their own task is trained by federated averaging: a variational circuit, or its classical
twin [1]_. A frozen encoder is applied once by each site, and then only the head's weights travel; a tuned one goes on
learning with the head. Heads are the platform's own classifiers, so they are built, averaged, stored and audited as any
model. This is the whole in one process, to measure with; a run on the platform begins from a version by its part
`start` (`starting`).

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

from federation.domain.data.dataset import SiteData
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.local import train_local
from federation.domain.learning.loss import loss_per_row
from federation.domain.learning.weights import State, load_state, state_of
from federation.domain.models.base import Model, as_batch
from federation.domain.models.registry import build, default_specs
from federation.domain.models.transferred import Encoder, TransferError, Transferred, encoder_of
from federation.domain.models.vqc_classifier import Classifier
from federation.domain.strategies import fedavg
from federation.domain.strategies.base import Update

__all__ = ["Encoder", "TransferError", "Transferred", "encoder_of"]  # of the models, used with what stands here
HEADS = ("quantum", "classical")
ROWS_AT_ONCE = 256


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
            [
                _update(working, common, site, config, (seed, number, i), done=(number - 1) / rounds)
                for i, site in enumerate(train)
            ]
        )
        load_state(working, common)
        losses.append(_loss(working, validation))
        if losses[-1] < min(losses[:-1]):
            best, best_round = common, number
    load_state(working, best)
    return Trained(working.eval(), best_round, tuple(losses), sum(value.nbytes for value in best.values()))


def _update(
    working: Model, common: State, site: SiteData, config: LocalConfig, seeds: tuple[int, int, int], *, done: float
) -> Update:
    load_state(working, common)
    own = int(np.random.SeedSequence(seeds).generate_state(1)[0])
    result = train_local(working.train(), site, config, seed=own, done=done)
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
