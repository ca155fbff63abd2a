from __future__ import annotations

from celery import shared_task


@shared_task(name="protection.tasks.retention_task")
def retention_task() -> None:
    """Carry out the retention schedule, once a day."""
    from protection.retention import execute_once_a_day

    execute_once_a_day()
