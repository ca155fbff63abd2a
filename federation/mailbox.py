"""Orders to sites and their answers: idempotent by key, sent again until answered, trusted only if signed.

The broker may lose everything: an order is a row, and a site that has answered answers the same again.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta

import kombu
import redis
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from kombu.simple import SimpleQueue

from core import artefacts, events
from federation.domain import messages
from federation.domain.invitation import is_join
from federation.domain.messages import Message, MessageError
from federation.engines.choice import engine_of
from federation.keys import coordinator_key
from federation.models import Participant, RunEvent, SiteOrder
from federation.site.wire import broker, transport_options

logger = logging.getLogger(__name__)


def order_create(
    *, participant: Participant, kind: str, key: str, subject: uuid.UUID, body: dict, attachments: dict[str, str]
) -> SiteOrder:
    """Ask a site for something, in the caller's transaction; the message leaves on commit."""
    order, created = SiteOrder.objects.get_or_create(
        participant=participant,
        key=key,
        defaults={"kind": kind, "subject": subject, "body": body, "attachments": attachments},
    )
    if created:
        transaction.on_commit(lambda: order_send(order))
    return order


def order_send(order: SiteOrder) -> bool:
    """Put the signed order on the site's queue. False if the broker is away: it is sent again later."""
    files = {name: artefacts.get(digest) for name, digest in order.attachments.items()}
    message = Message(order.kind, "coordinator", order.participant.site, order.key, order.body, files)
    text = messages.seal(message, coordinator_key())
    try:
        engine_of(order).send(order.participant.site, text)
    except Exception as error:  # noqa: BLE001 - kombu raises many kinds; the order is a row and is sent again
        logger.warning("order %s not sent: %s", order.key, error)
        return False
    SiteOrder.objects.filter(id=order.id).update(sends=order.sends + 1, last_contact_at=timezone.now())
    return True


def orders_resend(*, participant: Participant | None = None) -> int:
    """Send again what got no sign of life for RESEND_AFTER_SECONDS, or all of one site's orders (it just started)."""
    pending = SiteOrder.objects.filter(state=SiteOrder.State.PENDING).select_related("participant")
    if participant is not None:
        pending = pending.filter(participant=participant, sends__gt=0)
    else:
        quiet_since = timezone.now() - timedelta(seconds=settings.RESEND_AFTER_SECONDS)
        pending = pending.filter(last_contact_at__lt=quiet_since)
    return sum(order_send(order) for order in pending[:100])


def orders_cancel(*, subject_ids: list[uuid.UUID]) -> None:
    """Nobody waits for these any more; a late answer is ignored."""
    SiteOrder.objects.filter(subject__in=subject_ids, state=SiteOrder.State.PENDING).update(
        state=SiteOrder.State.CANCELLED
    )


def message_receive(*, participant: Participant, text: str) -> str:
    """Take one message of a site. Returns what it was, for the log.

    An answer's files are stored, the order is marked, and whoever asked is told by a domain event, all or nothing.
    """
    try:
        message, signature = messages.unseal(text, sender=participant.site, public_key=participant.public_key)
    except MessageError as error:
        logger.warning("refused a message in the name of %s: %s", participant.site, error)
        return "refused"
    if not _storable((message.body, message.key)):  # a message that cannot be stored would return for ever
        logger.warning("refused a message of %s: it holds a character that no database does", participant.site)
        return "refused"
    now = timezone.now()
    Participant.objects.filter(id=participant.id).update(last_seen_at=now)
    if message.kind == "hello":
        orders_resend(participant=participant)
        return "hello"
    order = SiteOrder.objects.filter(participant=participant, key=message.key).first()
    if order is None:
        return "unasked"
    if message.kind == "progress":
        SiteOrder.objects.filter(id=order.id).update(last_contact_at=now)
        _show_progress(order, message)
        return "progress"
    stored = {name: artefacts.put(data) for name, data in message.attachments.items()}
    with transaction.atomic():
        taken = SiteOrder.objects.filter(id=order.id, state=SiteOrder.State.PENDING).update(
            state=SiteOrder.State.ANSWERED if message.ok else SiteOrder.State.FAILED,
            answered_at=now,
            answer=message.body,
            answer_attachments=stored,
            answer_digest=messages.message_digest(message),
            signature=signature,
            error="" if message.ok else str(message.body.get("error", "no reason given")),
        )
        if not taken:
            return "duplicate"
        events.emit(f"order.{order.kind}", {"order": str(order.id)})
    return "answer" if message.ok else "failure"


def _storable(value: object) -> bool:
    """Whether PostgreSQL can hold it: it takes neither NUL nor half of a surrogate pair."""
    text = json.dumps(value, ensure_ascii=False)
    return "\\u0000" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _show_progress(order: SiteOrder, message: Message) -> None:
    run_id = order.body.get("run")
    if run_id:
        RunEvent.objects.create(
            run_id=run_id, kind="progress", site=order.participant.site,
            data={"doing": order.kind, "round": order.body.get("round"), **message.body},
        )  # fmt: skip


class Inbox:
    """Reads what the sites send, one queue a site under its own prefix."""

    def __init__(self, joins: Callable[[str, str], object] = lambda site, text: None) -> None:
        self._joins = joins  # what a hospital sends that answers an invitation
        self._queues: dict[str, SimpleQueue] = {}

    def poll(self, participants: list[Participant], *, invited: Sequence[str] = ()) -> int:
        """Take what has arrived. A message is acknowledged only after its effects are committed."""
        taken = 0
        known = {participant.site for participant in participants}
        for site, participant in [
            *((p.site, p) for p in participants),
            *((s, None) for s in invited if s not in known),
        ]:
            try:
                taken += self._drain(site, participant)
            except (OSError, redis.RedisError, kombu.exceptions.OperationalError) as error:
                logger.warning("broker away for %s: %s", site, error)
                self._queues.pop(site, None)
        return taken

    def _drain(self, site: str, participant: Participant | None, limit: int = 50) -> int:
        queue = self._queues.get(site) or self._open(site)
        for taken in range(limit):
            try:
                message = queue.get(block=False)
            except queue.Empty:
                return taken
            payload = message.payload
            text = payload if isinstance(payload, str) else json.dumps(payload)
            if is_join(text):
                self._joins(site, text)
            elif participant is not None:
                message_receive(participant=participant, text=text)
            message.ack()
        return limit

    def _open(self, site: str) -> SimpleQueue:
        connection = kombu.Connection(broker(settings.REDIS_URL), transport_options=transport_options(site))
        self._queues[site] = connection.SimpleQueue("results")
        return self._queues[site]
