"""What the ledger's pages and API show. The chain is read from its mirror: nothing here talks to a node.

A leaf is public. Its body is not (bodies.py): whoever reads one is recorded.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from core.spoken import inside
from core.tables import classify
from provenance import keys, reading, services, witnesses
from provenance.bodies import (
    HEARTBEATS,
    LEDGER_TABLES,
    READING,
    Opened,
    body_read,
    may_read_body,
    model_of,
    role_of,
)
from provenance.domain.checkpoint import open_checkpoint
from provenance.domain.commit import Leaf, parse_leaf
from provenance.domain.errors import LedgerError
from provenance.domain.merkle import hash_leaf, hash_node, verify_inclusion
from provenance.domain.proof import Proof, format_proof
from provenance.models import Cosignature, Entry, Witness

__all__ = [
    "EMBEDDED_NOTE", "OPERATIONS", "Evidence", "Opened", "Row", "body_read", "evidence", "may_read_body", "proof_file",
    "proof_steps", "role_of", "rows_of", "sentence", "status", "tables",
]  # fmt: skip
OPERATIONS = {
    "INSERT": "Created",
    "UPDATE": "Changed",
    "DELETE": "Deleted",
    "BATCH": "Batch",
    "READ": "Read",
    "HEARTBEAT": "Sign of life",
    "ERASURE": "Erased",
    "REBASELINE": "Re-baseline",
}
OPERATION_ICONS = {
    "INSERT": "plus", "UPDATE": "pencil", "DELETE": "close", "BATCH": "list", "READ": "eye", "HEARTBEAT": "pulse",
    "ERASURE": "archive", "REBASELINE": "refresh",
}  # fmt: skip
VERBS = {
    "INSERT": "created", "UPDATE": "changed", "DELETE": "deleted", "BATCH": "entered a batch of", "READ": "read",
    "HEARTBEAT": "gave a sign of life in", "ERASURE": "erased a person in", "REBASELINE": "stated anew",
}  # fmt: skip
PASSIVES = {"INSERT": "created", "UPDATE": "changed", "DELETE": "deleted", "REBASELINE": "stated anew", "READ": "read"}
EMBEDDED_NOTE = (
    "This chain is run by the operator of this platform, so it adds no independent trust. Independent evidence is the "
    "signed checkpoints that other institutions hold: whoever kept one can show that an entry before it was changed."
)


# --- lists ---------------------------------------------------------------------------------------------------------


@cache
def tables() -> dict[str, str]:
    """Each table that can stand in the log, in words."""
    found = {HEARTBEATS: "Ledger", READING: "Ledger content"}
    for model in apps.get_models():
        if model._meta.db_table in classify() and classify()[model._meta.db_table][0] == "governed":
            name = str(model._meta.verbose_name)
            found[model._meta.db_table] = name[:1].upper() + name[1:]
    return dict(sorted(found.items(), key=lambda item: item[1]))


@dataclass(frozen=True)
class Row:
    """One line of a list of entries: what its leaf says."""

    entry: Entry
    record: str
    operation: str
    icon: str
    actor: str | None  # pseudonym; None: the platform itself, or nobody
    unrecorded: bool = False  # neither an actor nor an action stands behind it


def rows_of(entries: Sequence[Entry], unrecorded: set[int] | frozenset[int] = frozenset()) -> list[Row]:
    """Entries as lines of a list; `unrecorded` are the numbers of those without actor and action."""
    return [
        Row(
            entry,
            tables().get(entry.table, entry.table),
            OPERATIONS.get(entry.operation, entry.operation),
            OPERATION_ICONS.get(entry.operation, "dot"),
            json.loads(bytes(entry.leaf))["actor"],
            entry.seq in unrecorded,
        )
        for entry in entries
    ]


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
    witnessed_by: list[Witness]  # who cosigned a tree that holds the entry

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
        problems.append(_("The stored hash is not the hash of this leaf."))
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
    return Evidence(
        inclusion, parse_leaf(leaf_bytes), leaf_bytes.decode(), leaf_hash, steps, problems, _witnessed_by(entry)
    )


def _witnessed_by(entry: Entry) -> list[Witness]:
    """Each active witness is asked for one cosignature only: there may be millions."""
    over_it = Cosignature.objects.filter(witness=OuterRef("pk"), checkpoint_id__gt=entry.seq)
    return list(Witness.objects.filter(Exists(over_it), is_active=True))


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


def proof_file(inclusion: reading.Inclusion) -> bytes:
    """The inclusion as a C2SP tlog-proof file, with the witnesses' cosignatures. The checkpoint must exist."""
    if inclusion.checkpoint is None:
        raise ValueError("the entry is in no checkpoint yet; wait a second")
    note = witnesses.cosigned_note(inclusion.checkpoint)
    return format_proof(Proof(inclusion.entry.seq, inclusion.path, note))


def sentence(entry: Entry, opened: Opened | None, *, unrecorded: bool = False) -> str:
    """Who did what, in words; the time stands beside it. `unrecorded`: no actor and no action stand behind it."""
    verb, what = VERBS.get(entry.operation, "recorded"), _thing(entry)
    if unrecorded:
        done = _(PASSIVES.get(entry.operation, "recorded"))
        return _("%(what)s was %(done)s by nobody on record") % {"what": f"{what[:1].upper()}{what[1:]}", "done": done}
    if opened is not None:
        named = opened.role.startswith(("The ", "A ", "Unknown"))
        who = _(opened.role) if named else _("Somebody as %(role)s") % {"role": inside(opened.role)}
    elif json.loads(bytes(entry.leaf))["actor"]:
        who = _("Somebody")
    else:
        who = _("The platform itself")
    return _("%(who)s %(verb)s %(what)s") % {"who": who, "verb": _(verb), "what": what}


def _thing(entry: Entry) -> str:
    if entry.table in LEDGER_TABLES:
        return _("the ledger") if entry.table == HEARTBEATS else _("the content of an entry")
    model = model_of(entry.table)
    name = str(model._meta.verbose_name) if model else entry.table
    known = _(name.capitalize())
    name = name if known == name.capitalize() else known
    return (_("an %(thing)s") if name[:1].lower() in "aeiou" else _("a %(thing)s")) % {"thing": name}
