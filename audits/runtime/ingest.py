"""What turned out to be true: joined to the stored prediction, scored, and given the next gapless positions.

Accepted also while the deployment is halted: the evidence must not stop with the model.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.db import connection
from django.utils import timezone

from audits.runtime.batches import batch_write
from audits.runtime.gateway import caller_site
from audits.runtime.halting import deployment_prepare
from audits.runtime.idempotency import check_key, claim, keep
from audits.runtime.models import Outcome, Prediction
from audits.runtime.names import claim_events, known_names, told_names
from audits.runtime.records import MAX_OUTCOMES, OutcomeIn, Refusals, read_records, unpack_mask
from audits.runtime.reviews import reviews_judge
from audits.runtime.rollups import SERVED, rollups_add
from core.context import governed
from models_registry.models import Deployment


@dataclass(frozen=True)
class Scored:
    """The stratum and the metric values of one case, as `federation.domain.group_rates` defines them."""

    stratum: int
    values: Mapping[str, float]  # undefined ones absent


def outcomes_create(*, deployment: Deployment, caller, body: bytes, idempotency_key: str | None) -> dict:
    """Record a batch of outcomes, all or none.

    Parameters
    ----------
    body : bytes
        JSON ``{"records": [{event_key, label: 0|1} or {event_key, mask: base64 of packed bits}]}``.

    Raises
    ------
    BadRecords
        Naming each record that is unknown, was told already, or cannot be read.
    """
    site = caller_site(caller, deployment)
    key, digest = check_key(idempotency_key), hashlib.sha256(body).hexdigest()
    scope = f"outcome:{deployment.id}:{caller.id}"
    records = read_records(body, OutcomeIn, MAX_OUTCOMES)
    predictions = _predictions(deployment.id, site, [record.event_key for record in records])
    scored = _score(deployment.version.config["task"], records, predictions)
    batch_id, now = uuid.uuid4(), timezone.now()
    with governed(action="outcome.record", actor=caller.id, reason=f"{len(records)} told by {site}"):
        stored = claim(scope=scope, key=key, request_digest=digest)
        if stored is not None:
            return stored
        first = _positions(deployment.id, len(records))
        names = told_names(deployment.id, [record.event_key for record in records])
        claim_events(deployment.id, "outcome", names, now)
        rows = [
            Outcome(
                received_at=now, deployment_id=deployment.id, position=first + i,
                event_key=predictions[record.event_key].event_key, batch_id=batch_id, batch_index=i, site=site,
                attributes=predictions[record.event_key].attributes,
                stratum=case.stratum, values=dict(case.values),
            )
            for i, (record, case) in enumerate(zip(records, scored, strict=True))
        ]  # fmt: skip
        batch_write(
            deployment=deployment, kind="outcome", site=site, batch_id=batch_id, rows=rows, first_position=first
        )
        rollups_add(
            deployment_id=deployment.id, at=now, site=site,
            values=[(row.attributes, {k: v for k, v in row.values.items() if k != SERVED}) for row in rows],
        )  # fmt: skip
        reviews_judge(deployment.id, now, rows)
        answer = _answer(batch_id, now, first, len(rows))
        keep(scope=scope, key=key, answer=answer)
    return answer


def _answer(batch_id: uuid.UUID, now: datetime, first: int, rows: int) -> dict:
    return {
        "accepted": rows,
        "batch": str(batch_id),
        "at": now.isoformat(),
        "positions": {"first": first, "last": first + rows - 1},
    }


def _positions(deployment_id: uuid.UUID, rows: int) -> int:
    """The first of `rows` new positions. The row stays locked until the commit: no gap, no overtaking."""
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE audits_runtime_deploymentcounter SET outcomes = outcomes + %s WHERE deployment_id = %s "
                "RETURNING outcomes",
                [rows, deployment_id],
            )
            found = cursor.fetchone()
        if found:
            return found[0] - rows + 1
        deployment_prepare(deployment_id)
    raise LookupError(f"deployment {deployment_id} has no counter")


def _predictions(deployment_id: uuid.UUID, site: str, keys: Sequence[str]) -> dict[str, Prediction]:
    """The predictions that these outcomes are about; the events' table says in which month they lie."""
    known = known_names(deployment_id, keys)
    rows = Prediction.objects.filter(
        deployment_id=deployment_id, received_at__in={case.received_at for case in known.values()},
        event_key__in=[case.alias for case in known.values()], site=site,
    )  # fmt: skip
    by_alias = {row.event_key: row for row in rows}
    return {name: by_alias[case.alias] for name, case in known.items() if case.alias in by_alias}


def _score(task: str, records: list[OutcomeIn], predictions: Mapping[str, Prediction]) -> list[Scored]:
    refusals = Refusals()
    known = []
    for index, record in enumerate(records):
        told: dict[str, Any] = {"label": record.label, "mask": record.mask}
        name = "mask" if task == "segmentation" else "label"
        wanted = told.pop(name)
        (other,) = told.values()
        if record.event_key not in predictions:
            refusals.add(
                index, "event_key", f"no prediction of your site is named {record.event_key!r}", record.event_key
            )
        elif wanted is None or other is not None:
            expected = "label 0 or 1" if name == "label" else "mask, the corrected mask as packed bits in base64"
            refusals.add(index, name, f"expected {expected}, and nothing else", record.event_key)
        else:
            known.append((index, record, predictions[record.event_key]))
    if task == "classification":
        refusals.raise_if_any()
        return [score_label(bool(p.flagged), bool(record.label), p.score) for _, record, p in known]
    truths = []
    for index, record, prediction in known:
        try:
            truths.append(unpack_mask(record.mask or "", prediction.shape))
        except ValueError as error:
            refusals.add(index, "mask", str(error), record.event_key)
    refusals.raise_if_any()
    return [score_mask(truth, prediction) for truth, (_, _, prediction) in zip(truths, known, strict=True)]


def score_label(flagged: bool, ill: bool, score: float | None = None) -> Scored:
    """A classified case: true or false positive rate by its label, accuracy, selection rate; its score, if known."""
    rate = "tpr" if ill else "fpr"
    values = {rate: float(flagged), "accuracy": float(flagged == ill), "selection_rate": float(flagged)}
    return Scored(int(ill), values if score is None else {**values, "score": float(score)})


def score_mask(truth: np.ndarray, prediction: Prediction) -> Scored:
    """A segmented case, over all its slices; the stratum is the lesion's burden."""
    from federation.domain.learning.evaluation import LARGE_BURDEN_FRACTION, segmentation_metrics

    size = int(np.prod(prediction.shape))
    bits = np.unpackbits(np.frombuffer(bytes(prediction.output), dtype=np.uint8), count=size)
    mask = bits.astype(bool).reshape(prediction.shape)
    metrics = segmentation_metrics(truth, mask, np.zeros(len(truth), dtype=np.int64), 1)
    burden = float(truth.mean())
    values = {name: float(value[0]) for name, value in metrics.items() if not np.isnan(value[0])}
    return Scored(int(burden > 0) + int(burden >= LARGE_BURDEN_FRACTION), values)
