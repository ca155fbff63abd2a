"""Everything the log has about one object, and the same as a file that a stranger can check."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from core.errors import ApplicationError, NotFound
from provenance.bodies import LEDGER_TABLES, READING, may_read_body
from provenance.bundles import object_bundle
from provenance.models import Checkpoint, Entry
from provenance.presentation import Row, rows_of, tables
from provenance.reading import entries_about, latest_entry

PAGE, READINGS = 50, 10
MOST = 2_000  # entries of a bundle that is made while somebody waits
OUTSIDE = "the content is for members of the institutions it concerns"


class NotInLedger(NotFound):
    """The log has nothing about it."""


class TooMany(ApplicationError):
    """More than a request can wait for."""

    status = 413
    code = "too_many"


@dataclass(frozen=True)
class About:
    """What the log says about an identifier."""

    object_id: str
    tables: dict[str, str]  # the tables in which it is a row, in words; the ledger's own readings last
    first: Entry
    newest: Entry
    decisive: Entry  # the newest entry that is not a reading of it

    @property
    def table(self) -> str:
        """The one that its history and its bundle are of."""
        return next(iter(self.tables))

    @property
    def words(self) -> str:
        return next(iter(self.tables.values()))


def about(object_id: str) -> About:
    """Look an identifier up.

    Raises
    ------
    NotInLedger
        If no entry is about it.
    """
    entries = entries_about(object_id)
    first, newest = entries.order_by("seq").first(), entries.order_by("-seq").first()
    if first is None or newest is None:
        raise NotInLedger(_("The ledger holds no entry about %(object_id)s.") % {"object_id": f"{object_id[:80]!r}"})
    known = set(entries.order_by().values_list("table", flat=True).distinct())
    names = sorted(known, key=lambda name: (name in LEDGER_TABLES, name))
    words = {name: tables().get(name, name) for name in names}
    return About(object_id, words, first, newest, latest_entry(object_id) or newest)


def history(found: About, *, after: int | None) -> tuple[list[Entry], int | None]:
    """A stretch of what happened to the object, oldest first, and the number after which more follows."""
    entries = Entry.objects.filter(object_id=found.object_id, table=found.table).order_by("seq")
    shown = list(entries.filter(seq__gt=-1 if after is None else after)[: PAGE + 1])
    more, shown = len(shown) > PAGE, shown[:PAGE]
    return shown, shown[-1].seq if more else None


def readings(object_id: str) -> list[Row]:
    """The newest readings of it: who looked at it, and who took a bundle of it."""
    return rows_of(list(entries_about(object_id).filter(operation="READ").order_by("-seq")[:READINGS]))


def bundle_for(*, object_id: str, table: str | None, user: Any) -> bytes:
    """The evidence bundle of an object for a person, which the log records. What the person may not read is withheld.

    Parameters
    ----------
    table : str or None
        Which of the tables that know the identifier; None for the first.

    Raises
    ------
    NotInLedger
        If no entry is about it.
    TooMany
        If it has more entries than are bundled while somebody waits.
    """
    found = about(object_id)
    table = table or found.table
    if table not in found.tables:
        raise NotInLedger(
            _("The ledger holds no entry about %(object_id)s in %(table)s.")
            % {"object_id": f"{object_id[:80]!r}", "table": f"{table[:80]!r}"}
        )
    entries = Entry.objects.filter(table=table, object_id=object_id)
    if entries.order_by()[: MOST + 1].count() > MOST:
        raise TooMany(
            _(
                "The ledger holds more than %(most)s entries about this, too many to bundle while you wait. "
                "Ask the operator to run: manage.py export_bundle --object %(object_id)s --table %(table)s -o "
                "bundle.zip"
            )
            % {"most": f"{MOST:,}", "object_id": object_id, "table": table}
        )
    return object_bundle(
        table=table, object_id=object_id, title=found.tables[table], actor=user.pk, redact=_withhold_from(user)
    )


def _withhold_from(user: Any) -> Callable[[Entry, Mapping[str, Any]], str]:
    """Withhold what lies outside the person's reach, which is asked once an object: its entries share it.

    Readings of an object do not: each is its reader's own.
    """
    known: dict[tuple[str, str, int], bool] = {}

    def redact(entry: Entry, row: Mapping[str, Any]) -> str:
        key = (entry.table, entry.object_id, entry.seq if entry.table == READING else -1)
        if key not in known:
            known[key] = may_read_body(user, entry)
        return "" if known[key] else OUTSIDE

    return redact


def is_signed(entry: Entry) -> bool:
    """Whether a signed checkpoint covers the entry."""
    newest = Checkpoint.objects.first()
    return newest is not None and newest.size > entry.seq


def file_stem(object_id: str) -> str:
    """The identifier as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", object_id)[:80] or "object"
