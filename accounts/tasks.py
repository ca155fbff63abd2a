from __future__ import annotations

from celery import shared_task


@shared_task(name="accounts.tasks.digests_task")
def digests_task() -> None:
    from django.utils import timezone

    from accounts.inbox import digests_enqueue, old_ones_remove

    now = timezone.now()
    digests_enqueue(now)
    old_ones_remove(now)
