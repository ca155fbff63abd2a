"""What of data protection and continuity waits for a person: shown on the overview and on the home page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.urls import reverse
from django.utils.translation import gettext as _

from core.tones import ToneName
from models_registry.models import ApprovalRequest
from protection import standing
from protection.assessments import models_of
from protection.breaches import duties_of
from protection.domain.texts import missing
from protection.models import Breach, RetentionExecution, SubjectRequest
from protection.requests import State, handles


@dataclass(frozen=True)
class ProtectionNeed:
    """One thing to do; the home page shows it like any other."""

    title: str
    detail: str
    url: str
    tone: ToneName
    since: datetime


# One question for the many days on which nothing waits: the home page asks it each time.
_ANYTHING = """
    SELECT EXISTS (SELECT FROM protection_breach WHERE closed_at IS NULL),
           EXISTS (SELECT FROM protection_impactassessment) OR EXISTS (
               SELECT FROM models_registry_approvalrequest r WHERE r.state = 'approved'
               AND NOT EXISTS (SELECT FROM models_registry_deployment d WHERE d.approval_id = r.id)),
           EXISTS (SELECT FROM protection_subjectrequest WHERE ended_at IS NULL),
           EXISTS (SELECT FROM protection_backup),
           EXISTS (SELECT FROM protection_retentionexecution WHERE error <> '')
"""


def protection_needs(user: Any) -> list[ProtectionNeed]:
    """Everything that waits for this person."""
    if not user.may("protection.view"):
        return []
    with connection.cursor() as cursor:
        cursor.execute(_ANYTHING)
        breaches, assessments, requests, backups, failures = cursor.fetchone()
    found: list[ProtectionNeed] = []
    if breaches and user.may("protection.edit"):
        found += _breaches(user)
    if assessments and user.may("protection.edit"):
        found += _assessments(user)
    if requests and (user.may("subject.handle") or user.may("people.erase")):
        found += _requests(user)
    if backups and user.may("retention.manage"):
        found += _continuity()
    if failures and user.may("retention.manage"):
        found += _retention()
    return found


def _breaches(user: Any) -> Iterator[ProtectionNeed]:
    for breach in Breach.objects.for_user(user).open().prefetch_related("records"):
        running = [view for view in duties_of(breach) if view.running]
        late = any(view.overdue for view in running)
        if running:
            told = {"article": running[0].duty.article, "day": f"{running[0].due:%-d %b %Y, %H:%M}", "n": len(running)}
            detail = _("%(article)s: until %(day)s UTC. %(n)s to answer.") % told
            title = (
                _("A breach of personal data: a duty is overdue")
                if late
                else _("A breach of personal data: a duty is due")
            )
        else:
            title, detail = _("A breach to close"), _("Every duty is answered: close it.")
        yield ProtectionNeed(
            title, detail, reverse("breach", args=[breach.pk]), "fail" if late else "warn", breach.created_at,
        )  # fmt: skip


def _assessments(user: Any) -> Iterator[ProtectionNeed]:
    approved = ApprovalRequest.objects.for_user(user).filter(state="approved", deployment__isnull=True)
    waiting = dict(approved.order_by("-created_at").values_list("version__model", "created_at"))
    for view in models_of(user):
        if view.needs_one and view.model.pk in waiting:
            yield ProtectionNeed(
                _("An impact assessment is missing: %(model)s") % {"model": view.model},
                _("An approved request waits for it to be deployed."),
                reverse("assessments"), "warn", waiting[view.model.pk],
            )  # fmt: skip
        elif view.draft is not None and not missing(view.draft.sections) and view.draft.written_by_id != user.pk:
            if user.may("assessment.sign"):
                yield ProtectionNeed(
                    _("An impact assessment waits for your signature: %(model)s") % {"model": view.model},
                    _("Every section is written."),
                    reverse("assessment", args=[view.draft.pk]), "warn", view.draft.created_at,
                )  # fmt: skip
        elif view.overdue and view.draft is None and view.signed is not None:
            yield ProtectionNeed(
                _("The impact assessment of %(model)s is due for review") % {"model": view.model},
                _("Begin its next edition."),
                reverse("assessment", args=[view.signed.pk]), "warn", view.signed.signed_at or view.signed.created_at,
            )  # fmt: skip


def _requests(user: Any) -> Iterator[ProtectionNeed]:
    for row in SubjectRequest.objects.for_user(user).open():
        erases = row.state == State.GRANTED and user.may("people.erase")
        if erases or (row.state != State.GRANTED and handles(row, user)):
            title = _("A patient's request is open: %(kind)s")
            if row.overdue:
                title = _("A patient's request is overdue: %(kind)s")
            yield ProtectionNeed(
                title % {"kind": _(row.get_kind_display())},
                _("%(state)s. To be answered by %(day)s.")
                % {"state": _(row.get_state_display()), "day": f"{row.due_on:%-d %b %Y}"},
                reverse("subject_request", args=[row.pk]),
                "fail" if row.overdue else "warn" if erases or row.days_left <= 7 else "info", row.created_at,
            )  # fmt: skip


def _continuity() -> Iterator[ProtectionNeed]:
    """Only once somebody has begun to back up: a trial needs no drill."""
    now = standing.continuity()
    if now.backup is None:
        return
    if now.backup_overdue:
        yield ProtectionNeed(
            _("The newest backup is too old"),
            _("It was taken on %(day)s UTC.") % {"day": f"{now.backup.taken_at:%-d %b %Y, %H:%M}"},
            reverse("continuity"), "fail", now.backup.taken_at,
        )  # fmt: skip
    if now.last_failed or now.drill_overdue:
        since = now.drill.created_at if now.drill else now.backup.created_at
        yield ProtectionNeed(
            _("The last restore drill has failed") if now.last_failed else _("A restore drill is due"),
            _("A backup that was never restored is none. The page says how."), reverse("continuity"),
            "fail" if now.last_failed else "warn", since,
        )  # fmt: skip


def _retention() -> Iterator[ProtectionNeed]:
    newest = RetentionExecution.objects.order_by("record_class", "-created_at").distinct("record_class")
    for row in newest:
        if row.error:
            yield ProtectionNeed(
                _("The retention schedule could not be carried out"), f"{row.record_class}: {row.error}",
                reverse("retention"), "fail", row.created_at,
            )  # fmt: skip
