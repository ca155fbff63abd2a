from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.access import requires
from audits.predeployment import presentation, services
from audits.predeployment.forms import AuditFilterForm, AuditStopForm
from audits.predeployment.models import AuditRun
from core.errors import ApplicationError
from models_registry.models import Version

PER_PAGE = 25


def _audits(request: HttpRequest):
    return AuditRun.objects.for_user(request.user).select_related("version__model__federation", "requested_by")


@requires("audit.view")
@require_GET
def audit_list(request: HttpRequest) -> HttpResponse:
    form = AuditFilterForm(request.GET)
    page = Paginator(form.apply(_audits(request)), PER_PAGE).get_page(request.GET.get("page"))
    rows = presentation.list_rows(list(page.object_list))
    context = {"page_obj": page, "rows": rows, "form": form, "filtered": bool(request.GET.get("outcome"))}
    return render(request, "audits_predeployment/audits.html", context)


@requires("audit.view")
@require_GET
def audit_detail(request: HttpRequest, audit_id: uuid.UUID) -> HttpResponse:
    audit = get_object_or_404(_audits(request), id=audit_id)
    context = presentation.page_of(audit) | {"may_start": request.user.may("audit.start")}  # type: ignore[union-attr]
    if audit.state == AuditRun.State.RUNNING:
        context["stop_form"] = AuditStopForm()
    return render(request, "audits_predeployment/audit.html", context)


@requires("audit.view")
@require_GET
def audit_progress(request: HttpRequest, audit_id: uuid.UUID) -> HttpResponse:
    """Which sites have answered; asked for every few seconds while the audit runs."""
    audit = get_object_or_404(_audits(request), id=audit_id)
    response = render(request, "audits_predeployment/audit_progress.html", presentation.progress_of(audit))
    if audit.state != AuditRun.State.RUNNING:
        response["HX-Refresh"] = "true"  # the whole page has changed
    return response


@requires("audit.start")
@require_POST
def audit_start(request: HttpRequest, version_id: uuid.UUID) -> HttpResponse:
    version = get_object_or_404(Version.objects.for_user(request.user).select_related("model", "run"), id=version_id)
    audit = services.audit_start(version=version, actor=request.user)
    messages.success(request, f"The audit of {version} has started; every site is asked.")
    return redirect("audit", audit.id)


@requires("audit.start")
@require_POST
def audit_stop(request: HttpRequest, audit_id: uuid.UUID) -> HttpResponse:
    audit = get_object_or_404(_audits(request), id=audit_id)
    form = AuditStopForm(request.POST)
    if not form.is_valid():
        raise ApplicationError("Give a reason of at most 500 characters: it becomes part of the record.")
    services.audit_stop(audit=audit, reason=form.cleaned_data["reason"], actor=request.user)
    messages.success(request, "The audit was stopped. Nothing is concluded from it.")
    return redirect("audit", audit.id)
