"""Asking the sites how their features are distributed, and comparing what they answer.

A question costs privacy, so it is charged to each institution's budget before it is asked, and refused where one does
not cover it. Each site also keeps an account of its own, which nobody here can raise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from accounts.models import User
from core import jobs
from core.context import governed
from core.errors import ApplicationError, Conflict
from federation import budgets, mailbox
from federation.budget_standings import DEFAULT_DELTA
from federation.domain import feature_shift
from federation.domain.cells import MIN_SUMMARISED
from federation.domain.feature_summaries import BINS, Question, offered
from federation.models import DataManifest, FeatureCharge, FeatureStudy, Federation, Participant, SiteOrder
from federation.own import require_part

KIND = "feature_summary"
LEAST_SITES = 2
EPSILONS = (0.05, 10.0)  # the least and the most that one question may spend


@dataclass(frozen=True)
class Asked:
    """Whom a question goes to, and who is too small for it."""

    holders: tuple[tuple[Participant, DataManifest], ...]
    too_small: tuple[str, ...]

    @property
    def features(self) -> list[str]:
        """What all of them have, in the order of the first."""
        lists = [offered(manifest.content) for _, manifest in self.holders]
        return [name for name in lists[0] if all(name in other for other in lists)] if lists else []


def whom(federation: Federation) -> Asked:
    active = federation.participants.filter(is_active=True).select_related("institution").prefetch_related("manifests")
    held = [(one, manifest) for one in active if (manifest := one.manifests.first()) is not None]
    large = tuple(pair for pair in held if pair[1].content["n_patients"] >= MIN_SUMMARISED)
    return Asked(large, tuple(one.site for one, m in held if m.content["n_patients"] < MIN_SUMMARISED))


def study_start(*, federation: Federation, features: Sequence[str], epsilon: float, actor: User) -> FeatureStudy:
    """Ask every site. A study that still waits for answers is given up; what it spent stays spent.

    Raises
    ------
    BudgetExceeded
        With the arithmetic of each institution that cannot pay.
    """
    require_part(federation, actor, "federation.manage")
    asked = whom(federation)
    if len(asked.holders) < LEAST_SITES:
        raise Conflict(
            gettext(
                "Expected at least %(least_sites)s sites with a manifest of %(min_summarised)s patients or "
                "more, got %(n)s."
            )
            % {"least_sites": LEAST_SITES, "min_summarised": MIN_SUMMARISED, "n": len(asked.holders)}
        )
    if unknown := sorted(set(features) - set(asked.features)):
        raise ApplicationError(
            gettext("Expected features that every site has (%(features)s), got %(unknown)s.")
            % {"features": ", ".join(asked.features), "unknown": unknown}
        )
    low, high = EPSILONS
    if not low <= epsilon <= high:
        raise ApplicationError(
            gettext("Expected an ε from %(low)s to %(high)s, got %(epsilon)s.")
            % {"low": f"{low:g}", "high": f"{high:g}", "epsilon": f"{epsilon:g}"}
        )
    try:
        question = Question.within(features, epsilon=epsilon, delta=DEFAULT_DELTA)
    except ValueError as error:
        raise ApplicationError(gettext("This cannot be asked: %(error)s.") % {"error": error}) from error
    with governed(action="features.study", actor=actor.id):
        Federation.objects.select_for_update().get(id=federation.id)
        holders = [(one, str(manifest.content["source"])) for one, manifest in asked.holders]
        budgets.require_paid(holders, question.spend, what=gettext_noop("question"))
        _give_up(federation)
        study = FeatureStudy.objects.create(
            federation=federation, question=question.as_dict(), epsilon=epsilon, delta=DEFAULT_DELTA, requested_by=actor
        )
        for participant, data_set in holders:
            FeatureCharge.objects.create(
                study=study, participant=participant, data_set=data_set, spend=question.spend.as_dict()
            )
            mailbox.order_create(
                participant=participant, kind=KIND, key=f"features:{study.id}", subject=study.id,
                body=question.as_dict(), attachments={},
            )  # fmt: skip
    return study


def _give_up(federation: Federation) -> None:
    waiting = federation.feature_studies.filter(finished_at=None)
    mailbox.orders_cancel(subject_ids=list(waiting.values_list("id", flat=True)))
    for study in waiting:
        study.finished_at = timezone.now()
        study.save(update_fields=["finished_at"])


def summary_answered(payload: dict) -> jobs.Effects | None:
    """A site has answered, or said why it does not: compare those that are in."""
    order = SiteOrder.objects.get(id=payload["order"])

    def effects() -> None:
        jobs.enqueue("features.compare", {"study": str(order.subject)}, key=f"features:{order.id}")

    return effects


@jobs.handles("features.compare")
def compare(payload: dict) -> jobs.Effects:
    study = FeatureStudy.objects.get(id=payload["study"])
    question = Question.from_dict(study.question)
    orders = list(orders_of(study))
    tables, patients, unread = {}, {}, {}
    for order in orders:
        site = order.participant.site
        try:
            if order.state == SiteOrder.State.ANSWERED:
                tables[site], patients[site] = _table(order.answer, question)
        except (ValueError, TypeError, KeyError) as error:
            unread[site] = f"its answer cannot be read: {error}"
    shifts = feature_shift.compare(tables, patients, question.features, noise_sd=question.noise_sd)
    seen = sum(order.state != SiteOrder.State.PENDING for order in orders)

    def effects() -> None:
        with governed(action="features.compared"):
            fresh = FeatureStudy.objects.select_for_update().get(id=study.id)
            if seen < (fresh.result or {}).get("seen", 0):
                return  # another answer was compared meanwhile
            shown = [one.as_dict() for one in shifts]
            fresh.result = {"shifts": shown, "patients": patients, "unread": unread, "seen": seen}
            if seen == len(orders) and fresh.finished_at is None:
                fresh.finished_at = timezone.now()
            fresh.save(update_fields=["result", "finished_at"])

    return effects


def orders_of(study: FeatureStudy) -> Any:
    return SiteOrder.objects.filter(subject=study.id, kind=KIND).select_related("participant__institution")


def _table(answer: Any, question: Question) -> tuple[Any, int]:
    """The site's counts, as a stranger sent them. Raises ValueError for what does not answer the question."""
    if Question.from_dict(answer) != question:
        raise ValueError("it is of another question")
    rows, n = answer["counts"], answer["n_patients"]
    whole = all(type(count) is int and abs(count) < 2**53 for row in rows for count in row)
    if not whole or [len(row) for row in rows] != [BINS] * len(question.features):
        raise ValueError(f"expected {len(question.features)} rows of {BINS} whole numbers")
    if type(n) is not int or not MIN_SUMMARISED <= n < 10**9:
        raise ValueError(f"expected {MIN_SUMMARISED} patients or more, got {n!r}")
    return np.array(rows, dtype=np.int64), n
