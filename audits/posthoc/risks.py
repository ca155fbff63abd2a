"""The register of risks: kept by people, with suggestions from checks that did not pass."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audits.posthoc.models import Risk
from audits.predeployment.models import AuditRun, CheckResult
from core.context import governed
from core.errors import ApplicationError, Conflict
from models_registry.models import Version

REVIEW_IN = dt.timedelta(days=182)
MOST_SUGGESTIONS = 50
# Principle of a check -> what may happen to a patient. A starting point: a person edits and saves it, or does not.
_HARMS = {
    "fairness": ("Patients of one group get wrong answers more often.", "Late or needless treatment of that group."),
    "privacy": ("Somebody learns from the model who was in the training data.", "A patient's health data are known."),
    "security": ("An input is changed a little, by chance or on purpose.", "A wrong answer that nobody expects."),
    "transparency": ("A clinician trusts an answer whose ground is not the disease.", "A wrong answer is followed."),
}
_OTHER = ("The model is used beyond what its audit shows.", "A wrong answer is followed.")
_FIELDS = (
    "version", "hazard", "situation", "harm", "severity_before", "probability_before", "measures", "severity_after",
    "probability_after", "controls", "checks", "state", "rationale", "owner", "review_on",
)  # fmt: skip


@dataclass(frozen=True)
class Suggestion:
    """A check that did not pass and has no risk yet."""

    result: CheckResult

    def initial(self) -> dict[str, Any]:
        """What the form begins with."""
        situation, harm = _HARMS.get(self.result.principle, _OTHER)
        return {
            "version": self.result.audit.version_id,
            "hazard": f"{self.result.title}: {self.result.get_verdict_display()}. {self.result.sentence}"[:2000],
            "situation": situation,
            "harm": harm,
            "checks": [self.result.check_id],
        }


def risks_for(user: User) -> QuerySet[Risk]:
    """The risks that a person sees: all of the platform's, and those of the own institutions' models."""
    rows = Risk.objects.select_related("version__model", "owner")
    if user.sees_all:
        return rows
    return rows.filter(version__in=Version.objects.for_user(user)) | rows.filter(version__isnull=True)


def suggestions(user: User) -> list[Suggestion]:
    """Failed and inconclusive checks of each version's newest finished audit that no risk on the register answers."""
    newest = (
        AuditRun.objects.filter(state=AuditRun.State.FINISHED, version__in=Version.objects.for_user(user))
        .order_by("version_id", "-finished_at")
        .distinct("version_id")
        .values("id")
    )
    rows = (
        CheckResult.objects.filter(audit__in=newest, verdict__in=["fail", "inconclusive"])
        .exclude(id__in=Risk.objects.filter(suggested_by__isnull=False).values("suggested_by"))
        .select_related("audit__version__model")
        .defer("tables", "figures", "evidence", "provenance")
        .order_by("verdict", "audit_id", "check_id")
    )
    return [Suggestion(row) for row in rows[:MOST_SUGGESTIONS]]


def suggestion(user: User, result_id: Any) -> Suggestion | None:
    return next((one for one in suggestions(user) if one.result.id == result_id), None)


def risk_save(*, risk: Risk | None, revision: int, actor: User, suggested_by: Any = None, **values: Any) -> Risk:
    """Put a risk on the register, or change one.

    Parameters
    ----------
    revision : int
        The one that the person saw; 0 for a new risk.

    Raises
    ------
    ApplicationError
        If what remains was not judged, or is accepted without saying why.
    Conflict
        If somebody else has saved the risk meanwhile.
    """
    given = {name: values[name] for name in _FIELDS}
    _refuse_unjudged(given)
    with transaction.atomic(), governed(action="risk.save", actor=actor.id):
        if risk is None:
            return Risk.objects.create(**given, created_by=actor, suggested_by=suggested_by)
        row = Risk.objects.select_for_update().get(id=risk.id)
        if row.revision != revision:
            raise Conflict(
                _(
                    "Somebody saved this risk while you wrote: revision %(revision)s now, you began from "
                    "%(revision_2)s. Nothing of yours was saved or lost: compare with the risk's page, then save "
                    "again."
                )
                % {"revision": row.revision, "revision_2": revision}
            )
        for name, value in given.items():
            setattr(row, name, value)
        row.revision += 1
        row.save(update_fields=[*_FIELDS, "revision"])
    return row


def _refuse_unjudged(given: dict[str, Any]) -> None:
    after = (given["severity_after"], given["probability_after"])
    if (after[0] is None) != (after[1] is None):
        raise ApplicationError("Give both severity and probability after the measures, or neither.")
    if given["state"] in {Risk.State.CONTROLLED, Risk.State.ACCEPTED} and after[0] is None:
        raise ApplicationError(
            "Judge severity and probability after the measures before the risk counts as controlled."
        )
    if given["state"] == Risk.State.CONTROLLED and not given["measures"].strip():
        raise ApplicationError("Say which measures control the risk.")
    if given["state"] == Risk.State.ACCEPTED and not given["rationale"].strip():
        raise ApplicationError("Say why what remains is acceptable: it becomes part of the record.")


def overdue(risk: Risk) -> bool:
    return risk.state != Risk.State.CLOSED and risk.review_on < timezone.now().date()
