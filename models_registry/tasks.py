from __future__ import annotations

from celery import shared_task


@shared_task(name="models_registry.tasks.expire_task")
def expire_task() -> None:
    """Close requests for approval whose time is over."""
    from models_registry.approvals import expire_due

    expire_due()
