"""The federation's own pages: map, traffic, differences between sites, quantum keys."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import requires
from core.errors import ApplicationError
from federation import contribution_studies, contributions, feature_studies, qkd
from federation.domain.cells import MIN_CELL
from federation.forms_pages import ContributionForm, FeatureForm, RehearsalForm
from federation.models import Federation, TrainingRun
from federation.presentation import features, federation_map, traffic, unlike
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
    return _differences(request, _federation(request, federation_id))


def _differences(
    request: HttpRequest, found: Federation, form: FeatureForm | None = None, status: int = 200
) -> HttpResponse:
    runs = traffic.runs_with_rounds(found)
    run = _chosen(request, runs)
    user, shown = _user(request), features.shown(found)
    context = {
        "runs": runs, "run": run, "compared": unlike.compared(found), "influences": unlike.influences(run, user),
        "least": MIN_CELL, "may_study": user.may("federation.manage"), "features": shown,
        "form": form or FeatureForm(offered=shown.offered),
    }  # fmt: skip
    return _page(request, found, "federation_differences", context, status)


@requires("federation.manage")
@require_POST
def feature_study(request: HttpRequest, federation_id: uuid.UUID) -> HttpResponse:
    found = _federation(request, federation_id)
    form = FeatureForm(request.POST, offered=feature_studies.whom(found).features)
    if form.is_valid():
        try:
            feature_studies.study_start(federation=found, actor=_user(request), **form.cleaned_data)
        except ApplicationError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "The sites are asked. This page shows their answers when you load it again.")
            return redirect(reverse("federation_differences", args=[found.id]) + "#features")
    return _differences(request, found, form, status=400)


@requires("federation.manage")
@require_POST
def contribution_study(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    run = get_object_or_404(TrainingRun.objects.for_user(request.user), id=run_id)
    epsilon = None
    if "epsilon" in request.POST:
        form = ContributionForm(request.POST)
        if not form.is_valid():
            raise ApplicationError(
                _("Expected the ε that may be spent. %(epsilon)s") % {"epsilon": form.errors["epsilon"][0]}
            )
        epsilon = form.cleaned_data["epsilon"]
    contribution_studies.study_start(run=run, actor=_user(request), epsilon=epsilon)
    messages.success(request, "The sites are asked to score the model without each of them. Load this page again.")
    return redirect(reverse("run", args=[run.id]) + "#contributions")


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
    messages.success(
        request,
        _("%(asked)s sites are asked how their links are. Load the page again for their answers.") % {"asked": asked},
    )
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
