from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import requires
from core.errors import ApplicationError
from core.spoken import inside
from federation import quantum_orders
from federation.forms_quantum import FORMS, DeviceConsentForm, JobFilter, LimitForm
from federation.models import QuantumJob, TrainingRun
from federation.own import own_participant
from federation.presentation import quantum as shown


@requires("quantum.view")
@require_safe
def quantum(request: HttpRequest) -> HttpResponse:
    """The devices: what each can, whether it can be used here, and how healthy it was when last measured."""
    user: Any = request.user
    return _devices(request, LimitForm(user=user))


def _devices(request: HttpRequest, form: LimitForm, status: int = 200) -> HttpResponse:
    user: Any = request.user
    context = {
        "tabs": shown.tabs("quantum", user),
        "devices": shown.device_rows(user),
        "usage": shown.usage_rows(user),
        "limit_form": form if user.may("quantum.order") else None,
    }
    return render(request, "federation/quantum.html", context, status=status)


@requires("quantum.order")
@require_POST
def quantum_limit(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    form = LimitForm(request.POST, user=user)
    if not form.is_valid():
        return _devices(request, form, status=400)
    quantum_orders.quantum_limit_set(actor=request.user, **form.cleaned_data)  # type: ignore[arg-type]
    messages.success(request, "The limits hold from now on, for what is already ordered this month too.")
    return redirect("quantum")


@requires("quantum.view")
@require_safe
def quantum_jobs(request: HttpRequest) -> HttpResponse:
    form = JobFilter(request.GET)
    wanted = form.wanted()
    found = QuantumJob.objects.for_user(request.user).filter(**wanted).select_related("participant__institution", "run")
    page = Paginator(found, shown.PER_PAGE).get_page(request.GET.get("page"))
    context = {"tabs": shown.tabs("quantum_jobs", request.user), "form": form, "page": page, "filtered": bool(wanted)}  # type: ignore[arg-type]
    return render(request, "federation/quantum_jobs.html", context)


@requires("quantum.view")
@require_safe
def quantum_job(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    return render(request, "federation/quantum_job.html", shown.job_context(_job(request, job_id), request.user))  # type: ignore[arg-type]


@requires("quantum.order")
@require_http_methods(["GET", "POST"])
def quantum_order(request: HttpRequest) -> HttpResponse:
    """The order is sent twice: first to see the estimate, then, unchanged, to confirm it."""
    user: Any = request.user
    kind = request.POST.get("kind") or request.GET.get("kind") or "evaluation"
    if kind not in FORMS:
        raise ApplicationError(
            _("Expected an order of the kind %(forms)s, got %(kind)s.")
            % {"forms": " or ".join(FORMS), "kind": f"{kind[:40]!r}"}
        )
    form = FORMS[kind](request.POST or None, user=user)
    preview, status = None, 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            order = form.order()
            if "confirm" in request.POST:
                job = quantum_orders.quantum_order(order=order, actor=user)
                messages.success(request, "The run is ordered. This page shows where it stands.")
                return redirect("quantum_job", job.id)
            preview = quantum_orders.quantum_preview(order=order, actor=user)
            status = 400 if preview.refusal else 200
    context = {"tabs": shown.tabs("quantum_order", user), "kind": kind, "form": form, "preview": preview}
    return render(request, "federation/quantum_order.html", context, status=status)


@requires("quantum.order")
@require_POST
def quantum_cancel(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    return _control(request, job_id, quantum_orders.quantum_cancel, _("The run is cancelled; the provider is told."))


@requires("quantum.order")
@require_POST
def quantum_look(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    job = _job(request, job_id)
    waits = quantum_orders.waits_for_site(job)  # before it is asked anew
    user: Any = request.user
    looked = quantum_orders.quantum_look(job=job, actor=user)
    if waits:
        told = _("%(site)s has not answered yet what it was asked last; it goes on from there as soon as it does.")
        messages.warning(request, told % {"site": looked.participant})
    else:
        messages.success(request, "It is looked at now. This page shows what is found.")
    return redirect("quantum_job", looked.id)


@requires("quantum.order")
@require_POST
def quantum_retry(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    return _control(request, job_id, quantum_orders.quantum_retry, _("The same run is ordered again."))


@requires("quantum.view")
@require_safe
def quantum_consents(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    page, rows = shown.consent_page(user, request.GET.get("page"))
    context = {
        "tabs": shown.tabs("quantum_consents", user), "page": page, "rows": rows,
        "may_answer": user.may("consent.give"),
        "own": {one for one in user.institution_ids if user.may_at("consent.give", one)},
    }  # fmt: skip
    return render(request, "federation/quantum_consents.html", context)


@requires("consent.give")
@require_POST
def quantum_consent(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    form = DeviceConsentForm(request.POST)
    if not form.is_valid():
        raise ApplicationError(" ".join(str(error) for errors in form.errors.values() for error in errors))
    given = form.cleaned_data
    run = get_object_or_404(TrainingRun.objects.for_user(user), id=given.pop("run"))
    own = own_participant(run.federation, user, "consent.give", site=given.pop("site"))
    consent = quantum_orders.device_consent_decide(run=run, participant=own, actor=user, **given)
    messages.success(
        request,
        _("%(institution)s: consent to %(device)s for “%(run)s” %(decision)s.")
        % {
            "institution": own.institution,
            "device": consent.device,
            "run": run.name,
            "decision": inside(consent.get_decision_display()),
        },
    )
    return redirect("quantum_consents")


def _control(
    request: HttpRequest, job_id: uuid.UUID, service: Callable[..., QuantumJob], said: str
) -> HttpResponse:  # fmt: skip
    changed = service(job=_job(request, job_id), actor=request.user)
    messages.success(request, said)
    return redirect("quantum_job", changed.id)


def _job(request: HttpRequest, job_id: uuid.UUID) -> QuantumJob:
    related = ("participant__institution", "run__federation", "institution", "requested_by", "health_check", "retry_of")
    return get_object_or_404(QuantumJob.objects.for_user(request.user).select_related(*related), id=job_id)
