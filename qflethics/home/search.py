"""One search over everything that a person may open: words, a number or digest of the ledger, an identifier.

Each kind of thing is asked once, within the person's scope, for the newest that fit: a fixed number of queries,
however much there is. Words are looked for as beginnings of words (PostgreSQL full text, without stemming: names are
not prose). What people wrote is sealed, and so is not searched.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audits.posthoc.models import BoardReview, Report
from audits.predeployment.models import AuditRun
from audits.runtime.models import Appeal, Incident
from federation.models import Federation, TrainingRun
from models_registry.models import ApprovalRequest, Deployment, Model, Version
from provenance.models import Entry

SHOWN = 6  # of each kind
MOST_WORDS, LONGEST = 8, 200
_WORD = re.compile(r"\w+", re.UNICODE)
_NUMBER = re.compile(r"#?(\d{1,18})")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PART_OF_DIGEST = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True)
class Hit:
    """One thing found."""

    title: str
    url: str
    detail: str = ""
    state: str = ""  # of core.tones
    when: datetime | None = None


@dataclass(frozen=True)
class Group:
    """What was found of one kind; `more`: there is more than is shown."""

    key: str
    label: Any  # words, translated where they are shown
    hits: list[Hit]
    more: bool


@dataclass(frozen=True)
class Asked:
    """A line that somebody typed, taken apart."""

    text: str
    query: SearchQuery | None  # of its words
    number: int | None  # of an entry
    digest: str  # 8 to 64 hexadecimal digits, or ""
    identifier: uuid.UUID | None


@dataclass(frozen=True)
class Source:
    """One kind of thing, and how it is searched.

    Attributes
    ----------
    action : what the role matrix must allow
    rows : the rows of a person's scope, with what their titles need
    text : what their words are looked for in
    digests : fields that a digest may begin
    """

    key: str
    label: Any  # words, translated where they are shown
    action: str
    rows: Callable[[User], QuerySet[Any]]
    text: SearchVector
    hit: Callable[[Any], Hit]
    digests: tuple[str, ...] = ()


def _vector(*fields: Any) -> SearchVector:
    return SearchVector(*fields, config="simple")


def _version_name(path: str = "") -> Concat:
    return Concat(F(f"{path}model__name"), Value(" v"), Cast(f"{path}number", CharField()))


def _scoped(model: Any, *related: str) -> Callable[[User], QuerySet[Any]]:
    return lambda user: model.objects.for_user(user).select_related(*related)


SOURCES: tuple[Source, ...] = (
    Source("federations", _("Federations"), "federation.view", _scoped(Federation),
           _vector("name", "purpose", "data_title"),
           lambda row: Hit(row.name, reverse("federation", args=[row.id]), row.purpose, when=row.created_at)),
    Source("runs", _("Training runs"), "federation.view", _scoped(TrainingRun, "federation"),
           _vector("name", "federation__name", "state"),
           lambda row: Hit(row.name, reverse("run", args=[row.id]), row.federation.name, row.state, row.created_at),
           ("config_hash",)),
    Source("models", _("Models"), "model.view", _scoped(Model, "federation"),
           _vector("name", "intended_use", "federation__name"),
           lambda row: Hit(row.name, reverse("model", args=[row.id]), row.federation.name, when=row.created_at)),
    Source("versions", _("Versions"), "version.view", _scoped(Version, "model__federation"),
           _vector(_version_name(), "model__federation__name"),
           lambda row: Hit(str(row), reverse("version", args=[row.id]), row.model.federation.name,
                           when=row.created_at),
           ("weights_digest", "baseline_digest", "config_hash")),
    Source("audits", _("Audits"), "audit.view", _scoped(AuditRun, "version__model"),
           _vector(_version_name("version__"), "state", "verdict", "tier"),
           lambda row: Hit(gettext("Audit of %(what)s") % {"what": row.version},
                           reverse("audit", args=[row.id]), row.get_tier_display(),
                           row.verdict or row.state, row.created_at),
           ("digest",)),
    Source("approvals", _("Approvals"), "approval.view", _scoped(ApprovalRequest, "version__model"),
           _vector(_version_name("version__"), "kind", "state"),
           lambda row: Hit(str(row), reverse("approval", args=[row.id]), row.get_kind_display(), row.state,
                           row.created_at),
           ("content_digest",)),
    Source("deployments", _("Deployments"), "deployment.view", _scoped(Deployment, "version__model"),
           _vector("name", _version_name("version__"), "state", "kind"),
           lambda row: Hit(row.name, reverse("deployment", args=[row.id]), str(row.version), row.state,
                           row.created_at)),
    Source("incidents", _("Incidents"), "incident.view", _scoped(Incident, "deployment", "halt"),
           _vector("deployment__name", "halt__site", "state"),
           lambda row: Hit(gettext("Incident of %(what)s") % {"what": row.deployment.name},
                           reverse("incident", args=[row.id]),
                           f"At {row.halt.site}" if row.halt.site else "", row.state, row.created_at)),
    Source("appeals", _("Appeals"), "appeal.view", _scoped(Appeal, "deployment", "institution"),
           _vector("deployment__name", "institution__name", "state", "outcome"),
           lambda row: Hit(gettext("Appeal against %(what)s") % {"what": row.deployment.name},
                           reverse("appeal", args=[row.id]),
                           row.institution.name, row.state, row.created_at)),
    Source("reports", _("Reports"), "report.view", _scoped(Report, "institution"),
           _vector("kind", Cast("period_start", CharField()), Cast("period_end", CharField()), "institution__name",
                   "state", Value("report")),
           lambda row: Hit(f"{row.title}, {row.period_start} to {row.period_end}", reverse("report", args=[row.id]),
                           "", row.state, row.created_at),
           ("pdf_digest", "json_digest")),
    Source("boards", _("Board reviews"), "board.view", _scoped(BoardReview),
           _vector("board", Cast("month", CharField()), "state"),
           lambda row: Hit(str(row), reverse("board_review", args=[row.id]), "", row.state, row.created_at)),
)  # fmt: skip


def understood(text: str) -> Asked:
    """Take a line apart. At most eight words count; the rest of a long line is noise."""
    text = " ".join(text.replace("\x00", "").split())[:LONGEST]
    words = _WORD.findall(text)[:MOST_WORDS]
    query = None
    if words:
        query = SearchQuery(" & ".join(f"'{word}':*" for word in words), search_type="raw", config="simple")
    number = _NUMBER.fullmatch(text)
    lower = text.lower().removeprefix("sha256:")
    try:
        identifier = uuid.UUID(text)
    except ValueError:
        identifier = None
    return Asked(
        text, query, int(number[1]) if number else None, lower if _PART_OF_DIGEST.fullmatch(lower) else "", identifier
    )


def found(user: User, asked: Asked) -> list[Group]:
    """What was found, by kind, within this person's scope; kinds with nothing are left out."""
    if not asked.text:
        return []
    groups = [_of(source, user, asked) for source in SOURCES if user.may(source.action)]
    if user.may("ledger.view"):
        groups.append(_group("ledger", _("Ledger"), [_entry(row) for row in _entries(asked)]))
    return [group for group in groups if group.hits]


def _of(source: Source, user: User, asked: Asked) -> Group:
    rows = source.rows(user)
    fits = Q()
    if asked.query is not None:
        rows = rows.alias(searched=source.text)
        fits |= Q(searched=asked.query)
    if asked.identifier:
        fits |= Q(pk=asked.identifier)
    if asked.digest:
        for field in source.digests:
            fits |= Q(**{f"{field}__startswith": asked.digest})
    if not fits:
        return _group(source.key, source.label, [])
    return _group(source.key, source.label, map(source.hit, rows.filter(fits).order_by("-created_at")[: SHOWN + 1]))


def _group(key: str, label: Any, hits: Iterable[Hit]) -> Group:
    listed = list(hits)
    return Group(key, label, listed[:SHOWN], len(listed) > SHOWN)


def _entries(asked: Asked) -> Iterable[Entry]:
    """Entries by number, by the hash of their leaf, or about an object: each by an index of its own."""
    entries = Entry.objects.defer("leaf")
    if asked.number is not None:
        return entries.filter(seq=asked.number)
    if _DIGEST.fullmatch(asked.digest):
        return entries.filter(leaf_hash=bytes.fromhex(asked.digest)).order_by()[: SHOWN + 1]
    if asked.identifier:
        return entries.filter(object_id=str(asked.identifier)).order_by("-seq")[: SHOWN + 1]
    return []


def _entry(row: Entry) -> Hit:
    from qflethics.home.figures import operation_words, table_words

    words = f"{table_words(row.table)} {operation_words(row.operation)}"
    return Hit(gettext("Entry %(seq)s") % {"seq": row.seq}, reverse("ledger_entry", args=[row.seq]), words, when=row.at)
