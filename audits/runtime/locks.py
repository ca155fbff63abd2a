"""The lock between serving and halting: predictions share it, a halt takes it alone.

A prediction holds it from before it reads the state until its commit. So when the halt has it, every prediction that
saw "active" is committed, and every later one reads "halted". The lock queue is fair: a waiting halt lets no new
prediction pass, and is not starved.
"""

from __future__ import annotations

import hashlib
import uuid

from django.db import connection


def key_of(deployment_id: uuid.UUID) -> int:
    """The deployment's number among the advisory locks."""
    digest = hashlib.sha256(b"qfl-ethics:deployment:" + deployment_id.bytes).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def lock_shared(deployment_id: uuid.UUID) -> None:
    """To serve: until the end of the transaction, no halt can commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [key_of(deployment_id)])


def lock_exclusive(deployment_id: uuid.UUID) -> None:
    """To change the state: waits for predictions under way, and until the end of the transaction none begins."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key_of(deployment_id)])
