"""Jobs: claim by conditional update, lease with heartbeat, effects and `done` in one transaction.

A handler computes first and returns a function that writes its effects; that function runs inside the transaction that
marks the job done, and only if this worker still holds the lease. So any process may be killed at any moment with
nothing lost and nothing done twice. Redis carries only the id; a lost message is rung again by the reaper.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

from django.db import connection, models, transaction
from django.utils import timezone

from core.models import Job

logger = logging.getLogger(__name__)

Effects = Callable[[], None]
Handler = Callable[[dict], Effects | None]
LEASE = timedelta(seconds=60)
HEARTBEAT_SECONDS = 15
_handlers: dict[str, Handler] = {}


class LeaseLost(Exception):
    """Another worker took the job over; this one's effects were rolled back."""


def handles(kind: str) -> Callable[[Handler], Handler]:
    """Register the handler of a kind of job; called from `ready()` of the app that owns it."""

    def register(handler: Handler) -> Handler:
        if _handlers.setdefault(kind, handler) is not handler:
            raise ValueError(f"two handlers for the job kind {kind!r}")
        return handler

    return register


def enqueue(kind: str, payload: dict, *, key: str, delay_seconds: float = 0, max_attempts: int = 5) -> Job:
    """Insert a job in the caller's transaction and ring the bell on commit. The same key never makes a second job."""
    job, created = Job.objects.get_or_create(
        idempotency_key=key,
        defaults={
            "kind": kind,
            "payload": payload,
            "next_run_at": timezone.now() + timedelta(seconds=delay_seconds),
            "max_attempts": max_attempts,
        },
    )
    if created and not delay_seconds:
        transaction.on_commit(lambda: ring(job.id))
    return job


def hasten(kind: str, **payload: str) -> int:
    """Let what waits for its time run now, in the caller's transaction. Returns how many jobs did wait."""
    told = {f"payload__{name}": value for name, value in payload.items()}
    waiting = Job.objects.filter(kind=kind, state=Job.State.QUEUED, **told)
    found = list(waiting.values_list("id", flat=True))
    waiting.update(next_run_at=timezone.now())
    for job_id in found:
        transaction.on_commit(partial(ring, job_id))
    return len(found)


def progressed(key: str) -> None:
    """Count the attempts of a running job anew: work that comes forward is not given up for being interrupted often."""
    Job.objects.filter(idempotency_key=key, state=Job.State.RUNNING).update(attempts=1)


def ring(job_id: uuid.UUID) -> None:
    """Tell a worker. A broker that is away loses nothing: the reaper rings again."""
    from core.tasks import run_job_task

    try:
        run_job_task.apply_async(args=[str(job_id)], retry=False)
    except Exception as error:  # noqa: BLE001 - kombu raises many kinds; the row is committed and safe
        logger.warning("broker unreachable, the reaper will ring job %s again: %s", job_id, error)


def run(job_id: uuid.UUID) -> bool:
    """Claim and run one job. False if it was not due or someone else has it."""
    token = uuid.uuid4()
    now = timezone.now()
    due = models.Q(state=Job.State.QUEUED, next_run_at__lte=now) | models.Q(
        state=Job.State.RUNNING, lease_until__lt=now
    )
    claimed = Job.objects.filter(due, id=job_id).update(
        state=Job.State.RUNNING, lease_token=token, lease_until=now + LEASE, attempts=models.F("attempts") + 1
    )
    if not claimed:
        return False
    job = Job.objects.get(id=job_id)
    if job.attempts > job.max_attempts:
        _bury(job, token, f"gave up after {job.max_attempts} attempts; last error: {job.last_error or 'worker lost'}")
        return False
    try:
        with _heartbeat(job_id, token):
            effects = _handlers[job.kind](job.payload)
        _finish(job, token, effects)
    except LeaseLost:
        logger.warning("job %s (%s) was taken over; its effects here were rolled back", job_id, job.kind)
        return False
    except Exception as error:
        logger.exception("job %s (%s) failed on attempt %s", job_id, job.kind, job.attempts)
        _retry(job, token, error)
        return False
    return True


def _finish(job: Job, token: uuid.UUID, effects: Effects | None) -> None:
    with transaction.atomic():
        done = Job.objects.filter(id=job.id, lease_token=token, state=Job.State.RUNNING).update(
            state=Job.State.DONE, finished_at=timezone.now(), lease_until=None, last_error=""
        )
        if not done:
            raise LeaseLost(job.id)
        if effects is not None:
            effects()


def _retry(job: Job, token: uuid.UUID, error: Exception) -> None:
    message = f"{type(error).__name__}: {error}"[:2000]
    job.refresh_from_db(fields=["attempts"])  # it may have progressed
    if job.attempts >= job.max_attempts:
        _bury(job, token, message)
        return
    delay = timedelta(seconds=min(60, 2**job.attempts))
    Job.objects.filter(id=job.id, lease_token=token).update(
        state=Job.State.QUEUED, lease_until=None, next_run_at=timezone.now() + delay, last_error=message
    )


def _bury(job: Job, token: uuid.UUID, message: str) -> None:
    from core import events

    with transaction.atomic():
        buried = Job.objects.filter(id=job.id, lease_token=token).update(
            state=Job.State.DEAD, finished_at=timezone.now(), lease_until=None, last_error=message
        )
        if buried and job.kind != "event":
            events.emit("job.dead", {"kind": job.kind, "payload": job.payload, "error": message})


@contextmanager
def _heartbeat(job_id: uuid.UUID, token: uuid.UUID):
    """Extend the lease from a second thread while the handler works."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_SECONDS):
            try:
                Job.objects.filter(id=job_id, lease_token=token).update(lease_until=timezone.now() + LEASE)
            except Exception:
                logger.exception("heartbeat of job %s failed", job_id)
        connection.close()

    thread = threading.Thread(target=beat, name=f"lease-{job_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()


def reap() -> int:
    """Ring every job that is due but unclaimed, or whose lease ran out. Returns how many were rung."""
    now = timezone.now()
    grace = now - timedelta(seconds=2)  # a freshly rung job gets time to be claimed
    due = Job.objects.filter(
        models.Q(state=Job.State.QUEUED, next_run_at__lte=grace)
        | models.Q(state=Job.State.RUNNING, lease_until__lt=now)
    ).values_list("id", flat=True)[:500]
    for job_id in due:
        ring(job_id)
    return len(due)
