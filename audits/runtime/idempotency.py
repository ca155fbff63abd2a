"""A retried request does nothing twice: its stored answer is given again.

An answer names cases, so it is stored under a key that only the request's own Idempotency-Key gives: the caller can
have it again, a dump of the database cannot.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.db import connection

from core import vault
from core.errors import ApplicationError, Conflict
from core.models import IdempotencyKey
from core.prepared import Prepared
from core.pseudonyms import blind

MAX_KEY = 200
# Enters the key, if one was sent and nobody has it: the row comes back then.
CLAIM = """
    INSERT INTO core_idempotencykey (scope, key, request_digest, status, response, created_at)
    SELECT %(scope)s::text, %(key)s::text, %(digest)s::text, 0, '{{}}'::jsonb, now() WHERE %(key)s::text IS NOT NULL
    ON CONFLICT (scope, key) DO NOTHING RETURNING id
"""
KEEP = """
    UPDATE core_idempotencykey SET status = 200, response = %(answer)s::jsonb
    WHERE scope = %(scope)s::text AND key = %(key)s::text AND {when}
"""
_CLAIM, _KEEP = Prepared(CLAIM.format()), Prepared(KEEP.format(when="true"))


def check_key(key: str | None) -> str | None:
    """The header's value, if it is usable."""
    if key is None:
        return None
    if not 1 <= len(key) <= MAX_KEY or not key.isprintable():
        raise ApplicationError(f"Idempotency-Key: expected 1 to {MAX_KEY} printable characters, got {len(key)}.")
    return key


@dataclass(frozen=True)
class Claim:
    """One request's key, as the database knows it."""

    scope: str
    key: str | None
    digest: str  # of the request

    @classmethod
    def of(cls, scope: str, key: str | None, request_digest: str) -> Claim:
        return cls(scope, key, "" if key is None else blind("idempotent request", request_digest))

    @property
    def values(self) -> dict[str, str | None]:
        """Of the places in `CLAIM`."""
        stored = None if self.key is None else blind("idempotency key", f"{self.scope}\n{self.key}")
        return {"scope": self.scope, "key": stored, "digest": self.digest}

    def sealed(self, answer: dict) -> str | None:
        """The answer as it is stored: the value of the place `answer` in `KEEP`."""
        if self.key is None:
            return None
        return json.dumps({"sealed": vault.seal_under(self._answer_key, json.dumps(answer), self.scope)})

    def stored(self) -> dict:
        """The answer that another request has stored under the key.

        Raises
        ------
        Conflict
            If the key was used for another request.
        """
        found = IdempotencyKey.objects.get(scope=self.scope, key=self.values["key"])
        if found.request_digest != self.digest:
            raise Conflict(
                "This Idempotency-Key was used for another request. Send the same body again, or take a new key."
            )
        return json.loads(vault.open_under(self._answer_key, found.response["sealed"], self.scope))

    @property
    def _answer_key(self) -> bytes:
        return bytes.fromhex(blind("idempotent answer", f"{self.scope}\n{self.key}"))


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
    mine = Claim.of(scope, key, request_digest)
    with connection.cursor() as cursor:
        _CLAIM.execute(cursor, mine.values)
        if cursor.fetchone():
            return None
    return mine.stored()


def recall(*, scope: str, key: str, request_digest: str) -> dict | None:
    """The answer that was stored for this request, without taking the key; None if there is none.

    Raises
    ------
    Conflict
        If the key was used for another request.
    """
    mine = Claim.of(scope, key, request_digest)
    return mine.stored() if IdempotencyKey.objects.filter(scope=scope, key=mine.values["key"]).exists() else None


def keep(*, scope: str, key: str | None, answer: dict) -> None:
    """Store the answer under the claimed key."""
    if key is not None:
        mine = Claim(scope, key, "")
        with connection.cursor() as cursor:
            _KEEP.execute(cursor, {**mine.values, "answer": mine.sealed(answer)})
