"""What a site can be asked. A handler gets the order and the site's data and returns what may leave the site.

Other packages add kinds (the audits do) by a module named in SITE_HANDLERS that calls `handles`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from federation.domain.data.dataset import SiteData, Splits, split
from federation.domain.data.registry import manifest, open_source
from federation.domain.learning import weights
from federation.domain.learning.evaluation import cells, evaluate
from federation.domain.learning.local import Progress, train_local
from federation.domain.messages import Message, digest
from federation.domain.models.registry import build
from federation.domain.run_config import MODEL_NAMES, RunConfig
from federation.domain.twin_comparison import PairedScores, task_scores
from federation.site.energy import Meter
from federation.site.home import SiteHome

Tell = Callable[[dict[str, Any]], None]
Answer = tuple[dict[str, Any], dict[str, bytes]]


class OrderRefused(Exception):
    """The site will not do this, and says why."""


@dataclass
class Site:
    """The site's data, loaded once a process."""

    home: SiteHome

    @cached_property
    def source(self):
        return open_source(self.home.config.data)

    @cached_property
    def data(self) -> SiteData:
        return self.source.load(self.home.config.site)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return manifest(self.source, self.data)

    def splits(self, seed: int) -> Splits:
        """Who trains and who is held out: the same in each round of a run, different at each site."""
        own = hashlib.sha256(f"{seed}:{self.home.config.site}".encode()).digest()
        return split(self.data, seed=int.from_bytes(own[:8], "big"))


Handler = Callable[[Site, Message, Tell], Answer]
_handlers: dict[str, Handler] = {}
_quick: set[str] = set()


def handles(kind: str, *, quick: bool = False) -> Callable[[Handler], Handler]:
    """Register the handler of a kind of order.

    A quick one touches no data, is done beside whatever else is in hand, and is done again if it is asked again: its
    answers are not kept.
    """

    def register(handler: Handler) -> Handler:
        _handlers[kind] = handler
        (_quick.add if quick else _quick.discard)(kind)
        return handler

    return register


def is_quick(kind: str) -> bool:
    return kind in _quick


def handle(site: Site, order: Message, tell: Tell) -> Answer:
    if order.kind not in _handlers:
        raise OrderRefused(f"this worker does not know the order {order.kind!r}; update it or its SITE_HANDLERS")
    return _handlers[order.kind](site, order, tell)


def frozen_config(site: Site, order: Message) -> RunConfig:
    """The order's run configuration, only if it is the one consented to and on the data that the site holds."""
    config = RunConfig.from_dict(order.body["config"])
    if config.hash != order.body["config_hash"]:
        raise OrderRefused(f"the configuration hashes to {config.hash}, the consent is for {order.body['config_hash']}")
    held = digest(site.manifest)
    if config.data_digests.get(site.home.config.site) != held:
        raise OrderRefused(
            f"the run was consented to on data {config.data_digests.get(site.home.config.site)}, this site now holds "
            f"{held}; propose a new run"
        )
    return config


def load_models(order: Message, config: RunConfig) -> dict[str, Any]:
    """Both models with the weights that came with the order."""
    models: dict[str, Any] = {}
    for name in MODEL_NAMES:
        model = build(config.models[name])
        weights.load_state(model, weights.from_bytes(order.attachments[name], like=model))
        models[name] = model
    return models


@handles("manifest")
def send_manifest(site: Site, order: Message, tell: Tell) -> Answer:
    return {"manifest": site.manifest, "digest": digest(site.manifest)}, {}


def _share_done(order: Message, config: RunConfig) -> float:
    """Share of the run's rounds that lie behind, which the learning rate may follow."""
    number = order.body.get("round")
    if type(number) is not int or not 1 <= number <= config.rounds:
        raise OrderRefused(f"expected the number of a round from 1 to {config.rounds}, got {number!r}")
    return (number - 1) / config.rounds


@handles("train")
def train(site: Site, order: Message, tell: Tell) -> Answer:
    config = frozen_config(site, order)
    data = site.splits(config.seed).train
    if data.n_patients == 0:  # a very small site: it takes part, and its update weighs nothing
        nothing = {"loss": None, "steps": 0, "sample_rate": 1.0, "seconds": 0.0}
        return {"n_records": 0, "models": dict.fromkeys(MODEL_NAMES, nothing)}, dict(order.attachments)
    done = _share_done(order, config)
    report: dict[str, Any] = {"n_records": data.n_patients, "models": {}}
    updates: dict[str, bytes] = {}
    for name, model in load_models(order, config).items():

        def progress(step: Progress, name: str = name) -> None:
            tell({"model": name, "step": step.step, "steps": step.steps, "loss": step.loss})

        seed = site.home.secret_seed(f"{order.key}:{name}")
        meter = Meter(site.home.config.watts)
        result = train_local(model, data, config.local, seed=seed, done=done, progress=progress)
        updates[name] = weights.to_bytes(result.state)
        report["models"][name] = {
            "loss": result.mean_loss,
            "steps": result.steps,
            "sample_rate": result.sample_rate,
            "seconds": round(result.seconds, 3),
            **meter.read(),
        }
    return report, updates


@handles("evaluate")
def score(site: Site, order: Message, tell: Tell) -> Answer:
    """Score the round's weights on the validation patients; sums by group leave the site, rows do not."""
    config = frozen_config(site, order)
    data = site.splits(config.seed).validation
    if data.n_patients == 0:
        return {"cells": {name: [] for name in MODEL_NAMES}, "n_records": 0}, {}
    found, scores = {}, {}
    for name, model in load_models(order, config).items():
        tell({"model": name, "step": 1, "steps": 1, "loss": None})
        outcomes = evaluate(model, data)
        found[name] = [cell.as_dict() for cell in cells(data.site, outcomes, data.groups)]
        scores[name] = task_scores(outcomes)
    paired = PairedScores.of(*(scores[name] for name in MODEL_NAMES))
    told = None if paired is None else paired.as_list()
    return {"cells": found, "n_records": data.n_patients, "paired": told}, {}
