"""Emergency access ("break glass"): where no ethics officer is reached, two people lend one of them what a halt needs.

One asks with a reason, another of the institution (or of the platform) confirms within minutes. For an hour the first
may then see, halt and vote to reinstate deployments of their institution's federations, and read the look-back of their
own site; nothing else. Everything is in the ledger; administrators and officers are told by mail; a third person says
afterwards whether it was right.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import EmergencyAccess, Institution, Membership, User
from core import jobs
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden, NotFound
from core.roles import Role

CONFIRM_WITHIN = timedelta(minutes=10)
LASTS = timedelta(hours=1)
REVIEW_WITHIN = timedelta(days=3)
LENT = frozenset({"deployment.view", "deployment.halt", "deployment.reinstate", "incident.view", "lookback.view"})
MIN_REASON = 20
_KIND = "emergency.mail"
_IN_SESSION = "emergency"  # its number, in the session that asked for it
_TOLD = (Role.ADMINISTRATOR, Role.ETHICS_OFFICER)


# --- what is lent --------------------------------------------------------------------------------------------------


def of_session(session: dict, user: User) -> EmergencyAccess | None:
    """The access that this session asked for, while it is on."""
    number = session.get(_IN_SESSION)
    found = EmergencyAccess.objects.filter(pk=number, requested_by=user).first() if number else None
    return found if found is not None and found.is_on else None


def institution_of(user: User) -> uuid.UUID | None:
    """For which institution rights are lent to the person now."""
    now = timezone.now()
    lent = EmergencyAccess.objects.filter(
        requested_by=user, requested_by__is_active=True, confirmed_at__isnull=False, ended_at=None, ends_at__gt=now
    )
    return lent.values_list("institution_id", flat=True).first()


def visible_to(user: User) -> QuerySet[EmergencyAccess]:
    """One's own, and those of the institutions that one belongs to; members of the platform see all."""
    rows = EmergencyAccess.objects.select_related("institution", "requested_by", "confirmed_by", "reviewed_by")
    return rows if user.sees_all else rows.filter(Q(institution__in=user.institution_ids) | Q(requested_by=user))


@dataclass(frozen=True)
class Open:
    """What of emergency access concerns a person now."""

    running: list[EmergencyAccess]  # to know of
    to_confirm: list[EmergencyAccess]
    to_review: list[EmergencyAccess]


def open_for(user: User) -> Open:
    """What is on, waits to be confirmed, or is over and not judged yet, as far as the person may see it; one query."""
    rows = list(visible_to(user).filter(reviewed_at=None).order_by("created_at")) if user.may("emergency.view") else []
    others = [row for row in rows if row.requested_by_id != user.pk]
    confirms, judges = user.may("emergency.confirm"), user.may("emergency.review")
    return Open(
        running=[row for row in rows if row.is_on],
        to_confirm=[row for row in others if confirms and row.is_waiting],
        to_review=[row for row in others if judges and row.is_over and row.confirmed_by_id != user.pk],
    )


# --- the steps -----------------------------------------------------------------------------------------------------


def emergency_request(*, actor: User, institution: Institution, reason: str, session: dict) -> EmergencyAccess:
    """Ask for the rights; they are lent to this session once somebody else has confirmed.

    Raises
    ------
    Forbidden
        If the actor may not ask, or does not belong to the institution.
    Conflict
        If one of theirs waits or is on already.
    """
    if not actor.may("emergency.request") or institution.pk not in actor.institution_ids:
        raise Forbidden("Emergency access is asked for by a member of the institution that it is for.")
    reason = _checked(reason, gettext_noop("reason"))
    with governed(action="emergency.request", actor=actor.pk, reason=reason):
        User.objects.select_for_update().get(pk=actor.pk)
        if any(row.is_on or row.is_waiting for row in EmergencyAccess.objects.filter(requested_by=actor)):
            raise Conflict("You have asked already. Wait for the confirmation, or end the access that is on.")
        row = EmergencyAccess.objects.create(
            requested_by=actor, institution=institution, reason=reason, confirm_until=timezone.now() + CONFIRM_WITHIN
        )
        _tell(row, "asked")
    session[_IN_SESSION] = str(row.pk)
    return row


def emergency_confirm(*, actor: User, access_id: uuid.UUID) -> EmergencyAccess:
    """The second person's word: from now on the rights are lent, for an hour.

    Raises
    ------
    Forbidden
        If the actor is who asked, or neither of the institution nor of the platform.
    Conflict
        If it came too late, or was confirmed or withdrawn already.
    """
    with governed(action="emergency.confirm", actor=actor.pk):
        row = _locked(actor, access_id)
        if not actor.may("emergency.confirm") or row.requested_by_id == actor.pk:
            raise Forbidden("Another person confirms: an officer, administrator, operator or clinician there.")
        if not row.is_waiting:
            raise Conflict(
                _("This request was confirmed or ended, or its %(seconds)s minutes are over. Have it made again.")
                % {"seconds": CONFIRM_WITHIN.seconds // 60}
            )
        now = timezone.now()
        row.confirmed_by, row.confirmed_at, row.ends_at = actor, now, now + LASTS
        row.review_due_on = (now + REVIEW_WITHIN).date()
        row.save(update_fields=["confirmed_by", "confirmed_at", "ends_at", "review_due_on"])
        _tell(row, "on")
    return row


def emergency_end(*, actor: User, access_id: uuid.UUID) -> EmergencyAccess:
    """End it before the hour is over, or take the request back: by who asked, or by anybody who may confirm."""
    with governed(action="emergency.end", actor=actor.pk):
        row = _locked(actor, access_id)
        if row.requested_by_id != actor.pk and not actor.may("emergency.confirm"):
            raise Forbidden("It is ended by who asked for it, or by who could confirm it.")
        if not (row.is_on or row.is_waiting):
            raise Conflict("This access is over already.")
        row.ended_at = timezone.now()
        row.save(update_fields=["ended_at"])
    return row


def emergency_review(*, actor: User, access_id: uuid.UUID, verdict: str, review: str) -> EmergencyAccess:
    """Say afterwards whether it was right; by somebody who neither asked nor confirmed."""
    review = _checked(review, gettext_noop("judgement"))
    if verdict not in EmergencyAccess.Verdict.values:
        raise ApplicationError(
            _("Expected %(values)s, got %(verdict)s.")
            % {"values": " or ".join(EmergencyAccess.Verdict.values), "verdict": f"{verdict!r}"}
        )
    with governed(action="emergency.review", actor=actor.pk, reason=review):
        row = _locked(actor, access_id)
        if not actor.may("emergency.review") or actor.pk in (row.requested_by_id, row.confirmed_by_id):
            raise Forbidden("It is judged by an officer or auditor who neither asked for it nor confirmed it.")
        if row.confirmed_at is None or row.is_on or row.reviewed_at is not None:
            raise Conflict("Only an access that was on, is over, and was not judged yet is judged.")
        row.reviewed_by, row.reviewed_at, row.verdict, row.review = actor, timezone.now(), verdict, review
        row.save(update_fields=["reviewed_by", "reviewed_at", "verdict", "review"])
    return row


def _locked(actor: User, access_id: uuid.UUID) -> EmergencyAccess:
    seen = visible_to(actor).filter(pk=access_id).values("pk")
    row = EmergencyAccess.objects.select_for_update().filter(pk__in=seen).first()
    if row is None:
        raise NotFound("There is no such emergency access.")
    return row


def _checked(text: str, what: str) -> str:
    text = text.strip()
    if not MIN_REASON <= len(text) <= 2000:
        raise ApplicationError(
            _("Give a %(what)s of %(min_reason)s to 2000 characters, got %(n)s. The ledger keeps it.")
            % {"what": _(what), "min_reason": MIN_REASON, "n": len(text)}
        )
    return text


# --- mail ----------------------------------------------------------------------------------------------------------


def _tell(row: EmergencyAccess, what: str) -> None:
    """One job for each administrator and ethics officer, in the transaction of what they are told."""
    told = Membership.objects.filter(is_active=True, user__is_active=True, role__in=_TOLD)
    for user_id in set(told.values_list("user_id", flat=True)):
        jobs.enqueue(
            _KIND,
            {"access": str(row.pk), "user": str(user_id), "what": what},
            key=f"emergency:{row.pk}:{what}:{user_id}",
        )


@jobs.handles(_KIND)
def mail_send(payload: dict) -> None:
    """Handler of the job. The reason stays out, for people write of people."""
    row = EmergencyAccess.objects.select_related("institution", "requested_by", "confirmed_by").get(
        pk=payload["access"]
    )
    user = User.objects.get(pk=payload["user"])
    if not user.is_active:
        return
    where = f"{settings.PUBLIC_URL}/emergency/" if settings.PUBLIC_URL else "the page “Emergency access”"
    if payload["what"] == "on":
        subject = f"Emergency access is on at {row.institution}"
        body = (
            f"{row.requested_by} asked for it and {row.confirmed_by} confirmed it. Until "
            f"{row.ends_at:%d %b %Y, %H:%M} UTC they may halt deployments, vote to reinstate them and read their "
            f"site's look-back. It must be judged by {row.review_due_on:%d %b %Y}.\n\n"
            f"Reason, end and judgement: {where}\n"
        )
    else:
        subject = f"Emergency access is asked for at {row.institution}"
        body = (
            f"{row.requested_by} asks for it. Another person of the institution confirms until "
            f"{row.confirm_until:%H:%M} UTC.\n\nReason: {where}\n"
        )
    EmailMessage(subject, body, to=[str(user.email)]).send()
