"""Amber: a warning halts nothing, but a person must answer it by a day, with reasons."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import User
from audits.domain.monitor.alarms import Alarm
from audits.runtime.models import AmberDecision, DeploymentCounter, MonitorState
from core import events
from core.context import governed
from core.errors import ApplicationError, Conflict
from models_registry.models import Deployment
from models_registry.policies import AMBER_DAYS

LONGEST_REVIEW = timedelta(days=365)
Decision = AmberDecision.Decision


def decision_ask(*, deployment: Deployment, found: Iterable[Alarm], monitor: MonitorState) -> AmberDecision | None:
    """Ask for a decision on the warnings that no standing one covers, in the fold's transaction."""
    warned = {alarm.key: alarm.sentence for alarm in found if alarm.level == "amber"}
    if not warned or deployment.state != Deployment.State.ACTIVE:
        return None
    opened = AmberDecision.objects.filter(deployment=deployment, decided_at__isnull=True).first()
    covered = set(opened.warnings) if opened else _covered(deployment)
    new = {key: sentence for key, sentence in warned.items() if key not in covered}
    if not new:
        return None
    with governed(action="monitor.warn", reason=next(iter(new.values()))):
        if opened is not None:
            opened.warnings = {**opened.warnings, **new}
            opened.save(update_fields=["warnings"])
            return opened
        days = deployment.policy.get("amber_days", AMBER_DAYS)
        asked = AmberDecision.objects.create(
            deployment=deployment, warnings=warned, position=monitor.position,
            due_at=timezone.now() + timedelta(days=days),
        )  # fmt: skip
        events.emit("monitor.amber", {"decision": str(asked.id)})
        return asked


def decision_make(
    *,
    deployment: Deployment,
    decision: str,
    reason: str,
    actor: User,
    review_on: date | None = None,
    most_predictions: int | None = None,
) -> AmberDecision:
    """An ethics officer's answer to the open question.

    Parameters
    ----------
    review_on : date
        Until when "continue" or "restrict" holds; if it is still amber then, it is asked again.
    most_predictions : int
        Of "restrict": the number of predictions, from the first one of the deployment, after which none is served.

    Raises
    ------
    Forbidden
        If the actor is no ethics officer of a participating institution.
    Conflict
        If nothing is asked.
    """
    from audits.runtime import services  # it imports the monitor, which asks for decisions

    reason = services.checked_reason(reason)
    institution = services.officer_institutions(actor, deployment, gettext_noop("decide on its warnings"))[0]
    if decision not in Decision.values:
        raise ApplicationError(
            _("Expected a decision among %(values)s, got %(decision)s.")
            % {"values": ", ".join(Decision.values), "decision": f"{decision!r}"}
        )
    review_at = None if decision == Decision.HALT else _review(review_on)
    most = _restriction(deployment, most_predictions) if decision == Decision.RESTRICT else None
    with governed(action=f"monitor.{decision}", actor=actor.id, reason=reason):
        row = AmberDecision.objects.select_for_update().filter(deployment=deployment, decided_at__isnull=True).first()
        if row is None:
            raise Conflict(_("No warning of %(deployment)s waits for a decision.") % {"deployment": deployment})
        row.decision, row.decided_by, row.institution = decision, actor, institution
        row.decided_at, row.reason, row.review_at, row.most_predictions = timezone.now(), reason, review_at, most
        row.save(
            update_fields=[
                "decision", "decided_by", "institution", "decided_at", "reason", "review_at", "most_predictions"
            ]
        )  # fmt: skip
        if decision == Decision.HALT and Deployment.objects.get(id=deployment.id).state == Deployment.State.ACTIVE:
            services.deployment_halt(deployment=deployment, reason=reason, actor=actor)
    return row


def most_predictions(deployment: Deployment) -> int | None:
    """How many predictions the approval allows, or the restriction that stands after a warning, if that is less."""
    granted = deployment.policy.get("max_predictions")
    last = AmberDecision.objects.decided().filter(deployment=deployment).first()
    restricted = last.most_predictions if last and last.decision == Decision.RESTRICT else None
    limits = [limit for limit in (granted, restricted) if limit is not None]
    return min(limits) if limits else None


def context(deployment: Deployment, user: User) -> dict[str, Any]:
    """What `audits_runtime/amber.html` shows: the open question, the answers so far, the form for who may answer."""
    from audits.runtime.forms_amber import AmberForm

    opened = AmberDecision.objects.filter(deployment=deployment, decided_at__isnull=True).first()
    decided = AmberDecision.objects.decided().filter(deployment=deployment).select_related("decided_by", "institution")
    return {
        "amber_open": opened,
        "amber_told": list(opened.warnings.values()) if opened else [],
        "amber_decided": list(decided[:10]),
        "amber_form": AmberForm(auto_id="amber_%s") if opened and user.may("deployment.halt") else None,
    }


def _covered(deployment: Deployment) -> set[str]:
    """Warnings that a decision answers which still holds; one that came to be reviewed answers nothing any more."""
    rows = AmberDecision.objects.decided().filter(deployment=deployment, review_at__gt=timezone.now())
    return {key for warned in rows.values_list("warnings", flat=True) for key in warned}


def _review(day: date | None) -> Any:
    now = timezone.now()
    if day is None or not now.date() < day <= (now + LONGEST_REVIEW).date():
        raise ApplicationError(
            _("Expected a day on which this is looked at again, after today and within %(days)s days; got %(day)s.")
            % {"days": LONGEST_REVIEW.days, "day": day or _("none")}
        )
    return now + timedelta(days=(day - now.date()).days)


def _restriction(deployment: Deployment, most: int | None) -> int:
    served = DeploymentCounter.objects.filter(deployment=deployment).values_list("predictions", flat=True).first() or 0
    if most is None or most < served:
        raise ApplicationError(
            _(
                "Expected the number of predictions after which none is served, at least the %(served)s served "
                "so far; got %(what)s."
            )
            % {"served": served, "what": _("none") if most is None else most}
        )
    return most
