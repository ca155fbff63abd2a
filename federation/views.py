from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import requires
from core.errors import ApplicationError
from federation import agreements, services, starting
from federation.agreements import agreements_of
from federation.forms import RunForm
from federation.forms_budget import BudgetForm
from federation.forms_consents import AgreementForm, TermsForm
from federation.forms_models import ModelForm
from federation.models import Federation, TrainingRun
from federation.presentation import budgets, federation_map, participants, run_page
from federation.presentation.consents import short_of_people
from federation.presentation.contributions import contributions_of
from federation.presentation.model_estimate import model_part
from federation.proposing import known_attributes

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
    asked = any(name.startswith("model-") for name in request.GET)  # the estimate beside the form, as it is filled in
    return federation_page(request, found, model=_model_form(found, request.GET) if asked else None)


def _form(request: HttpRequest, found: Federation, *data: QueryDict) -> RunForm:
    sites = [site for site in participants.held_by(found) if site.participant.is_active]
    held = [site.manifest for site in sites if site.manifest]
    return RunForm(
        *data, task=found.task, side=services.image_side(found), sites=len(sites), attributes=known_attributes(held),
        over_flare=[site.participant.site for site in sites if site.participant.is_over_flare],
        versions=starting.offered(_person(request), found),
    )  # fmt: skip


def _model_form(found: Federation, *data: QueryDict) -> ModelForm:
    begins = any(sent.get("start") for sent in data)
    return ModelForm(*data, task=found.task, shape=services.record_shape(found), from_version=begins)


def federation_page(
    request: HttpRequest,
    found: Federation,
    *,
    form: RunForm | None = None,
    terms: TermsForm | None = None,
    model: ModelForm | None = None,
    agreement: AgreementForm | None = None,
    budget_form: BudgetForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page of a federation, with a form that was filled in wrongly in the place of an empty one."""
    user = _person(request)
    runs = Paginator(found.runs.select_related("requested_by"), PER_PAGE).get_page(request.GET.get("page"))
    held = participants.held_by(found)
    context = {
        "federation": found,
        "tabs": federation_map.tabs("federation", found),
        "sites": held,
        "terms_form": terms or TermsForm(federation=found),
        "agreements": agreements_of(found),
        "agreement_form": agreement or AgreementForm(federation=found),
        "may_manage": user.may("federation.manage"),
        "short_of": short_of_people(site.participant for site in held if site.participant.is_active),
        "page": runs,
        "form": form or _form(request, found),
        **model_part(model or _model_form(found)),
        "may_propose": user.may("run.start"),
        "budgets": budgets.of_federation(found),
        "budget_form": (budget_form or BudgetForm()) if budgets.may_set(found, user) else None,
        "may_invite": user.may("federation.manage"),
    }
    return render(request, "federation/federation.html", context, status=status)


@requires("run.start")
@require_POST
def run_propose(request: HttpRequest, federation_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Federation.objects.for_user(request.user), id=federation_id)
    form, terms = _form(request, found, request.POST), TermsForm(request.POST, federation=found)
    model = _model_form(found, request.POST)
    if not (form.is_valid() & terms.is_valid() & model.is_valid()):  # all, so that each shows its errors
        return federation_page(request, found, form=form, terms=terms, model=model, status=400)
    required = model.requirement()
    try:
        proposed = services.run_propose(
            federation=found, actor=_person(request), terms=terms.terms(), model=model.choice(),
            device=required.as_dict() if required else None, **form.proposal(),
        )  # fmt: skip
    except ApplicationError as error:
        form.add_error(None, error.message)
        return federation_page(request, found, form=form, terms=terms, model=model, status=error.status)
    messages.success(
        request, _("“%(proposed)s” is proposed. The sites are asked for their consent.") % {"proposed": proposed.name}
    )
    return redirect("run", proposed.id)


@requires("federation.manage")
@require_POST
def agreement_record(request: HttpRequest, federation_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Federation.objects.for_user(request.user), id=federation_id)
    form = AgreementForm(request.POST, federation=found)
    if not form.is_valid():
        return federation_page(request, found, agreement=form, status=400)
    recorded = agreements.agreement_record(actor=_person(request), **form.cleaned_data)
    messages.success(
        request, _("The agreement of %(institution)s is on record.") % {"institution": recorded.participant.institution}
    )
    return redirect("federation", found.id)


@requires("federation.view")
@require_safe
def run(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    found = _run(request, run_id)
    context = {
        **run_page.live_part(found, _person(request)),
        **run_page.fixed_part(found),
        "contributions": contributions_of(found, _person(request)),
    }
    return render(request, "federation/run.html", context)


@requires("federation.view")
@require_safe
def run_live(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """The part of the run's page that changes while it runs, for htmx to put in place."""
    found = _run(request, run_id)
    part = run_page.live_part(found, _person(request), have=request.GET.get("have", ""))
    return render(request, "federation/run_live.html", part)


@requires("run.start")
@require_POST
def run_start(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    return _control(request, run_id, services.run_start, _("Training has started."))


@requires("run.control")
@require_POST
def run_pause(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    return _control(request, run_id, services.run_pause, _("The run pauses after the round in hand."))


@requires("run.control")
@require_POST
def run_resume(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    return _control(request, run_id, services.run_resume, _("The run goes on."))


@requires("run.control")
@require_POST
def run_abort(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    reason = request.POST.get("reason", "")[:2000]
    return _control(request, run_id, services.run_abort, _("The run is aborted."), reason=reason)


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
