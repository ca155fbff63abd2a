"""What the monitor is fed with: outcomes in their order, and predictions, which need no label, in theirs.

Predictions carry no position of their own; their batch has the first of its rows (`Batch.first_position`), given under
the counter's row lock, so that batches become visible in this order. Batches of earlier releases have none and are
passed over.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from audits.domain.monitor.betting import OutcomeEvent
from audits.domain.monitor.calibration import calibration_case
from audits.domain.monitor.policy import FED_BY_PREDICTIONS, MonitorPolicy
from audits.runtime.models import Appeal, Batch, DeploymentCounter, Outcome, Prediction
from audits.runtime.rollups import SCORE

APPEAL = "appeal"  # an origin of outcomes, as a policy may exclude it
SELECTION, CALIBRATION = "selection_rate", "calibration"
BATCHES = 500  # prediction batches read at once


@dataclass(frozen=True)
class Served:
    """Predictions after a cursor.

    Attributes
    ----------
    cursor : int
        All predictions up to this count have been read.
    events : list of OutcomeEvent
        Each with the selection rate alone.
    scores : list of float
    more : bool
        Whether there may be more at once.
    """

    cursor: int
    events: list[OutcomeEvent]
    scores: list[float]
    more: bool


def outcomes_after(deployment_id: uuid.UUID, position: int, most: int, policy: MonitorPolicy) -> Iterator[OutcomeEvent]:
    """The next outcomes; what predictions feed is left out, it comes from `served_after`.

    An outcome of an origin that the policy excludes moves the cursor and carries no value.
    """
    rows = Outcome.objects.filter(deployment_id=deployment_id, position__gt=position, position__lte=position + most)
    derives, left_out = CALIBRATION in policy.metrics, appealed(deployment_id) if APPEAL in policy.excluded else set()
    for at, alias, attributes, stratum, stored in rows.order_by("position").values_list(
        "position", "event_key", "attributes", "stratum", "values"
    ):
        stored = {} if alias in left_out else stored
        values = {name: value for name, value in stored.items() if name not in FED_BY_PREDICTIONS}
        score_bin = None
        if derives and SCORE in values and stratum in (0, 1):
            values[CALIBRATION], score_bin = calibration_case(values[SCORE], stratum)
        yield OutcomeEvent(at, attributes, values, str(stratum), score_bin)


def appealed(deployment_id: uuid.UUID) -> set[str]:
    """The cases (aliases) whose outcome an appeal told. Appeal and outcome are committed together, and both stay."""
    rows = Appeal.objects.filter(deployment_id=deployment_id, feedback=Appeal.Feedback.TOLD)
    return set(rows.values_list("event_key", flat=True))


def served_after(deployment_id: uuid.UUID, cursor: int, ordinal: int, most: int, *, until: int | None = None) -> Served:
    """The next predictions, whole batches of them.

    Parameters
    ----------
    ordinal : int
        Predictions fed so far: the events are numbered on from it.
    until : int, optional
        Read no batch that begins after this count (a replay).
    """
    counter = DeploymentCounter.objects.filter(deployment_id=deployment_id).values_list("predictions", flat=True)
    reached = until if until is not None else counter.first() or 0
    found = Batch.objects.filter(
        deployment_id=deployment_id, kind="prediction", first_position__gt=cursor, first_position__lte=reached
    ).order_by("first_position")
    taken: list[tuple[uuid.UUID, int, int]] = []
    rows = 0
    for batch_id, first, count in found.values_list("id", "first_position", "rows")[:BATCHES]:
        if rows >= most:
            break
        taken.append((batch_id, first or 0, count))
        rows += count
    if not taken:
        return Served(max(cursor, reached), [], [], False)
    order = {batch_id: number for number, (batch_id, _, _) in enumerate(taken)}
    stored = Prediction.objects.filter(deployment_id=deployment_id, batch_id__in=list(order)).values_list(
        "batch_id", "batch_index", "attributes", "flagged", "score"
    )
    ordered = sorted(stored, key=lambda row: (order[row[0]], row[1]))
    events = [
        OutcomeEvent(ordinal + number, attributes, {SELECTION: float(flagged)})
        for number, (_, _, attributes, flagged, _) in enumerate(ordered, start=1)
    ]
    _, first, count = taken[-1]
    more = rows >= most or len(taken) == BATCHES
    end = first + count - 1 if more else max(first + count - 1, reached)
    return Served(end, events, [row[4] for row in ordered if row[4] is not None], more)
