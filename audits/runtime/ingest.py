"""What turned out to be true: joined to the stored prediction, scored, and given the next gapless positions.

Accepted also while the deployment is halted: the evidence must not stop with the model.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import numpy as np
from django.db import connection
from django.utils import timezone

from audits.runtime import corrections
from audits.runtime.admission import Admitted
from audits.runtime.batches import batch_write
from audits.runtime.corrections import Corrected
from audits.runtime.counting import numbers_take
from audits.runtime.idempotency import check_key, claim, keep
from audits.runtime.models import Outcome
from audits.runtime.names import events_taken, index_of, literal, taken, told_names
from audits.runtime.records import unpack_mask
from audits.runtime.restrictions import restricted_subjects, words_at
from audits.runtime.reviews import reviews_judge
from audits.runtime.rollups import SCORE, SERVED, TOLD, RollupSums, group_key
from audits.runtime.rows import Body, OutcomeIn, Rows, read_rows
from core.context import governed
from models_registry.models import Deployment

_PREDICTED = """
    SELECT k.event_key, p.event_key, p.attributes, p.score, p.flagged, p.output, p.shape, p.subject
    FROM runtime_event_key k
    JOIN runtime_prediction p
        ON p.received_at = k.received_at AND p.deployment_id = k.deployment_id AND p.event_key = k.alias
    WHERE k.deployment_id = %s AND k.kind = 'prediction' AND k.event_key = ANY(%s::text[])
        AND p.received_at = ANY(%s::timestamptz[]) AND p.site = %s
"""
CORRECT_IT = "to correct it, send the position of its row as corrects"


@dataclass(frozen=True)
class Scored:
    """The stratum and the metric values of one case, as `federation.domain.group_rates` defines them."""

    stratum: int
    values: Mapping[str, float]  # undefined ones absent


class Predicted(NamedTuple):
    """What an outcome needs of its prediction."""

    alias: str
    attributes: dict[str, str]
    score: float | None
    flagged: bool
    output: bytes
    shape: list[int]
    subject: str


class Masked(Protocol):
    @property
    def output(self) -> Any: ...
    @property
    def shape(self) -> Any: ...


@dataclass(frozen=True)
class Told:
    """One outcome, joined and scored; `corrected` is the row that it corrects."""

    record: OutcomeIn
    predicted: Predicted
    scored: Scored
    corrected: Corrected | None


def outcomes_create(*, sender: Admitted, body: Body, idempotency_key: str | None) -> dict:
    """Record a batch of outcomes and corrections.

    Parameters
    ----------
    body : Body
        Rows ``{event_key, label: 0|1}`` or ``{event_key, mask: base64 of packed bits}``; a correction has ``corrects``
        too, the position of the row that it replaces. At most `rows.MAX_ROWS`.

    Raises
    ------
    BadRecords
        Naming each row that is unknown, was told already, or cannot be read: any (all or none), or all (partial).
    """
    deployment_id, caller = sender.deployment.id, sender.caller
    key = check_key(idempotency_key)
    digest = hashlib.sha256(body.data).hexdigest() + (" partial" if body.partial else "")
    scope = f"outcome:{deployment_id}:{caller.id}"
    rows = read_rows(body, OutcomeIn)
    batch_id, now = uuid.uuid4(), timezone.now()
    rows, told = _joined(sender, rows)
    with governed(action="outcome.record", actor=caller.id, reason=f"{len(told)} told by {sender.site}"):
        stored = claim(scope=scope, key=key, request_digest=digest)
        if stored is not None:
            return stored
        again = _claimed(deployment_id, rows, told, now)
        told = [row for number, row in enumerate(told) if number not in again]
        first = numbers_take(deployment_id, "outcomes", len(told))
        _write(sender.deployment, sender.site, batch_id, now, first, told)
        answer = _answer(batch_id, now, first, told) | rows.faults.told
        keep(scope=scope, key=key, answer=answer)
    return answer


def _claimed(deployment_id: uuid.UUID, rows: Rows[OutcomeIn], told: Sequence[Told], now: datetime) -> set[int]:
    """Enter each case's first outcome, and each row's one correction; which of them were entered already."""
    firsts = [number for number, row in enumerate(told) if row.corrected is None]
    again = set()
    if firsts:
        names = told_names(deployment_id, [told[number].record.event_key for number in firsts])
        for place in events_taken(deployment_id, "outcome", names, now):
            name = names[place].name
            rows.faults.add(rows.places[firsts[place]], "event_key", taken("outcome", name, CORRECT_IT), name)
            again.add(firsts[place])
    seconds = [number for number, row in enumerate(told) if row.corrected is not None]
    if seconds:
        positions = [told[number].record.corrects or 0 for number in seconds]
        for place in corrections.claim(deployment_id, positions, now):
            record = told[seconds[place]].record
            rows.faults.add(
                rows.places[seconds[place]], "corrects", corrections.again(record.corrects), record.event_key
            )
            again.add(seconds[place])
    rows.faults.settle(len(told) - len(again))
    return again


def _write(
    deployment: Deployment, site: str, batch_id: uuid.UUID, now: datetime, first: int, told: Sequence[Told]
) -> None:
    rows, sums = [], RollupSums()
    for number, row in enumerate(told):
        values, was = dict(row.scored.values), row.corrected
        rows.append(
            Outcome(
                received_at=now, deployment_id=deployment.id, position=first + number, event_key=row.predicted.alias,
                batch_id=batch_id, batch_index=number, site=site, attributes=row.predicted.attributes,
                stratum=row.scored.stratum, values=values if was is None else {},
                corrects=row.record.corrects, correction=None if was is None else values,
            )
        )  # fmt: skip
        group = group_key(row.predicted.attributes)
        if was is not None:
            corrections.take_back(sums, group, was, now)
        counted = {name: value for name, value in values.items() if name != SERVED}
        if was is None:
            counted[TOLD] = 1.0
        sums.add(now if was is None else was.first_told, group, counted)
    batch_write(deployment=deployment, kind="outcome", site=site, batch_id=batch_id, rows=rows, first_position=first)
    sums.write(deployment.id, site)
    reviews_judge(deployment.id, now, [row for row in rows if row.corrects is None])


def _answer(batch_id: uuid.UUID, now: datetime, first: int, told: Sequence[Told]) -> dict:
    return {
        "accepted": len(told),
        "corrections": sum(row.corrected is not None for row in told),
        "batch": str(batch_id),
        "at": now.isoformat(),
        "positions": {"first": first, "last": first + len(told) - 1},
    }


# --- joining and scoring -------------------------------------------------------------------------------------------


def _joined(sender: Admitted, rows: Rows[OutcomeIn]) -> tuple[Rows[OutcomeIn], list[Told]]:
    task, site, deployment_id = sender.task, sender.site, sender.deployment.id
    predictions = _predictions(deployment_id, site, [record.event_key for record in rows.records])
    corrected = corrections.corrected_rows(
        deployment_id, site, [record.corrects for record in rows.records if record.corrects is not None]
    )
    restricted = restricted_subjects(sender.federation_id, site) if sender.restricts else frozenset()
    told, bad = [], []
    for number, record in enumerate(rows.records):
        try:
            predicted = predictions.get(record.event_key)
            if predicted is None:
                raise _Fault("event_key", f"no prediction of your site is named {record.event_key!r}")
            if predicted.subject in restricted:
                raise _Fault("event_key", words_at(sender.federation_id, site))
            was = None
            if record.corrects is not None:
                was = corrected.get(record.corrects)
                if was is None or was.alias != predicted.alias:
                    raise _Fault("corrects", corrections.no_row(record.corrects))
            told.append(Told(record, predicted, _scored(task, record, predicted), was))
        except _Fault as fault:
            rows.faults.add(rows.places[number], fault.name, fault.message, record.event_key)
            bad.append(number)
    rows = rows.without(bad) if bad else rows
    rows.faults.settle(len(told))
    return rows, told


class _Fault(Exception):
    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name, self.message = name, message


def _predictions(deployment_id: uuid.UUID, site: str, keys: Sequence[str]) -> dict[str, Predicted]:
    """The predictions that these outcomes are about; the events' table says in which month they lie."""
    indexes = index_of(deployment_id, keys)
    by_index = dict(zip(indexes, keys, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT received_at FROM runtime_event_key WHERE deployment_id = %s AND kind = 'prediction' "
            "AND event_key = ANY(%s::text[])",
            [deployment_id, literal(indexes)],
        )
        times = [at for (at,) in cursor.fetchall()]
        cursor.execute(_PREDICTED, [deployment_id, literal(indexes), times, site])
        return {  # a raw cursor gives documents as text
            by_index[index]: Predicted(
                alias, json.loads(attributes), score, flagged, bytes(output), json.loads(shape), subject
            )
            for index, alias, attributes, score, flagged, output, shape, subject in cursor.fetchall()
        }


def _scored(task: str, record: OutcomeIn, predicted: Predicted) -> Scored:
    wanted, other = (record.mask, record.label) if task == "segmentation" else (record.label, record.mask)
    name = "mask" if task == "segmentation" else "label"
    if wanted is None or other is not None:
        expected = "label 0 or 1" if name == "label" else "mask, the corrected mask as packed bits in base64"
        raise _Fault(name, f"expected {expected}, and nothing else")
    if task == "classification":
        return score_label(bool(predicted.flagged), bool(record.label), predicted.score)
    try:
        truth = unpack_mask(record.mask or "", predicted.shape)
    except ValueError as error:
        raise _Fault("mask", str(error)) from None
    return score_mask(truth, predicted)


def score_label(flagged: bool, ill: bool, score: float | None = None) -> Scored:
    """A classified case: true or false positive rate by its label, accuracy, selection rate; its score, if known."""
    rate = "tpr" if ill else "fpr"
    values = {rate: float(flagged), "accuracy": float(flagged == ill), "selection_rate": float(flagged)}
    return Scored(int(ill), values if score is None else {**values, SCORE: float(score)})


def score_mask(truth: np.ndarray, prediction: Masked) -> Scored:
    """A segmented case, over all its slices; the stratum is the lesion's burden."""
    from federation.domain.learning.evaluation import LARGE_BURDEN_FRACTION, segmentation_metrics

    size = int(np.prod(prediction.shape))
    bits = np.unpackbits(np.frombuffer(bytes(prediction.output), dtype=np.uint8), count=size)
    mask = bits.astype(bool).reshape(prediction.shape)
    metrics = segmentation_metrics(truth, mask, np.zeros(len(truth), dtype=np.int64), 1)
    burden = float(truth.mean())
    values = {name: float(value[0]) for name, value in metrics.items() if not np.isnan(value[0])}
    return Scored(int(burden > 0) + int(burden >= LARGE_BURDEN_FRACTION), values)
