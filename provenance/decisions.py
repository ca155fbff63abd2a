"""Decisions on the chain, as the platform sees them: proposed here, signed by people's own keys, read from the mirror.

Nothing here talks to a chain. The anchor worker carries what has enough signatures (`provenance.relaying`), and writes
the mirror that `subjects.subject_state` reads.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Case, Q, QuerySet, When
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role
from core.spoken import inside
from provenance.domain.decision import (
    LEADS,
    Message,
    SubjectState,
    Verdict,
    rationale_commitment,
    subject_commitment,
)
from provenance.models import ChainState
from provenance.models_decisions import ChainDecision, DecisionSignature, OfficerKey
from provenance.officers import live_key, signer_of
from provenance.subjects import NoSuchSubject, SubjectView, contents_for, standing_on, subject_state

SHORTEST, LONGEST, USUAL = timedelta(minutes=10), timedelta(days=60), timedelta(days=7)
MOST_RATIONALE = 4000
FORMAT = "qfl-ethics/decision/v1"


def quorum() -> int:
    """Officers that the contract is told to ask for; it takes no fewer than two."""
    return max(2, settings.OFFICERS_REQUIRED)


def decision_propose(
    *,
    object_id: str,
    verdict: Verdict,
    rationale: str,
    actor: User,
    content_digest: str | None = None,
    expires_in: timedelta = USUAL,
) -> ChainDecision:
    """Open a decision on a deployment or version, for people to sign.

    Parameters
    ----------
    object_id : str
        Of something approved within the actor's reach. The digest of its approved content goes into the subject.
    content_digest : str or None
        Of the content that the actor has seen; refused if another was approved.
    expires_in : timedelta
        Ten minutes to sixty days; signatures that are not on the chain by then are void.

    Raises
    ------
    NoSuchSubject
        If nothing approved that the actor may see has this identifier.
    Forbidden
        If the actor's role or key does not allow this verdict.
    Conflict
        If the subject's state does not allow it, another decision is under way, or no chain is known yet.
    ApplicationError
        If the rationale or the expiry is out of bounds.
    """
    key, text = _opener(actor, verdict), _checked(rationale, expires_in)
    chain = ChainState.objects.first()
    if chain is None:
        raise Conflict("No chain is known yet; the anchor worker has not reached one. Try again once it has.")
    digest = _content(object_id, content_digest, actor)
    try:
        with governed(action=f"decision.{verdict.name.lower()}", actor=actor.id, reason=text), transaction.atomic():
            _one_at_a_time(object_id)
            made = _drafted(object_id, digest, verdict, chain)
            made.rationale, made.opened_by = text, actor
            made.commitment = rationale_commitment(salt=bytes(made.commitment_salt), rationale=text)
            made.expires_at = (timezone.now() + expires_in).replace(microsecond=0)
            made.proposer = made.proposer or key.address
            made.save(force_insert=True)
    except IntegrityError:
        raise Conflict("Another decision on this is under way; sign that one, or wait until it is done.") from None
    return made


def _drafted(object_id: str, digest: str, verdict: Verdict, chain: ChainState) -> ChainDecision:
    """What follows from where the object stands; a proposal's proposer is left open."""
    before, known = standing_on(object_id), subject_state(object_id=object_id)
    if before is not None and before.content_digest != digest:
        raise Conflict("What was proposed had other content; a decision cannot be about two contents.")
    _check_state(verdict, known)
    salt = bytes(before.subject_salt) if before else secrets.token_bytes(32)
    return ChainDecision(
        object_id=object_id, content_digest=digest, subject_salt=salt, verdict=int(verdict),
        subject=subject_commitment(salt=salt, object_id=object_id, content_digest=digest),
        commitment_salt=secrets.token_bytes(32),
        proposer="" if verdict is Verdict.PROPOSE or known is None else known.proposer,
        nonce=known.nonce if known else 0,
        chain_id=chain.chain_id, contract=chain.contract, log_id=chain.log_id,
        needed=1 if verdict in (Verdict.PROPOSE, Verdict.HALT) else quorum(),
    )  # fmt: skip


def _content(object_id: str, expected: str | None, actor: User) -> str:
    digest = contents_for([object_id], actor).get(object_id)
    if digest is None:
        raise NoSuchSubject("Nothing approved that you may see has this identifier. Expected a deployment's.")
    if expected not in (None, digest):
        raise Conflict(
            _("Expected a decision on the approved content, %(digest)s; got %(expected)s. Review what changed.")
            % {"digest": digest, "expected": expected}
        )
    return digest


def _one_at_a_time(object_id: str) -> None:
    """Of two first proposals at once the second must see the first: each would draw a subject of its own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('decision'), hashtext(%s))", [object_id])


def message_of(decision: ChainDecision) -> Message:
    """What is signed."""
    return Message(
        place=decision.place,
        subject=decision.subject,
        verdict=Verdict(decision.verdict),
        commitment=decision.commitment,
        proposer=decision.proposer,
        nonce=decision.nonce,
        expires_at=int(decision.expires_at.timestamp()),
    )


def typed_data(decision: ChainDecision) -> dict[str, Any]:
    """The EIP-712 message of a decision, as wallets take it."""
    return message_of(decision).typed_data()


def decision_download(decision: ChainDecision) -> dict[str, Any]:
    """What an officer takes away to sign: the message, and what its commitments stand for, so that they can be checked.

    It holds the salts, so it is for those who decide and for nobody else.
    """
    return {
        "format": FORMAT,
        "decision": str(decision.id),
        "typed_data": typed_data(decision),
        "about": {
            "object": decision.object_id,
            "content_digest": decision.content_digest,
            "subject_salt": bytes(decision.subject_salt).hex(),
            "rationale": str(decision.rationale),
            "rationale_salt": bytes(decision.commitment_salt).hex(),
        },
    }


def decision_sign(*, decision: ChainDecision, signature: str, actor: User) -> DecisionSignature:
    """Add a person's signature; with the last one needed, the decision is ready for the chain.

    Raises
    ------
    NoSuchSubject
        If the decision is on nothing that the person may see.
    Forbidden
        If the signature is not of the person's own live key, or the person may not sign this decision.
    Conflict
        If the decision takes no more signatures, or has this person's.
    ApplicationError
        If it is no signature.
    """
    if not actor.sees_all and not contents_for([decision.object_id], actor):
        raise NoSuchSubject("Nothing that you may see is decided on here.")
    address = signer_of(message_of(decision).digest(), signature)
    if not OfficerKey.objects.filter(user=actor, address=address, revoked_at__isnull=True).exists():
        raise Forbidden(
            _(
                "Expected a signature of this decision by your own registered key; it is %(address)s's. Either "
                "another key signed, or it signed something else."
            )
            % {"address": address}
        )
    _check_signer(decision, actor, address)
    with governed(action="decision.sign", actor=actor.id):
        locked = ChainDecision.objects.select_for_update().get(id=decision.id)
        if locked.state not in (ChainDecision.State.OPEN, ChainDecision.State.READY):
            raise Conflict(
                _("The decision is %(state)s: it takes no more signatures.")
                % {"state": inside(locked.get_state_display())}
            )
        if locked.expires_at <= timezone.now():
            raise Conflict(
                _("The decision expired at %(expires_at)s UTC; open a new one.")
                % {"expires_at": f"{locked.expires_at:%Y-%m-%d %H:%M}"}
            )
        if locked.signatures.filter(Q(officer=actor) | Q(address=address)).exists():
            raise Conflict("You have signed this decision.")
        made = DecisionSignature.objects.create(
            decision=locked, officer=actor, address=address, signature="0x" + signature.removeprefix("0x").lower()
        )
        if locked.state == ChainDecision.State.OPEN and locked.signatures.count() >= locked.needed:
            locked.state = ChainDecision.State.READY
            locked.save(update_fields=["state"])
    return made


def decisions_expire() -> int:
    """Close the decisions whose time is over before they were sent."""
    waiting = ChainDecision.objects.filter(
        state__in=[ChainDecision.State.OPEN, ChainDecision.State.READY], expires_at__lte=timezone.now()
    )
    if not waiting.exists():
        return 0
    with governed(action="decision.expire"):
        return waiting.update(state=ChainDecision.State.EXPIRED)


def decisions_ready() -> QuerySet[ChainDecision]:
    """What waits for the chain: halts first, then the oldest."""
    first = Case(When(verdict=int(Verdict.HALT), then=0), default=1)
    ready = ChainDecision.objects.filter(state=ChainDecision.State.READY, expires_at__gt=timezone.now())
    return ready.order_by(first, "created_at")


# --- who may ------------------------------------------------------------------------------------------------------


def _opener(actor: User, verdict: Verdict) -> OfficerKey:
    wanted = Role.ADMINISTRATOR if verdict is Verdict.PROPOSE else Role.ETHICS_OFFICER
    if wanted not in actor.roles:
        who = _("an administrator proposes") if verdict is Verdict.PROPOSE else _("an ethics officer decides")
        raise Forbidden(
            _("On the chain %(who)s; your role does not allow to %(verdict)s.")
            % {"who": who, "verdict": verdict.name.lower()}
        )
    key = live_key(actor.id)
    if key is None:
        raise Forbidden("Register the address of your key first; a decision on the chain is signed by a key of yours.")
    return key


def _check_signer(decision: ChainDecision, actor: User, address: str) -> None:
    verdict = Verdict(decision.verdict)
    if verdict is Verdict.PROPOSE:
        if address != decision.proposer:
            raise Forbidden("A proposal is signed by the person who proposes, and by nobody else.")
        return
    if Role.ETHICS_OFFICER not in actor.roles:
        raise Forbidden("Only ethics officers decide on the chain.")
    if address == decision.proposer and verdict is not Verdict.HALT:
        raise Forbidden("You proposed this, so the contract does not count you among those who decide on it.")


def _check_state(verdict: Verdict, known: SubjectView | None) -> None:
    state = known.state if known else SubjectState.NONE
    if (state, verdict) not in LEADS:
        raise Conflict(
            _("On the chain this is %(state)s as far as is known here, so there is nothing to %(verdict)s.")
            % {"state": state.name.lower(), "verdict": verdict.name.lower()}
        )


def _checked(rationale: str, expires_in: timedelta) -> str:
    text = rationale.strip()
    if not 1 <= len(text) <= MOST_RATIONALE:
        raise ApplicationError(
            _("Expected a rationale of 1 to %(most_rationale)s characters, got %(n)s.")
            % {"most_rationale": MOST_RATIONALE, "n": len(text)}
        )
    if not SHORTEST <= expires_in <= LONGEST:
        raise ApplicationError(
            _("Expected an expiry in ten minutes to sixty days, got %(expires_in)s.") % {"expires_in": expires_in}
        )
    return text
