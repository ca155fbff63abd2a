"""The sections of the ledger: entries, checkpoints, anchors, witnesses, completeness, verification."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import requires
from core.errors import ApplicationError
from provenance import checking, drawing, exploring, heartbeats, overview, presentation, witnesses
from provenance.completeness import Measure, classes_of_tables, completeness_chart, completeness_latest
from provenance.forms import EntryFilter
from provenance.models import Entry
from provenance.paging import Stretch, key_given, stretch

PAGE = 50
PATIENCE = "10s"  # of a search: beyond it the reader is asked to narrow it
TABS = (
    ("Entries", "ledger", "entries"),
    ("Checkpoints", "ledger_checkpoints", "checkpoints"),
    ("Witnesses", "ledger_witnesses", "witnesses"),
    ("Anchors", "ledger_anchors", "anchors"),
    ("Completeness", "ledger_completeness", "completeness"),
    ("Verification", "ledger_verification", "verification"),
)


@require_GET
@requires("ledger.view")
def ledger(request: HttpRequest) -> HttpResponse:
    """The entries, newest first, and the search among them."""
    form = EntryFilter(request.GET, user=request.user)
    context: dict[str, Any] = {"form": form, "query": _query(request, form), "why_protected": exploring.WHY_PROTECTED}
    found: Stretch = Stretch([])
    if form.is_valid():
        try:
            criteria, words = form.criteria(), ""
            if form.cleaned_data["q"]:
                understood = exploring.understand(form.cleaned_data["q"], criteria, user=request.user)
                if understood.seq is not None:
                    return redirect("ledger_entry", understood.seq)
                criteria, words = understood.criteria, understood.words
            found = _search(request, criteria)
            context |= {"filtered": bool(criteria.given), "understood": words}
        except ApplicationError as error:
            context |= {"filtered": True, "misunderstood": error.message}
    else:
        context |= {"filtered": True, "misunderstood": "Nothing was searched: mend what is marked below."}
    seqs = [entry.seq for entry in found.rows]
    context |= {"page": found, "rows": presentation.rows_of(found.rows, exploring.unrecorded(seqs))}
    return _render(request, "ledger", "entries", context)


def _search(request: HttpRequest, criteria: exploring.Criteria) -> Stretch[Entry]:
    """A stretch of what fits. A search that takes too long is given up, so that it cannot hold up others."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [PATIENCE])
            entries = exploring.entries_matching(criteria, user=request.user)
            before, after = key_given(request, "before"), key_given(request, "after")
            found = stretch(entries, key="seq", size=PAGE, before=before, after=after)
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', '0', true)")
            return found
    except DatabaseError as error:
        if "statement timeout" not in str(error):
            raise
        raise exploring.BadSearch(
            _("The search took longer than %(patience)s and was given up. Narrow it: by a time, a record or an object.")
            % {"patience": PATIENCE}
        ) from None


@require_GET
@requires("ledger.view")
def ledger_checkpoints(request: HttpRequest) -> HttpResponse:
    """Signed checkpoints with who cosigned them, and the log's keys."""
    page = overview.checkpoints_page(before=key_given(request, "before"), after=key_given(request, "after"))
    context = {"page": page, "generations": overview.key_generations()}
    return _render(request, "checkpoints", "checkpoints", context)


@require_GET
@requires("ledger.view")
def ledger_witnesses(request: HttpRequest) -> HttpResponse:
    """Who has witnessed what, and when."""
    lines = overview.witness_lines()
    context = {
        "lines": lines,
        "alarms": [line for line in lines if line.is_alarm],
        "newest_cosigned": witnesses.newest_cosigned(),
    }
    return _render(request, "witnesses", "witnesses", context)


@require_GET
@requires("ledger.view")
def ledger_anchors(request: HttpRequest) -> HttpResponse:
    """Anchors on the chain, and how far it is behind."""
    page = overview.anchors_page(before=key_given(request, "before"), after=key_given(request, "after"))
    context = {"page": page, "charts": drawing.anchor_charts(overview.anchors_drawn(drawing.ANCHORS_DRAWN))}
    return _render(request, "anchors", "anchors", context)


@require_http_methods(["GET", "POST"])
@requires("ledger.view")
def ledger_completeness(request: HttpRequest) -> HttpResponse:
    """How much of what happened stands in the log, measured; POST measures it now."""
    if request.method == "POST":
        return _measure(request, "ledger_completeness")
    classes = classes_of_tables()
    context = {
        "measure": completeness_latest(),
        "chart": completeness_chart(),
        "pending": checking.verification_pending(),
        "pulse": heartbeats.pulse(),
        "every": settings.HEARTBEAT_SECONDS,
        "classes": [(kind, [item for item in classes if item.kind == kind]) for kind in ("governed", "bulk", "exempt")],
    }
    return _render(request, "completeness", "completeness", context)


@require_http_methods(["GET", "POST"])
@requires("ledger.view")
def ledger_verification(request: HttpRequest) -> HttpResponse:
    """The newest check of the whole ledger; POST runs another one."""
    if request.method == "POST":
        return _measure(request, "ledger_verification")
    result, pending = checking.verification_latest(), checking.verification_pending()
    verified_at = parse_datetime(result["verified_at"]) if result else None
    context = {
        "result": result, "pending": pending, "verified_at": verified_at, "verifier_sha256": overview.verifier_digest()
    }  # fmt: skip
    return _render(request, "verification", "verification", context)


def _measure(request: HttpRequest, back: str) -> HttpResponse:
    if checking.verification_start() is None:
        messages.info(request, "The check was started; a long log takes a while.")
    return redirect(back)


# --- parts ---------------------------------------------------------------------------------------------------------


def _render(request: HttpRequest, template: str, current: str, context: dict) -> HttpResponse:
    status = presentation.status()
    measure = context["measure"] if "measure" in context else completeness_latest()
    witnessed = overview.witnessed_up_to(status["entries"])
    context |= {
        "tabs": [{"label": label, "url": reverse(url), "current": name == current} for label, url, name in TABS],
        "status": status,
        "completeness": measure,
        "completeness_note": _completeness_note(measure),
        "witnessed": witnessed,
        "witnessed_note": _witnessed_note(witnessed),
        **_notes(status),
        "embedded_note": presentation.EMBEDDED_NOTE,
        "origin": settings.LOG_ORIGIN,
    }
    return render(request, f"provenance/{template}.html", context)


def _notes(status: dict) -> dict[str, str]:
    """The small print under the figures."""
    chain, since = status["chain"], status["unanchored_since"]
    behind = _("%(n)s behind, %(since)s") % {
        "n": f"{status['anchor_lag']:,}", "since": _lag_words(since, status["anchor_lag_seconds"]),
    }  # fmt: skip
    if since is None:
        behind = _("nothing is behind")
    if chain is None:
        behind = _("the anchor worker was not seen yet")
    elif chain.embedded:
        behind = _("%(behind)s; this chain is run by the platform") % {"behind": behind}
    return {"waiting_note": _("%(n)s waiting to be written") % {"n": f"{status['waiting']:,}"}, "anchor_note": behind}


def _witnessed_note(witnessed: overview.Witnessed) -> str:
    if not witnessed.witnesses:
        return _("nobody witnesses this log")
    count = ngettext("%(n)s witness", "%(n)s witnesses", witnessed.witnesses) % {"n": witnessed.witnesses}
    if witnessed.behind:
        return _("%(witnesses)s, %(n)s entries behind") % {"witnesses": count, "n": f"{witnessed.behind:,}"}
    return _("%(witnesses)s, nothing is behind") % {"witnesses": count}


def _completeness_note(measure: Measure | None) -> str:
    if measure is None or measure.at is None:
        return ""
    age = timezone.now() - measure.at
    when = _("just now") if age.total_seconds() < 60 else _("%(gap)s ago") % {"gap": timesince(measure.at, depth=1)}
    return _("%(found)s of %(expected)s rows, measured %(when)s") % {
        "found": f"{measure.found:,}", "expected": f"{measure.expected:,}", "when": when,
    }  # fmt: skip


def _lag_words(since: datetime | None, seconds: float) -> str:
    if since is None or seconds < 60:
        return _("since just now")
    return _("for %(gap)s") % {"gap": timesince(since, depth=1)}


def _query(request: HttpRequest, form: EntryFilter) -> str:
    return urlencode({name: value for name, value in request.GET.items() if name in form.fields and value})
