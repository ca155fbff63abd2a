"""Searching the log. What a leaf says is searched for everybody; what stands in the protected bodies (actor, action,
request) only for those who may read all of them, and such a search is recorded as a reading.
"""

from __future__ import annotations

import re
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import ApiKey, User
from core import vault
from core.capture import record
from core.context import governed
from core.errors import ApplicationError, Forbidden
from provenance.bodies import READING
from provenance.domain.commit import pseudonym
from provenance.models import Body, Entry
from provenance.presentation import OPERATIONS, tables

PLATFORM, NOBODY = "platform", "nobody"  # as an actor: no person; neither a person nor an action
PROTECTED = ("actor", "action", "request")
WHY_PROTECTED = gettext_noop(
    "Actor, action and request stand in the protected content of an entry, so only people of the platform itself, who "
    "may read every content, search by them. A pseudonym is public, and everybody can search for it."
)
_SKEW = timedelta(hours=2)  # an entry's time is of its change, its place of the commit; no transaction lasts longer
_PSEUDONYM = re.compile(r"psn:[0-9a-f]{32}")
_NUMBER = re.compile(r"(?:#|entry\s*)?(\d{1,18})", re.IGNORECASE)
_REQUEST = re.compile(r"[A-Za-z0-9._-]{8,64}")


class BadSearch(ApplicationError):
    """A search that cannot be understood."""


@dataclass(frozen=True)
class Criteria:
    """What entries are narrowed to; empty: not narrowed."""

    table: str = ""
    operation: str = ""
    object: str = ""
    since: datetime | None = None  # both inclusive
    until: datetime | None = None
    actor: str = ""  # a pseudonym, an identifier, PLATFORM or NOBODY
    action: str = ""
    request: str = ""

    @property
    def given(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value}

    @property
    def protected(self) -> list[str]:
        """The names of those that look into bodies. A pseudonym stands in the leaf, too."""
        found = [name for name in PROTECTED if getattr(self, name)]
        return [name for name in found if name != "actor" or not _PSEUDONYM.fullmatch(self.actor)]


@dataclass(frozen=True)
class Understood:
    """What a line of free text was taken for."""

    criteria: Criteria
    seq: int | None = None  # it names one entry
    words: str = ""


# --- entries -------------------------------------------------------------------------------------------------------


def entries_matching(criteria: Criteria, *, user: Any) -> QuerySet[Entry]:
    """The entries that fit, for somebody who may search so. A search in bodies is recorded as a reading of them.

    Raises
    ------
    Forbidden
        If it looks into bodies, and the person may not read them all.
    BadSearch
        If the actor is none.
    """
    looks_into = criteria.protected
    if looks_into and not user.sees_all:
        raise Forbidden(WHY_PROTECTED)
    entries, within = _public(criteria), _in_bodies(criteria)
    if within is not None:
        entries = entries.filter(seq__in=within.values("entry_id"))
    if looks_into:
        with governed(action="ledger.search", actor=user.pk):
            record(table=READING, operation="READ", object_id="search", body={"by": ", ".join(looks_into)})
    return entries


def _public(criteria: Criteria) -> QuerySet[Entry]:
    names = {"table": "table", "operation": "operation", "object": "object_id"}
    entries = Entry.objects.filter(**{names[name]: value for name, value in criteria.given.items() if name in names})
    if criteria.since:
        entries = entries.filter(at__gte=criteria.since, seq__gte=_first_after(criteria.since, -_SKEW))
    if criteria.until:
        entries = entries.filter(at__lte=criteria.until, seq__lt=_first_after(criteria.until, _SKEW))
    return entries


def _first_after(moment: datetime, shift: timedelta) -> int:
    """The number of an entry after this moment (shifted), or the number of the next one, in a handful of look-ups.

    Times run with the numbers but for the skew. The planner knows nothing of that, and would walk from the newest
    entry back to an old window.
    """
    with suppress(OverflowError):  # the calendar's first or last day, far from any entry
        moment += shift
    newest = Entry.objects.order_by("-seq").values_list("seq", flat=True).first()
    low, high = 0, 0 if newest is None else newest + 1
    while low < high:
        middle = (low + high) // 2
        if Entry.objects.filter(seq=middle, at__gt=moment).exists():
            high = middle
        else:
            low = middle + 1
    return low


def _in_bodies(criteria: Criteria) -> QuerySet[Body] | None:
    """The bodies that fit; None if nothing is asked of them."""
    bodies = Body.objects.all()
    if criteria.actor:
        bodies = _by_actor(bodies, criteria.actor)
    if criteria.action:
        bodies = bodies.filter(action=criteria.action)
    if criteria.request:
        bodies = bodies.filter(request_id=criteria.request)
    return bodies if criteria.actor or criteria.action or criteria.request else None


def _by_actor(bodies: QuerySet[Body], actor: str) -> QuerySet[Body]:
    if actor == PLATFORM:
        return bodies.filter(actor=None)
    if actor == NOBODY:
        return bodies.filter(actor=None, action="")
    if _PSEUDONYM.fullmatch(actor):
        known = actor_of(actor)
        return bodies.filter(actor=known) if known else bodies.none()
    try:
        return bodies.filter(actor=uuid.UUID(actor))
    except ValueError:
        raise BadSearch(
            _(
                "Expected a pseudonym (psn: and 32 digits), an identifier, %(platform)s or %(nobody)s as "
                "actor, got %(actor)s."
            )
            % {"platform": PLATFORM, "nobody": NOBODY, "actor": f"{actor[:60]!r}"}
        ) from None


def actor_of(name: str) -> uuid.UUID | None:
    """Whose pseudonym this is. None: nobody's here, or of somebody whose key was erased, which severs it for good."""
    known = [*User.objects.values_list("id", flat=True), *ApiKey.objects.values_list("id", flat=True)]
    vault.warm(known)
    return next((actor for actor in known if pseudonym(vault.pseudonym_key(actor), actor) == name), None)


def unrecorded(seqs: list[int]) -> set[int]:
    """Of these entries, those that no actor and no action stand behind: a change made past the platform's own code."""
    found = Body.objects.filter(entry_id__in=seqs, actor=None, action="")
    return set(found.values_list("entry_id", flat=True))


# --- free text -----------------------------------------------------------------------------------------------------


def understand(text: str, criteria: Criteria, *, user: Any) -> Understood:
    """Take a line for an entry number, a pseudonym, an identifier, a kind of record, or a request id; in this order.

    Raises
    ------
    BadSearch
        If it is none of these.
    """
    text = text.strip()
    if match := _NUMBER.fullmatch(text):
        seq = int(match[1])
        if Entry.objects.filter(seq=seq).exists():
            return Understood(criteria, seq=seq)
    if _PSEUDONYM.fullmatch(text.lower()):
        return Understood(
            replace(criteria, actor=text.lower()), words=_("the pseudonym %(text)s") % {"text": text.lower()}
        )
    if Entry.objects.filter(object_id=text).exists():
        return Understood(replace(criteria, object=text), words=_("the identifier %(text)s") % {"text": text})
    for table, name in tables().items():
        if text.lower() in {table, name.lower()}:
            return Understood(replace(criteria, table=table), words=_("the record %(name)s") % {"name": _(name)})
    for operation, name in OPERATIONS.items():
        if text.lower() in {operation.lower(), name.lower()}:
            return Understood(
                replace(criteria, operation=operation), words=_("the operation %(name)s") % {"name": _(name)}
            )
    if match:
        raise BadSearch(_("The ledger has no entry %(match)s, and nothing with that identifier.") % {"match": match[1]})
    if not _REQUEST.fullmatch(text):
        raise BadSearch(
            "This is no entry number, no identifier in the ledger, no pseudonym, no kind of record and no request id."
        )
    if not user.sees_all:
        raise BadSearch(
            "The ledger holds nothing with this identifier. If it is the id of a request: that stands in the protected "
            "content, which people of the platform itself search."
        )
    return Understood(replace(criteria, request=text), words=_("the request %(text)s") % {"text": text})
