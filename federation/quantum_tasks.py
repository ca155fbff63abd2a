"""Tasks at a provider as rows: written before they are handed in, closed when their end is known and not before."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from core import jobs
from core.context import governed
from federation.domain.quantum.devices import find
from federation.domain.quantum.providers.base import HandedIn
from federation.domain.quantum.providers.base import State as AtProvider
from federation.domain.quantum.providers.ending import OPEN, Ended, Fate
from federation.models import ProviderTask, QuantumJob, SiteOrder

State = ProviderTask.State
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 60.0, 86_400.0  # of asking what became of them, without end
LISTED_WITHIN = timedelta(minutes=10)  # what a provider took may be missing in its list for a while
_ENDED = {AtProvider.DONE: State.DONE, AtProvider.FAILED: State.FAILED, AtProvider.CANCELLED: State.CANCELLED}


def locked(job_id: uuid.UUID) -> QuantumJob:
    return QuantumJob.objects.select_for_update().get(id=job_id)


def intend(job: QuantumJob) -> tuple[ProviderTask, bool] | None:
    """Note the next task before it is sent. Says whether for the first time; None if nothing is to be sent."""
    with governed(action="quantum.send"):
        row = locked(job.id)
        if row.state != QuantumJob.State.QUEUED:
            return None
        number = row.tasks.exclude(state=State.SENDING).count()
        size = find(row.device).max_circuits_per_job or 1
        circuits = max(1, min(size, row.circuits - number * size))
        task, fresh = ProviderTask.objects.get_or_create(job=row, number=number, defaults={"circuits": circuits})
        if not fresh:
            may_be_sent(row)
        return task, fresh


def may_be_sent(job: QuantumJob) -> None:
    """What is on its way may have left until now, so that its absence at the provider proves nothing yet."""
    job.tasks.filter(state=State.SENDING).update(sent_at=timezone.now())


def arrived(job: QuantumJob, number: int, handed: HandedIn) -> None:
    """The provider has it. What is known of its end already stays."""
    job.tasks.filter(number=number, state__in=[State.SENDING, State.NOT_TAKEN]).update(
        state=State.HANDED_IN, provider_id=handed.task[:200], circuits=handed.circuits, handed_in_at=timezone.now(),
        ended_at=None,
    )  # fmt: skip


def refused(job: QuantumJob, number: int) -> None:
    """The provider has certainly not taken it."""
    with governed(action="quantum.send"):
        job.tasks.filter(number=number, state=State.SENDING).update(state=State.NOT_TAKEN, ended_at=timezone.now())


def known_done(job: QuantumJob) -> set[str]:
    """The provider's ids of those that are not asked for any more."""
    return set(job.tasks.filter(state=State.DONE).values_list("provider_id", flat=True))


def seen_done(job: QuantumJob, ids: Iterable[str]) -> None:
    """A look, cut off or not, saw that these are done."""
    with governed(action="quantum.poll"):
        job.tasks.filter(state=State.HANDED_IN, provider_id__in=[str(task) for task in ids]).update(
            state=State.DONE, ended_at=timezone.now()
        )


def done(job: QuantumJob) -> None:
    job.tasks.unsettled().update(state=State.DONE, ended_at=timezone.now())


def end_at_provider(job: QuantumJob) -> None:
    """Have what may still run of it cancelled, and asked after until its end is known. In the caller's transaction.

    Looks are asked of nobody any more, nor what a device of the site itself would compute for nobody.
    """
    in_vain = ["device_poll"] if find(job.device).needs_consent else ["device_poll", "device_submit"]
    SiteOrder.objects.filter(subject=job.id, kind__in=in_vain, state=SiteOrder.State.PENDING).update(
        state=SiteOrder.State.CANCELLED
    )
    if not job.tasks.unsettled().exists():
        return
    for order in _hand_in_orders(job):
        order.body = {**order.body, "ended": True}  # for when it is sent again
        order.save(update_fields=["body"])
    if not jobs.hasten("quantum.cancel", job=str(job.id)):
        _ask(job, 0)


def cancel_answered(payload: dict) -> jobs.Effects | None:
    """A site told its provider, as far as that could be reached."""
    order = SiteOrder.objects.get(id=payload["order"])
    job, asked = QuantumJob.objects.get(id=order.subject), int(order.body["number"])
    try:
        found = (
            Ended.from_dict(order.answer or {}) if order.state != SiteOrder.State.FAILED else Ended(note=order.error)
        )
    except ValueError as error:
        found = Ended(note=f"{order.participant_id}: {error}")
    return lambda: ended(job, found, asked)


def ended(job: QuantumJob, found: Ended, asked: int) -> None:
    """Write down what became of the tasks; what is not known to have ended is asked for again."""
    with governed(action="quantum.cancel"):
        row = locked(job.id)
        _settle(row, found.fates)
        left = row.tasks.unsettled().count()
        first = row.tasks.exclude(provider_id="").order_by("handed_in_at").first()
        row.submitted_at = row.submitted_at or (first.handed_in_at if first else None)
        row.note = (found.note or "It was asked to cancel them, and they have not ended yet.") if left else ""
        row.polled_at = timezone.now()
        row.save(update_fields=["submitted_at", "note", "polled_at"])
        if left:
            wait = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(asked, 12))
            _ask(row, asked + 1, max(wait, min(3600.0, found.retry_after_seconds)))


def _ask(job: QuantumJob, asked: int, delay_seconds: float = 0) -> None:
    ask = uuid.uuid4().hex  # each asking is one of its own
    payload = {"job": str(job.id), "asked": asked, "ask": ask}
    jobs.enqueue("quantum.cancel", payload, key=f"quantum.cancel:{ask}", delay_seconds=delay_seconds)


def _hand_in_orders(job: QuantumJob) -> QuerySet[SiteOrder]:
    """Those to the site that may still be carried out."""
    return SiteOrder.objects.filter(subject=job.id, kind="device_submit", state=SiteOrder.State.PENDING)


def _settle(job: QuantumJob, fates: Iterable[Fate]) -> None:
    now = timezone.now()
    waiting = {task.number: task for task in job.tasks.unsettled()}
    sending = _hand_in_orders(job).exists()  # a site may send at any time
    for fate in fates:
        task = waiting.get(fate.number)
        if task is None:
            continue
        if fate.state is None:
            if task.state == State.SENDING and not sending and now - task.sent_at > LISTED_WITHIN:
                task.state, task.ended_at = State.NOT_TAKEN, now
        else:
            task.provider_id = task.provider_id or fate.task
            task.handed_in_at = task.handed_in_at or now
            task.state = State.HANDED_IN if fate.state in OPEN else _ENDED[fate.state]
            task.ended_at = None if fate.state in OPEN else now
        task.save(update_fields=["provider_id", "handed_in_at", "state", "ended_at"])
