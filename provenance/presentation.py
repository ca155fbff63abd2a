"""What the ledger's pages and API show. The chain is read from its mirror: nothing here talks to a node.

A leaf is public. Its body is not: whoever reads one is recorded, and sees only what lies within the institution's
reach.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import ApiKey, User
from core.capture import record
from core.context import governed, opened_reason
from core.fields import ERASED, open_row
from core.tables import classify
from core.vault import SealError
from provenance import keys, reading, services
from provenance.domain.checkpoint import open_checkpoint
from provenance.domain.commit import Leaf, open_commitment, parse_leaf
from provenance.domain.errors import LedgerError
from provenance.domain.merkle import hash_leaf, hash_node, verify_inclusion
from provenance.models import Anchor, Body, Entry

PAGE = 50
LINE = 200  # characters of a value that are shown without opening it
OPERATIONS = {
    "INSERT": "Created",
    "UPDATE": "Changed",
    "DELETE": "Deleted",
    "BATCH": "Batch",
    "READ": "Read",
    "HEARTBEAT": "Sign of life",
    "REBASELINE": "Re-baseline",
}
OPERATION_ICONS = {"INSERT": "plus", "UPDATE": "pencil", "DELETE": "close", "READ": "eye", "HEARTBEAT": "pulse"}
EMBEDDED_NOTE = (
    "This chain is run by the operator of this platform, so it adds no independent trust. Independent evidence is the "
    "signed checkpoints that other institutions hold: whoever kept one can show that an entry before it was changed."
)


# --- lists ---------------------------------------------------------------------------------------------------------


@cache
def tables() -> dict[str, str]:
    """Each table that can stand in the log, in words."""
    found = {"provenance": "Ledger", "provenance_body": "Ledger content"}
    for model in apps.get_models():
        if model._meta.db_table in classify() and classify()[model._meta.db_table][0] == "governed":
            name = str(model._meta.verbose_name)
            found[model._meta.db_table] = name[:1].upper() + name[1:]
    return dict(sorted(found.items(), key=lambda item: item[1]))


@dataclass(frozen=True)
class Row:
    """One line of the list of entries: what its leaf says."""

    entry: Entry
    record: str
    operation: str
    icon: str
    actor: str | None  # pseudonym; None: the platform itself


@dataclass(frozen=True)
class Page:
    """A stretch of the log, newest first, and the numbers that lead on."""

    rows: list[Row]
    newer: int | None  # show what comes after this entry
    older: int | None  # show what comes before this entry

    @property
    def first(self) -> int:
        return self.rows[0].entry.seq

    @property
    def last(self) -> int:
        return self.rows[-1].entry.seq


def entries_page(chosen: Mapping[str, str], *, before: int | None = None, after: int | None = None) -> Page:
    """Up to 50 entries before (or after) a number. Paged by number: the log may hold millions."""
    entries = Entry.objects.filter(**chosen)
    if after is not None:
        found = list(entries.filter(seq__gt=after).order_by("seq")[:PAGE])[::-1]
    elif before is not None:
        found = list(entries.filter(seq__lt=before).order_by("-seq")[:PAGE])
    else:
        found = list(entries.order_by("-seq")[:PAGE])
    if not found:
        return Page([], None, None)
    first, last = found[0].seq, found[-1].seq
    return Page(
        rows=[_row(entry) for entry in found],
        newer=first if entries.filter(seq__gt=first).exists() else None,
        older=last if entries.filter(seq__lt=last).exists() else None,
    )


def _row(entry: Entry) -> Row:
    return Row(
        entry,
        tables().get(entry.table, entry.table),
        OPERATIONS.get(entry.operation, entry.operation),
        OPERATION_ICONS.get(entry.operation, "dot"),
        json.loads(bytes(entry.leaf))["actor"],
    )


def status() -> dict[str, Any]:
    """Figures of the whole ledger: `services.ledger_status`, with what waits and how old the unanchored part is."""
    found = services.ledger_status()
    chain = found["chain"]
    first = Entry.objects.filter(seq=chain.head_size if chain else 0).first()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM core_outbox")
        waiting = cursor.fetchone()[0]
    return found | {
        "waiting": waiting,
        "unanchored_since": first.at if first else None,
        "anchor_lag_seconds": (timezone.now() - first.at).total_seconds() if first else 0.0,
    }


def anchors() -> QuerySet[Anchor]:
    """Anchors, newest first."""
    return Anchor.objects.select_related("checkpoint").order_by("-checkpoint_id")


# --- one entry -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One step up the tree: a hash of ours and its sibling give the next one."""

    number: int
    side: str  # on which side the sibling stands: left or right
    sibling: bytes
    gives: bytes


@dataclass(frozen=True)
class Evidence:
    """An entry, checked now: every hash computed again from the leaf's own bytes.

    `problems` is empty if the path leads from the leaf to the root in the signed checkpoint. `checked` is False while
    no checkpoint covers the entry.
    """

    inclusion: reading.Inclusion
    leaf: Leaf
    leaf_text: str
    leaf_hash: bytes
    steps: list[Step]
    problems: list[str]

    @property
    def checked(self) -> bool:
        return self.inclusion.checkpoint is not None

    @property
    def state(self) -> str:
        if self.problems:
            return "mismatch"
        return "verified" if self.checked else "sequenced"

    @property
    def root(self) -> bytes:
        return self.steps[-1].gives if self.steps else self.leaf_hash


def evidence(entry: Entry) -> Evidence:
    """Draw the proof of an entry and check it with the ledger's own verifier."""
    leaf_bytes = bytes(entry.leaf)
    leaf_hash, inclusion = hash_leaf(leaf_bytes), reading.prove(entry)
    checkpoint, problems = inclusion.checkpoint, []
    if leaf_hash != bytes(entry.leaf_hash):
        problems.append("The stored hash is not the hash of this leaf.")
    steps: list[Step] = []
    if checkpoint is not None:
        steps = proof_steps(leaf_hash, entry.seq, checkpoint.size, inclusion.path)
        try:
            opened = open_checkpoint(
                checkpoint.note.encode(), origin=settings.LOG_ORIGIN, log_keys=keys.verifiers_for(checkpoint.note)
            ).checkpoint
            verify_inclusion(
                leaf_hash=leaf_hash, index=entry.seq, size=opened.size, proof=inclusion.path, root=opened.root
            )
        except LedgerError as error:
            problems.append(f"{str(error)[:1].upper()}{str(error)[1:]}.")
    return Evidence(inclusion, parse_leaf(leaf_bytes), leaf_bytes.decode(), leaf_hash, steps, problems)


def proof_steps(leaf_hash: bytes, index: int, size: int, path: Sequence[bytes]) -> list[Step]:
    """The hashes that a verifier computes on its way up (RFC 9162, section 2.1.3.2), for drawing."""
    steps, value, node, last = [], leaf_hash, index, size - 1
    for number, sibling in enumerate(path, start=1):
        left = bool(node & 1) or node == last
        value = hash_node(sibling, value) if left else hash_node(value, sibling)
        steps.append(Step(number, "left" if left else "right", sibling, value))
        while left and not node & 1 and node:
            node, last = node >> 1, last >> 1
        node, last = node >> 1, last >> 1
    return steps


# --- bodies --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Opened:
    """What a leaf commits to, opened: the commitment was computed again from body and salt."""

    body: Body
    row: dict[str, Any]  # column -> value, what people wrote opened; empty where the row was kept as text
    reason: str  # opened; "[erased]" if its writer was erased
    text: str  # the committed bytes: what people wrote is ciphertext in them
    role: str  # of whoever acted
    problem: str  # empty if body and salt open the leaf's commitment

    @property
    def columns(self) -> list[tuple[str, str | None, bool]]:
        """Name, value as text, and whether it is too long for a line."""
        return [(name, shown := _words(value), len(shown or "") > LINE) for name, value in self.row.items()]


def _words(value: Any) -> str | None:
    """A value as it is read: a JSON column, which is text in the log, is laid out."""
    if value is None:
        return None
    if isinstance(value, str):
        if not value.startswith(("{", "[")):
            return value
        try:
            value = json.loads(value)
        except ValueError:
            return value
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LINE else json.dumps(value, ensure_ascii=False, indent=2)


def body_read(*, entry: Entry, user: Any) -> Opened | None:
    """Open the body for a person and record that it was read. None: it lies outside the person's reach, or is gone."""
    body = Body.objects.filter(entry=entry).first()
    if body is None or not may_read_body(user, entry):
        return None
    with governed(action="ledger.read", actor=user.pk):
        record(table="provenance_body", operation="READ", object_id=str(entry.seq), body={"seq": entry.seq})
    problem = ""
    try:
        open_commitment(parse_leaf(bytes(entry.leaf)).commitment, bytes(body.salt), body.body.encode())
    except LedgerError as error:
        problem = str(error)
    content = json.loads(body.body)
    row = content.get("row") if isinstance(content.get("row"), dict) else {}
    reason: str | None = body.reason
    try:
        reason, row = opened_reason(body.actor, body.reason), _open_row(entry.table, row)
    except SealError as error:
        problem = problem or f"{error}."
    return Opened(body, row, ERASED if reason is None else reason, body.body, role_of(body.actor), problem)


def _open_row(table: str, row: dict[str, Any]) -> dict[str, Any]:
    model = next((m for m in apps.get_models() if m._meta.db_table == table), None)
    return open_row(model, row) if model else row


def role_of(actor: Any) -> str:
    """The role of whoever acted; never the name."""
    if actor is None:
        return "The platform itself"
    if (user := User.objects.filter(id=actor).first()) is not None:
        return user.role_label
    return "A machine with an API key" if ApiKey.objects.filter(id=actor).exists() else "Unknown here"


def may_read_body(user: Any, entry: Entry) -> bool:
    """Members of the platform read every body; members of an institution what lies within its federations."""
    if user.sees_all or entry.table in {"provenance", "provenance_body"}:
        return True
    model = next((m for m in apps.get_models() if m._meta.db_table == entry.table), None)
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
    visible = scope._default_manager.for_user(user)  # type: ignore[attr-defined]
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
