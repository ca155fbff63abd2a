"""The next numbers of a deployment's predictions and outcomes: gapless, in the order of commits."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Literal, TypeVar

from django.db import connection

from audits.runtime.halting import deployment_prepare
from core.prepared import Prepared

TAKE = """
    UPDATE audits_runtime_deploymentcounter SET {kind} = {kind} + %(rows)s::integer
    WHERE deployment_id = %(deployment)s::uuid RETURNING {kind} - %(rows)s::integer + 1 AS first
"""
_TAKE = {kind: Prepared(TAKE.format(kind=kind)) for kind in ("predictions", "outcomes")}
T = TypeVar("T")


def numbers_take(deployment_id: uuid.UUID, kind: Literal["predictions", "outcomes"], rows: int) -> int:
    """The first of `rows` new numbers, from 1.

    The counter's row stays locked until the commit, so there is no gap and no overtaking; it orders the batches for the
    monitor and the roll-ups. Take it late in a transaction, as it holds up the deployment's other requests.

    Raises
    ------
    LookupError
        If there is no such deployment.
    """

    def take() -> int | None:
        with connection.cursor() as cursor:
            _TAKE[kind].execute(cursor, {"rows": rows, "deployment": deployment_id})
            found = cursor.fetchone()
        return found and found[0]

    return counted(deployment_id, take)


def counted(deployment_id: uuid.UUID, take: Callable[[], T | None]) -> T:
    """What `take` gives; if it finds no counter, it is made and `take` is called again.

    Raises
    ------
    LookupError
        If there is no such deployment.
    """
    for _ in range(2):
        if (found := take()) is not None:
            return found
        deployment_prepare(deployment_id)
    raise LookupError(f"deployment {deployment_id} has no counter")
