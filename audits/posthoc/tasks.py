from __future__ import annotations

from celery import shared_task
from django.utils import timezone


@shared_task(name="audits.posthoc.tasks.reports_task")
def reports_task() -> None:
    """Ask for the reports of the month and the half-year that are over."""
    from audits.posthoc.scheduling import reports_due

    reports_due(today=timezone.now().date())
