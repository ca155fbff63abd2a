"""A retried request does nothing twice: its stored answer is given again."""

from __future__ import annotations

import json

from django.db import connection

from core.errors import ApplicationError, Conflict
from core.models import IdempotencyKey

MAX_KEY = 200


def check_key(key: str | None) -> str | None:
    """The header's value, if it is usable."""
    if key is None:
        return None
    if not 1 <= len(key) <= MAX_KEY or not key.isprintable():
        raise ApplicationError(f"Idempotency-Key: expected 1 to {MAX_KEY} printable characters, got {len(key)}.")
    return key


def claim(*, scope: str, key: str | None, request_digest: str) -> dict | None:
    """Take the key for this request, in the transaction of its effects; the stored answer if it was taken before.

    A second request with the same key waits here until the first has committed or failed.

    Raises
    ------
    Conflict
        If the key was used for another request.
    """
    if key is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_idempotencykey (scope, key, request_digest, status, response, created_at) "
            "VALUES (%s, %s, %s, 0, '{}', now()) ON CONFLICT (scope, key) DO NOTHING RETURNING id",
            [scope, key, request_digest],
        )
        if cursor.fetchone():
            return None
    stored = IdempotencyKey.objects.get(scope=scope, key=key)
    if stored.request_digest != request_digest:
        raise Conflict(
            "This Idempotency-Key was used for another request. Send the same body again, or take a new key."
        )
    return stored.response


def keep(*, scope: str, key: str | None, answer: dict) -> None:
    """Store the answer under the claimed key."""
    if key is not None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE core_idempotencykey SET status = 200, response = %s::jsonb WHERE scope = %s AND key = %s",
                [json.dumps(answer), scope, key],
            )
