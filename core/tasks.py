from __future__ import annotations

from uuid import UUID

from celery import shared_task


@shared_task(name="core.run_job")
def run_job_task(job_id: str) -> None:
    from core import jobs

    jobs.run(UUID(job_id))
