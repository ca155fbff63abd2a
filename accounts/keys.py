"""Keys of machines, as administrators issue and revoke them."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import ApiKey, Institution, User
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden, NotFound
from core.roles import MATRIX, PEOPLE_ONLY, Role

LONGEST_DAYS = 366
# What a machine may be trusted with: to read, and to record what a clinical system knows. Decisions are people's.
MACHINE_ACTIONS = tuple(
    action
    for action in MATRIX
    if action.endswith(".view") and action not in {"home.view", "people.view", "emergency.view", *PEOPLE_ONLY}
    or action in {"prediction.request", "event.record", "outcome.record", "review.record", "report.create"}
)  # fmt: skip
# What each of them is, for who issues a key: the names are those of the API's documentation.
IN_WORDS = {
    "federation.view": "read federations and training runs", "quantum.view": "read quantum devices and experiments",
    "model.view": "read models", "version.view": "read versions and their cards", "audit.view": "read audits",
    "external.view": "read external audits", "policy.view": "read audit policies", "approval.view": "read approvals",
    "deployment.view": "read deployments and their live figures", "incident.view": "read incidents",
    "notice.view": "read notices", "prediction.request": "ask a deployed model for predictions",
    "event.record": "record predictions made elsewhere", "outcome.record": "record outcomes",
    "review.record": "record what was done with a prediction", "appeal.view": "read appeals",
    "ledger.view": "read the ledger", "report.view": "read reports", "report.create": "ask for a report",
    "sample.view": "read external findings", "control.view": "read controls and risks",
    "board.view": "read board reviews", "protection.view": "read the registers of data protection",
    "subject.view": "read requests of data subjects",
}  # fmt: skip


def institutions_of(actor: User) -> QuerySet[Institution]:
    """For whose machines the actor issues keys: the platform's administrator for all, others for their own house."""
    mine = actor.memberships.filter(is_active=True, role=Role.ADMINISTRATOR)
    active = Institution.objects.filter(is_active=True)
    if mine.filter(institution=None).exists():
        return active
    return active.filter(pk__in=mine.values("institution_id"))


def keys_for(actor: User) -> QuerySet[ApiKey]:
    """The keys that the actor may see and revoke."""
    return ApiKey.objects.filter(institution__in=institutions_of(actor)).select_related("institution", "issued_by")


def key_issue(*, actor: User, name: str, institution: Institution, actions: list[str], days: int) -> tuple[ApiKey, str]:
    """A new key and its secret, which is shown once.

    Raises
    ------
    Forbidden
        If the actor does not administer that institution.
    ApplicationError
        If an action is not for machines, none is named, or the key would live too long.
    """
    if not actor.may("key.manage") or not institutions_of(actor).filter(pk=institution.pk).exists():
        raise Forbidden("Keys are issued by an administrator of their institution, or of the platform.")
    if not actions or (unknown := set(actions) - set(MACHINE_ACTIONS)):
        raise ApplicationError(
            _("Expected at least one action that a machine may perform, got %(unknown)s.")
            % {"unknown": sorted(unknown) if actions else _("none")}
        )
    if not 1 <= days <= LONGEST_DAYS:
        raise ApplicationError(
            _("A key lives from 1 to %(longest_days)s days, got %(days)s.")
            % {"longest_days": LONGEST_DAYS, "days": days}
        )
    with governed(action="api_key.issue", actor=actor.pk):
        return ApiKey.issue(
            name=name, institution=institution, issued_by=actor, actions=sorted(actions),
            expires_at=timezone.now() + timedelta(days=days),
        )  # fmt: skip


def key_revoke(*, actor: User, key_id: uuid.UUID) -> ApiKey:
    """End a key at once."""
    with governed(action="api_key.revoke", actor=actor.pk):
        key = keys_for(actor).select_for_update(of=("self",)).filter(pk=key_id).first()
        if key is None:
            raise NotFound("There is no such key.")
        if key.revoked_at is not None:
            raise Conflict("This key was revoked already.")
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
    return key
