"""Predictions that a model elsewhere has made: recorded with their time, never refused because of a halt.

The evidence must not stop with the model. So a halted deployment's events are taken, and those that were made while it
was halted carry the mark `after_halt`: somebody goes on using what was stopped.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.utils import timezone

from audits.runtime.batches import NULL, batch_enter, cell, copy_lines, instant
from audits.runtime.declared import Declared, declared_by
from audits.runtime.gateway import caller_site
from audits.runtime.halting import deployment_prepare
from audits.runtime.idempotency import check_key, claim, keep
from audits.runtime.locks import key_of
from audits.runtime.names import CaseName, events_taken, new_names, taken
from audits.runtime.records import _Bad as Bad
from audits.runtime.records import _text as check_text
from audits.runtime.records import attributes_of, unpack_mask
from audits.runtime.rollups import AFTER_HALT, SERVED, RollupSums, group_key
from audits.runtime.rows import Body, EventIn, MaskIn, Rows, read_rows
from core.context import governed
from core.pseudonyms import patient_pseudonyms
from federation.domain.learning.evaluation import THRESHOLD
from models_registry.models import Deployment
from provenance.domain.canonical import canonical

CLOCKS_APART = timedelta(minutes=5)  # how far ahead of ours a caller's clock may be
EARLIEST = 2000
MAX_PIXELS = 64 * 2**20
_EMPTY = hashlib.sha256(b"").hexdigest()
# Two statements in one message: the second reads what is committed once the first has waited for a halt under way.
_STANDING = """
    SELECT pg_advisory_xact_lock_shared(%s);
    SELECT d.state, h.created_at, h.closed_at FROM models_registry_deployment d
    LEFT JOIN audits_runtime_halt h ON h.deployment_id = d.id AND h.site IN ('', %s) WHERE d.id = %s
"""


@dataclass(frozen=True)
class Group:
    """What all events of one combination of attributes share, in each form that is written."""

    key: str  # of the roll-ups
    text: str  # cell of COPY
    canonical: str
    warnings: list[str]


@dataclass(frozen=True)
class Event:
    """One event, checked."""

    event_key: str
    patient: str
    group: Group
    made_at: datetime
    score: float | None
    flagged: bool
    output: bytes
    shape: list[int]


@dataclass(frozen=True)
class Batched:
    """What the events of one batch share."""

    deployment: Deployment
    site: str
    id: uuid.UUID
    at: datetime
    stopped: list[tuple[datetime, datetime | None]] = field(default_factory=list)

    def after_halt(self, made_at: datetime) -> bool:
        return any(since <= made_at and (until is None or made_at < until) for since, until in self.stopped)


def events_create(*, deployment: Deployment, caller, body: Body, idempotency_key: str | None) -> dict:
    """Record a batch of predictions made elsewhere.

    Parameters
    ----------
    body : Body
        Rows ``{event_key, patient, at, attributes, score and/or label, mask}``; at most `rows.MAX_ROWS`.

    Returns
    -------
    dict
        The answer as it is sent.

    Raises
    ------
    BadRecords
        Naming each row that cannot be used: any (all or none), or all of them (partial).
    """
    site = caller_site(caller, deployment)
    key = check_key(idempotency_key)
    digest = hashlib.sha256(body.data).hexdigest() + (" partial" if body.partial else "")
    scope = f"event:{deployment.id}:{caller.id}"
    rows = read_rows(body, EventIn)
    now = timezone.now()
    rows, events = _checked(rows, declared_by(deployment.version), now)
    names = new_names(deployment.id, [event.event_key for event in events])
    batch = Batched(deployment, site, uuid.uuid4(), now, _stopped(deployment.id, site))
    with governed(action="event.record", actor=caller.id, reason=f"{len(events)} told by {site}"):
        stored = claim(scope=scope, key=key, request_digest=digest)
        if stored is not None:
            return stored
        subjects = patient_pseudonyms(site, [event.patient for event in events])
        again = events_taken(deployment.id, "prediction", names, now)
        for number in again:
            name = names[number].name
            rows.faults.add(rows.places[number], "event_key", taken("prediction", name), name)
        rows.faults.settle(len(events) - len(again))
        gone = set(again)
        found = [n for n in range(len(events)) if n not in gone]
        marked = _write(batch, [events[n] for n in found], [names[n] for n in found], [subjects[n] for n in found])
        answer = _answer(batch, [events[n] for n in found], marked, rows)
        keep(scope=scope, key=key, answer=answer)
    return answer


def _stopped(deployment_id: uuid.UUID, site: str) -> list[tuple[datetime, datetime | None]]:
    """When the deployment was halted, whole or for this site, from when until when.

    The lock is held for this reading alone, so that a large batch never delays a halt. A halt that is not seen here
    begins after it, and so after whatever this request can tell of.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, [key_of(deployment_id), site, deployment_id])
        rows = cursor.fetchall()
    if rows and rows[0][0] == Deployment.State.REVOKED:
        return [(datetime.min.replace(tzinfo=UTC), None)]  # when it was is not kept here: whatever comes is marked
    return [(since, until) for _, since, until in rows if since is not None]


# --- checking ------------------------------------------------------------------------------------------------------


def _checked(rows: Rows[EventIn], declared: Declared, now: datetime) -> tuple[Rows[EventIn], list[Event]]:
    groups: dict[tuple, Group] = {}
    events, faulty = [], []
    latest = now + CLOCKS_APART
    for number, record in enumerate(rows.records):
        try:
            key = tuple(record.attributes.items())
            group = groups.get(key)
            if group is None:
                group = groups[key] = _group(record.attributes, declared)
            events.append(_event(record, group, declared.task, latest))
        except Bad as bad:
            rows.faults.add(rows.places[number], bad.name, bad.message, record.event_key)
            faulty.append(number)
    if faulty:
        rows = rows.without(faulty)
    rows.faults.settle(len(events))
    return rows, events


def _group(attributes: Mapping[str, str], declared: Declared) -> Group:
    warnings: list[str] = []
    found = attributes_of(attributes, declared, warnings)
    return Group(group_key(found), cell(found), canonical(found).decode(), warnings)


def _event(record: EventIn, group: Group, task: str, latest: datetime) -> Event:
    patient = record.patient if isinstance(record.patient, str) else str(record.patient)
    check_text("patient", patient)
    if record.at.year < EARLIEST or record.at > latest:
        raise Bad(
            "at",
            f"expected when the prediction was made, from the year {EARLIEST} to now, got {record.at.isoformat()}",
        )
    if task == "segmentation":
        output, shape, flagged = _mask(record)
        return Event(record.event_key, patient, group, record.at, record.score, flagged, output, shape)
    if record.mask is not None:
        raise Bad("mask", "expected none: this version classifies; send score, label or both")
    if record.label is not None:
        flagged = record.label == 1
    elif record.score is not None:
        flagged = record.score >= THRESHOLD
    else:
        raise Bad("score", "expected score (0 to 1), label (0 or 1) or both")
    return Event(record.event_key, patient, group, record.at, record.score, flagged, b"", [])


def _mask(record: EventIn) -> tuple[bytes, list[int], bool]:
    """The bits of the mask, and whether any is set: outcomes are scored against it."""
    mask = record.mask
    if mask is None or record.label is not None:
        raise Bad("mask", "expected the predicted mask {shape, data} and no label: this version segments")
    if len(mask.shape) != 3 or min(mask.shape) < 1 or _size(mask) > MAX_PIXELS:
        raise Bad("mask.shape", f"expected [slices, height, width], got {str(mask.shape)[:80]}")
    try:
        bits = unpack_mask(mask.data, mask.shape)
    except ValueError as error:
        raise Bad("mask.data", str(error)) from None
    import numpy as np

    return np.packbits(bits).tobytes(), mask.shape, bool(bits.any())


def _size(mask: MaskIn) -> int:
    slices, height, width = mask.shape
    return slices * height * width


# --- writing -------------------------------------------------------------------------------------------------------


def _write(batch: Batched, events: Sequence[Event], names: Sequence[CaseName], subjects: Sequence[str]) -> int:
    """Store the events, their batch, and the sums over them. Returns how many carry the mark."""
    sums, marked = RollupSums(), 0
    leaves, lines = [], []
    groups: Counter[tuple[str, bool, bool]] = Counter()
    for number, (event, name, subject) in enumerate(zip(events, names, subjects, strict=True)):
        after = bool(batch.stopped) and batch.after_halt(event.made_at)
        leaves.append(_leaf(batch, event, name.alias, subject, after))
        lines.append(_line(batch, event, name.alias, subject, after, number))
        groups[event.group.key, event.flagged, after] += 1
    for (group, flagged, after), count in groups.items():
        sums.add(batch.at, group, {SERVED: float(flagged)}, count)
        if after:
            sums.add(batch.at, group, {AFTER_HALT: 1.0}, count)
            marked += count
    copy_lines("prediction", lines)
    first = _count(batch.deployment.id, len(events))
    batch_enter(
        deployment=batch.deployment, kind="prediction", site=batch.site, batch_id=batch.id, at=batch.at,
        leaves=leaves, first_position=first,
    )  # fmt: skip
    sums.write(batch.deployment.id, batch.site)
    return marked


def _leaf(batch: Batched, event: Event, alias: str, subject: str, after: bool) -> bytes:
    """`canonical(batches.leaf(row))` of what `_line` stores, written out: it is most of what an event costs."""
    flagged = "true" if event.flagged else "false"
    score = "null" if event.score is None else f'"{event.score!r}"'
    return (
        f'{{"after_halt":{"true" if after else "false"},"at":"{instant(batch.at)}",'
        f'"attributes":{event.group.canonical},'
        f'"deployment":"{batch.deployment.id}","event_key":"{alias}","flagged":{flagged},"kind":"event",'
        f'"made_at":"{instant(event.made_at)}","output":"{_digest(event.output)}","score":{score},'
        f'"shape":{str(event.shape).replace(" ", "")},"site":{canonical(batch.site).decode()},"subject":"{subject}",'
        f'"warnings":{canonical(event.group.warnings).decode()}}}'
    ).encode()


def _digest(output: bytes) -> str:
    return hashlib.sha256(output).hexdigest() if output else _EMPTY


def _line(batch: Batched, event: Event, alias: str, subject: str, after: bool, number: int) -> str:
    score = NULL if event.score is None else repr(event.score)
    return (
        f"{batch.at.isoformat()}\t{batch.deployment.id}\t{alias}\t{batch.id}\t{number}\t{cell(batch.site)}\t{subject}\t"
        f"{event.group.text}\t{score}\t{'t' if event.flagged else 'f'}\t{cell(event.output)}\t{event.shape}\t"
        f"{cell(event.group.warnings)}\t{event.made_at.isoformat()}\t{'t' if after else 'f'}"
    )


def _count(deployment_id: uuid.UUID, rows: int) -> int:
    """Count the events with what was served here, from which number on. No limit: they were made already.

    The counter's row lock orders batches and roll-ups. It is taken late, as it holds up the other requests.
    """
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE audits_runtime_deploymentcounter SET predictions = predictions + %s WHERE deployment_id = %s "
                "RETURNING predictions",
                [rows, deployment_id],
            )
            if found := cursor.fetchone():
                return found[0] - rows + 1
        deployment_prepare(deployment_id)
    raise LookupError(f"deployment {deployment_id} has no counter")


def _answer(batch: Batched, events: Sequence[Event], marked: int, rows: Rows) -> dict:
    warned = Counter(text for event in events for text in event.group.warnings)
    answer = {
        "accepted": len(events),
        "batch": str(batch.id),
        "at": batch.at.isoformat(),
        "after_halt": marked,
        "warnings": [{"message": text, "records": count} for text, count in warned.items()],
    }
    return answer | rows.faults.told
