"""The second factor: set up, confirm, check, give up, and reset by two administrators."""

from __future__ import annotations

import base64
import secrets
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import sessions, totp
from accounts.erasure import administers
from accounts.models import FactorReset, RecoveryCode, SecondFactor, User
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden, NotFound

RECOVERY_CODES = 10
_RECOVERY_BYTES = 10
FAILURES_ALLOWED = 20  # in a row, by whomever; axes counts for each address besides
REFUSED_FOR = timedelta(minutes=15)
RESET_LIVES = timedelta(days=1)


class WrongCode(ApplicationError):
    """The code is not the one that is due, or was used before."""

    code = "wrong_code"


def of(user: User) -> SecondFactor | None:
    """The person's confirmed factor."""
    return _standing(user).filter(confirmed_at__isnull=False).first()


def pending_of(user: User) -> SecondFactor | None:
    """The factor that was set up but not confirmed yet."""
    return _standing(user).filter(confirmed_at=None).first()


def required_of(user: User) -> bool:
    """Whether a role of the person's demands a second factor."""
    return bool(settings.MFA_REQUIRED_ROLES) and not user.roles.isdisjoint(settings.MFA_REQUIRED_ROLES)


def factor_begin(*, user: User) -> SecondFactor:
    """A new secret to be put into an app. An earlier one that was never confirmed is replaced."""
    with governed(action="factor.begin", actor=user.pk):
        User.objects.select_for_update().get(pk=user.pk)
        if of(user) is not None:
            raise Conflict("You have a second factor already. Remove it first, to set up another device.")
        if (earlier := pending_of(user)) is not None:
            _remove(earlier)
        return SecondFactor.objects.create(user=user, secret=totp.new_secret())


def factor_confirm(*, user: User, typed: str, keep_session: str | None) -> list[str]:
    """Put the factor into force with a first code; every other session ends. Returns the recovery codes, in clear once.

    Raises
    ------
    WrongCode
        If the code does not fit the secret.
    Conflict
        If nothing was set up.
    """
    with governed(action="factor.confirm", actor=user.pk):
        factor = _standing(user).select_for_update().filter(confirmed_at=None).first()
        if factor is None:
            raise Conflict("There is nothing to confirm. Begin the set-up again.")
        step = totp.matching_step(str(factor.secret), _digits(typed), now=timezone.now().timestamp(), after=0)
        if step is None:
            raise WrongCode(
                "That code does not fit. Expected the six digits that the app shows now; check that the clock of the "
                "device is set by the network."
            )
        factor.last_step, factor.confirmed_at = step, timezone.now()
        factor.save(update_fields=["last_step", "confirmed_at"])
        codes = _new_codes(factor)
        sessions.end_all(user, keep=keep_session)
    return codes


def recovery_codes_renew(*, user: User, typed: str) -> list[str]:
    """Ten new recovery codes for a code of the app; the earlier ones work no more."""
    check(user=user, typed=typed)
    with governed(action="factor.recovery_codes", actor=user.pk):
        factor = _required(user)
        factor.recovery_codes.all().delete()
        return _new_codes(factor)


def check(*, user: User, typed: str) -> SecondFactor:
    """Accept a code of the app, or a recovery code, once.

    Raises
    ------
    WrongCode
        If it is wrong or was used before, or too many were wrong.
    """
    wrong = (
        "That code is wrong or was used before. Enter the one that the app shows now, or a recovery code not used yet."
    )
    with governed(action="factor.use", actor=user.pk):
        factor = _standing(user).select_for_update().filter(confirmed_at__isnull=False).first()
        if factor is None:
            raise WrongCode("There is no second factor to ask for. Sign in again.")
        now = timezone.now()
        if factor.refused_until is not None and factor.refused_until > now:
            raise WrongCode(f"Too many wrong codes. Codes are refused until {factor.refused_until:%H:%M} UTC.")
        accepted = _accept(factor, typed, now)
        _count(factor, accepted, now)
    if not accepted:  # behind the transaction: the count of failures must stay
        raise WrongCode(wrong)
    return factor


def factor_remove(*, user: User, typed: str) -> None:
    """Give the factor up, with a code of it; not where a role demands one."""
    if required_of(user):
        raise Forbidden("Your role demands a second factor. If the device is lost, ask an administrator to reset it.")
    factor = check(user=user, typed=typed)
    with governed(action="factor.remove", actor=user.pk):
        _remove(factor)


# --- a lost device -------------------------------------------------------------------------------------------------


def open_resets(viewer: User) -> list[FactorReset]:
    """Resets that wait for a second administrator, of people whom the viewer administers."""
    waiting = _waiting().select_related("user", "requested_by")
    return [reset for reset in waiting if administers(viewer, reset.user)]


def reset_request(*, user: User, actor: User, reason: str) -> FactorReset:
    """Ask that a person's factor is removed, because the device is lost."""
    _may_reset(actor, user)
    if not reason.strip():
        raise ApplicationError("Say why, and how you made sure that it is this person who asks.")
    with governed(action="factor.reset_request", actor=actor.pk, reason=reason):
        User.objects.select_for_update().get(pk=user.pk)
        if of(user) is None:
            raise Conflict("This person has no second factor, so there is nothing to reset.")
        if _waiting().filter(user=user).exists():
            raise Conflict("A reset of this person’s factor waits already for a second administrator.")
        return FactorReset.objects.create(
            user=user, requested_by=actor, reason=reason.strip(), expires_at=timezone.now() + RESET_LIVES
        )


def reset_grant(*, reset_id: uuid.UUID, actor: User) -> FactorReset:
    """The second administrator's word: the factor is removed, and the person signed out everywhere.

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
        if (factor := of(reset.user)) is not None:
            _remove(factor)
        sessions.end_all(reset.user)
    return reset


def _may_reset(actor: User, user: User) -> None:
    if not actor.may("factor.reset") or not administers(actor, user):
        raise Forbidden("A factor is reset by administrators of all that the person belongs to, never by the person.")


def _waiting() -> QuerySet[FactorReset]:
    return FactorReset.objects.filter(granted_at=None, expires_at__gt=timezone.now())


def forget(user_id: str) -> dict[str, int]:
    """What goes with an erased person."""
    mine = list(SecondFactor.objects.filter(user_id=user_id, removed_at=None))
    for factor in mine:
        _remove(factor)
    return {"second factors": len(mine)}


# --- small parts ---------------------------------------------------------------------------------------------------


def _accept(factor: SecondFactor, typed: str, now: datetime) -> bool:
    digits = _digits(typed)
    if len(digits) == totp.DIGITS and digits.isdigit():
        step = totp.matching_step(str(factor.secret), digits, now=now.timestamp(), after=factor.last_step)
        if step is not None:
            factor.last_step = step
        return step is not None
    digest = RecoveryCode.digest_of(factor.pk, digits.upper())
    return factor.recovery_codes.filter(digest=digest, used_at=None).update(used_at=now) == 1


def _count(factor: SecondFactor, accepted: bool, now: datetime) -> None:
    factor.failures = 0 if accepted else factor.failures + 1
    if not accepted and factor.failures % FAILURES_ALLOWED == 0:  # each pause is twice the one before, up to 32 hours
        factor.refused_until = now + REFUSED_FOR * 2 ** min(factor.failures // FAILURES_ALLOWED - 1, 7)
    factor.save(update_fields=["last_step", "failures", "refused_until"])


def _new_codes(factor: SecondFactor) -> list[str]:
    codes = [base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES)]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(factor=factor, digest=RecoveryCode.digest_of(factor.pk, code)) for code in codes
    )
    return [totp.in_groups(code) for code in codes]


def _remove(factor: SecondFactor) -> None:
    with transaction.atomic():
        factor.removed_at, factor.secret = timezone.now(), ""
        factor.save(update_fields=["removed_at", "secret"])
        factor.recovery_codes.all().delete()


def _required(user: User) -> SecondFactor:
    factor = of(user)
    if factor is None:
        raise Conflict("You have no second factor. Set one up first.")
    return factor


def _standing(user: User) -> QuerySet[SecondFactor]:
    return SecondFactor.objects.filter(user=user, removed_at=None)


def _digits(typed: str) -> str:
    return "".join(typed.split()).replace("-", "")
