"""One study: four arms on the same patients, each with settings of its own, chosen alike.

The arms have the same hospitals, rounds, batches and grid. Learning rate, epochs of a round and the round are chosen
for each arm by the loss on validation patients. Test patients are scored once, at the end, and choose nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks.paired import Scored
from benchmarks.privacy.federating import Logistic
from federation.domain.data.dataset import Splits
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.transfer import Trained, scores, train_federated
from federation.domain.models.base import Model
from federation.domain.models.registry import build, default_specs

CIRCUIT, NO_ENTANGLEMENT, TWIN, LOGISTIC = "circuit", "no_entanglement", "twin", "logistic"
PEERS = (NO_ENTANGLEMENT, TWIN, LOGISTIC)
EPOCHS = (1, 3)
FRACTIONS = (0.5, 0.2, 0.3)
Setting = tuple[float, int]  # rate, and epochs of a round


@dataclass(frozen=True)
class Seed(Scored):
    """What one seed found; `chosen` and `parameters` by arm."""

    chosen: Mapping[str, Setting]
    parameters: Mapping[str, int]


@dataclass(frozen=True)
class Study:
    """A data set, and what is spent on each arm.

    Attributes
    ----------
    hospitals : of a seed, the patients of each site in three parts
    rates : learning rates to choose from, the same for every arm
    side : of the images, None for rows of a table
    """

    name: str
    hospitals: Callable[[int], list[Splits]]
    rounds: int
    batch: int
    rates: tuple[float, ...]
    side: int | None = None

    def run(self, seed: int) -> Seed:
        sites = self.hospitals(seed)
        found = {arm: self._chosen(model, sites, seed) for arm, model in models(sites, self.side, seed).items()}
        test = [site.audit for site in sites]
        return Seed(
            np.concatenate([site.y for site in test]).astype(bool),
            np.concatenate([np.full(site.n_patients, site.site) for site in test]),
            np.concatenate([np.array(site.record_ids)[site.patient_index] for site in test]),
            {arm: np.concatenate([scores(one.model, site) for site in test]) for arm, (_, one) in found.items()},
            {arm: setting for arm, (setting, _) in found.items()},
            {arm: one.model.n_parameters for arm, (_, one) in found.items()},
        )

    def _chosen(self, model: Model, sites: Sequence[Splits], seed: int) -> tuple[Setting, Trained]:
        """The setting whose best round had the smallest loss on validation patients, and what it trained."""
        train, validation = [site.train for site in sites], [site.validation for site in sites]
        tried = {
            (rate, epochs): train_federated(
                model, train, validation, LocalConfig(epochs, self.batch, rate), rounds=self.rounds, seed=seed
            )
            for rate, epochs in itertools.product(self.rates, EPOCHS)
        }
        return min(tried.items(), key=lambda one: min(one[1].losses))


def models(sites: Sequence[Splits], side: int | None, seed: int) -> dict[str, Model]:
    """The arms before training. Those with a circuit or its twin are the platform's recommended ones."""
    x = sites[0].train.x
    primary, twin = default_specs("classification", x.shape[1], side)
    specs: dict[str, dict[str, Any]] = {CIRCUIT: primary, NO_ENTANGLEMENT: primary | {"entangling": False}, TWIN: twin}
    torch.manual_seed(seed)  # of the one that the registry does not build
    return {**{arm: build(spec, seed=seed) for arm, spec in specs.items()}, LOGISTIC: Logistic(int(x[0].size))}
