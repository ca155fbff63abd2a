"""Corrections: a new outcome row that names the row it replaces. Nothing stored is changed.

A correction takes a position of its own, so the monitor passes it in order, and folds nothing: its `values` are empty,
and what is known now stands in `correction`. The monitor's wealth therefore counts each case once, by what was told
first. A wager that is settled is not settled again: undoing it would let whoever corrects choose when the evidence
restarts, and no supermartingale survives that. The figures by group follow the truth as it is known now: the
roll-ups take the old values back from the hour of the case's first outcome and enter the new ones there.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from audits.runtime.declared import site_of
from audits.runtime.models import EventKey, Outcome
from audits.runtime.names import CaseName, events_taken, index_of, known_names, literal
from audits.runtime.rollups import CORRECTED, SERVED, RollupSums
from core.capture import record
from core.context import governed
from core.errors import NotFound
from models_registry.models import Deployment

_ROWS = """
    WITH RECURSIVE chain AS (
        SELECT position AS named, event_key, corrects, coalesce(correction, values) AS values, received_at
        FROM runtime_outcome WHERE deployment_id = %s AND position = ANY(%s::bigint[]) AND site = %s
        UNION ALL
        SELECT c.named, o.event_key, o.corrects, c.values, o.received_at
        FROM chain c JOIN runtime_outcome o ON o.deployment_id = %s AND o.position = c.corrects
    )
    SELECT named, event_key, values, received_at FROM chain WHERE corrects IS NULL
"""

_CHAIN = """
    WITH RECURSIVE chain AS (
        SELECT deployment_id, position FROM runtime_outcome
        WHERE received_at = %s AND deployment_id = %s AND event_key = %s
        UNION ALL
        SELECT o.deployment_id, o.position
        FROM chain c JOIN runtime_outcome o ON o.deployment_id = c.deployment_id AND o.corrects = c.position
    )
    SELECT position FROM chain
"""


@dataclass(frozen=True)
class Corrected:
    """A row that is corrected: whose it is, what it said, and when the case's first outcome was told."""

    alias: str
    values: Mapping[str, float]
    first_told: datetime


def corrected_rows(deployment_id: uuid.UUID, site: str, positions: Sequence[int]) -> dict[int, Corrected]:
    """The rows of this site at these positions."""
    if not positions:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [deployment_id, literal(list(map(str, positions))), site, deployment_id])
        return {named: Corrected(alias, json.loads(values), told) for named, alias, values, told in cursor.fetchall()}


def claim(deployment_id: uuid.UUID, positions: Sequence[int], at: datetime) -> list[int]:
    """Enter the corrections of these positions; which of them were corrected already, by their place in the list."""
    named = [CaseName(str(position), str(position)) for position in positions]
    return events_taken(deployment_id, "correction", named, at)


def again(position: int | None) -> str:
    return f"row {position} was corrected already; correct the newest row of the case"


def no_row(position: int) -> str:
    return f"no row of this case stands at position {position}; the answer to its outcome named it"


def take_back(sums: RollupSums, group: str, was: Corrected, now: datetime) -> None:
    """Take what the corrected row said out of the figures, and count the correction."""
    counted = {name: value for name, value in was.values.items() if name != SERVED}
    sums.add(was.first_told, group, counted, -1)
    sums.add(now, group, {CORRECTED: 1.0})


def history(*, deployment: Deployment, event_key: str, caller: Any) -> list[Outcome]:
    """Every row about a case, in order: its first outcome and each correction. The reading is recorded.

    Raises
    ------
    NotFound
        If no outcome of that name was told by the caller's site.
    """
    (index,) = index_of(deployment.id, [event_key])
    key = EventKey.objects.filter(deployment_id=deployment.id, kind="outcome", event_key=index).first()
    known = known_names(deployment.id, [event_key]).get(event_key)
    rows: list[Outcome] = []
    if key is not None and known is not None:
        with connection.cursor() as cursor:
            cursor.execute(_CHAIN, [key.received_at, deployment.id, known.alias])
            positions = [position for (position,) in cursor.fetchall()]
        rows = list(Outcome.objects.filter(deployment_id=deployment.id, position__in=positions).order_by("position"))
    if not rows or not (caller.sees_all or rows[0].site == site_of(caller, deployment)):
        raise NotFound("No outcome of your site has this name in this deployment.")
    with governed(action="outcome.read", actor=caller.pk):
        told = {"deployment": str(deployment.id), "position": str(rows[0].position)}
        record(table="runtime_outcome", operation="READ", object_id=str(rows[0].batch_id), body=told)
    return rows
