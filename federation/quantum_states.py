"""How the row of a run on a device moves on, and what is queued with each move; in the caller's transaction.

Each takes the row anew under a lock and leaves one that has ended as it is: whatever comes late changes nothing.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from core import jobs
from core.context import governed
from core.models import Job
from federation import quantum_tasks
from federation.domain.messages import digest
from federation.domain.quantum.providers.base import HandedIn
from federation.models import QuantumJob, SiteOrder
from federation.quantum_tasks import locked

State = QuantumJob.State
FIRST_LOOK_SECONDS, LONGEST_PAUSE_SECONDS = 5.0, 300.0
GIVE_UP_AFTER = timedelta(days=7)
_SEEN = {"waiting": State.SUBMITTED, "running": State.RUNNING}


def begin(job: QuantumJob, *, number: int = 0, delay_seconds: float = 0) -> None:
    """Ask for the handing in."""
    payload = {"job": str(job.id), "number": number}
    jobs.enqueue("quantum.submit", payload, key=f"quantum.submit:{job.id}:{number}", delay_seconds=delay_seconds)


def overdue(job: QuantumJob) -> str:
    """Why a run that is still open is given up; empty if its time is not over."""
    if timezone.now() <= _deadline(job):
        return ""
    days = f"{GIVE_UP_AFTER.days} days"
    if SiteOrder.objects.filter(subject=job.id, state=SiteOrder.State.PENDING).exists():
        return f"the site's worker did not answer within {days}: see that it runs, then order the run again"
    why = f"it could not be handed in for {days}" if job.state == State.QUEUED else (
        f"the provider had not finished after {days}"
    )  # fmt: skip
    return f"{why}: {job.note}" if job.note else why


def _deadline(job: QuantumJob) -> datetime:
    begun = job.created_at if job.state == State.QUEUED else job.submitted_at or job.created_at
    return begun + GIVE_UP_AFTER


def watch(job: QuantumJob, *, least: float = 1.0) -> None:
    """See to the end of the time also if the site that was asked never answers: until it does, nothing else waits."""
    told = {"job": str(job.id)}
    if not Job.objects.filter(kind="device.watch", state=Job.State.QUEUED, payload=told).exists():
        wait = (_deadline(job) - timezone.now()).total_seconds() + 1
        jobs.enqueue("device.watch", told, key=f"device.watch:{uuid.uuid4().hex}", delay_seconds=max(least, wait))


def handed_in(job: QuantumJob, task: int, handed: HandedIn, machine: str, number: int = 0) -> None:
    row, now = locked(job.id), timezone.now()
    with governed(action="quantum.submit"):
        quantum_tasks.arrived(row, task, handed)
        changes: dict[str, Any] = {"machine": machine, "submitted_at": row.submitted_at or now, "note": row.note}
        last = task + 1 >= handed.total
        if row.state == State.QUEUED:
            changes["note"] = "" if last else f"{task + 1} of {handed.total} tasks are handed in"
            changes["state"] = State.SUBMITTED if last else State.QUEUED
        _save(row, action="quantum.submit", **changes)
    if row.state == State.SUBMITTED:
        _look_again(row, 0, FIRST_LOOK_SECONDS)
    elif row.state == State.QUEUED and row.participant_id:
        begin(row, number=number + 1)
    elif not row.is_open:  # it ended while this was being handed in
        quantum_tasks.end_at_provider(row)


def stands(job: QuantumJob, state: str, note: str, number: int) -> None:
    """What a look saw. Raises ValueError on a state that no task has."""
    row = locked(job.id)
    if not row.is_open:
        return
    if state in _SEEN:
        _save(row, action="quantum.poll", state=_SEEN[state], note=note, polled_at=timezone.now())
        _look_again(row, number + 1, min(LONGEST_PAUSE_SECONDS, FIRST_LOOK_SECONDS * 1.5 ** min(number, 12)))
    elif state == "cancelled":
        _save(row, action="quantum.poll", state=State.CANCELLED, finished_at=timezone.now(),
              error=f"cancelled at the provider. {note}".strip())  # fmt: skip
        quantum_tasks.end_at_provider(row)
    elif state == "failed":
        failed(row, f"the provider says that it failed: {note or 'no reason given'}")
    else:
        raise ValueError(f"expected waiting, running, cancelled or failed, got {state[:40]!r}")


def later(job: QuantumJob, note: str, wait: float, number: int, kind: str) -> None:
    """The provider is away or wants to be asked less often, or somebody has to mend something."""
    row = locked(job.id)
    if not row.is_open:
        return
    wait = min(3600.0, max(1.0, wait))
    _save(row, action="quantum.wait", note=note, polled_at=timezone.now())
    if why := overdue(row):
        failed(row, why)
    elif kind == "device_poll":
        _look_again(row, number + 1, wait)
    else:
        begin(row, number=number + 1, delay_seconds=wait)


def finished(job: QuantumJob, result: dict[str, Any], machine: str = "") -> None:
    row = locked(job.id)
    if row.is_open:
        now = timezone.now()
        with governed(action="quantum.finish"):
            quantum_tasks.done(row)
        _save(
            row, action="quantum.finish", state=State.FINISHED, result=result, result_digest=digest(result), note="",
            machine=machine or row.machine, submitted_at=row.submitted_at or now, finished_at=now,
        )  # fmt: skip


def stopped(job: QuantumJob, why: str) -> None:
    row = locked(job.id)
    if row.is_open:
        _save(row, action="quantum.stop", state=State.CANCELLED, error=why, note="", finished_at=timezone.now())
        quantum_tasks.end_at_provider(row)


def failed(job: QuantumJob, error: str) -> None:
    row = locked(job.id)
    if row.is_open:
        _save(row, action="quantum.fail", state=State.FAILED, error=error[:2000], note="", finished_at=timezone.now())
        quantum_tasks.end_at_provider(row)


def take_up(job: QuantumJob) -> None:
    """Go on with an open run of which nothing is queued any more, because an answer met a fault of ours."""
    kind = "quantum.submit" if job.state == State.QUEUED else "quantum.poll"
    told = Job.objects.filter(kind=kind, payload__job=str(job.id)).values_list("payload__number", flat=True)
    number = max((int(one) for one in told), default=-1) + 1
    if kind == "quantum.submit":
        begin(job, number=number)
    else:
        _look_again(job, number, 0)


def _look_again(job: QuantumJob, number: int, wait: float) -> None:
    payload = {"job": str(job.id), "number": number}
    jobs.enqueue("quantum.poll", payload, key=f"quantum.poll:{job.id}:{number}", delay_seconds=wait)


def _save(job: QuantumJob, *, action: str, **changes: Any) -> None:
    with governed(action=action):
        for name, value in changes.items():
            setattr(job, name, value)
        job.save(update_fields=list(changes))
