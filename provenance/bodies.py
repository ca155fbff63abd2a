"""Bodies: what the leaves commit to. Whoever reads one is recorded, and sees what lies within their reach."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models

from accounts.models import ApiKey, User
from core.capture import record
from core.context import governed, opened_reason
from core.fields import ERASED, open_row
from core.vault import SealError, is_sealed
from provenance.domain.commit import open_commitment, parse_leaf
from provenance.domain.errors import LedgerError
from provenance.models import Body, Entry

SEALED = "[sealed under the person's own key]"
LINE = 200  # characters of a value that are shown without opening it
HEARTBEATS = "provenance"
READING = "provenance_body"  # who opened, searched or bundled what
LEDGER_TABLES = frozenset({HEARTBEATS, READING})  # of entries that are no row: heartbeats, readings
PLATFORM = "The platform itself"


@cache
def model_of(table: str) -> type[models.Model] | None:
    """The model whose rows stand in the log under this name."""
    return next((model for model in apps.get_models() if model._meta.db_table == table), None)


@dataclass(frozen=True)
class Column:
    """One value of a row, as a person reads it."""

    name: str
    label: str  # in words
    value: str | None
    long: bool  # too long for a line
    changed: bool  # against the row's entry before
    before: str | None  # its value then; None also where it was empty

    @property
    def code(self) -> str:
        """The column's name, where the words do not give it."""
        return "" if self.label.lower() == self.name.replace("_", " ") else self.name


@dataclass(frozen=True)
class Opened:
    """What a leaf commits to, opened: the commitment was computed again from body and salt."""

    body: Body
    row: dict[str, Any]  # column -> value, what people wrote opened; empty where the row was kept as text
    reason: str  # opened; "[erased]" if its writer was erased
    text: str  # the committed bytes: what people wrote is ciphertext in them
    role: str  # of whoever acted
    problem: str  # empty if body and salt open the leaf's commitment
    table: str = ""
    earlier: dict[str, Any] | None = None  # the row as the entry before it left it

    @property
    def columns(self) -> list[Column]:
        found = []
        for name, value in self.row.items():
            shown, was = words_of(value), words_of(self.earlier.get(name)) if self.earlier else None
            changed = self.earlier is not None and value != self.earlier.get(name)
            found.append(Column(name, _label(self.table, name), shown, len(shown or "") > LINE, changed, was))
        return found

    @property
    def changes(self) -> list[Column]:
        return [column for column in self.columns if column.changed]


def words_of(value: Any) -> str | None:
    """A value as it is read: a JSON column, which is text in the log, is laid out."""
    if value is None:
        return None
    if isinstance(value, str):
        if is_sealed(value):
            return SEALED
        if not value.startswith(("{", "[")):
            return value
        try:
            value = json.loads(value)
        except ValueError:
            return value
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LINE else json.dumps(value, ensure_ascii=False, indent=2)


def _label(table: str, column: str) -> str:
    model = model_of(table)
    try:
        field = model._meta.get_field(column.removesuffix("_id")) if model else None
    except FieldDoesNotExist:
        field = None
    name = str(getattr(field, "verbose_name", column))  # a relation from elsewhere has none
    name = name.replace("_", " ")
    return name[:1].upper() + name[1:]


def body_read(*, entry: Entry, user: Any) -> Opened | None:
    """Open the body for a person and record that it was read. None: it lies outside the person's reach, or is gone."""
    body = Body.objects.filter(entry=entry).first()
    if body is None or not may_read_body(user, entry):
        return None
    with governed(action="ledger.read", actor=user.pk):
        record(table=READING, operation="READ", object_id=str(entry.seq), body={"seq": entry.seq})
    earlier = _earlier_row(entry) if entry.operation == "UPDATE" else None
    return _opened(entry, body, role_of(body.actor), earlier)


def story_read(*, entries: Sequence[Entry], user: Any) -> dict[int, Opened]:
    """Open the bodies of entries about one row, oldest first, and record it as one reading.

    What is missing lies outside the person's reach, or is gone.
    """
    if entries and entries[0].table == READING:  # of one object, but each somebody's own
        entries = [entry for entry in entries if may_read_body(user, entry)]
    if not entries or not may_read_body(user, entries[0]):
        return {}
    about, bodies = entries[0], Body.objects.in_bulk([entry.seq for entry in entries])
    with governed(action="ledger.read", actor=user.pk):
        told = {"first": str(entries[0].seq), "last": str(entries[-1].seq)}
        record(table=READING, operation="READ", object_id=about.object_id, body=told)
    found: dict[int, Opened] = {}
    roles: dict[Any, str] = {}
    earlier = _earlier_row(about) if about.operation == "UPDATE" else None
    for entry in entries:
        body = bodies.get(entry.seq)
        if body is None or (entry.table, entry.object_id) != (about.table, about.object_id):
            continue
        if body.actor not in roles:
            roles[body.actor] = role_of(body.actor)
        opened = _opened(entry, body, roles[body.actor], earlier if entry.operation == "UPDATE" else None)
        found[entry.seq], earlier = opened, opened.row or earlier
    return found


def _opened(entry: Entry, body: Body, role: str, earlier: dict[str, Any] | None) -> Opened:
    problem, row, reason = "", row_of(body), body.reason
    try:
        open_commitment(parse_leaf(bytes(entry.leaf)).commitment, bytes(body.salt), body.body.encode())
    except LedgerError as error:
        problem = str(error)
    try:
        told = opened_reason(body.actor, body.reason)
        reason, row = ERASED if told is None else told, _open_row(entry.table, row)
    except SealError as error:
        problem = problem or f"{error}."
    return Opened(body, row, reason, body.body, role, problem, entry.table, earlier)


def row_of(body: Body) -> dict[str, Any]:
    """The row in a body, as it was committed; empty where it holds none."""
    try:
        content = json.loads(body.body)
    except ValueError:
        return {}
    row = content.get("row") if isinstance(content, dict) else None
    return row if isinstance(row, dict) else {}


def _earlier_row(entry: Entry) -> dict[str, Any] | None:
    """The same row before this change: it says what was changed."""
    before = (
        Body.objects.filter(
            entry__object_id=entry.object_id, entry__table=entry.table, entry__seq__lt=entry.seq,
            entry__operation__in=["INSERT", "UPDATE", "REBASELINE"],
        )
        .order_by("-entry__seq")
        .first()
    )  # fmt: skip
    if before is None:
        return None
    try:
        return _open_row(entry.table, row_of(before)) or None
    except SealError:
        return None


def _open_row(table: str, row: dict[str, Any]) -> dict[str, Any]:
    model = model_of(table)
    return open_row(model, row) if model else row


def role_of(actor: Any) -> str:
    """The role of whoever acted; never the name."""
    if actor is None:
        return PLATFORM
    if (user := User.objects.filter(id=actor).first()) is not None:
        return user.role_label
    return "A machine with an API key" if ApiKey.objects.filter(id=actor).exists() else "Unknown here"


def may_read_body(user: Any, entry: Entry) -> bool:
    """Members of the platform read every body; members of an institution what lies within its federations.

    Heartbeats are everybody's. Of the readings, which say who looked for what, a person sees their own.
    """
    if user.sees_all or entry.table == HEARTBEATS:
        return True
    if entry.table == READING:
        return Body.objects.filter(entry_id=entry.seq, actor=user.pk).exists()
    model = model_of(entry.table)
    if model is None:
        return False
    reach = _reach(model)
    if reach is None:
        return False
    path, scope = reach
    try:
        key = model._meta.pk.to_python(entry.object_id)
    except ValidationError:
        return False  # a batch or a read under a name of its own
    visible = scope._default_manager.for_user(user)  # type: ignore[attr-defined]  # `_reach` looked for it
    rows = model._default_manager.filter(pk=key)
    return rows.filter(**{f"{path}__in": visible}).exists() if path else visible.filter(pk=key).exists()


@cache
def _reach(model: type[models.Model], depth: int = 3) -> tuple[str, type[models.Model]] | None:
    """The way along foreign keys from a model to the nearest one with an institution scope (`for_user`)."""
    if hasattr(model._default_manager, "for_user"):
        return "", model
    found = []
    for field in model._meta.concrete_fields if depth else ():
        if field.many_to_one or field.one_to_one:
            reach = _reach(field.related_model, depth - 1)
            if reach is not None:
                found.append((f"{field.name}__{reach[0]}".removesuffix("__"), reach[1]))
    return min(found, key=lambda reach: reach[0].count("__"), default=None)
