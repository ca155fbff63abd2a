from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts.access import requires
from audits.runtime import forms_incidents as forms
from audits.runtime import lookback
from audits.runtime.models import Incident
from audits.runtime.views_incidents import get_incident
from core.errors import ApplicationError, Forbidden

PAGE = 50


@require_GET
@requires("lookback.view")
def look_back(request: HttpRequest, incident_id: uuid.UUID) -> HttpResponse:
    return _page(request, get_incident(request, incident_id))


def _page(request: HttpRequest, found: Incident, status: int = 200, **more: Any) -> HttpResponse:
    rows = lookback.cases_for(request.user, found)
    if request.GET.get("waiting"):
        rows = rows.waiting()
    site = lookback.own_site(request.user, found)
    marks = found.state != Incident.State.CLOSED and site and request.user.may("lookback.mark")  # type: ignore[union-attr]
    context: dict[str, Any] = {
        "incident": found, "look_back": found.look_back, "site": site,
        "page": Paginator(rows, PAGE).get_page(request.GET.get("page")),
        "count": next(iter(lookback.counts_of(found, site)), None) if site else None,
        "mark_form": forms.MarkForm(incident=found) if marks else None,
        "find_form": forms.FindForm(incident=found) if site else None,
        "tabs": [
            {"label": "All", "url": "?", "current": not request.GET.get("waiting")},
            {"label": "Waiting", "url": "?waiting=1", "current": bool(request.GET.get("waiting"))},
        ],
        "ticked": set(request.POST.getlist("case")), **more,
    }  # fmt: skip
    return render(request, "audits_runtime/look_back.html", context, status=status)


@require_POST
@requires("lookback.mark")
def look_back_mark(request: HttpRequest, incident_id: uuid.UUID) -> HttpResponse:
    found = get_incident(request, incident_id)
    form = forms.MarkForm(request.POST, incident=found)
    if form.is_valid():
        what, _, result = form.cleaned_data["mark"].partition(":")
        try:
            cases = None if form.cleaned_data["scope"] == "all" else _ticked(request)
            marked = lookback.cases_mark(
                incident=found, what=what, result=result, cases=cases, note=form.cleaned_data["note"],
                actor=request.user,  # type: ignore[arg-type]
            )  # fmt: skip
            messages.success(request, ngettext("%(n)s case marked.", "%(n)s cases marked.", marked) % {"n": marked})
            return redirect("look_back", incident_id=found.id)
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error(None, error.message)
    return _page(request, found, status=400, mark_form=form)


def _ticked(request: HttpRequest) -> list[int]:
    try:
        return [int(value) for value in request.POST.getlist("case")]
    except ValueError:
        raise ApplicationError("Tick cases of the list.") from None


@require_POST
@requires("lookback.view")
def look_back_find(request: HttpRequest, incident_id: uuid.UUID) -> HttpResponse:
    """Which of the site's own names are on the list; by POST, as names must not stand in an address."""
    found = get_incident(request, incident_id)
    form = forms.FindForm(request.POST, incident=found)
    if form.is_valid():
        try:
            hits = lookback.cases_resolve(incident=found, names=form.lines(), user=request.user)
            return _page(request, found, find_form=form, hits=hits, asked=len(form.lines()))
        except ApplicationError as error:
            form.add_error(None, error.message)
    return _page(request, found, status=400, find_form=form)


@require_GET
@requires("lookback.view")
def look_back_csv(request: HttpRequest, incident_id: uuid.UUID) -> HttpResponse:
    found = get_incident(request, incident_id)
    response = HttpResponse(lookback.cases_export(incident=found, user=request.user), content_type="text/csv")
    response["Content-Disposition"] = f'attachment; filename="look-back-{found.id}.csv"'
    response["Cache-Control"] = "no-store"
    return response
