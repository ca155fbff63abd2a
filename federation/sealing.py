"""Sealed letters between the coordinator and the sites: whose keys are vouched for, and what is refused.

Which messages are sealed is said by the frozen configuration of their run. What is refused becomes a row of the ledger,
and nothing else happens: the order stays open, so the site's true answer is still taken.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from django.db.models import Q, Sum
from django.utils import timezone

from core import artefacts
from core.context import governed
from federation.domain import messages
from federation.domain.messages import Message, MessageError
from federation.domain.secure import certificates, envelope, letters
from federation.domain.secure.certificates import Certificate
from federation.domain.secure.envelope import EnvelopeRefused, Opener, Purpose
from federation.keys import coordinator_key
from federation.models import (
    OrderTraffic,
    Participant,
    RefusedEnvelope,
    Round,
    RoundTraffic,
    SiteCertificate,
    SiteOrder,
    TrainingRun,
)  # fmt: skip
from provenance.keys import secret

logger = logging.getLogger(__name__)
MOST_REFUSALS_AN_HOUR = 60  # a site; more are in the log of the process only, so that nobody can flood the ledger


class Unsealed(EnvelopeRefused):
    """In the open, where the run's configuration says that it must be sealed."""

    kind = "unsealed"


def coordinator_seed() -> bytes:
    """Of the coordinator's ML-KEM-768 key: 64 bytes from the secret that it keeps."""
    return hashlib.shake_256(b"qfl-ethics/coordinator/ml-kem-768" + secret("coordinator-kem")).digest(64)


def coordinator_sealing_key() -> str:
    return base64.b64encode(
        MLKEM768PrivateKey.from_seed_bytes(coordinator_seed()).public_key().public_bytes_raw()
    ).decode()


def certificate_admit(participant: Participant, sealing_key: Any) -> None:
    """Vouch for the sealing key that a site stated in a message with its signature; the same key is renewed in time."""
    try:
        raw = base64.b64decode(sealing_key, validate=True)
        MLKEM768PublicKey.from_public_bytes(raw)
    except (ValueError, TypeError):
        logger.warning("%s states no ML-KEM-768 key", participant.site)
        return
    now = datetime.now(UTC)
    signing = base64.b64decode(participant.public_key)
    latest = certificate_of(participant)
    renewed = latest is not None and latest.is_valid(now + certificates.LIFETIME / 4)
    if latest is not None and renewed and (latest.sealing_key, latest.signing_key) == (raw, signing):
        return
    certificate = certificates.issue(participant.site, signing, raw, now=now)
    signature = base64.b64encode(certificates.sign(certificate, coordinator_key())).decode()
    with governed(action="certificate.issue", reason=f"stated by {participant.site}"):
        SiteCertificate.objects.create(
            participant=participant, content=certificate.as_dict(), signature=signature,
            not_after=datetime.fromtimestamp(certificate.not_after, UTC),
        )  # fmt: skip


def certificate_of(participant: Participant) -> Certificate | None:
    latest = participant.certificates.first()
    return None if latest is None else Certificate.from_dict(latest.content)


def must_seal(body: dict[str, Any]) -> bool:
    """Whether what an order is about has a configuration that wants it sealed.

    A proposal, which names no run yet, is read by people and signed only.
    """
    return "run" in body and (body.get("config") or {}).get("security") is not None


def write(order: SiteOrder, message: Message) -> str:
    """An order as text: a sealed letter if its run says so, else signed only. Raises MessageError without a key."""
    if not must_seal(order.body):
        return messages.seal(message, coordinator_key())
    certificate = certificate_of(order.participant)
    if certificate is None:
        raise MessageError(f"{order.participant.site} has stated no sealing key; start its worker")
    return letters.seal_letter(
        message, _purpose(order, envelope.TO_SITE), key=coordinator_key(), recipient=certificate.sealing_key
    )


def read(participant: Participant, text: str) -> tuple[Message, str]:
    """A site's message and its signature. Raises MessageError; the refusal is then on record."""
    run = None
    try:
        if not letters.is_letter(text):
            message, signature = messages.unseal(text, sender=participant.site, public_key=participant.public_key)
            order = _order(participant, message.key)
            if order is not None and must_seal(order.body) and message.kind != "progress":
                run = order.body.get("run")
                raise Unsealed(
                    f"the answer to {order.key} came in the open; this run wants it sealed: update the worker"
                )
            return message, signature
        claimed = letters.peek(text)
        order = _order(participant, claimed.step)
        if order is None:
            raise envelope.WrongPurpose(f"nobody asked {participant.site} for {claimed.step[:80]}")
        run = order.body.get("run")
        opener = Opener(coordinator_seed(), lambda name: _sender(participant, name), set())
        expected = _purpose(order, envelope.TO_COORDINATOR)
        message, signature = letters.open_letter(text, opener, expected, now=timezone.now())
        if signature:
            messages.check_signature(message, signature, public_key=participant.public_key)
        return message, signature
    except EnvelopeRefused as error:
        refusal_record(participant, kind=error.kind, reason=str(error), text=text, run_id=run)
        raise MessageError(str(error)) from error
    except MessageError as error:
        refusal_record(participant, kind="wrong-signature", reason=str(error), text=text, run_id=run)
        raise


def _sender(participant: Participant, name: str) -> Certificate | None:
    """Only the site whose queue it came on may speak there."""
    return certificate_of(participant) if name == participant.site else None


def _order(participant: Participant, key: str) -> SiteOrder | None:
    if "\x00" in key:
        return None
    return SiteOrder.objects.filter(participant=participant, key=key).first()


def _purpose(order: SiteOrder, direction: str) -> Purpose:
    body = order.body
    return Purpose(
        str(body["run"]), int(body.get("round", 0)), order.key, order.participant.site, direction, body["config_hash"]
    )


def refusal_record(participant: Participant, *, kind: str, reason: str, text: str, run_id: Any) -> bool:
    """Put a refusal on record, once for the same text; False if it is there already, or there are too many."""
    recent = RefusedEnvelope.objects.filter(
        participant=participant, created_at__gte=timezone.now() - timedelta(hours=1)
    ).count()
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    if recent >= MOST_REFUSALS_AN_HOUR or RefusedEnvelope.objects.filter(participant=participant, digest=digest):
        return False
    run = TrainingRun.objects.filter(id=run_id).first() if run_id else None
    printable = reason.encode("utf-8", "replace").decode().replace("\x00", "")[:500]
    with governed(action="envelope.refuse", reason=f"{kind}: in the name of {participant.site}"):
        RefusedEnvelope.objects.create(participant=participant, run=run, kind=kind, reason=printable, digest=digest)
    return True


def count_bytes(order: SiteOrder, text: str, *, from_site: bool) -> None:
    OrderTraffic.objects.create(order=order, from_site=from_site, n_bytes=len(text))


def traffic_record(round_: Round) -> None:
    """Sum what went to and fro for a round that is done; beside it, what the weights of its sites take in the open."""
    orders = OrderTraffic.objects.filter(order__subject=round_.id)
    sums = orders.aggregate(
        to=Sum("n_bytes", filter=Q(from_site=False), default=0),
        back=Sum("n_bytes", filter=Q(from_site=True), default=0),
    )
    plain = sum(artefacts.checked_file(digest).stat().st_size for digest in round_.weights.values())
    RoundTraffic.objects.create(
        round=round_, bytes_to_sites=sums["to"], bytes_from_sites=sums["back"],
        float32_bytes=plain * round_.updates.count(),
    )  # fmt: skip
