"""Privacy budgets: set by an institution, reserved by a run that is proposed, charged by each round.

A run is asked three times whether it can be paid: when it is proposed, when it starts, and before each further round,
because a budget may be lowered meanwhile. Whoever reserves holds the institutions' rows, so two proposals at once
cannot both take what is left.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext as _

from accounts.models import Institution, User
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from federation.budget_standings import Holder, data_set_of, refusal, standing_of, standings_of
from federation.domain.data.dataset import Task, part_sizes
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.defaults import private_config
from federation.domain.noised_scores import ScoresConfig
from federation.domain.privacy.accountant import Spend, composed_epsilon
from federation.domain.privacy.config import NONE, PER_SITE, Plan, PrivacyConfig, with_noise_for
from federation.domain.run_config import RunConfig
from federation.models import DataManifest, Participant, Round, SiteUpdate, TrainingRun
from federation.models_budget import PrivacyBudget, PrivacyCharge, PrivacyReservation

LARGEST_EPSILON = 1000


class BudgetExceeded(Conflict):
    """A run that some institution's budget does not cover; the message shows the arithmetic of each."""

    code = "privacy_budget"


def budget_set(*, participant: Participant, epsilon: float, delta: float, reason: str, actor: User) -> PrivacyBudget:
    """An ethics officer of the institution says what may be spent on the data it holds here, over all runs."""
    if not actor.may_at("budget.set", participant.institution_id):
        raise Forbidden(
            gettext("Only %(institution)s sets the budget of its own patients.")
            % {"institution": participant.institution}
        )
    if not (math.isfinite(epsilon) and 0 < epsilon < LARGEST_EPSILON):
        raise ApplicationError(
            gettext("Expected a budget ε over 0 and under %(largest_epsilon)s, got %(epsilon)s.")
            % {"largest_epsilon": LARGEST_EPSILON, "epsilon": epsilon}
        )
    if not 0 < delta <= 0.01:
        raise ApplicationError(
            gettext("Expected δ over 0 and at most 0.01, well below one in the patients, got %(delta)s.")
            % {"delta": delta}
        )
    if not reason.strip():
        raise ApplicationError("Say why: the reason becomes part of the record.")
    data_set = data_set_of(participant)
    if data_set is None:
        raise Conflict(
            gettext("%(institution)s has not said what data it holds; start its worker first.")
            % {"institution": participant.institution}
        )
    with governed(action="budget.set", actor=actor.id, reason=reason):
        _lock([participant])
        return PrivacyBudget.objects.create(
            institution=participant.institution, data_set=data_set, epsilon=epsilon, delta=delta, reason=reason,
            set_by=actor,
        )  # fmt: skip


def round_spends(config: RunConfig, manifest: DataManifest) -> list[Spend] | None:
    """What one round of a run spends at a site, over both models; None without differential privacy."""
    if config.local.dp is None:
        return None
    privacy = private_part(config)
    return plan_of(config.local.as_dict(), config.rounds, manifest).spends(privacy, rounds=1)


def score_spends(config: RunConfig) -> dict[str, dict] | None:
    """What the scores of one round cost, and those after the last one; None if no noised scores leave the sites."""
    if config.scores is None:
        return None
    scores = ScoresConfig.from_dict(config.scores)
    told = {name: scores.table(config.task, last=name == "last") for name in ("each", "last")}
    return {name: table.spend(scores.noise_sd).as_dict() for name, table in told.items()}


def private_part(config: RunConfig) -> PrivacyConfig:
    """The privacy part; for runs of before there was one, as local training says it."""
    if config.privacy is not None:
        return PrivacyConfig.from_dict(config.privacy)
    dp = config.local.dp
    if dp is None:
        return PrivacyConfig("none")
    return PrivacyConfig(PER_SITE, config.epsilon_budget, dp.delta, dp.max_grad_norm, dp.noise_multiplier)


def plan_of(local: dict[str, Any], rounds: int, manifest: DataManifest) -> Plan:
    n_train, _, _ = part_sizes(manifest.content["n_patients"])
    return Plan(rounds=rounds, epochs=local["epochs"], batch_size=local["batch_size"], n_train=n_train)


def with_privacy(
    task: Task, local: LocalConfig, wanted: Mapping[str, Any], manifests: Mapping[str, DataManifest], rounds: int
) -> tuple[LocalConfig, PrivacyConfig]:
    """Local training in the regime that is wanted, with the least noise that keeps every site within its epsilon.

    Parameters
    ----------
    wanted : regime, epsilon, and, if others than recommended, delta, clip and noise_multiplier; of the distributed
        regime also all of `noise_config.usual`

    Raises
    ------
    ValueError
        If it makes no sense, or no noise is enough.
    """
    regime = wanted.get("regime")
    if regime == NONE:
        return replace(local, dp=None), PrivacyConfig.from_dict({**PrivacyConfig(NONE).as_dict(), **wanted})
    usual: dict[str, Any] = {"noise_multiplier": 1.0}
    if (known := local.dp or private_config(task).dp) is not None:
        usual |= {"delta": known.delta, "clip": known.max_grad_norm}
    privacy = PrivacyConfig.from_dict({**PrivacyConfig(NONE).as_dict(), **usual, **wanted})
    if wanted.get("noise_multiplier") is None:
        plans = {site: plan_of(local.as_dict(), rounds, manifest) for site, manifest in manifests.items()}
        privacy = with_noise_for(replace(privacy, noise_multiplier=1.0), plans)
    return replace(local, dp=privacy.dp), privacy


def reserve(run: TrainingRun, held: dict[Participant, DataManifest]) -> None:
    """Set aside what the proposed run may spend at each site; the caller's transaction is given up if one cannot pay.

    Raises
    ------
    BudgetExceeded
    """
    config = RunConfig.from_dict(run.config)
    _lock(held)
    refused = []
    for participant, manifest in held.items():
        spends = round_spends(config, manifest)
        reservation = PrivacyReservation(
            run=run, participant=participant, data_set=manifest.content["source"],
            round_spends=None if spends is None else [spend.as_dict() for spend in spends],
            score_spends=score_spends(config),
        )  # fmt: skip
        refused.append(_refusal(reservation, run.rounds_planned))
        reservation.save()
    _raise(refused)


def require(run: TrainingRun) -> None:
    """Ask again, e.g. before the start, whether each institution can pay for the rounds that are left.

    Raises
    ------
    BudgetExceeded
    """
    _raise(refusals(run))


def refusals(run: TrainingRun) -> list[str]:
    """Why the rest of the run cannot be paid; a budget may have been lowered since it was reserved."""
    open_ones = list(run.reservations.filter(released_at=None).select_related("participant__institution"))
    _lock([reservation.participant for reservation in open_ones])
    left = run.rounds_planned - run.rounds.count()
    found = [_refusal(reservation, left) for reservation in open_ones]
    return [text for text in found if text]


def charge(round_: Round) -> None:
    """Every site of the run is about to be asked to train: from here on the round is spent."""
    for reservation in round_.run.reservations.filter(released_at=None):
        scores = (reservation.score_spends or {}).get("last" if round_.number == round_.run.rounds_planned else "each")
        PrivacyCharge.objects.create(
            reservation=reservation, round=round_, spends=reservation.round_spends, score_spend=scores
        )


def charge_reported(update: SiteUpdate) -> None:
    """Correct a round's charge to the steps that the site has signed for."""
    found = PrivacyCharge.objects.filter(round=update.round, reservation__participant=update.participant)
    for one in found.select_related("reservation").select_for_update(of=("self",)):
        planned = one.reservation.round_spends
        if planned:
            one.spends = [
                {**planned[0], "sample_rate": model["sample_rate"], "steps": model["steps"]}
                for model in update.metrics.values() if model["steps"]
            ]  # fmt: skip
        one.reported = True
        one.save(update_fields=["spends", "reported"])


def charged_by_site(run: TrainingRun) -> dict[str, float | None]:
    """Epsilon of the rounds that were charged to each site, at the run's own delta; the run has one."""
    spent: dict[str, list[Spend]] = {one.participant.site: [] for one in run.reservations.select_related("participant")}
    charges = PrivacyCharge.objects.filter(reservation__run=run)
    for site, spends in charges.values_list("reservation__participant__site", "spends"):
        spent[site] += [Spend.from_dict(raw) for raw in spends or []]
    return {site: composed_epsilon(spends, run.config["local"]["dp"]["delta"]) for site, spends in spent.items()}


def require_paid(holders: Sequence[Holder], spend: Spend, *, what: str) -> None:
    """Refuse what is no run, such as a question about features, unless every institution's budget covers it.

    The institutions stay locked until the caller's transaction, which enters the charge, has ended.

    Raises
    ------
    BudgetExceeded
    """
    _lock([participant for participant, _ in holders])
    budgeted = [standing for standing in standings_of(holders) if standing.budget is not None]
    said = [refusal(one.account, [spend], whose=one.whose, what=what) for one in budgeted]
    _raise(said, what=what)


def release(run: TrainingRun, participant: Participant | None = None) -> None:
    """The run has ended, or a site has left it: what it did not spend is free again."""
    held = run.reservations.filter(released_at=None)
    if participant is not None:
        held = held.filter(participant=participant)
    held.update(released_at=timezone.now())


def _refusal(reservation: PrivacyReservation, rounds: int) -> str:
    standing = standing_of(reservation.participant, reservation.data_set, without=reservation.run)
    if standing.budget is None:
        return ""
    wanted = None if reservation.round_spends is None else reservation.of_rounds(rounds)
    return refusal(standing.account, wanted, whose=standing.whose)


def _raise(refused: Iterable[str], *, what: str = gettext_noop("run")) -> None:
    if said := [text for text in refused if text]:
        told = _("The privacy budget does not cover this %(what)s. %(why)s") % {"what": _(what), "why": " ".join(said)}
        raise BudgetExceeded(told, refusals=said)


def _lock(participants: Iterable[Participant]) -> None:
    ids = sorted({participant.institution_id for participant in participants})
    list(Institution.objects.select_for_update(of=("self",)).filter(id__in=ids).order_by("id"))
