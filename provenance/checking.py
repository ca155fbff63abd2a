"""Having the ledger checked from the platform (verification and replay), and keeping what came out.

The check runs where the log is kept, so it finds damage and tampering by others; it convinces nobody who does not trust
this machine. For that there are the public tiles, proof files and checkpoints.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from django.utils import timezone

from core import events, jobs
from core.models import DomainEvent, Job
from provenance.models import Entry
from provenance.replay import replay
from provenance.verification import verify_ledger

KIND = "ledger.verify"  # of the job; its handler is `verification_handle`
FINISHED = "ledger.verified"  # of the event that keeps a result
AT_ONCE = 20_000  # entries that are checked while the caller waits (about a second)


def verification_latest() -> dict[str, Any] | None:
    """The newest result, or None if the ledger was never checked from here."""
    event = DomainEvent.objects.filter(kind=FINISHED).order_by("-created_at").first()
    return event.payload if event else None


def verification_pending() -> Job | None:
    """The check that is waiting or running."""
    return Job.objects.filter(kind=KIND, state__in=[Job.State.QUEUED, Job.State.RUNNING]).first()


def verification_start() -> dict[str, Any] | None:
    """Check a short log at once and return the result; for a long one start a job (one at a time) and return None."""
    last = Entry.objects.order_by("-seq").first()
    if last is None or last.seq < AT_ONCE:
        result = _check()
        events.emit(FINISHED, result)
        return result
    verification_enqueue()
    return None


def verification_enqueue() -> bool:
    """Have a worker check the ledger and measure its completeness, unless one is at it. False: one is."""
    if verification_pending() is not None:
        return False
    jobs.enqueue(KIND, {}, key=f"{KIND}:{timezone.now():%Y-%m-%dT%H:%M}", max_attempts=2)
    return True


def verification_handle(payload: dict) -> jobs.Effects:
    """Run the job."""
    result = _check()

    def keep() -> None:
        events.emit(FINISHED, result)

    return keep


def _check() -> dict[str, Any]:
    began = time.monotonic()
    found, replayed = verify_ledger(), replay()
    return {
        **dataclasses.asdict(found),
        "problems": found.problems + replayed.problems,
        "ok": found.ok and replayed.complete,
        "rows_expected": replayed.expected,
        "rows_found": replayed.found,
        "tables": {item.table: [item.found, item.expected] for item in replayed.all},
        "seconds": round(time.monotonic() - began, 3),
    }
