"""The callers' names of cases, and what stands for them here.

A hospital may name a case by a record number, so no name is stored. `runtime_event_key` finds a case by the blind index
of its name; predictions and outcomes carry an alias: SHA-256 over the name and a random salt of the case's own, which
stands beside the index. Whoever knows name and salt can check that a row is about their case; erasing the patient
deletes index and salt, and the alias is noise.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from audits.runtime.models import EventKey
from audits.runtime.records import Refusals
from core.prepared import Prepared
from core.pseudonyms import blind_all

_SALT_BYTES = 16
_ALIAS = b"qfl-ethics/case-alias/v1\n"
ONE_NAME_EACH = "give each case a name of its own"
# In the order of their indexes, so that two batches with common names wait for one another instead of in a circle.
ENTER = """
    INSERT INTO runtime_event_key (deployment_id, kind, event_key, received_at, alias, salt)
    SELECT %(deployment)s::uuid, %(kind)s::text, k, %(at)s::timestamptz, coalesce(a, ''), decode(coalesce(s, ''), 'hex')
    FROM unnest(%(cases)s::text[], %(aliases)s::text[], %(case_salts)s::text[]) AS n(k, a, s)
    WHERE {when} ORDER BY k ON CONFLICT DO NOTHING RETURNING event_key
"""
# Which were entered; null if all were, as there may be thousands.
ENTERED = """
    (SELECT CASE WHEN count(*) < cardinality(%(cases)s::text[]) THEN coalesce(array_agg(event_key), '{{}}') END
     FROM names)
"""
_ENTER = Prepared(f"WITH names AS ({ENTER.format(when='true')}) SELECT {ENTERED.format()}")
_ARTICLES = {"prediction": "a prediction", "outcome": "an outcome"}


@dataclass(frozen=True)
class CaseName:
    """One case's name, and what is stored for it."""

    name: str  # as the caller wrote it; never stored
    index: str  # blind index, finds the case within the deployment
    alias: str = ""  # stands in the rows
    salt: bytes = b""


@dataclass(frozen=True)
class Known:
    """A case that was predicted: when (which finds its partition), and under which alias."""

    received_at: datetime
    alias: str


def new_names(deployment_id: uuid.UUID, names: Sequence[str]) -> list[CaseName]:
    """Names for cases that come for the first time, each with a salt and an alias."""
    drawn = secrets.token_bytes(_SALT_BYTES * len(names))
    salts = [drawn[at : at + _SALT_BYTES] for at in range(0, len(drawn), _SALT_BYTES)]
    return [
        CaseName(name, index, alias_of(salt, name), salt)
        for name, index, salt in zip(names, index_of(deployment_id, names), salts, strict=True)
    ]


def told_names(deployment_id: uuid.UUID, names: Sequence[str]) -> list[CaseName]:
    """Names of cases whose outcome is told: only their index is entered."""
    return [CaseName(name, index) for name, index in zip(names, index_of(deployment_id, names), strict=True)]


def index_of(deployment_id: uuid.UUID, names: Sequence[str]) -> list[str]:
    within = f"{deployment_id}\n"
    return blind_all("case", [within + name for name in names])


def alias_of(salt: bytes, name: str) -> str:
    return hashlib.sha256(_ALIAS + salt + name.encode()).hexdigest()


def known_names(deployment_id: uuid.UUID, names: Sequence[str]) -> dict[str, Known]:
    """Of these names, those that have a prediction."""
    by_index = dict(zip(index_of(deployment_id, names), names, strict=True))
    rows = EventKey.objects.filter(deployment_id=deployment_id, kind="prediction", event_key__in=by_index)
    return {by_index[row.event_key]: Known(row.received_at, row.alias) for row in rows}


def claim_events(
    deployment_id: uuid.UUID, kind: str, cases: Sequence[CaseName], at: datetime, hint: str = ONE_NAME_EACH
) -> None:
    """Enter the events, or raise `BadRecords`, which names those that are there already and adds a hint."""
    refusals = Refusals()
    for number in events_taken(deployment_id, kind, cases, at):
        name = cases[number].name
        refusals.add(number, "event_key", taken(kind, name, hint), name)
    refusals.raise_if_any()


def events_taken(deployment_id: uuid.UUID, kind: str, cases: Sequence[CaseName], at: datetime) -> list[int]:
    """Enter the events and return which of them were there already, by their place.

    The primary key refuses a second one, also from a request at the same moment.
    """
    with connection.cursor() as cursor:
        _ENTER.execute(cursor, names_values(deployment_id, kind, cases, at))
        (entered,) = cursor.fetchone()
    return not_entered(cases, entered)


def names_values(deployment_id: uuid.UUID, kind: str, cases: Sequence[CaseName], at: datetime) -> dict[str, Any]:
    """Of the places in `ENTER`."""
    return {
        "deployment": deployment_id, "kind": kind, "at": at, "cases": literal([case.index for case in cases]),
        "aliases": literal([case.alias for case in cases if case.alias]),
        "case_salts": literal([case.salt.hex() for case in cases if case.salt]),
    }  # fmt: skip


def not_entered(cases: Sequence[CaseName], entered: Sequence[str] | None) -> list[int]:
    """From the value of `ENTERED`: the places of the cases that were there already."""
    if entered is None:
        return []
    new = set(entered)
    return [number for number, case in enumerate(cases) if case.index not in new]


def taken(kind: str, name: str, hint: str = ONE_NAME_EACH) -> str:
    return f"{name!r} has {_ARTICLES[kind]} already; {hint}"


def literal(digits: Sequence[str]) -> str:
    """Many hexadecimal or decimal numbers as one literal: the database reads it much faster than a list of literals."""
    return "{" + ",".join(digits) + "}"


def names_forget(pseudonym: str) -> int:
    """Forget the names of an erased patient's cases; returns how many. Reads every prediction once: it takes a while.

    The rows stay, as the ledger's batches commit to them, and nothing says any more whose they were.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT runtime_forget_names(%s)", [pseudonym])
        return cursor.fetchone()[0]
