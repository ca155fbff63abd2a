"""The federation's own pages: map, traffic, differences between sites, quantum keys."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.access import requires
from federation import contributions, qkd
from federation.domain.cells import MIN_CELL
from federation.forms_pages import RehearsalForm
from federation.models import Federation, TrainingRun
from federation.presentation import federation_map, traffic, unlike
from federation.presentation import qkd as keys


@requires("federation.view")
@require_safe
def federation_map_page(request: HttpRequest, federation_id: uuid.UUID) -> HttpResponse:
    found = _federation(request, federation_id)
    return _page(request, found, "federation_map", federation_map.map_context(found))


@requires("federation.view")
@require_safe
def federation_traffic(request: HttpRequest, federation_id: uuid.UUID) -> HttpResponse:
    found = _federation(request, federation_id)
    runs = traffic.runs_with_rounds(found)
    run = _chosen(request, runs)
    shown = traffic.traffic_of(run, request.GET.get("page")) if run else None
    return _page(request, found, "federation_traffic", {"runs": runs, "run": run, "traffic": shown})


@requires("federation.view")
@require_safe
def federation_differences(request: HttpRequest, federation_id: uuid.UUID) -> HttpResponse:
    found = _federation(request, federation_id)
    runs = traffic.runs_with_rounds(found)
    run = _chosen(request, runs)
    user = _user(request)
    context = {
        "runs": runs, "run": run, "compared": unlike.compared(found), "influences": unlike.influences(run, user),
        "least": MIN_CELL, "may_study": user.may("federation.manage"),
    }  # fmt: skip
    return _page(request, found, "federation_differences", context)


@requires("federation.manage")
@require_POST
def influence_study(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    run = get_object_or_404(TrainingRun.objects.for_user(request.user), id=run_id)
    contributions.study_start(run=run, actor=_user(request))
    messages.success(request, "The study has started. This page shows how far it is when you load it again.")
    return redirect(reverse("federation_differences", args=[run.federation_id]) + f"?run={run.id}")


@requires("federation.view")
@require_safe
def federation_keys(request: HttpRequest, federation_id: uuid.UUID) -> HttpResponse:
    return _keys(request, _federation(request, federation_id), RehearsalForm())


def _keys(request: HttpRequest, found: Federation, form: RehearsalForm, status: int = 200) -> HttpResponse:
    context = {
        "links": keys.link_rows(found), "rehearsed": keys.rehearsed(found), "form": form,
        "waiting": found.qkd_rehearsals.filter(finished_at__isnull=True).exists(),
        "may_manage": _user(request).may("federation.manage"),
    }  # fmt: skip
    return _page(request, found, "federation_keys", context, status)


@requires("federation.manage")
@require_POST
def qkd_check(request: HttpRequest, federation_id: uuid.UUID) -> HttpResponse:
    found = _federation(request, federation_id)
    asked = qkd.links_check(federation=found, actor=_user(request))
    messages.success(request, f"{asked} sites are asked how their links are. Load the page again for their answers.")
    return redirect("federation_keys", found.id)


@requires("federation.manage")
@require_POST
def qkd_rehearsal(request: HttpRequest, federation_id: uuid.UUID) -> HttpResponse:
    found = _federation(request, federation_id)
    form = RehearsalForm(request.POST)
    if not form.is_valid():
        return _keys(request, found, form, status=400)
    qkd.rehearsal_start(federation=found, actor=_user(request), **form.shares())
    messages.success(request, "The rehearsal has started. Load the page again for its result.")
    return redirect("federation_keys", found.id)


def _page(
    request: HttpRequest, found: Federation, name: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:  # fmt: skip
    context = {"federation": found, "tabs": federation_map.tabs(name, found), **context}
    return render(request, f"federation/{name}.html", context, status=status)


def _federation(request: HttpRequest, federation_id: uuid.UUID) -> Federation:
    return get_object_or_404(Federation.objects.for_user(request.user), id=federation_id)


def _chosen(request: HttpRequest, runs: list[TrainingRun]) -> TrainingRun | None:
    """The run that the address names, else the newest."""
    wanted = request.GET.get("run", "")
    return next((run for run in runs if str(run.id) == wanted), runs[0] if runs else None)


def _user(request: HttpRequest) -> Any:
    return request.user
