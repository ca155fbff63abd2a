from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.access import requires
from audits.runtime import amber, dashboard, presentation, services, withdrawing
from audits.runtime.beside import beside
from audits.runtime.forms import HaltForm, ReinstatementForm, WithdrawForm
from audits.runtime.forms_amber import AmberForm
from audits.runtime.input_pages import input_drift
from audits.runtime.models import Batch, Halt
from core.errors import ApplicationError
from core.spoken import inside, spoken
from core.tones import look_of
from models_registry.models import Deployment

PAGE = 25


@require_GET
@requires("deployment.view")
def deployments(request: HttpRequest) -> HttpResponse:
    served = Batch.objects.filter(deployment=OuterRef("pk"), kind="prediction").order_by("-created_at")
    halts = Halt.objects.open().filter(deployment=OuterRef("pk"))
    rows = _visible(request).annotate(
        last_prediction=Subquery(served.values("created_at")[:1]), halted_since=Subquery(halts.values("created_at")[:1])
    )
    wanted = request.GET.get("state", "")
    if wanted in Deployment.State.values:
        rows = rows.filter(state=wanted)
    tabs = [
        {"label": _(look_of(state).label) if state else _("All"), "url": f"?state={state}", "current": state == wanted}
        for state in ("", *Deployment.State.values)
    ]
    page = Paginator(rows.select_related("monitor", "counter"), PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "tabs": tabs, "filtered": wanted}
    return render(request, "audits_runtime/deployments.html", context)


@require_GET
@requires("deployment.view")
def deployment(request: HttpRequest, deployment_id: uuid.UUID) -> HttpResponse:
    found = _get(request, deployment_id)
    user: Any = request.user
    choice = dashboard.choose(found, request.GET)
    context = {**_shown(found, choice), **dashboard.controls(choice), **beside(found)}
    context |= input_drift(found)
    context |= amber.context(found, user)
    actions = _actions(request, found, context["place"])
    fragment = f"{reverse('deployment_live', args=[found.id])}?{urlencode({'seen': actions['mark'], **choice.query})}"
    return render(request, "audits_runtime/deployment.html", {**context, **actions, "fragment": fragment})


@require_GET
@requires("deployment.view")
def deployment_live(request: HttpRequest, deployment_id: uuid.UUID) -> HttpResponse:
    """The parts of the page that change. If what may be done has changed too, the whole page is fetched again."""
    found = _get(request, deployment_id)
    context = _shown(found, dashboard.choose(found, request.GET))
    if request.GET.get("seen") != _mark(context["place"]):
        response = HttpResponse()
        response["HX-Refresh"] = "true"
        return response
    return render(request, "audits_runtime/deployment_parts.html", context)


@require_POST
@requires("deployment.halt")
def deployment_halt(request: HttpRequest, deployment_id: uuid.UUID) -> HttpResponse:
    found = _get(request, deployment_id)
    form = HaltForm(request.POST, sites=services.sites_of(found))
    reason, site = _reason(form), form.cleaned_data["site"]
    services.deployment_halt(deployment=found, reason=reason, actor=request.user, site=site)  # type: ignore[arg-type]
    said = (
        _("%(deployment)s is halted at %(site)s. Nothing is predicted there until two officers have reinstated it.")
        if site
        else _("%(deployment)s is halted. Nothing is predicted until two officers have reinstated it.")
    )
    messages.success(request, said % {"deployment": found, "site": site})
    return redirect("deployment", deployment_id=found.id)


@require_POST
@requires("deployment.halt")
def deployment_amber(request: HttpRequest, deployment_id: uuid.UUID) -> HttpResponse:
    """An officer's answer to the monitor's warnings."""
    found = _get(request, deployment_id)
    form = AmberForm(request.POST)
    if not form.is_valid():
        raise ApplicationError(
            " ".join(f"{spoken(form.fields[name].label)}: {spoken(error[0])}" for name, error in form.errors.items())
        )
    made = amber.decision_make(deployment=found, actor=request.user, **form.cleaned_data)  # type: ignore[arg-type]
    messages.success(request, _("Your decision is recorded: %(what)s.") % {"what": inside(made.get_decision_display())})
    return redirect("deployment", deployment_id=found.id)


@require_POST
@requires("deployment.reinstate")
def deployment_reinstate(request: HttpRequest, deployment_id: uuid.UUID) -> HttpResponse:
    found = _get(request, deployment_id)
    halt = services.halt_voted_on(found, request.POST.get("halt"))
    actor: Any = request.user
    services.check_voter(halt=halt, actor=actor)
    form = ReinstatementForm(request.POST, request.FILES, of=halt)
    reason = _reason(form)
    services.reinstatement_vote(halt=halt, reason=reason, actor=actor, evidence=form.evidence())
    halt.refresh_from_db()
    said = (
        _("Your vote is recorded. %(deployment)s is reinstated and serves again.")
        if halt.closed_at
        else _("Your vote is recorded. %(deployment)s waits for the next officer's vote.")
    )
    messages.success(request, said % {"deployment": found})
    return redirect("deployment", deployment_id=found.id)


@require_POST
@requires("deployment.reinstate")
def vote_withdraw(request: HttpRequest, deployment_id: uuid.UUID) -> HttpResponse:
    found = _get(request, deployment_id)
    vote = withdrawing.vote_of(found, request.POST.get("vote"))
    form = WithdrawForm(request.POST)
    withdrawing.vote_withdraw(vote=vote, reason=_reason(form), actor=request.user)  # type: ignore[arg-type]
    messages.success(
        request,
        _("The vote of %(institution)s is withdrawn and counts no more.") % {"institution": vote.institution},
    )
    return redirect("deployment", deployment_id=found.id)


def _visible(request: HttpRequest) -> QuerySet[Deployment]:
    return Deployment.objects.for_user(request.user).select_related("version__model__federation")


def _get(request: HttpRequest, deployment_id: uuid.UUID) -> Deployment:
    return get_object_or_404(_visible(request), id=deployment_id)


def _shown(found: Deployment, choice: dashboard.Choice) -> dict[str, Any]:
    """What the live parts of the page show."""
    return {**presentation.monitor_view(found), **dashboard.charts(found, choice), "deployment": found}


def _mark(place: presentation.Standing) -> str:
    """What decides which forms the page offers."""
    return f"{place.state}-{place.halt.id if place.halt else ''}-{len(place.votes)}"


def _actions(request: HttpRequest, found: Deployment, place: presentation.Standing) -> dict[str, Any]:
    user: Any = request.user
    halts = list(found.halts.select_related("halted_by", "incident").prefetch_related("reinstatements__institution"))
    seqs = presentation.ledger_seqs([halt.id for halt in halts])
    active = found.state == Deployment.State.ACTIVE
    return {
        "mark": _mark(place),
        "may_predict": user.may("prediction.request"),
        "halts": [(halt, seqs.get(str(halt.id))) for halt in halts],
        "halt_form": HaltForm(sites=services.sites_of(found)) if active and user.may("deployment.halt") else None,
        "vote_form": ReinstatementForm(of=place.halt) if place.halt and presentation.may_vote(user, place) else None,
        "withdrawable": [vote for vote in place.votes if withdrawing.may_withdraw(vote, user)],
        "withdraw_form": WithdrawForm(auto_id="withdraw_%s") if user.may("deployment.reinstate") else None,
    }


def _reason(form: HaltForm | ReinstatementForm | WithdrawForm) -> str:
    if not form.is_valid():
        name = next(iter(form.errors))
        told = [form.fields[name].label, *map(str, form.errors[name])]
        raise ApplicationError(" ".join(str(spoken(words)) for words in told))
    return form.cleaned_data["reason"]
