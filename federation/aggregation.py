"""The step of a round that puts the updates together, by the run's rule and in the run's mode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from core import artefacts, jobs
from core.context import governed
from federation import attendance, secure_rounds, secure_sums, starting, training
from federation.domain.run_config import MODEL_NAMES, RunConfig
from federation.domain.start import start_of
from federation.domain.strategies.base import Aggregate, AggregationError, Before, SumRule, Update
from federation.models import Round, SiteUpdate, TrainingRun
from federation.models_participation import Exclusion, RuleMemory
from federation.secure_stages import is_masked

OPEN = (TrainingRun.State.RUNNING, TrainingRun.State.PAUSED)


@dataclass
class Combined:
    """Digests of the new weights and of what the rule remembers, by model; notes by site."""

    weights: dict[str, str] = field(default_factory=dict)
    memory: dict[str, str] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)


class Mode(Protocol):
    """How updates reach the rule. `only`: of this model alone."""

    def __call__(
        self, round_: Round, config: RunConfig, updates: list[SiteUpdate], *, only: str = ""
    ) -> dict[str, Aggregate]: ...


def one_by_one(round_: Round, config: RunConfig, updates: list[SiteUpdate], *, only: str = "") -> dict[str, Aggregate]:
    """The aggregator sees each update. `only`: of this model alone."""
    from federation.domain.secure.largest import received as read

    done = {}
    for name in (only,) if only else MODEL_NAMES:
        at = before(round_, config, name)
        received = [
            Update(
                update.participant.site,
                read(artefacts.get(update.weights[name]), start=at.start, security=config.security),
                update.n_records,
                config.local.noise_of(update.n_records),
            )
            for update in updates
        ]
        done[name] = config.rule.aggregate(received, at)
    return done


def summed(round_: Round, config: RunConfig, updates: list[SiteUpdate], *, only: str = "") -> dict[str, Aggregate]:
    """The aggregator sees nothing but the sum. `only`: of this model alone."""
    records = sum(update.n_records for update in updates)
    means = secure_sums.averaged(round_)
    rule = config.rule
    assert isinstance(rule, SumRule)  # the configuration is refused otherwise
    done = {}
    for name in (only,) if only else MODEL_NAMES:
        mean = {key: value.astype("float64") for key, value in means[name].items()}
        done[name] = rule.finish(mean, before(round_, config, name), weight=records)
    return done


def mode_of(config: RunConfig) -> Mode:
    """How updates reach the rule, as the configuration's security says."""
    mode: Mode = summed if (config.security or {}).get("masking") else one_by_one
    start = start_of(config.parts)
    return starting.holding(mode) if start is not None and start.freezes else mode


def before(round_: Round, config: RunConfig, name: str) -> Before:
    """What the rule knows of one model at the end of a round."""
    from federation.domain.learning import states
    from federation.domain.models.registry import build

    earlier = RuleMemory.objects.filter(round__run=round_.run_id, round__number__lt=round_.number)
    kept = earlier.order_by("-round__number").first()  # a discarded round leaves none
    return Before(
        start=states.from_bytes(artefacts.get(round_.start_weights[name])),
        memory=states.from_bytes(artefacts.get(kept.weights[name])) if kept and name in kept.weights else {},
        angles=build(config.models[name]).angles,
        sites=len(config.data_digests),
    )


def combine(round_: Round, updates: list[SiteUpdate]) -> Combined:
    """Aggregate and store; the same updates give the same digests."""
    from federation.domain.learning import states

    config, out = RunConfig.from_dict(round_.run.config), Combined()
    for name, done in mode_of(config)(round_, config, updates).items():
        out.weights[name] = artefacts.put(states.to_bytes(done.state))
        if done.memory:
            out.memory[name] = artefacts.put(states.to_bytes(done.memory))
        for site, note in done.notes.items():
            out.notes.setdefault(site, []).append(f"{name} model: {note}")
    return out


@jobs.handles("round.aggregate")
def aggregate(payload: dict) -> jobs.Effects:
    from federation.domain.learning.states import WeightsError
    from federation.domain.secure.aggregation import AggregationRefused

    round_ = Round.objects.select_related("run").get(id=payload["round"])
    updates = list(round_.updates.select_related("participant"))
    try:
        combined = combine(round_, updates)
    except AggregationRefused as error:
        return _failing(round_, f"secure aggregation: {error}")
    except (AggregationError, WeightsError) as error:  # it would be the same next time
        return _failing(round_, f"Round {round_.number} cannot be put together: {error}")

    def effects() -> None:
        run = training.lock_run(round_.run_id)
        if run.state not in OPEN:
            return
        with governed(action="round.aggregate", reason=f"{len(updates)} updates, {run.config['strategy']}"):
            moved = Round.objects.filter(id=round_.id, state=Round.State.TRAINING).update(
                weights=combined.weights, state=Round.State.EVALUATING
            )
            if not moved:
                return
            if combined.memory:
                RuleMemory.objects.create(round=round_, weights=combined.memory)
            _tell_unchosen(round_, updates, combined)
            training.show(run, "aggregate", f"Round {round_.number}: {len(updates)} updates put together")
            if training.closed_unscored(run, Round.objects.get(id=round_.id)):
                return
            if is_masked(run):
                secure_rounds.ask_vectors(run, round_, "evaluate", combined.weights)
            else:
                training.ask_all(run, round_, "evaluate", combined.weights)

    return effects


def _failing(round_: Round, reason: str) -> jobs.Effects:
    def effects() -> None:
        run = training.lock_run(round_.run_id)
        if run.state in OPEN:
            training.fail(run, reason)

    return effects


def _tell_unchosen(round_: Round, updates: list[SiteUpdate], combined: Combined) -> None:
    for update in updates:
        if notes := combined.notes.get(update.participant.site):
            attendance.leave_out(
                round_, update.participant, Exclusion.Phase.TRAIN, Exclusion.Kind.NOT_CHOSEN, "; ".join(notes),
                digest=update.message_digest,
            )  # fmt: skip
