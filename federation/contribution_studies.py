"""What each site gained a finished run's model: the sites score it with and without each of them.

It needs single updates, so secure aggregation rules it out. Of a run with differential privacy, or where an institution
has set a budget, the sites' sums carry noise, which is charged to each institution's budget before the sites are asked;
otherwise they are exact, no figure covers them, and each institution sees its own site's gain alone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import User
from core import artefacts, jobs
from core.context import governed
from core.errors import ApplicationError, Conflict
from federation import budget_standings, budgets, consents, contributions, mailbox, training
from federation.budget_standings import DEFAULT_DELTA
from federation.budgets import BudgetExceeded
from federation.domain.contribution import Rebuilt, measures
from federation.domain.feature_summaries import MOST_FEATURES, Question
from federation.domain.run_config import carrier
from federation.engines import state as engines
from federation.feature_studies import EPSILONS
from federation.models import (
    ContributionCharge,
    ContributionStudy,
    Participant,
    Round,
    SiteOrder,
    SiteUpdate,
    TrainingRun,
)
from federation.own import require_part

KIND = "contribution"
WAIT_SECONDS = 3600  # for the sites' answers: they only score


@dataclass(frozen=True)
class Cost:
    """What a study takes, told before it is started."""

    models: int
    sites: int
    n_bytes: int | None  # sent to the sites, before sealing
    seconds: float | None  # of the slowest site, from how long its last scoring took
    noise: str  # why the sums must carry noise; "": they need not
    noise_sd: float | None  # of a sum, in patients, at ε 1

    @property
    def scorings(self) -> int:
        return self.models * self.sites


def refusal(run: TrainingRun) -> str:
    """Why it cannot be asked; empty if it can."""
    if reason := contributions.refusal(run):
        return reason
    if run.is_open:
        return _("The run is not finished: its model still changes.")
    if len(sites_of(run)) < 2:
        return _("Fewer than two sites sent updates, so there is nothing to compare.")
    if len(measures(sites_of(run))) > MOST_FEATURES and needs_noise(run):
        return _("Noised scores are possible for up to %(most)s sites; this run has %(n)s.") % {
            "most": MOST_FEATURES // 2, "n": len(sites_of(run)),
        }  # fmt: skip
    return ""


def needs_noise(run: TrainingRun) -> str:
    """Why exact sums may not be asked for; empty if they may."""
    if run.config["local"].get("dp"):
        return _("The run was trained with differential privacy.")
    standings = budget_standings.standings_of(budget_standings.holders_of(_asked(run)))
    who = sorted(str(one.participant.institution) for one in standings if one.budget is not None)
    return _("A privacy budget is set by %(who)s.") % {"who": ", ".join(who)} if who else ""


def visible_sites(study: ContributionStudy, user: User) -> Collection[str] | None:
    """Sites whose gain this person may see; None: all."""
    return None if study.question else contributions.own_sites(study.run, user)


def cost(run: TrainingRun) -> Cost:
    asked, models = _asked(run), len(sites_of(run)) + 1
    last = run.rounds.filter(state=Round.State.DONE).last()
    size = artefacts.size(last.weights["primary"]) if last and "primary" in last.weights else None
    scored = SiteOrder.objects.filter(kind="evaluate", state=SiteOrder.State.ANSWERED)
    took = [
        (order.answered_at - order.created_at).total_seconds()
        for order in (scored.filter(subject=last.id) if last else [])
        if order.answered_at
    ]  # of two models
    seconds = max(took) / 2 * models if took else None
    noise = needs_noise(run)
    sd = _question(run, 1.0).noise_sd if noise else None
    return Cost(models, len(asked), None if size is None else size * models * len(asked), seconds, noise, sd)


def study_start(*, run: TrainingRun, actor: User, epsilon: float | None = None) -> ContributionStudy:
    """Have the sites asked; `epsilon`: what that may spend of each patient, None for exact sums.

    Raises
    ------
    BudgetExceeded
        With the arithmetic of each institution that cannot pay.
    """
    require_part(run.federation, actor, "federation.manage")
    with governed(action="contribution.study", actor=actor.id):
        TrainingRun.objects.select_for_update().get(id=run.id)
        if reason := refusal(run):
            raise Conflict(reason)
        if run.contribution_studies.filter(finished_at=None).exists():
            raise Conflict("The sites are asked already.")
        engines.refuse_unless_there(carrier(run.config))
        if epsilon is None and (reason := needs_noise(run)):
            raise ApplicationError(
                _("%(reason)s Say what ε the scores may spend; exact ones are not asked for.") % {"reason": reason}
            )
        question = None if epsilon is None else _question(run, epsilon)
        if question is not None:
            budgets.require_paid(budget_standings.holders_of(_asked(run)), question.spend, what=gettext_noop("study"))
        study = ContributionStudy.objects.create(
            run=run, question=question and question.as_dict(), epsilon=epsilon,
            delta=None if question is None else DEFAULT_DELTA, requested_by=actor,
        )  # fmt: skip
        jobs.enqueue("contribution.rebuild", {"study": str(study.id)}, key=f"contribution:{study.id}")
    return study


@lru_cache(maxsize=64)  # a page says what ε 1 would give
def _within(names: tuple[str, ...], epsilon: float) -> Question:
    return Question.within(names, epsilon=epsilon, delta=DEFAULT_DELTA)


def _question(run: TrainingRun, epsilon: float) -> Question:
    low, high = EPSILONS
    if not low <= epsilon <= high:
        raise ApplicationError(
            _("Expected an ε from %(low)s to %(high)s, got %(epsilon)s.")
            % {"low": f"{low:g}", "high": f"{high:g}", "epsilon": f"{epsilon:g}"}
        )
    try:
        return _within(measures(sites_of(run)), epsilon)
    except ValueError as error:
        raise ApplicationError(_("This cannot be asked: %(error)s.") % {"error": error}) from error


@jobs.handles("contribution.rebuild")
def rebuild(payload: dict) -> jobs.Effects:
    """Make the models without each site, and send them to every site to be scored."""
    study = ContributionStudy.objects.select_related("run").get(id=payload["study"])
    run, stored, error = study.run, {}, ""
    try:
        stored = {left_out: artefacts.put(data) for left_out, data in _rebuilt(run).items()}
    except (artefacts.ArtefactError, ValueError, KeyError) as reason:
        error = f"The updates of this run cannot be read any more: {reason}"[:500]

    def effects() -> None:
        if error or (refused := _not_paid(study)):
            finish(study.id, error=error or refused)
            return
        body = {"run": str(run.id), "config": run.config, "config_hash": run.config_hash}
        if study.question:
            body["question"] = study.question
        for participant in _asked(run):
            mailbox.order_create(
                participant=participant, kind=KIND, key=f"contribution:{study.id}", subject=study.id, body=body,
                attachments=stored,
            )  # fmt: skip
        jobs.enqueue(
            "contribution.deadline", {"study": str(study.id)}, key=f"contribution-end:{study.id}",
            delay_seconds=WAIT_SECONDS,
        )  # fmt: skip

    return effects


def _not_paid(study: ContributionStudy) -> str:
    """Charge the study to each institution before its site is asked; why not, if a budget was used up meanwhile."""
    if not study.question:
        return ""
    spend, holders = Question.from_dict(study.question).spend, budget_standings.holders_of(_asked(study.run))
    try:
        with governed(action="contribution.charge"):
            budgets.require_paid(holders, spend, what=gettext_noop("study"))
            for participant, data_set in holders:
                ContributionCharge.objects.create(
                    study=study, participant=participant, data_set=data_set, spend=spend.as_dict()
                )
    except BudgetExceeded as error:
        return str(error)
    return ""


def orders_of(study: ContributionStudy) -> Any:
    return SiteOrder.objects.filter(subject=study.id, kind=KIND).select_related("participant__institution")


def finish(study_id: Any, *, error: str, result: dict | None = None) -> None:
    with governed(action="contribution.finish"):
        study = ContributionStudy.objects.get(id=study_id)
        study.error, study.result, study.finished_at = error, result, timezone.now()
        study.save(update_fields=["error", "result", "finished_at"])


def _asked(run: TrainingRun) -> list[Participant]:
    return consents.staying(run, training.participants_of(run))


def sites_of(run: TrainingRun) -> list[str]:
    """Who sent updates that were counted."""
    return sorted(set(updates_of(run).values_list("participant__site", flat=True)))


def updates_of(run: TrainingRun) -> Any:
    return SiteUpdate.objects.filter(round__run=run, round__state=Round.State.DONE)


def _rebuilt(run: TrainingRun) -> dict[str, bytes]:
    from federation.domain.learning import weights
    from federation.domain.models.registry import build
    from federation.domain.secure.largest import received
    from federation.domain.strategies.base import Update

    model, made = build(run.config["models"]["primary"]), None
    for round_ in run.rounds.filter(state=Round.State.DONE):
        start = weights.from_bytes(artefacts.get(round_.start_weights["primary"]), like=model)
        made = made or Rebuilt(start, sites_of(run))
        updates = [
            Update(
                u.participant.site,
                received(artefacts.get(u.weights["primary"]), start=start, security=run.config.get("security")),
                u.n_records,
            )
            for u in round_.updates.select_related("participant")
        ]
        if updates:
            made.add(start, updates)
    if made is None:
        raise ValueError("no round is finished")
    return {left_out: weights.to_bytes(state) for left_out, state in made.states().items()}
