"""Who does what and why, for the length of one transaction; the capture trigger reads it there."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import connection, transaction

from core import vault

ERASED_REASON = "[not kept: the writer's key was erased]"
_REASON = "reason"  # what a sealed reason is bound to
_NAMES = ("qfl.actor", "qfl.action", "qfl.reason", "qfl.request")
TELL = "SELECT " + ", ".join(f"set_config('{name}', %({name})s, true)" for name in _NAMES) + ";"
_request_id: ContextVar[str] = ContextVar("request_id", default="")
_actor: ContextVar[uuid.UUID | None] = ContextVar("actor", default=None)


def set_request(*, request_id: str) -> None:
    _request_id.set(request_id)


def set_actor(actor: uuid.UUID | None) -> None:
    _actor.set(actor)


def request_id() -> str:
    return _request_id.get()


@contextmanager
def governed(*, action: str, actor: uuid.UUID | None = None, reason: str = "") -> Iterator[None]:
    """One atomic transaction (or savepoint) whose row changes are recorded under this actor, action and reason.

    The actor defaults to the signed-in user of the request; work without a person (a job, the monitor) passes none and
    is recorded as the platform's own.

    An actor's reason is sealed under the actor's key before the database sees it (`opened_reason` reads it): people
    write of people. The platform's own words stay clear.
    """
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        values = _values(action, actor or _actor.get(), reason)
        before = {} if outermost else _current(values)  # the database forgets it all when the transaction ends
        _apply(values)
        yield
        if before and not connection.needs_rollback:
            _apply(before)  # an outer transaction gets its own context back


@contextmanager
def governed_by_first(*, action: str, actor: uuid.UUID, reason: str) -> Iterator[dict[str, str]]:
    """As `governed`, for a transaction of its own whose first statement sends `TELL` along, with the values given here.

    A question less, where hundreds of transactions a second are small.
    """
    with transaction.atomic():
        yield _values(action, actor, reason)


def opened_reason(actor: uuid.UUID | None, stored: str) -> str | None:
    """A recorded reason in clear; None if its writer's key was erased."""
    if actor is None or not vault.is_sealed(stored):
        return stored
    return vault.open(actor, stored, _REASON)


def _values(action: str, actor: uuid.UUID | None, reason: str) -> dict[str, str]:
    return {
        "qfl.actor": str(actor or ""),
        "qfl.action": action,
        "qfl.reason": _sealed_reason(actor, reason),
        "qfl.request": _request_id.get(),
    }


def _sealed_reason(actor: uuid.UUID | None, reason: str) -> str:
    if actor is None or not reason:
        return reason
    try:
        return vault.seal(actor, reason, _REASON)
    except vault.Shredded:
        return ERASED_REASON  # the deed is recorded all the same


def _current(names: Iterable[str]) -> dict[str, str]:
    settings = list(names)
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join("current_setting(%s, true)" for _ in settings), settings)
        return dict(zip(settings, (value or "" for value in cursor.fetchone()), strict=True))


def _apply(values: dict[str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(TELL, values)
