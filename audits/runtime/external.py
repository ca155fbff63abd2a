"""Predictions that a model elsewhere has made: recorded with their time, never refused because of a halt.

The evidence must not stop with the model. So a halted deployment's events are taken, and those that were made while it
was halted carry the mark `after_halt`: somebody goes on using what was stopped.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from audits.runtime.admission import Admitted
from audits.runtime.batches import NULL, batch_values, cell, instant
from audits.runtime.declared import Declared
from audits.runtime.entering import batch_close, batch_open
from audits.runtime.idempotency import Claim, check_key
from audits.runtime.inputs import check_inputs, inputs_keep
from audits.runtime.names import CaseName, new_names, taken
from audits.runtime.records import Bad, attributes_of, check_text, unpack_mask
from audits.runtime.restrictions import restricted_places, words_at
from audits.runtime.rollups import AFTER_HALT, SERVED, RollupSums, group_key
from audits.runtime.rows import Body, EventIn, MaskIn, Rows, read_rows
from core.context import governed_by_first
from federation.domain.group_rates import THRESHOLD
from provenance.domain.canonical import canonical

CLOCKS_APART = timedelta(minutes=5)  # how far ahead of ours a caller's clock may be
EARLIEST = 2000
MAX_PIXELS = 64 * 2**20
NO_BYTES = cell(b"")
_EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Group:
    """What all events of one combination of attributes share, in each form that is written."""

    key: str  # of the roll-ups
    attributes: tuple[str, str]  # cell of COPY, canonical JSON
    warnings: tuple[str, str]
    told: list[str]  # the warnings, for the answer


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

    sender: Admitted
    id: uuid.UUID
    at: datetime


def events_create(*, sender: Admitted, body: Body, idempotency_key: str | None) -> dict:
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
    deployment_id, caller = sender.deployment.id, sender.caller
    key = check_key(idempotency_key)
    digest = hashlib.sha256(body.data).hexdigest() + (" partial" if body.partial else "")
    claim = Claim.of(f"event:{deployment_id}:{caller.id}", key, digest)
    rows = read_rows(body, EventIn)
    now = timezone.now()
    rows, events = _checked(rows, sender, now)
    names = new_names(deployment_id, [event.event_key for event in events])
    batch = Batched(sender, uuid.uuid4(), now)
    reason = f"{len(events)} told by {sender.site}"
    with governed_by_first(action="event.record", actor=caller.id, reason=reason) as told:
        opened = batch_open(
            told=told, claim=claim, hospital=sender.hospital, patients=[event.patient for event in events],
            deployment_id=deployment_id, names=names, at=now,
        )  # fmt: skip
        if opened is None:
            return claim.stored()
        again = set(opened.again)
        for number in again:
            name = names[number].name
            rows.faults.add(rows.places[number], "event_key", taken("prediction", name), name)
        rows.faults.settle(len(events) - len(opened.again))
        found = [number for number in range(len(events)) if number not in again]
        new = [(events[n], names[n], opened.subjects[n]) for n in found]
        leaves, lines, sums, marked = _written(batch, new)
        answer = _answer(batch, [event for event, _, _ in new], marked, rows)
        values = batch_values(
            deployment_id=deployment_id, kind="prediction", site=sender.site, batch_id=batch.id, at=now, leaves=leaves
        )
        batch_close(batch=values, lines=lines, sums=sums, claim=claim, answer=answer)
    given = (rows.records[n].inputs for n in found)
    inputs_keep(deployment_id, sender.site, [inputs for inputs in given if inputs is not None])
    return answer


# --- checking ------------------------------------------------------------------------------------------------------


def _checked(rows: Rows[EventIn], sender: Admitted, now: datetime) -> tuple[Rows[EventIn], list[Event]]:
    groups: dict[tuple, Group] = {}
    events, faulty, declared = [], [], sender.declared
    latest = now + CLOCKS_APART
    for number, record in enumerate(rows.records):
        try:
            key = tuple(record.attributes.items())
            group = groups.get(key)
            if group is None:
                group = groups[key] = _group(record.attributes, declared)
            if record.inputs is not None:
                check_inputs(record.inputs, declared)
            events.append(_event(record, group, declared.task, latest))
        except Bad as bad:
            rows.faults.add(rows.places[number], bad.name, bad.message, record.event_key)
            faulty.append(number)
    if faulty:
        rows = rows.without(faulty)
    if sender.restricts:
        rows, events = _unrestricted(rows, events, sender)
    rows.faults.settle(len(events))
    return rows, events


def _unrestricted(
    rows: Rows[EventIn], events: list[Event], sender: Admitted
) -> tuple[Rows[EventIn], list[Event]]:  # fmt: skip
    """Without the patients whose data may only be stored: to take in and count a new event is more than that."""
    places = restricted_places(sender.federation_id, sender.site, [event.patient for event in events])
    if not places:
        return rows, events
    words, out = words_at(sender.federation_id, sender.site), set(places)
    for place in places:
        rows.faults.add(rows.places[place], "patient", words, events[place].event_key)
    return rows.without(places), [event for place, event in enumerate(events) if place not in out]


def _group(attributes: Mapping[str, str], declared: Declared) -> Group:
    warnings: list[str] = []
    found = attributes_of(attributes, declared, warnings)
    forms = [(cell(value), canonical(value).decode()) for value in (found, warnings)]
    return Group(group_key(found), forms[0], forms[1], warnings)


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


def _written(
    batch: Batched, rows: Sequence[tuple[Event, CaseName, str]]
) -> tuple[list[bytes], list[str], RollupSums, int]:
    """The events' leaves, the lines that store them, the sums over them, and how many carry the mark."""
    leaves, lines = [], []
    groups: Counter[tuple[str, bool, bool]] = Counter()
    sender, wording = batch.sender, Wording(batch)
    for number, (event, name, subject) in enumerate(rows):
        after = bool(sender.stopped) and sender.was_stopped(event.made_at)
        leaf, line = wording.write(number, event, name.alias, subject, after)
        leaves.append(leaf)
        lines.append(line)
        groups[event.group.key, event.flagged, after] += 1
    sums, marked = RollupSums(), 0
    for (group, flagged, after), count in groups.items():
        sums.add(batch.at, group, {SERVED: float(flagged)}, count)
        if after:
            sums.add(batch.at, group, {AFTER_HALT: 1.0}, count)
            marked += count
    return leaves, lines, sums, marked


class Wording:
    """Writes each event out twice: as `canonical(batches.leaf(row))`, and as the line of COPY that stores that row.

    What a batch's events share is written once. Built the general way, the two were most of what an event costs.
    """

    def __init__(self, batch: Batched) -> None:
        at, site = instant(batch.at), canonical(batch.sender.site).decode()
        self.at, self.deployment = at, str(batch.sender.deployment.id)
        self.middle = f"\t{batch.id}\t"
        self.site_cell = f"\t{cell(batch.sender.site)}\t"
        self.site = f'"site":{site},"subject":"'
        self.heads: dict[tuple[int, bool, bool], tuple[str, str]] = {}

    def write(self, number: int, event: Event, alias: str, subject: str, after: bool) -> tuple[bytes, str]:
        made, group = instant(event.made_at), event.group
        head = self.heads.get(key := (id(group), event.flagged, after))
        if head is None:
            head = self.heads[key] = self._head(group, event.flagged, after)
        score = None if event.score is None else repr(event.score)
        output = hashlib.sha256(event.output).hexdigest() if event.output else _EMPTY
        shape = str(event.shape).replace(" ", "") if event.shape else "[]"
        leaf = (
            f'{head[0]}{alias}{head[1]}{made}","output":"{output}","score":'
            f'{"null" if score is None else chr(34) + score + chr(34)},"shape":{shape},{self.site}{subject}",'
            f'"warnings":{group.warnings[1]}}}'
        )
        line = (
            f"{self.at}\t{self.deployment}\t{alias}{self.middle}{number}{self.site_cell}{subject}\t"
            f"{group.attributes[0]}\t{score or NULL}\t{'t' if event.flagged else 'f'}\t"
            f"{cell(event.output) if event.output else NO_BYTES}\t{shape}\t{group.warnings[0]}\t{made}\t"
            f"{'t' if after else 'f'}"
        )
        return leaf.encode(), line

    def _head(self, group: Group, flagged: bool, after: bool) -> tuple[str, str]:
        """The leaf up to the alias, and from there to the time it was made."""
        return (
            f'{{"after_halt":{"true" if after else "false"},"at":"{self.at}","attributes":{group.attributes[1]},'
            f'"deployment":"{self.deployment}","event_key":"',
            f'","flagged":{"true" if flagged else "false"},"kind":"event","made_at":"',
        )


def _answer(batch: Batched, events: Sequence[Event], marked: int, rows: Rows) -> dict:
    warned = Counter(text for event in events for text in event.group.told)
    answer = {
        "accepted": len(events),
        "batch": str(batch.id),
        "at": batch.at.isoformat(),
        "after_halt": marked,
        "warnings": [{"message": text, "records": count} for text, count in warned.items()],
    }
    return answer | rows.faults.told
