"""Who decides in whose place while an officer is away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Institution, Membership, User
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role
from models_registry.models import Delegation
from models_registry.refusals import refusals_told

MOST_DAYS = 60  # as the database has it too
DEPUTIES = (Role.CLINICIAN, Role.AUDITOR)  # neither who trained the model nor who asks for its use


@dataclass(frozen=True)
class Acting:
    """In which capacity, for which institution, and by whose absence a person decides."""

    capacity: str
    institution: Institution | None
    delegation: Delegation | None = None


def delegate(*, officer: User, deputy: User, starts_at: datetime, ends_at: datetime, reason: str) -> Delegation:
    """Let a colleague of the same institution decide on requests while the officer is away.

    Raises
    ------
    Forbidden
        If the first is no ethics officer.
    ApplicationError
        If the time is no time, or the deputy is not one who may stand in.
    Conflict
        If somebody stands in for the officer then already.
    """
    held = officer.memberships.filter(role=Role.ETHICS_OFFICER, is_active=True).select_related("institution").first()
    if held is None or held.institution is None:
        raise Forbidden("Only an ethics officer names somebody to decide in their place.")
    if not reason.strip():
        raise ApplicationError("Give a reason, for example the dates of an absence: it becomes part of the record.")
    if not starts_at < ends_at or ends_at <= timezone.now():
        raise ApplicationError("Expected a beginning before an end that is still to come.")
    if ends_at - starts_at > timedelta(days=MOST_DAYS):
        raise ApplicationError(
            _("Expected at most %(most_days)s days; for longer, an administrator names another officer.")
            % {"most_days": MOST_DAYS}
        )
    if deputy.id not in candidates(officer).values_list("id", flat=True):
        raise ApplicationError(
            _(
                "%(deputy)s cannot stand in: expected a clinician or an auditor of %(institution)s who is "
                "neither an officer, nor an administrator, nor its site operator."
            )
            % {"deputy": deputy, "institution": held.institution}
        )
    with refusals_told(), governed(action="approval.delegate", actor=officer.id, reason=reason):
        User.objects.select_for_update(no_key=True).get(id=officer.id)
        standing = Delegation.objects.filter(officer=officer, revoked_at=None)
        if standing.filter(starts_at__lt=ends_at, ends_at__gt=starts_at).exists():
            raise Conflict("Somebody stands in for you then already. End that first.")
        return Delegation.objects.create(
            officer=officer, deputy=deputy, institution=held.institution, starts_at=starts_at, ends_at=ends_at,
            reason=reason.strip(),
        )  # fmt: skip


def delegation_revoke(*, delegation: Delegation, actor: User) -> Delegation:
    """End it now; decisions that were made under it stand."""
    if actor.id != delegation.officer_id:
        raise Forbidden("A delegation is ended by the officer who gave it.")
    with refusals_told(), governed(action="approval.delegate.end", actor=actor.id):
        locked = Delegation.objects.select_for_update().get(id=delegation.id)
        if locked.revoked_at is not None:
            raise Conflict("It was ended before.")
        locked.revoked_at = timezone.now()
        locked.save(update_fields=["revoked_at"])
    return locked


def candidates(officer: User) -> QuerySet[User]:
    """Who may stand in for an officer."""
    institutions = officer.memberships.filter(role=Role.ETHICS_OFFICER, is_active=True).values("institution_id")
    here = {"memberships__is_active": True, "memberships__institution__in": institutions}
    wrong = [Role.ETHICS_OFFICER, Role.ADMINISTRATOR, Role.SITE_OPERATOR]
    decides = User.objects.filter(memberships__is_active=True, memberships__role__in=wrong)
    found = User.objects.filter(is_active=True, memberships__role__in=DEPUTIES, **here)
    return found.exclude(id__in=decides.values("id")).exclude(id=officer.id).distinct()


def in_force(user: User) -> QuerySet[Delegation]:
    """Under which delegations the person may decide now: while both still hold the roles that it was given between."""
    now = timezone.now()
    current: dict[str, Any] = {"starts_at__lte": now, "ends_at__gte": now, "revoked_at": None}
    held = Membership.objects.filter(institution=OuterRef("institution"), is_active=True)
    both = (
        Exists(held.filter(user=OuterRef("officer"), role=Role.ETHICS_OFFICER)),
        Exists(held.filter(user=OuterRef("deputy"), role__in=DEPUTIES)),
    )
    return Delegation.objects.filter(*both, deputy=user, **current).select_related("institution", "officer")


def stands_in(user: Any) -> bool:
    """Whether the person stands in for an officer now; a machine's key never does."""
    return isinstance(user, User) and in_force(user).exists()


def concerning(user: User) -> QuerySet[Delegation]:
    """Those that the person gave or was given, newest first."""
    return Delegation.objects.filter(Q(officer=user) | Q(deputy=user)).select_related(
        "officer", "deputy", "institution"
    )
