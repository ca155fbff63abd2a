"""The period of a report, the words it is told in, and what the ledger says about that time.

States are read from the ledger as they were when the period ended, not from the tables as they are now: a report of
last year must not change because a deployment was halted yesterday.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db import models
from django.db.models import Max

from accounts.models import Institution, User
from core import vault
from federation.models import Federation, Participant
from provenance.models import Body, Entry
from provenance.presentation import role_of
from provenance.sequencing import pseudonym_of

Found = TypeVar("Found")
NOT_STATED = "not stated"
PLATFORM = "Platform"


@dataclass(frozen=True)
class Window:
    """Whole days in UTC, both inclusive. It keeps what was read of them, so that sections do not read it again."""

    start: dt.date
    end: dt.date
    institution: Institution | None = None  # none: the whole platform
    _kept: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, read: Callable[[Window], Found]) -> Found:
        """What that function reads of this period, read the first time alone."""
        if read not in self._kept:
            self._kept[read] = read(self)
        found: Found = self._kept[read]
        return found

    def person(self, actor: uuid.UUID | None) -> dict[str, str]:
        """Whoever acted, by pseudonym, role and institution; never by name. Each is looked up once."""
        if ("person", actor) not in self._kept:
            self._kept["person", actor] = _person(actor)
        return dict(self._kept["person", actor])

    @property
    def since(self) -> dt.datetime:
        return dt.datetime.combine(self.start, dt.time(), tzinfo=dt.UTC)

    @property
    def until(self) -> dt.datetime:
        """The first moment after the period."""
        return dt.datetime.combine(self.end + dt.timedelta(days=1), dt.time(), tzinfo=dt.UTC)

    def holds(self, moment: dt.datetime | None) -> bool:
        return moment is not None and self.since <= moment < self.until

    def of(self, path: str) -> dict[str, Any]:
        """Filter arguments: the federation at that path is one of the institution's."""
        if self.institution is None:
            return {}
        return {f"{path}__in": Federation.objects.filter(participants__institution=self.institution)}

    def sites(self) -> list[str] | None:
        """The codes of the institution's sites; None is every site."""
        if self.institution is None:
            return None
        return list(Participant.objects.filter(institution=self.institution).values_list("site", flat=True))

    def during(self, field: str) -> dict[str, dt.datetime]:
        """Filter arguments: the field lies in the period."""
        return {f"{field}__gte": self.since, f"{field}__lt": self.until}


@dataclass(frozen=True)
class Moment:
    """One recorded state of a row."""

    at: dt.datetime
    row: dict[str, Any]
    actor: uuid.UUID | None
    seq: int  # its entry in the ledger


History = dict[str, list[Moment]]


def history(objects: Iterable[models.Model], until: dt.datetime) -> History:
    """What the ledger recorded of some rows of one table before a moment, oldest first."""
    rows = list(objects)
    if not rows:
        return {}
    found: History = {}
    bodies = Body.objects.filter(
        entry__table=rows[0]._meta.db_table, entry__object_id__in=[str(row.pk) for row in rows], entry__at__lt=until
    )
    for body in bodies.select_related("entry").order_by("entry_id"):
        row = json.loads(body.body).get("row")
        if isinstance(row, dict):
            found.setdefault(body.entry.object_id, []).append(Moment(body.entry.at, row, body.actor, body.entry_id))
    return found


def state_of(row: Any, past: History) -> str:
    """The state that the ledger recorded last; the row's own where the ledger has none (yet)."""
    moments = past.get(str(row.pk))
    return words(moments[-1].row.get("state") if moments else row.state)


def state_since(row: Any, past: History) -> dt.datetime:
    """When the row came into the state that it had last."""
    since, state = row.created_at, None
    for moment in past.get(str(row.pk), []):
        if state is not None and moment.row.get("state") != state:
            since = moment.at
        state = moment.row.get("state")
    return since


def transitions(row: Any, past: History, window: Window) -> list[tuple[Moment, str, str]]:
    """Each change of state within the period: when and by whom, before, after."""
    found, before = [], None
    for moment in past.get(str(row.pk), []):
        after = moment.row.get("state")
        if before is not None and after != before and window.holds(moment.at):
            found.append((moment, words(before), words(after)))
        before = after
    return found


def newest_entries(keys: Iterable[str], until: dt.datetime | None = None) -> dict[str, int]:
    """The newest ledger entry of each of these rows, before a moment if one is given; one query for all."""
    found = Entry.objects.filter(object_id__in=list(keys))
    if until is not None:
        found = found.filter(at__lt=until)
    return dict(found.order_by().values_list("object_id").annotate(Max("seq")))


def instant(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat()


def label(text: object, most: int = 300) -> str:
    """A text for a table: never empty, cut where the report's form ends."""
    shown = str(text if text is not None else "").strip() or NOT_STATED
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def prose(text: object) -> str:
    return label(text, 4000)


def words(state: object) -> str:
    """A state as people write it: "under_review" is "under review"."""
    return label(str(state or "").replace("_", " "))


def identifier(prefix: str, value: uuid.UUID) -> str:
    """A name that fits a table: "DEP-1f0c2a9b4d". Ten digits of a random UUID do not meet by chance."""
    return f"{prefix}-{value.hex[:10]}"


def _person(actor: uuid.UUID | None) -> dict[str, str]:
    if actor is None:
        return {"actor": "platform", "role": "The platform itself", "institution": PLATFORM}
    user = User.objects.filter(id=actor).first()
    institution = user.institution if user else None
    return {
        "actor": "erased" if vault.erased(actor) else pseudonym_of(actor),
        "role": label(role_of(actor)),
        "institution": label(institution or PLATFORM),
    }
