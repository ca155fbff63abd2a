"""Rows of events and outcomes from untrusted bytes: decoded at once, and one by one where a fault must be named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar

import msgspec

from audits.runtime.records import MAX_TEXT, BadRecords
from core.errors import ApplicationError

MAX_ROWS = 10_000
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT)]


class MaskIn(msgspec.Struct, forbid_unknown_fields=True):
    shape: list[int]
    data: str


class EventIn(msgspec.Struct, forbid_unknown_fields=True):
    """A prediction that a model elsewhere has made."""

    event_key: Text
    patient: str | int
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    attributes: dict[str, str] = {}
    score: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    label: Literal[0, 1] | None = None
    mask: MaskIn | None = None
    inputs: list[float] | None = None  # what the model read, for the drift of its inputs; counted and not stored


class OutcomeIn(msgspec.Struct, forbid_unknown_fields=True):
    """What turned out to be true; with `corrects`, instead of what the row at that position says."""

    event_key: Text
    label: Literal[0, 1] | None = None
    mask: str | None = None
    corrects: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)] | None = None


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    records: list[msgspec.Raw]


class _EventEnvelope(msgspec.Struct, forbid_unknown_fields=True):
    records: list[EventIn]


class _OutcomeEnvelope(msgspec.Struct, forbid_unknown_fields=True):
    records: list[OutcomeIn]


RowIn = TypeVar("RowIn", EventIn, OutcomeIn)
_WHOLE: dict[type, msgspec.json.Decoder] = {
    EventIn: msgspec.json.Decoder(_EventEnvelope),
    OutcomeIn: msgspec.json.Decoder(_OutcomeEnvelope),
}
_SINGLE: dict[type, msgspec.json.Decoder] = {kind: msgspec.json.Decoder(kind) for kind in _WHOLE}
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_FAULTS = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


@dataclass(frozen=True)
class Body:
    """A request's content, unpacked, and how it is to be taken."""

    data: bytes
    lines: bool = False  # one record a line, instead of one object with all
    partial: bool = False  # keep the good rows and list the bad ones, instead of all or none


@dataclass
class Faults:
    """What is wrong with which row, by its place in the request; each row by its first fault alone."""

    partial: bool
    rows: dict[int, dict] = field(default_factory=dict)

    def add(self, index: int, name: str, message: str, event_key: str | None = None) -> None:
        self.rows.setdefault(index, {"record": index, "event_key": event_key, "field": name, "message": message})

    @property
    def listed(self) -> list[dict]:
        return [self.rows[index] for index in sorted(self.rows)]

    @property
    def told(self) -> dict:
        """What a partial answer adds: how many rows were refused, and each of them."""
        return {"refused": len(self.rows), "records": self.listed} if self.partial else {}

    def settle(self, good: int) -> None:
        """Refuse the request if it has faults and is all or none, or if nothing of it is left.

        Raises
        ------
        BadRecords
            Naming every faulty row.
        """
        if not self.rows or (self.partial and good):
            return
        rows = self.listed
        first = rows[0]
        more = f" ({len(rows) - 1} more records are refused.)" if len(rows) > 1 else ""
        raise BadRecords(
            f"Record {first['record']}, {first['field']}: {first['message']}. Nothing was stored.{more}",
            records=rows, refused=len(rows),
        )  # fmt: skip


@dataclass(frozen=True)
class Rows(Generic[RowIn]):
    """The rows that could be read, each with its place in the request."""

    places: list[int]
    records: list[RowIn]
    faults: Faults

    def without(self, bad: Iterable[int]) -> Rows[RowIn]:
        """What is left when the rows at these numbers (of this list, not of the request) are taken out."""
        out = set(bad)
        kept = [number for number in range(len(self.records)) if number not in out]
        return Rows([self.places[n] for n in kept], [self.records[n] for n in kept], self.faults)


def read_rows(body: Body, kind: type[RowIn]) -> Rows[RowIn]:
    """Decode a batch and check what every row needs: names that can be stored, each once.

    Raises
    ------
    ApplicationError
        If the body as a whole cannot be read.
    BadRecords
        If there are no rows or too many, or some are faulty and the request is all or none.
    """
    rows = _decode(body, kind)
    bad: list[int] = []
    seen: set[str] = set()
    for number, record in enumerate(rows.records):
        name = record.event_key
        if not name.isprintable():
            rows.faults.add(rows.places[number], "event_key", "expected printable characters")
            bad.append(number)
        elif name in seen:
            rows.faults.add(rows.places[number], "event_key", f"{name!r} comes twice in this request", name)
            bad.append(number)
        seen.add(name)
    rows = rows.without(bad) if bad else rows
    rows.faults.settle(len(rows.records))
    return rows


def _decode(body: Body, kind: type[RowIn]) -> Rows[RowIn]:
    faults = Faults(body.partial)
    lines = _lines(body.data) if body.lines else []
    try:
        records = _SINGLE[kind].decode_lines(body.data) if body.lines else _WHOLE[kind].decode(body.data).records
    except _FAULTS:
        records = None
    if records is None or (body.lines and len(records) != len(lines)):  # a line may hold half a record, or two
        raws = lines if body.lines else _raws(body.data)
        _bounded(len(raws))
        return _one_by_one(raws, kind, faults)
    _bounded(len(records))
    return Rows(list(range(len(records))), records, faults)


def _one_by_one(raws: list, kind: type[RowIn], faults: Faults) -> Rows[RowIn]:
    places, records = [], []
    for index, raw in enumerate(raws):
        try:
            records.append(_SINGLE[kind].decode(raw))
            places.append(index)
        except _FAULTS as error:
            reason, _, path = str(error).partition(" - at `$.")
            faults.add(index, path.rstrip("`") or "record", reason)
    return Rows(places, records, faults)


def _lines(data: bytes) -> list[bytes]:
    """Lines that hold something; the place of a row counts these."""
    return [line for line in data.split(b"\n") if line.strip()]


def _raws(data: bytes) -> list[msgspec.Raw]:
    try:
        return _ENVELOPE.decode(data).records
    except _FAULTS as error:
        raise ApplicationError(f'Expected a JSON object {{"records": [...]}}: {error}') from None


def _bounded(rows: int) -> None:
    if not 1 <= rows <= MAX_ROWS:
        raise BadRecords(f"Expected 1 to {MAX_ROWS} records, got {rows}. Nothing was stored.")
