"""Notices of halts and reinstatements: written by a job of the event, one row a recipient, one job a delivery attempt.

A payload holds identifiers, names of deployments and sites, times, and the monitor's own sentence. What a person wrote
stays out, as people write of people; so do patients and cases. Delivery is at least once: the identifier of a message
stays the same, so a receiver can tell that it has seen it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Q
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from accounts import inbox
from accounts.models import Membership
from audits.runtime import webhooks
from audits.runtime.models import Halt, Notice, WebhookSubscription
from core import jobs
from core.context import governed
from core.errors import Conflict
from core.models import Job
from core.roles import Role
from federation.models import Participant
from models_registry.models import Deployment

TOLD_ROLES = (Role.ETHICS_OFFICER, Role.ADMINISTRATOR, Role.SITE_OPERATOR)  # they tell their clinicians
DELAYS_SECONDS = (15, 60, 300, 1800, 7200, 21600)  # after the first failed attempt, the second, ...
HALTED, REINSTATED = "deployment.halted", "deployment.reinstated"
ADVICE = {
    HALTED: "Nothing is predicted there. Use no earlier answer for a new decision; follow your downtime plan.",
    REINSTATED: "Predictions are served again.",
}


class Undeliverable(Exception):
    """It can never arrive: there is nobody (any more) to send it to."""


# --- writing ------------------------------------------------------------------------------------------------------


def notices_write(event: str, payload: dict) -> jobs.Effects:
    """Handler of the events: a row for each recipient, each with a job of its own. Running twice adds nothing."""
    halt = Halt.objects.select_related("deployment__version__model").get(id=payload["halt"])
    content = content_of(event, halt)
    told = people_told(halt)
    rows = [
        *(_notice(event, halt, content, recipient_id=user) for user in told),
        *(_notice(event, halt, content, subscription=each) for each in subscribed(halt.deployment)),
    ]

    def effects() -> None:
        with governed(action="notice.write"):
            Notice.objects.bulk_create(rows, ignore_conflicts=True)
        for notice in Notice.objects.filter(event=event, halt=halt, state=Notice.State.QUEUED, attempts=0):
            _enqueue(notice, attempt=1)
        subject, _ = message_of(content)
        inbox.people_tell(
            users=told, kind="halt", key=f"{event}:{halt.id}", title=subject, text=ADVICE[event], path=_path(halt),
            mail=False,
        )  # fmt: skip

    return effects


def content_of(event: str, halt: Halt) -> dict[str, Any]:
    """What is told, the same to everybody."""
    deployment = halt.deployment
    at = halt.created_at if event == HALTED else halt.closed_at or timezone.now()
    return {
        "type": event,
        "timestamp": at.isoformat(),
        "data": {
            "deployment": {"id": str(deployment.id), "name": deployment.name, "kind": deployment.kind},
            "model": str(deployment.version),
            "halt": {
                "id": str(halt.id), "by": halt.source, "site": halt.site or None,
                "finding": str(halt.reason) if halt.source != "officer" else None,  # else a person wrote it
            },
            "advice": ADVICE[event],
            "url": f"{settings.PUBLIC_URL}{_path(halt)}" if settings.PUBLIC_URL else None,
        },
    }  # fmt: skip


def _path(halt: Halt) -> str:
    try:
        return reverse("deployment", args=[halt.deployment_id])
    except NoReverseMatch:
        return "/"


def people_told(halt: Halt) -> list[uuid.UUID]:
    """Officers, administrators and site operators of the institutions that take part, and the platform's own."""
    places = Participant.objects.filter(federation=halt.deployment.version.model.federation_id, is_active=True)
    rows = Membership.objects.filter(is_active=True, user__is_active=True, role__in=TOLD_ROLES)
    rows = rows.filter(Q(institution__in=places.values("institution")) | Q(institution__isnull=True))
    return sorted(set(rows.values_list("user_id", flat=True)))


def subscribed(deployment: Deployment) -> Iterator[WebhookSubscription]:
    """Live subscriptions to all deployments, or of an institution that takes part."""
    places = Participant.objects.filter(federation=deployment.version.model.federation_id, is_active=True)
    live = WebhookSubscription.objects.filter(revoked_at__isnull=True)
    yield from live.filter(Q(institution__isnull=True) | Q(institution__in=places.values("institution")))


def _notice(event: str, halt: Halt, content: dict[str, Any], **recipient: Any) -> Notice:
    channel = Notice.Channel.EMAIL if "recipient_id" in recipient else Notice.Channel.WEBHOOK
    return Notice(event=event, halt=halt, payload=content, channel=channel, **recipient)


# --- sending ------------------------------------------------------------------------------------------------------


def _enqueue(notice: Notice, *, attempt: int, delay: float = 0) -> None:
    """One job an attempt; `rounds` tells the attempts after "send again" from those before."""
    jobs.enqueue(
        "notice.send", {"notice": str(notice.id)}, key=f"notice:{notice.id}:{notice.rounds}:{attempt}",
        delay_seconds=delay,
    )  # fmt: skip


def notice_send(payload: dict) -> jobs.Effects | None:
    """Handler of the job: deliver, outside any transaction, then record how it went and plan the next attempt."""
    notice = Notice.objects.select_related("recipient", "subscription").get(id=payload["notice"])
    if notice.state != Notice.State.QUEUED:
        return None
    error, final = "", False
    try:
        _deliver(notice)
    except Undeliverable as problem:
        error, final = str(problem), True
    except Exception as problem:  # noqa: BLE001 - a mail server or a stranger's server may fail in any way
        error = f"{type(problem).__name__}: {problem}"

    def effects() -> None:
        with governed(action="notice.send"):
            _conclude(Notice.objects.select_for_update().get(id=notice.id), error, final)

    return effects


def _conclude(notice: Notice, error: str, final: bool) -> None:
    notice.attempts += 1
    notice.last_error = error[:1000]
    if not error:
        notice.state, notice.sent_at = Notice.State.SENT, timezone.now()
    elif final or notice.attempts > len(DELAYS_SECONDS):
        notice.state = Notice.State.DEAD
    notice.save(update_fields=["attempts", "last_error", "state", "sent_at"])
    if notice.state == Notice.State.QUEUED:
        _enqueue(notice, attempt=notice.attempts + 1, delay=DELAYS_SECONDS[notice.attempts - 1])


def _deliver(notice: Notice) -> None:
    if notice.channel == Notice.Channel.WEBHOOK:
        subscription = notice.subscription
        if subscription is None or subscription.revoked_at is not None:
            raise Undeliverable("the subscription was revoked")
        webhooks.post(
            url=subscription.url, secret=str(subscription.secret), message_id=f"msg_{notice.id.hex}",
            body=json.dumps(notice.payload, sort_keys=True, separators=(",", ":")).encode(),
        )  # fmt: skip
        return
    recipient = notice.recipient
    if recipient is None or not recipient.is_active or getattr(recipient.email, "erased", False):
        raise Undeliverable("the person has no address here any more")
    subject, text = message_of(notice.payload)
    EmailMessage(
        subject, text, to=[str(recipient.email)], headers={"Message-ID": f"<{notice.id.hex}@qfl-ethics>"}
    ).send()


def message_of(content: dict[str, Any]) -> tuple[str, str]:
    """Subject and text of the e-mail, from the same content that webhooks carry."""
    data = content["data"]
    name = " ".join(data["deployment"]["name"].split())  # one line: a subject has no other
    site = f" at {data['halt']['site']}" if data["halt"]["site"] else ""
    halted = content["type"] == HALTED
    subject = f"{name} {'is halted' if halted else 'serves again'}{site}"
    by = {"monitor": "the monitor", "officer": "an ethics officer", "chain": "decision on the chain"}
    lines = [
        f"Deployment: {name} ({data['model']})",
        f"{'Halted' if halted else 'Reinstated'}: {content['timestamp']}{site}",
        f"The halt was ordered by {by[data['halt']['by']]}.",
        *([data["halt"]["finding"]] if data["halt"]["finding"] else []),
        data["advice"],
        *([data["url"]] if data["url"] else []),
        "This message names no patient. Sign in to the platform for everything else.",
    ]
    return subject, "\n\n".join(lines) + "\n"


def notice_send_again(*, notice: Notice, actor: Any) -> Notice:
    """Try a notice that did not arrive once more, from the first attempt on; its identifier stays the same.

    Raises
    ------
    Conflict
        If it has arrived, or is still being tried.
    """
    with governed(action="notice.again", actor=actor.pk):
        locked = Notice.objects.select_for_update().get(id=notice.id)
        stuck = locked.state == Notice.State.QUEUED and _abandoned(locked)
        if locked.state != Notice.State.DEAD and not stuck:
            raise Conflict("This notice has arrived, or is still being tried; nothing was sent.")
        locked.state, locked.attempts, locked.last_error = Notice.State.QUEUED, 0, ""
        locked.rounds += 1
        locked.save(update_fields=["state", "attempts", "last_error", "rounds"])
        _enqueue(locked, attempt=1)
    return locked


def _abandoned(notice: Notice) -> bool:
    """No job will try it: the one that should have was lost for good."""
    alive = [Job.State.QUEUED, Job.State.RUNNING]
    return not Job.objects.filter(
        kind="notice.send", payload__notice=str(notice.id), state__in=alive
    ).exists() and notice.created_at < timezone.now() - timedelta(minutes=5)
