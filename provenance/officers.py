"""Officers' keys: whose address is whose, shown by a signature, one live key a person.

The contract counts addresses; that two addresses are two people is what this register vouches for.
"""

from __future__ import annotations

import re
import uuid

from django.conf import settings
from django.core import signing
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import User
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role
from provenance.domain.decision import personal_digest
from provenance.models_decisions import OfficerKey

CHALLENGE_SECONDS = 15 * 60
_SALT = "provenance.officer-key"
_SIGNATURE = re.compile(r"(?:0x)?[0-9a-fA-F]{130}")
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


def officer_key_challenge(*, user: User, address: str) -> str:
    """The text that the key of `address` signs (EIP-191) to show that this person has it; good for a quarter hour."""
    checked = checked_address(address)
    ticket = signing.dumps({"user": str(user.id), "address": checked}, salt=_SALT)
    return f"I hold the key of {checked} and sign decisions of {settings.LOG_ORIGIN} with it.\nTicket: {ticket}"


def officer_key_register(*, user: User, challenge: str, signature: str) -> OfficerKey:
    """Record a person's address, once its key has signed the challenge.

    Raises
    ------
    Forbidden
        If the person neither decides nor proposes, or the challenge is another person's.
    ApplicationError
        If the challenge is not ours or too old, or the signature is not that address's.
    Conflict
        If the person has a live key, or the address is known already.
    """
    if not may_hold_a_key(user):
        raise Forbidden("Only ethics officers and administrators sign decisions on the chain.")
    address = _challenged(challenge, user)
    if signer_of(personal_digest(challenge), signature) != address:
        raise ApplicationError(
            gettext("Expected the challenge signed by the key of %(address)s; another key signed it.")
            % {"address": address}
        )
    if OfficerKey.objects.filter(user=user, revoked_at__isnull=True).exists():
        raise Conflict("You have a live key; revoke it before you register another, so that one person is one key.")
    try:
        with governed(action="officer.key.register", actor=user.id), transaction.atomic():
            return OfficerKey.objects.create(user=user, address=address)
    except IntegrityError:
        raise Conflict(
            gettext("%(address)s is registered already; a key is one person's, and once revoked nobody's.")
            % {"address": address}
        ) from None


def officer_key_revoke(*, key: OfficerKey, actor: User, reason: str) -> OfficerKey:
    """Let a key sign nothing more; the anchor worker dismisses it on the chain.

    By its holder, an administrator of the platform, or one of an institution of the holder.

    Raises
    ------
    Forbidden
        For anybody else.
    Conflict
        If it is revoked.
    """
    if actor.id != key.user_id and not _administers(actor, key.user):
        raise Forbidden(
            "A key is revoked by its holder, or by an administrator of the platform or of the holder's institution."
        )
    with governed(action="officer.key.revoke", actor=actor.id, reason=reason):
        locked = OfficerKey.objects.select_for_update().get(id=key.id)
        if locked.revoked_at is not None:
            raise Conflict(gettext("%(address)s was revoked before.") % {"address": locked.address})
        locked.revoked_at = timezone.now()
        locked.save(update_fields=["revoked_at"])
    return locked


def _administers(actor: User, holder: User) -> bool:
    held = actor.memberships.filter(is_active=True, role=Role.ADMINISTRATOR)
    return held.filter(Q(institution__isnull=True) | Q(institution__in=holder.institution_ids)).exists()


def live_key(user_id: uuid.UUID) -> OfficerKey | None:
    """The person's live key."""
    return OfficerKey.objects.filter(user_id=user_id, revoked_at__isnull=True).first()


def may_hold_a_key(user: User) -> bool:
    return user.is_active and bool(user.roles & {Role.ETHICS_OFFICER, Role.ADMINISTRATOR})


def offices() -> dict[str, tuple[bool, bool]]:
    """What each known address should be on the chain: (officer, proposer).

    Ethics officers decide; administrators, who ask for approvals here, propose. A person with both roles may do
    either, but the contract never counts the proposer of a subject among those who decide on it.
    """
    wanted = {}
    for key in OfficerKey.objects.select_related("user"):
        live = key.revoked_at is None and key.user.is_active
        roles = key.user.roles if live else frozenset()
        wanted[key.address] = (Role.ETHICS_OFFICER in roles, Role.ADMINISTRATOR in roles)
    return wanted


def signer_of(digest: bytes, signature: str) -> str:
    """Address whose key signed 32 bytes.

    Raises
    ------
    ApplicationError
        If it is no signature in the one form that the contract takes: r, s (the lower one), v (27 or 28).
    """
    from eth_keys import keys  # half a second to import, which web processes pay only where they need it
    from eth_keys.exceptions import BadSignature, ValidationError

    if not isinstance(signature, str) or not _SIGNATURE.fullmatch(signature):  # `fromhex` would take spaces, too
        raise ApplicationError("Expected a signature as 0x and 130 hexadecimal digits.")
    raw = bytes.fromhex(signature.removeprefix("0x"))
    if raw[64] not in (27, 28) or int.from_bytes(raw[32:64], "big") > _HALF_ORDER:
        raise ApplicationError("Expected a signature of r, s in its lower form, and v of 27 or 28.")
    try:
        made = keys.Signature(raw[:64] + bytes([raw[64] - 27]))
        return made.recover_public_key_from_msg_hash(digest).to_checksum_address()
    except (BadSignature, ValidationError):
        raise ApplicationError("Expected a signature; these bytes are none of any key.") from None


def checked_address(address: str) -> str:
    """An address with its checksum; refuse what is none."""
    from eth_utils import is_address, to_checksum_address

    if not isinstance(address, str) or not is_address(address) or int(address, 16) == 0:
        raise ApplicationError(
            gettext("Expected an address, 0x and 40 hexadecimal digits; got %(address)s.")
            % {"address": f"{address:.60}"}
        )
    return to_checksum_address(address)


def _challenged(challenge: str, user: User) -> str:
    text, _, ticket = challenge.partition("\nTicket: ")
    try:
        told = signing.loads(ticket.strip(), salt=_SALT, max_age=CHALLENGE_SECONDS)
    except signing.SignatureExpired:
        raise ApplicationError("The challenge is more than a quarter hour old; ask for a new one.") from None
    except signing.BadSignature:
        raise ApplicationError("Expected the challenge as it was given, every character; got another text.") from None
    address = str(told["address"])
    if told["user"] != str(user.id):
        raise Forbidden("The challenge was given to another person.")
    if text != f"I hold the key of {address} and sign decisions of {settings.LOG_ORIGIN} with it.":
        raise ApplicationError("Expected the challenge as it was given, every character; got another text.")
    return address
