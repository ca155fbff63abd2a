"""The arms of one seed: from scratch, with a frozen and with a tuned encoder; each with both heads and one budget.

All arms have the same layers, rounds, learning rates to choose from, and patients. The rate and the round are chosen by
the loss on validation patients; test patients are scored once, at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.paired import Scored
from federation.domain.data.dataset import SiteData, Splits
from federation.domain.learning import transfer
from federation.domain.learning.config import LocalConfig
from federation.domain.models.base import Model
from federation.domain.models.registry import build

ROUNDS, EPOCHS = 30, 2
SCRATCH, FROZEN, TUNED = "scratch", "frozen", "tuned"
STARTS = (SCRATCH, FROZEN, TUNED)
Arm = tuple[str, str]  # start and head


@dataclass(frozen=True)
class Seed(Scored):
    """What one seed found; arms are (start, head).

    Attributes
    ----------
    chosen : the learning rate of each arm
    sent : bytes of one site's update
    """

    chosen: Mapping[Arm, float]
    sent: Mapping[Arm, int]


def run_arms(source: Model, poor: Sequence[Splits], *, rates: Sequence[float], batch: int, seed: int) -> Seed:
    """Train and score every arm on the poor sites.

    Parameters
    ----------
    source : Model
        Trained at the rich sites. Its untrained like, with weights of its own, is the encoder of the arms from scratch.
    poor : one `Splits` a site, of classification data
    rates : learning rates to choose from, the same for every arm
    batch : patients in a step
    """
    given = transfer.encoder_of(source)
    fresh = transfer.encoder_of(build(source.spec, seed=10_000 + seed))
    features = [_each(split, given) for split in poor]
    arms, chosen, sent = {}, {}, {}
    for kind in transfer.HEADS:
        head = transfer.new_head(kind, given.n_features, seed=seed)
        for start in STARTS:
            data = features if start == FROZEN else poor
            model = head if start == FROZEN else transfer.Transferred(fresh if start == SCRATCH else given, head)
            chosen[start, kind], found = _tuned(model, data, rates=rates, batch=batch, seed=seed)
            arms[start, kind] = np.concatenate([transfer.scores(found.model, split.audit) for split in data])
            sent[start, kind] = found.bytes_per_update
    test = [split.audit for split in poor]
    return Seed(
        np.concatenate([site.y for site in test]).astype(bool),
        np.concatenate([np.full(len(site.x), site.site) for site in test]),
        np.concatenate([np.array(site.record_ids)[site.patient_index] for site in test]),
        arms, chosen, sent,
    )  # fmt: skip


def _each(split: Splits, encoder: transfer.Encoder) -> Splits:
    return Splits(*(transfer.encoded(encoder, part) for part in (split.train, split.validation, split.audit)))


def _tuned(
    model: Model, data: Sequence[Splits], *, rates: Sequence[float], batch: int, seed: int
) -> tuple[float, transfer.Trained]:
    """The rate whose best round had the smallest loss on validation patients, and what it trained."""
    train, validation = [split.train for split in data], [split.validation for split in data]
    tried = {
        rate: transfer.train_federated(
            model, train, validation, LocalConfig(EPOCHS, batch, rate), rounds=ROUNDS, seed=seed
        )
        for rate in rates
    }
    return min(tried.items(), key=lambda one: min(one[1].losses))


def some_patients(data: SiteData, most: int | None, rng: np.random.Generator) -> SiteData:
    """At most so many patients of a site, drawn at random; None for all."""
    if most is None or most >= data.n_patients:
        return data
    return data.take(np.sort(rng.choice(data.n_patients, size=most, replace=False)))
