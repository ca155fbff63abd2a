"""What a round asks of a site: to train on its patients, and to score what came of it."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from federation.domain.cells import MIN_CELL
from federation.domain.data.dataset import SiteData
from federation.domain.fairness_config import FairnessConfig
from federation.domain.fairness_filter import Weighing, weigh
from federation.domain.learning import weights
from federation.domain.learning.evaluation import RecordOutcomes, cells, evaluate
from federation.domain.learning.local import Progress, train_local
from federation.domain.learning.release import StepLosses
from federation.domain.learning.starting import begins_as_agreed, freeze
from federation.domain.messages import Message, digest
from federation.domain.models.base import Model
from federation.domain.noised_scores import ScoresConfig, noised
from federation.domain.privacy.stream import KeyedStream
from federation.domain.run_config import MODEL_NAMES, RunConfig
from federation.domain.secure.config import SecurityConfig
from federation.domain.secure.largest import sends_largest, thinned
from federation.domain.start import start_of
from federation.domain.twin_comparison import PairedScores, task_scores
from federation.site.energy import Meter
from federation.site.handlers import Answer, OrderRefused, Site, Tell, frozen_config, handles, load_models
from federation.site.noise import noised_sums


def _share_done(order: Message, config: RunConfig) -> float:
    """Share of the run's rounds that lie behind, which the learning rate may follow."""
    number = order.body.get("round")
    if type(number) is not int or not 1 <= number <= config.rounds:
        raise OrderRefused(f"expected the number of a round from 1 to {config.rounds}, got {number!r}")
    return (number - 1) / config.rounds


@handles("train")
def train(site: Site, order: Message, tell: Tell) -> Answer:
    config = frozen_config(site, order)
    site.home.approvals.mark_used(config.hash)
    data, since = site.patients(config).train, site.opted_out_since(config)
    if config.local.dp is not None:
        _only_once(site, order, config)
    if config.shared_noise is not None:
        return _step_together(site, order, config, data, since)
    if data.n_patients == 0:  # a very small site: it takes part, and its update weighs nothing
        nothing = {"loss": None, "steps": 0, "sample_rate": 1.0, "seconds": 0.0}
        same = {name: _as_sent(site, order, config, name, _start(order, config, name)) for name in MODEL_NAMES}
        return {"n_records": 0, "models": dict.fromkeys(MODEL_NAMES, nothing), **since}, same
    done, weighing = _share_done(order, config), _weighing(config, data)
    few = data.n_patients < MIN_CELL  # a loss is then nearly one patient's
    fairness = {} if config.fairness is None else {"fairness": weighing.as_dict()}
    report: dict[str, Any] = {"n_records": data.n_patients, "models": {}, **since, **fairness}
    updates: dict[str, bytes] = {}
    for name, model in _learners(order, config).items():
        losses, meter = StepLosses(data.n_patients, config.local.batch_size), Meter(site.home.config.watts)

        def progress(step: Progress, name: str = name, losses: StepLosses = losses, meter: Meter = meter) -> None:
            meter.look()
            tell({"model": name, "step": step.step, "steps": step.steps, "loss": losses.after(step)})

        seed = site.home.secret_seed(f"{order.key}:{name}")
        result = train_local(
            model, data, config.local, seed=seed, done=done, pull=config.rule.pull, progress=progress,
            own=_own(site, order, config, name), patient_weights=weighing.weights,
        )  # fmt: skip
        if result.own:
            site.home.remember(f"{order.body['run']}:{order.body['round']}:{name}", weights.to_bytes(result.own))
        updates[name] = _as_sent(site, order, config, name, result.state)
        report["models"][name] = {
            "loss": None if few else result.mean_loss,
            "steps": result.steps,
            "sample_rate": result.sample_rate,
            "seconds": round(result.seconds, 3),
            **meter.read(),
        }
    return report, updates


def _learners(order: Message, config: RunConfig) -> dict[str, Model]:
    """The models to train, with what was agreed to be frozen frozen; they begin where the configuration says."""
    models, start = load_models(order, config), start_of(config.parts)
    for name, model in models.items():
        if start is None:
            continue
        due = start.freezes or order.body.get("round") == 1
        if due and not begins_as_agreed(model, start, name):
            raise OrderRefused(
                f"the run was consented to as beginning from {start.name}; the {name} model came with other weights"
            )
        freeze(model, start)
    return models


def _start(order: Message, config: RunConfig, name: str) -> weights.State:
    return weights.from_bytes(order.attachments[name], like=config.models[name])


def _as_sent(site: Site, order: Message, config: RunConfig, name: str, trained: weights.State) -> bytes:
    """The trained weights, or their largest changes; what those leave out is owed from the last one that counted."""
    security = config.security or {}
    if not sends_largest(security):
        return weights.to_bytes(trained)
    run, number, counted = (order.body.get(key) for key in ("run", "round", "counted"))
    kept = site.home.remembered(f"{run}:{counted}:{name}:owed") if security["error_feedback"] and counted else None
    owed = None if kept is None else np.frombuffer(kept, dtype="<f4")
    sent, left = thinned(_start(order, config, name), trained, keep=security["keep"], owed=owed)
    site.home.remember(f"{run}:{number}:{name}:owed", left.astype("<f4").tobytes())
    return sent


def _step_together(site: Site, order: Message, config: RunConfig, data: SiteData, since: dict) -> Answer:
    """One step with a share of the noise; what comes of it goes under masks, which the configuration promises."""
    privacy = config.shared_noise
    if privacy is None or not order.body.get("masking"):
        raise OrderRefused("noise that sites make together leaves a site under masks only")
    models, security = _learners(order, config), SecurityConfig.from_dict(config.security or {})
    report, sums = noised_sums(site, order, models, data, privacy=privacy, security=security)
    return {**report, **since}, sums


def _weighing(config: RunConfig, data: SiteData) -> Weighing:
    """How much each patient counts: from the site's own strata, whose counts stay here."""
    return (
        Weighing()
        if config.fairness is None
        else weigh(data, FairnessConfig.from_dict(config.fairness), seed=config.seed)
    )


def _own(site: Site, order: Message, config: RunConfig, name: str) -> weights.State | None:
    """What the site kept after its last round that counted: an update that was refused or late is forgotten."""
    counted = order.body.get("counted", 0)
    if not config.rule.pull.remembers or not counted:
        return None
    kept = site.home.remembered(f"{order.body['run']}:{counted}:{name}")
    if kept is None:
        raise OrderRefused(f"this site no longer has what {config.rule.title} kept here after round {counted}")
    return weights.from_bytes(kept, like=config.models[name])


@handles("evaluate")
def score(site: Site, order: Message, tell: Tell) -> Answer:
    """Score the round's weights on the validation patients; sums by group leave the site, rows do not."""
    config = frozen_config(site, order)
    data = site.patients(config).validation
    if config.local.dp is not None:
        return _scored_with_noise(site, order, config, data, tell)
    if data.n_patients == 0:
        return {"cells": {name: [] for name in MODEL_NAMES}, "n_records": 0}, {}
    last = order.body.get("round") == config.rounds  # the version's figures are those of the last round
    outcomes = _outcomes(order, config, data, tell, last=last)
    found = {name: [cell.as_dict() for cell in cells(data.site, one, data.groups)] for name, one in outcomes.items()}
    paired = PairedScores.of(*(task_scores(outcomes[name]) for name in MODEL_NAMES))
    told = None if paired is None else paired.as_list()
    return {"cells": found, "n_records": data.n_patients, "paired": told}, {}


def _outcomes(
    order: Message, config: RunConfig, data: SiteData, tell: Tell, *, last: bool = False
) -> dict[str, RecordOutcomes]:
    found = {}
    for name, model in load_models(order, config).items():
        tell({"model": name, "step": 1, "steps": 1, "loss": None})
        found[name] = evaluate(model, data, last=last)
    return found


def _scored_with_noise(site: Site, order: Message, config: RunConfig, data: SiteData, tell: Tell) -> Answer:
    """What differential privacy lets out of the scores: the sums that were consented to, with their noise."""
    if config.scores is None:
        raise OrderRefused("the run was consented to with differential privacy and without scores; none leave the site")
    scores, dp = ScoresConfig.from_dict(config.scores), config.local.dp
    _share_done(order, config)  # refuses the number of a round that the run does not have
    try:
        scores.require_honest(config.task, config.rounds, dp.delta if dp else 0.0)
    except ValueError as error:
        raise OrderRefused(str(error)) from error
    _only_once(site, order, config)
    table = scores.table(config.task, last=order.body["round"] == config.rounds)
    exact = np.zeros((len(MODEL_NAMES), len(table.rows), len(table.columns)), dtype=np.int64)
    if data.n_patients:
        outcomes = _outcomes(order, config, data, tell)
        exact[:] = [table.count(outcomes[name], data.groups) for name in MODEL_NAMES]
    security = config.security or {}
    threshold = security.get("threshold", 0) if security.get("masking") else 0
    stream = KeyedStream(site.home.secret_seed(f"scores:{order.key}:{_weights_of(order)}"))
    told = noised(exact, scores, threshold=threshold, stream=stream)
    return {"scores": told.ravel().tolist(), "n_records": data.n_patients}, {}


def _weights_of(order: Message) -> str:
    return digest({name: hashlib.sha256(order.attachments[name]).hexdigest() for name in MODEL_NAMES})


def _only_once(site: Site, order: Message, config: RunConfig) -> None:
    """Asked twice about a round, a site would spend more than its people have agreed to: what they signed is one run.

    So the round is that of the configuration, whatever run the coordinator says it is of.
    """
    about, asked = f"{order.kind}:{config.hash}:{order.body['round']}", f"{order.key}:{_weights_of(order)}"
    known = site.home.remembered(about)
    if known is None:
        site.home.remember(about, asked.encode())
    elif known != asked.encode():
        raise OrderRefused(
            f"this site was asked before about round {order.body['round']} of this configuration, in another run or "
            "with other weights; under differential privacy that is agreed to anew, e.g. with another seed"
        )
