"""A retried request does nothing twice: its stored answer is given again.

An answer names cases, so it is stored under a key that only the request's own Idempotency-Key gives: the caller can
have it again, a dump of the database cannot.
"""

from __future__ import annotations

import json

from django.db import connection

from core import vault
from core.errors import ApplicationError, Conflict
from core.models import IdempotencyKey
from core.pseudonyms import blind

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
    digest, stored_key = blind("idempotent request", request_digest), _stored_key(scope, key)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_idempotencykey (scope, key, request_digest, status, response, created_at) "
            "VALUES (%s, %s, %s, 0, '{}', now()) ON CONFLICT (scope, key) DO NOTHING RETURNING id",
            [scope, stored_key, digest],
        )
        if cursor.fetchone():
            return None
    stored = IdempotencyKey.objects.get(scope=scope, key=stored_key)
    if stored.request_digest != digest:
        raise Conflict(
            "This Idempotency-Key was used for another request. Send the same body again, or take a new key."
        )
    return json.loads(vault.open_under(_answer_key(scope, key), stored.response["sealed"], scope))


def keep(*, scope: str, key: str | None, answer: dict) -> None:
    """Store the answer under the claimed key."""
    if key is not None:
        sealed = vault.seal_under(_answer_key(scope, key), json.dumps(answer), scope)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE core_idempotencykey SET status = 200, response = %s::jsonb WHERE scope = %s AND key = %s",
                [json.dumps({"sealed": sealed}), scope, _stored_key(scope, key)],
            )


def _stored_key(scope: str, key: str) -> str:
    return blind("idempotency key", f"{scope}\n{key}")


def _answer_key(scope: str, key: str) -> bytes:
    return bytes.fromhex(blind("idempotent answer", f"{scope}\n{key}"))
