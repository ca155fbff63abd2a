from __future__ import annotations

from celery import shared_task


@shared_task(name="federation.tasks.witness_task")
def witness_task() -> None:
    """Ask every witness to cosign the newest checkpoint."""
    from federation.witnessing import witnesses_ask

    witnesses_ask()
