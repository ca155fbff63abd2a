"""Signatures of decisions: whose key is whose, the statement that is signed, and whether a signature is of it.

The private halves are with the people. What the platform keeps is enough for anybody to verify the signature again.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core import signing
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from models_registry import webauthn
from models_registry.delegations import Acting, stands_in
from models_registry.domain.statement import (
    CONTEXT,
    POSSESSION,
    StatementError,
    possession_text,
    read_statement,
    statement_text,
    verify_mldsa65,
)
from models_registry.models import ApprovalDecision, ApprovalRequest, ReviewerKey
from provenance.domain.decision import rationale_commitment

MOST_KEYS = 5  # a person's live ones
GOOD_FOR = timedelta(hours=1)  # from the making of a statement to its signature
_SALT = "models_registry.reviewer-key"


@dataclass(frozen=True)
class Signed:
    """What came back from the person: the statement, the salt of the reason's commitment, and the signature."""

    statement: str
    salt: str  # hex
    signature: str  # base64 of ML-DSA-65, or a WebAuthn assertion as JSON
    site: webauthn.Site | None = None  # where the assertion must have been made


def statement_for(
    *, request: ApprovalRequest, decision: str, reason: str, actor: User, acting: Acting
) -> tuple[str, str]:
    """The statement that the person signs for this decision, and the salt that opens its commitment to the reason."""
    if decision not in ApprovalDecision.Decision.values or not reason.strip():
        raise ApplicationError("Choose a decision and give a reason; the statement is made of both.")
    salt = secrets.token_hex(32)
    at = timezone.now().isoformat(timespec="seconds")
    return _statement(request, decision, reason.strip(), actor, acting, salt, at), salt


def checked(
    signed: Signed | None, request: ApprovalRequest, decision: str, reason: str, actor: User, acting: Acting
) -> dict[str, Any]:
    """The columns that keep a verified signature; empty for a person without a key, where none is required.

    Raises
    ------
    Conflict
        If a signature is missing, too old, or not this person's under exactly this decision.
    """
    live = list(live_keys(actor))
    if signed is None:
        if live:
            raise Conflict("You have registered a key, so your decision is signed with it. Sign the statement first.")
        if settings.APPROVAL_SIGNATURES == "required" and decision in ("approve", "reject"):
            raise Conflict("Decisions are signed here. Register a key under “Your keys” first, then decide.")
        return {}
    try:
        found = read_statement(signed.statement)
        expected = _statement(request, decision, reason, actor, acting, signed.salt, found["issued_at"])
        age = timezone.now() - datetime.fromisoformat(found["issued_at"])
    except (StatementError, ValueError, TypeError) as error:
        raise Conflict(_("The statement cannot be used: %(error)s. Begin again.") % {"error": error}) from None
    if expected != signed.statement:
        raise Conflict("What was signed is not this decision on this content. Begin again and sign the new statement.")
    if not -timedelta(minutes=5) < age < GOOD_FOR:
        raise Conflict("The statement is more than an hour old. Begin again and sign the new one.")
    key = key_that_signed(live, signed)
    return {
        "key": key, "statement": signed.statement, "signature": signed.signature, "reason_salt": signed.salt,
    }  # fmt: skip


def key_that_signed(live: list[ReviewerKey], signed: Signed, *, context: bytes = CONTEXT) -> ReviewerKey:
    """The live key under which the signature is good.

    Raises
    ------
    Conflict
        If it is good under none of them.
    """
    refused = "it is none of your live keys'"
    for key in live:
        try:
            if key.kind == ReviewerKey.Kind.MLDSA65:
                verify_mldsa65(key.public_key, signed.statement.encode(), signed.signature, context=context)
            else:
                webauthn.verify(key, signed.statement, signed.signature, signed.site)
            return key
        except StatementError as error:
            refused = str(error)
    raise Conflict(_("The signature was not accepted: %(refused)s.") % {"refused": refused})


def _statement(
    request: ApprovalRequest, decision: str, reason: str, actor: User, acting: Acting, salt: str, issued_at: str
) -> str:
    return statement_text(
        origin=settings.LOG_ORIGIN, request=str(request.id), kind=request.kind, version=str(request.version_id),
        name=str(request.version), content=request.content, content_digest=request.content_digest, decision=decision,
        reason_commitment=rationale_commitment(salt=bytes.fromhex(salt), rationale=reason), capacity=acting.capacity,
        institution=acting.institution.slug if acting.institution else None, person=str(actor.id),
        stands_in_for=str(acting.delegation.officer_id) if acting.delegation else None, issued_at=issued_at,
    )  # fmt: skip


# --- keys ----------------------------------------------------------------------------------------------------------


def live_keys(user: User):
    return ReviewerKey.objects.filter(user=user, revoked_at=None)


def may_hold_a_key(user: User) -> bool:
    return user.may("key.hold") or stands_in(user)


def key_challenge(*, user: User, public_key: str) -> str:
    """The text that a new ML-DSA-65 key signs, to show that the person has it."""
    return possession_text(origin=settings.LOG_ORIGIN, person=str(user.id), public_key=public_key.strip())


def key_register(*, user: User, public_key: str, proof: str) -> ReviewerKey:
    """Record a person's ML-DSA-65 key, once it has signed `key_challenge`.

    Raises
    ------
    Forbidden
        If the person decides on nothing.
    ApplicationError
        If the key or its proof is malformed, or another key made the proof.
    Conflict
        If the key is known, or the person has too many.
    """
    text = key_challenge(user=user, public_key=public_key)
    try:
        verify_mldsa65(public_key.strip(), text.encode(), proof.strip(), context=POSSESSION)
    except StatementError as error:
        raise ApplicationError(_("The key was not registered: %(error)s.") % {"error": error}) from None
    return _register(user, ReviewerKey.Kind.MLDSA65, public_key.strip())


def security_key_options(*, user: User, site: webauthn.Site) -> tuple[dict[str, Any], str]:
    """What the browser needs to make a credential, and a sealed state that comes back with it."""
    options, state = webauthn.begin(user, [key.public_key for key in _of_kind(user, "webauthn")], site)
    return options, signing.dumps({"user": str(user.id), "state": state}, salt=_SALT)


def security_key_register(*, user: User, state: str, credential: str, site: webauthn.Site) -> ReviewerKey:
    """Record a WebAuthn credential that was made for the challenge in `state`."""
    try:
        told = signing.loads(state, salt=_SALT, max_age=300)
    except signing.BadSignature:
        raise ApplicationError("The challenge is not ours or more than five minutes old. Begin again.") from None
    if told["user"] != str(user.id):
        raise Forbidden("The challenge was given to another person.")
    return _register(user, ReviewerKey.Kind.WEBAUTHN, webauthn.finish(told["state"], credential, site))


def key_revoke(*, key: ReviewerKey, actor: User) -> ReviewerKey:
    """Let a key sign nothing more; what it signed stays verifiable."""
    if key.user_id != actor.id:
        raise Forbidden("A key is revoked by its holder.")
    with governed(action="approval.key.revoke", actor=actor.id):
        locked = ReviewerKey.objects.select_for_update().get(id=key.id)
        if locked.revoked_at is not None:
            raise Conflict("The key was revoked before.")
        locked.revoked_at = timezone.now()
        locked.save(update_fields=["revoked_at"])
    return locked


def _register(user: User, kind: str, public_key: str) -> ReviewerKey:
    if not may_hold_a_key(user):
        raise Forbidden("Only those who decide on requests, or sign reports off, register a key.")
    if live_keys(user).count() >= MOST_KEYS:
        raise Conflict(_("You have %(most_keys)s live keys; revoke one first.") % {"most_keys": MOST_KEYS})
    try:
        with governed(action="approval.key.register", actor=user.id), transaction.atomic():
            return ReviewerKey.objects.create(user=user, kind=kind, public_key=public_key)
    except IntegrityError:
        raise Conflict("This key is registered already; a key is one person's, and once revoked nobody's.") from None


def _of_kind(user: User, kind: str):
    return live_keys(user).filter(kind=kind)
