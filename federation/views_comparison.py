from __future__ import annotations

import json

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.http import require_safe

from accounts.access import requires
from core.errors import ApplicationError
from federation.choosing import chosen_runs
from federation.presentation.comparison import compare
from federation.presentation.comparison_export import as_csv, as_dict


@requires("federation.view")
@require_safe
def run_compare(request: HttpRequest) -> HttpResponse:
    """Finished runs beside one another; which, stands in the address."""
    try:
        runs = chosen_runs(request.GET.getlist("run"), request.user)
    except ApplicationError as error:
        return render(request, "federation/compare.html", {"problem": str(error)}, status=400)
    query = "&".join(f"run={run.id}" for run in runs)
    context = {"runs": runs, "found": compare(runs) if runs else None, "query": query}
    return render(request, "federation/compare.html", context)


@requires("federation.view")
@require_safe
def run_compare_csv(request: HttpRequest) -> HttpResponse:
    runs = _some(request)
    found = compare(runs)
    if found.refused:
        raise ApplicationError(" ".join(found.refused))
    return _file(as_csv(found), "text/csv", "csv")


@requires("federation.view")
@require_safe
def run_compare_json(request: HttpRequest) -> HttpResponse:
    runs = _some(request)
    with translation.override(settings.LANGUAGE_CODE):  # as every export, whoever asks for it
        return _file(json.dumps(as_dict(compare(runs)), indent=1), "application/json", "json")


def _some(request: HttpRequest):
    runs = chosen_runs(request.GET.getlist("run"), request.user)
    if not runs:
        raise ApplicationError("Expected at least one run (?run=...), got none. Choose runs in a federation's list.")
    return runs


def _file(text: str, kind: str, ending: str) -> HttpResponse:
    response = HttpResponse(text, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="comparison.{ending}"'
    response["Cache-Control"] = "no-store"
    return response
