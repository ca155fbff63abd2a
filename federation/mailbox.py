"""Orders to sites and their answers: idempotent by key, sent again until answered, trusted only if signed.

The broker may lose everything: an order is a row, and a site that has answered answers the same again.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import kombu
import redis
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from kombu.simple import SimpleQueue

from core import artefacts, events
from federation import attendance, kits, sealing, site_software
from federation.domain import messages
from federation.domain.flare_keys import KIND as KIT
from federation.domain.invitation import is_join
from federation.domain.messages import Message, MessageError
from federation.engines.choice import engine_of
from federation.models import Participant, RunEvent, SiteOrder
from federation.site.wire import broker, transport_options

logger = logging.getLogger(__name__)
_STATEMENTS = {  # what a site says unasked, and the texts that it consists of
    "approval": ("config_hash", "decision", "until", "code_version", "at"),
    "opt_out": ("config_hash",),
}


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
    body = (
        {**order.body, "sealing_key": sealing.coordinator_sealing_key()}
        if sealing.must_seal(order.body)
        else order.body
    )
    message = Message(order.kind, "coordinator", order.participant.site, order.key, body, files)
    try:
        text = sealing.write(order, message)
        engine_of(order).send(order.participant.channel, text)
    except Exception as error:  # noqa: BLE001 - kombu raises many kinds; the order is a row and is sent again
        logger.warning("order %s not sent: %s", order.key, error)
        return False
    SiteOrder.objects.filter(id=order.id).update(sends=order.sends + 1, last_contact_at=timezone.now())
    sealing.count_bytes(order, text, from_site=False)
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


def orders_cancel(*, subject_ids: list[uuid.UUID], participant: Participant | None = None) -> None:
    """Nobody waits for these (or this site's of them) any more; a late answer is ignored."""
    pending = SiteOrder.objects.filter(subject__in=subject_ids, state=SiteOrder.State.PENDING)
    if participant is not None:
        pending = pending.filter(participant=participant)
    pending.update(state=SiteOrder.State.CANCELLED)


def message_receive(*, participant: Participant, text: str) -> str:
    """Take one message of a site. Returns what it was, for the log.

    An answer's files are stored, the order is marked, and whoever asked is told by a domain event, all or nothing.
    """
    try:
        message, signature = sealing.read(participant, text)
    except MessageError as error:
        logger.warning("refused a message in the name of %s: %s", participant.site, error)
        attendance.message_refused(participant, str(error)[:500])
        return "refused"
    if not _storable((message.body, message.key)):  # a message that cannot be stored would return for ever
        logger.warning("refused a message of %s: it holds a character that no database does", participant.site)
        attendance.message_refused(participant, "it holds a character that no database does")
        return "refused"
    now = timezone.now()
    Participant.objects.filter(id=participant.id).update(last_seen_at=now)
    if message.kind in {"hello", "manifest"} and "sealing_key" in message.body:
        sealing.certificate_admit(participant, message.body["sealing_key"])
    if message.kind == "alive":
        return "alive"
    if message.kind == "hello":
        site_software.note(participant, message.body.get("software"))
        orders_resend(participant=participant)
        return "hello"
    if message.kind == KIT:
        return kits.answer(participant, message)
    if message.kind in _STATEMENTS:
        return _statement(participant, message)
    order = SiteOrder.objects.filter(participant=participant, key=message.key).first()
    if order is None:
        attendance.message_refused(participant, f"nobody asked for {message.kind} {message.key[:100]!r}")
        return "unasked"
    if message.kind == "progress":
        SiteOrder.objects.filter(id=order.id).update(last_contact_at=now)
        _show_progress(order, message)
        return "progress"
    digest = messages.message_digest(message)
    if order.state != SiteOrder.State.PENDING:
        attendance.late_answer(order, message)
        return "duplicate"
    if reason := attendance.too_large(order, message):
        message = replace(message, ok=False, body={"error": reason}, attachments={})
    stored = {name: artefacts.put(data) for name, data in message.attachments.items()}
    with transaction.atomic():
        taken = SiteOrder.objects.filter(id=order.id, state=SiteOrder.State.PENDING).update(
            state=SiteOrder.State.ANSWERED if message.ok else SiteOrder.State.FAILED,
            answered_at=now,
            answer=message.body,
            answer_attachments=stored,
            answer_digest=digest if message.ok or reason else "",
            signature=signature,
            error="" if message.ok else str(message.body.get("error", "no reason given")),
        )
        if not taken:
            return "duplicate"
        sealing.count_bytes(order, text, from_site=True)
        events.emit(f"order.{order.kind}", {"order": str(order.id)})
    return "answer" if message.ok else "failure"


def _statement(participant: Participant, message: Message) -> str:
    """What a site says unasked becomes an event; who handles it finds the same said twice harmless."""
    said = {name: message.body.get(name, "") for name in _STATEMENTS[message.kind]}
    if not all(isinstance(value, str) and len(value) <= 100 for value in said.values()):
        logger.warning("refused a statement of %s: expected short texts", participant.site)
        return "refused"
    with transaction.atomic():
        events.emit(f"site.{message.kind}", {"participant": str(participant.id), **said})
    return "statement"


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

    def __init__(self, joins: Callable[[str, str], object] = lambda channel, text: None) -> None:
        self._joins = joins  # what a hospital sends that answers an invitation
        self._queues: dict[str, SimpleQueue] = {}

    def poll(self, participants: list[Participant], *, invited: Sequence[str] = ()) -> int:
        """Take what has arrived. A message is acknowledged only after its effects are committed."""
        taken = 0
        known: dict[str, Participant | None] = {participant.channel: participant for participant in participants}
        for channel, participant in {**dict.fromkeys(invited), **known}.items():
            try:
                taken += self._drain(channel, participant)
            except (OSError, redis.RedisError, kombu.exceptions.OperationalError) as error:
                logger.warning("broker away for %s: %s", channel, error)
                self._queues.pop(channel, None)
        return taken

    def _drain(self, channel: str, participant: Participant | None, limit: int = 50) -> int:
        queue = self._queues.get(channel) or self._open(channel)
        for taken in range(limit):
            try:
                message = queue.get(block=False)
            except queue.Empty:
                return taken
            payload = message.payload
            text = payload if isinstance(payload, str) else json.dumps(payload)
            try:
                if is_join(text):
                    self._joins(channel, text)
                elif participant is not None:
                    message_receive(participant=participant, text=text)
            except OSError as error:  # the disk is full: the message waits on the queue until there is room
                logger.error("an answer of %s cannot be stored and waits: %s", channel, error)  # noqa: TRY400
                message.requeue()
                return taken
            message.ack()
        return limit

    def _open(self, channel: str) -> SimpleQueue:
        connection = kombu.Connection(broker(settings.REDIS_URL), transport_options=transport_options(channel))
        self._queues[channel] = connection.SimpleQueue("results")
        return self._queues[channel]
