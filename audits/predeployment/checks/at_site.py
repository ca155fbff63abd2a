"""What a check sees in a hospital's worker. No Django, no database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from federation.domain.data.dataset import SiteData, Splits
from federation.domain.learning.evaluation import RecordOutcomes, evaluate
from federation.domain.learning.weights import load_state, state_of
from federation.domain.models.base import Model
from federation.domain.models.registry import build
from federation.domain.run_config import RunConfig

Tell = Callable[[str, int, int], None]
Outcomes = dict[tuple[str, str], RecordOutcomes]  # of (model, split)


class Bench:
    """One model version beside one site's patients. `outcomes` may be shared, so that no patient is scored twice."""

    def __init__(
        self, splits: Splits, models: Mapping[str, Model], config: RunConfig, outcomes: Outcomes | None = None
    ) -> None:
        self.splits, self.models, self.config = splits, models, config
        self._outcomes = {} if outcomes is None else outcomes

    def outcomes(self, model: str, split: str = "audit") -> RecordOutcomes:
        """How `model` ("primary" or "baseline") did on the patients of a split, one row a patient."""
        key = (model, split)
        if key not in self._outcomes:
            self._outcomes[key] = evaluate(self.models[model], getattr(self.splits, split))
        return self._outcomes[key]


@dataclass(frozen=True)
class AtSite:
    """One check's order at one site.

    Attributes
    ----------
    bench : Bench
        The models ("primary" is the quantum one, "baseline" its classical twin), the patients and the outcomes.
    settings : mapping
        The check's parameters.
    seed : int
        The audit's seed; draw from `rng`, never from it directly.
    shard, shards : int
        Which part of the work this order is, from 0, and of how many.
    reference_groups : mapping of attribute to group
        The group that the others are held against, fixed before the audit.
    tell : callable
        `tell(doing, step, steps)`: shows progress, and that the worker is alive. Call it every few seconds.
    """

    check_id: str
    site: str
    bench: Bench
    settings: Mapping[str, Any]
    seed: int
    shard: int
    shards: int
    reference_groups: Mapping[str, str]
    tell: Tell

    @property
    def audit(self) -> SiteData:
        """Patients that no training round has seen; at least one."""
        return self.bench.splits.audit

    @property
    def train(self) -> SiteData:
        """Patients that the model was trained on; may be none."""
        return self.bench.splits.train

    @property
    def models(self) -> Mapping[str, Model]:
        """Both models in evaluation mode. Never change their weights: use `copy_of`."""
        return self.bench.models

    def outcomes(self, model: str, split: str = "audit") -> RecordOutcomes:
        return self.bench.outcomes(model, split)

    def rng(self, *names: str | int) -> np.random.Generator:
        """Random numbers that depend on the audit's seed, the check, the site and `names` alone."""
        text = "\x1f".join((self.check_id, self.site, *map(str, names)))
        return np.random.default_rng(np.random.SeedSequence([self.seed, *text.encode()]))

    @property
    def task(self) -> str:
        return self.audit.task

    @property
    def imaged(self) -> bool:
        """Whether records are images, not rows of a table: a classification can be of either."""
        return self.audit.imaged


def copy_of(model: Model) -> Model:
    """The same network with weights of its own."""
    twin = build(model.spec)
    load_state(twin, state_of(model))
    return twin.eval()
