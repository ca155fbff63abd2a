"""Domain events: how a higher floor learns from a lower one.

Each handler is a job of its own, so one that fails does not stop another.
"""

from __future__ import annotations

from collections.abc import Callable

from core import jobs
from core.models import DomainEvent

Subscriber = Callable[[dict], jobs.Effects | None]
_subscribers: dict[str, dict[str, Subscriber]] = {}


def on(kind: str, name: str, subscriber: Subscriber) -> None:
    """Subscribe under a stable name (it is part of the job's key); called from `ready()`."""
    _subscribers.setdefault(kind, {})[name] = subscriber


def emit(kind: str, payload: dict) -> DomainEvent:
    """Write the event in the caller's transaction, with a job for each subscriber."""
    event = DomainEvent.objects.create(kind=kind, payload=payload)
    for name in _subscribers.get(kind, {}):
        jobs.enqueue("event", {"event": kind, "subscriber": name, **payload}, key=f"event:{event.id}:{name}")
    return event


@jobs.handles("event")
def _deliver(payload: dict) -> jobs.Effects | None:
    return _subscribers[payload["event"]][payload["subscriber"]](payload)
