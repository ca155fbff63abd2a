from __future__ import annotations

from celery import shared_task


@shared_task(name="provenance.tasks.heartbeat_task")
def heartbeat_task() -> None:
    """An entry a minute, so that silence shows."""
    from provenance.services import heartbeat_record

    heartbeat_record()
