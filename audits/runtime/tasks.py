from __future__ import annotations

from celery import shared_task


@shared_task(name="audits.runtime.tasks.ensure_partitions_task")
def ensure_partitions_task() -> None:
    from audits.runtime.partitions import ensure_partitions
    from audits.runtime.retention import months_retire

    ensure_partitions()
    months_retire()


@shared_task(name="audits.runtime.tasks.overdue_task")
def overdue_task() -> None:
    from audits.runtime.reminders import overdue_tell

    overdue_tell()
