"""The second factor: who must have one, whether a session was opened with one, and resets by two administrators.

Setting up, asking and checking is allauth's (`allauth.mfa`); its tables are governed through `Factor`.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import sessions
from accounts.erasure import administers
from accounts.models import Factor, FactorReset, IdentityProvider, User
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden, NotFound

KINDS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)  # recovery codes alone are no factor
RESET_LIVES = timedelta(days=1)
PROVIDER = "provider"  # the kind of proof, in a session, that an identity provider vouches for


def held_by(user: User) -> QuerySet[Factor]:
    """The person's authenticator app and security keys."""
    return Factor.objects.filter(user=user, type__in=KINDS).order_by("created_at")


def recovery_codes_of(user: User) -> Factor | None:
    return Factor.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()


def required_of(user: User) -> bool:
    """Whether a role of the person's demands a second factor."""
    return bool(settings.MFA_REQUIRED_ROLES) and not user.roles.isdisjoint(settings.MFA_REQUIRED_ROLES)


def may_remove(factor: Authenticator) -> bool:
    """Whether the person may give it up: not the last one where a role demands one."""
    user: Any = factor.user
    return not required_of(user) or held_by(user).exclude(pk=factor.pk).exists()


# --- what a session was opened with --------------------------------------------------------------------------------


def passed(request: HttpRequest, user: User) -> bool:
    """Whether this session was opened with a factor that is still in force, or with one that a provider asked for."""
    shown = {record["id"] for record in _proofs(request, user) if "id" in record}
    return bool(shown and Factor.objects.filter(user=user, pk__in=shown).exists()) or vouched_for(request, user)


def vouched_for(request: HttpRequest, user: User | None) -> bool:
    """Whether a provider has said of this sign-in what counts as a second factor, as its institution has set."""
    if user is None:
        return False
    told = [record for record in _proofs(request, user) if record.get("type") == PROVIDER]
    rows = {row.slug: row for row in IdentityProvider.objects.filter(is_active=True)} if told else {}
    return any(rows[r["provider"]].vouches(r["amr"], r["acr"]) for r in told if r["provider"] in rows)


def note_vouched(request: HttpRequest, user: User, *, provider: str, amr: list[str], acr: str) -> None:
    """Keep in the session what a provider said of the sign-in."""
    record_authentication(request, user, "mfa", type=PROVIDER, provider=provider, amr=amr, acr=acr)


def came_into_force(request: HttpRequest, factor: Authenticator) -> None:
    """A factor was set up here: this session has shown it, and every other one ends."""
    user: Any = factor.user
    record_authentication(request, user, "mfa", id=factor.pk, type=factor.type)
    sessions.end_all(user, keep=request.session.session_key)


def _proofs(request: HttpRequest, user: User) -> list[dict[str, Any]]:
    return [record for record in get_authentication_records(request, user) if record.get("method") == "mfa"]


# --- a lost device -------------------------------------------------------------------------------------------------


def open_resets(viewer: User) -> list[FactorReset]:
    """Resets that wait for a second administrator, of people whom the viewer administers."""
    waiting = _waiting().select_related("user", "requested_by")
    return [reset for reset in waiting if administers(viewer, reset.user)]


def reset_request(*, user: User, actor: User, reason: str) -> FactorReset:
    """Ask that a person's factors are removed, because the device is lost."""
    _may_reset(actor, user)
    if not reason.strip():
        raise ApplicationError("Say why, and how you made sure that it is this person who asks.")
    with governed(action="factor.reset_request", actor=actor.pk, reason=reason):
        User.objects.select_for_update().get(pk=user.pk)
        if not held_by(user).exists():
            raise Conflict("This person has no second factor, so there is nothing to reset.")
        if _waiting().filter(user=user).exists():
            raise Conflict("A reset of this person’s factor waits already for a second administrator.")
        return FactorReset.objects.create(
            user=user, requested_by=actor, reason=reason.strip(), expires_at=timezone.now() + RESET_LIVES
        )


def reset_grant(*, reset_id: uuid.UUID, actor: User) -> FactorReset:
    """The second administrator's word: the factors are removed, and the person signed out everywhere.

    Raises
    ------
    Forbidden
        If the actor is who asked, or the person.
    """
    with governed(action="factor.reset_grant", actor=actor.pk):
        reset = FactorReset.objects.select_for_update().filter(pk=reset_id).select_related("user").first()
        if reset is None or not (actor.pk == reset.user_id or administers(actor, reset.user)):
            raise NotFound("There is no such reset.")
        _may_reset(actor, reset.user)
        if reset.requested_by_id == actor.pk:
            raise Forbidden("You asked for this reset; another administrator grants it.")
        if reset.granted_at is not None or reset.expires_at <= timezone.now():
            raise Conflict("This reset was granted already or has expired. Ask for a new one.")
        reset.granted_by, reset.granted_at = actor, timezone.now()
        reset.save(update_fields=["granted_by", "granted_at"])
        Factor.objects.filter(user=reset.user).delete()
        sessions.end_all(reset.user)
    return reset


def _may_reset(actor: User, user: User) -> None:
    if not actor.may("factor.reset") or not administers(actor, user):
        raise Forbidden("A factor is reset by administrators of all that the person belongs to, never by the person.")


def _waiting() -> QuerySet[FactorReset]:
    return FactorReset.objects.filter(granted_at=None, expires_at__gt=timezone.now())


def forget(user_id: str) -> dict[str, int]:
    """What goes with an erased person."""
    return {"second factors": Factor.objects.filter(user_id=user_id).delete()[0]}
