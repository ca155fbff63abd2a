"""The next numbers of a deployment's predictions and outcomes: gapless, in the order of commits."""

from __future__ import annotations

import uuid
from typing import Literal

from django.db import connection

from audits.runtime.halting import deployment_prepare

_TAKE = {
    kind: f"UPDATE audits_runtime_deploymentcounter SET {kind} = {kind} + %s WHERE deployment_id = %s RETURNING {kind}"  # noqa: S608 - two constants
    for kind in ("predictions", "outcomes")
}


def numbers_take(deployment_id: uuid.UUID, kind: Literal["predictions", "outcomes"], rows: int) -> int:
    """The first of `rows` new numbers, from 1.

    The counter's row stays locked until the commit, so there is no gap and no overtaking; it orders the batches for the
    monitor and the roll-ups. Take it late in a transaction, as it holds up the deployment's other requests.

    Raises
    ------
    LookupError
        If there is no such deployment.
    """
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute(_TAKE[kind], [rows, deployment_id])
            if found := cursor.fetchone():
                return found[0] - rows + 1
        deployment_prepare(deployment_id)
    raise LookupError(f"deployment {deployment_id} has no counter")
