from __future__ import annotations

from celery import shared_task


@shared_task(name="provenance.tasks.verify_task")
def verify_task() -> None:
    """Check the whole ledger, and measure how much of what happened stands in it."""
    from provenance.checking import verification_enqueue

    verification_enqueue()
