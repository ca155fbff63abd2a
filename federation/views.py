from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import requires
from core.errors import ApplicationError
from federation import services
from federation.forms import ConsentForm, RunForm
from federation.models import Consent, Federation, TrainingRun
from federation.presentation import participants, run_page

PER_PAGE = 20


@requires("federation.view")
@require_safe
def federations(request: HttpRequest) -> HttpResponse:
    found = (
        Federation.objects.for_user(request.user)
        .annotate(
            sites=Count("participants", filter=Q(participants__is_active=True), distinct=True),
            runs_total=Count("runs", distinct=True),
            runs_open=Count("runs", filter=Q(runs__state__in=TrainingRun.OPEN), distinct=True),
        )
        .order_by("name")
    )
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "federation/federations.html", {"page": page})


@requires("federation.view")
@require_safe
def federation(request: HttpRequest, federation_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Federation.objects.for_user(request.user), id=federation_id)
    return _federation_page(request, found, _form(found))


def _form(found: Federation, *data: QueryDict) -> RunForm:
    return RunForm(*data, task=found.task, side=services.image_side(found))


def _federation_page(request: HttpRequest, found: Federation, form: RunForm, status: int = 200) -> HttpResponse:
    runs = Paginator(found.runs.select_related("requested_by"), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "federation": found,
        "sites": participants.held_by(found),
        "page": runs,
        "form": form,
        "may_propose": request.user.may("run.start"),  # type: ignore[union-attr]
        "may_invite": request.user.may("federation.manage"),  # type: ignore[union-attr]
    }
    return render(request, "federation/federation.html", context, status=status)


@requires("run.start")
@require_POST
def run_propose(request: HttpRequest, federation_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Federation.objects.for_user(request.user), id=federation_id)
    form = _form(found, request.POST)
    if not form.is_valid():
        return _federation_page(request, found, form, status=400)
    proposed = services.run_propose(federation=found, actor=_person(request), **form.proposal())
    messages.success(request, f"“{proposed.name}” is proposed. The sites are asked for their consent.")
    return redirect("run", proposed.id)


@requires("federation.view")
@require_safe
def run(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    found = _run(request, run_id)
    context = {**run_page.live_part(found, _person(request)), **run_page.fixed_part(found)}
    return render(request, "federation/run.html", context)


@requires("federation.view")
@require_safe
def run_live(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """The part of the run's page that changes while it runs, for htmx to put in place."""
    found = _run(request, run_id)
    part = run_page.live_part(found, _person(request), have=request.GET.get("have", ""))
    return render(request, "federation/run_live.html", part)


@requires("consent.give")
@require_POST
def run_consent(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    found, person = _run(request, run_id), _person(request)
    form = ConsentForm(request.POST)
    if not form.is_valid():
        raise ApplicationError(" ".join(str(error) for errors in form.errors.values() for error in errors))
    own = get_object_or_404(found.federation.participants.filter(institution__in=person.institution_ids))
    consent = services.consent_decide(run=found, participant=own, actor=person, **form.cleaned_data)
    said = {
        Consent.Decision.GIVEN: f"{own.institution} consents to this run.",
        Consent.Decision.REFUSED: f"{own.institution} refuses; the run is stopped.",
        Consent.Decision.WITHDRAWN: f"{own.institution} has withdrawn its consent; the run is stopped.",
    }
    messages.success(request, said[Consent.Decision(consent.decision)])
    return redirect("run", found.id)


@requires("run.start")
@require_POST
def run_start(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    return _control(request, run_id, services.run_start, "Training has started.")


@requires("run.control")
@require_POST
def run_pause(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    return _control(request, run_id, services.run_pause, "The run pauses after the round in hand.")


@requires("run.control")
@require_POST
def run_resume(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    return _control(request, run_id, services.run_resume, "The run goes on.")


@requires("run.control")
@require_POST
def run_abort(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    reason = request.POST.get("reason", "")[:2000]
    return _control(request, run_id, services.run_abort, "The run is aborted.", reason=reason)


def _control(
    request: HttpRequest, run_id: uuid.UUID, service: Callable[..., TrainingRun], said: str, **arguments: Any
) -> HttpResponse:
    found = _run(request, run_id)
    service(run=found, actor=_person(request), **arguments)
    messages.success(request, said)
    return redirect("run", found.id)


def _run(request: HttpRequest, run_id: uuid.UUID) -> TrainingRun:
    runs = TrainingRun.objects.for_user(request.user).select_related("federation", "requested_by")
    return get_object_or_404(runs, id=run_id)


def _person(request: HttpRequest):
    return request.user
