"""Who does what and why, for the length of one transaction; the capture trigger reads it there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import connection, transaction

from core import vault
from core.said import SETTING, Said

ERASED_REASON = "[not kept: the writer's key was erased]"
_REASON = "reason"  # what a sealed reason is bound to
TELL = f"SELECT set_config('{SETTING}', %({SETTING})s, true);"
_request_id: ContextVar[str] = ContextVar("request_id", default="")
_actor: ContextVar[uuid.UUID | None] = ContextVar("actor", default=None)


def set_request(*, request_id: str) -> None:
    _request_id.set(request_id)


def set_actor(actor: uuid.UUID | None) -> None:
    _actor.set(actor)


def request_id() -> str:
    return _request_id.get()


@contextmanager
def by_the_platform() -> Iterator[None]:
    """What is recorded inside without an actor is the platform's own statement, also while a person's request runs."""
    token = _actor.set(None)
    try:
        yield
    finally:
        _actor.reset(token)


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
        before = None if outermost else _current()  # the database forgets it all when the transaction ends
        _apply(values)
        yield
        if before is not None and not connection.needs_rollback:
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
    return {SETTING: Said(actor, action, _request_id.get(), _sealed_reason(actor, reason)).text()}


def _sealed_reason(actor: uuid.UUID | None, reason: str) -> str:
    if actor is None or not reason:
        return reason
    try:
        return vault.seal(actor, reason, _REASON)
    except vault.Shredded:
        return ERASED_REASON  # the deed is recorded all the same


def _current() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s, true)", [SETTING])
        return {SETTING: cursor.fetchone()[0] or ""}


def _apply(values: dict[str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(TELL, values)
