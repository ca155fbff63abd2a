from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.access import requires
from accounts.models import User
from audits.downloads import download_recorded
from audits.predeployment import policies, presentation, progress, report, results, services, thresholds
from audits.predeployment.comparison import comparison_of
from audits.predeployment.external.pages import found_on
from audits.predeployment.forms import AuditFilterForm, AuditStartForm, AuditStopForm, CompareForm, ThresholdsForm
from audits.predeployment.models import AuditPolicy, AuditRun
from core.errors import ApplicationError
from federation.domain.messages import canonical
from models_registry.models import Version

PER_PAGE = 25
_REPORTS = {"pdf": (report.report_pdf, "application/pdf"), "json": (report.report_json, "application/json")}


def _audits(request: HttpRequest):
    return AuditRun.objects.for_user(request.user).select_related(
        "version__model__federation", "requested_by", "approved_policy"
    )


def _version(request: HttpRequest, version_id: uuid.UUID) -> Version:
    return get_object_or_404(Version.objects.for_user(request.user).select_related("model", "run"), id=version_id)


@requires("audit.view")
@require_GET
def audit_list(request: HttpRequest) -> HttpResponse:
    form = AuditFilterForm(request.GET)
    page = Paginator(form.apply(_audits(request)), PER_PAGE).get_page(request.GET.get("page"))
    rows = progress.list_rows(list(page.object_list))
    context = {"page_obj": page, "rows": rows, "form": form, "filtered": bool(request.GET.get("outcome"))}
    return render(request, "audits_predeployment/audits.html", context)


@requires("audit.view")
@require_GET
def audit_detail(request: HttpRequest, audit_id: uuid.UUID) -> HttpResponse:
    audit = get_object_or_404(_audits(request), id=audit_id)
    person: User = request.user  # type: ignore[assignment]  # @requires lets no anonymous user in
    may = {"may_start": person.may("audit.start"), "may_see_policy": person.may("policy.view"),
           "may_invite": person.may("external.invite")}  # fmt: skip
    context = presentation.page_of(audit) | may | found_on(audit.version, person)
    if audit.state == AuditRun.State.RUNNING:
        context["stop_form"] = AuditStopForm()
    if audit.state == AuditRun.State.FINISHED:
        context |= _thresholds(audit, person)
    return render(request, "audits_predeployment/audit.html", context)


def _thresholds(audit: AuditRun, person: User) -> dict[str, Any]:
    """What is on record of the proposed thresholds, and the form that records one."""
    recorded = thresholds.recorded_of(audit)
    done = {evidence.summary["attribute"] for evidence in recorded}
    open_ones = [name for name in thresholds.proposals_of(audit) if name not in done]
    form = ThresholdsForm(attributes=open_ones) if open_ones and person.may("thresholds.record") else None
    return {"thresholds_recorded": recorded, "thresholds_form": form}


@requires("audit.view")
@require_GET
def audit_progress(request: HttpRequest, audit_id: uuid.UUID) -> HttpResponse:
    """How far it is; asked for every few seconds while the audit runs."""
    audit = get_object_or_404(_audits(request), id=audit_id)
    response = render(request, "audits_predeployment/audit_progress.html", progress.progress_of(audit))
    if audit.state != AuditRun.State.RUNNING:
        response["HX-Refresh"] = "true"  # the whole page has changed
    return response


@requires("audit.view")
@require_GET
def audit_result(request: HttpRequest, audit_id: uuid.UUID, check_id: str) -> HttpResponse:
    """One result as the canonical JSON whose SHA-256 is its address."""
    audit = get_object_or_404(_audits(request), id=audit_id)
    row = get_object_or_404(audit.checks, check_id=check_id)
    response = HttpResponse(canonical(results.content_of(row)), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{row.check_id}-{row.digest[:12]}.json"'
    return response


@requires("audit.view")
@require_GET
def audit_report(request: HttpRequest, audit_id: uuid.UUID, kind: str) -> HttpResponse:
    """The whole audit as one file, to be kept, printed and checked elsewhere."""
    audit = get_object_or_404(_audits(request), id=audit_id)
    made, content_type = _REPORTS[kind]
    data = download_recorded(subject=audit.id, kind=kind, data=made(audit), reader=request.user)
    response = HttpResponse(data, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="audit-{audit.id}.{kind}"'
    return response


@requires("audit.view")
@require_GET
def audit_compare(request: HttpRequest, audit_id: uuid.UUID) -> HttpResponse:
    """Two audits side by side, check by check."""
    audit = get_object_or_404(_audits(request), id=audit_id)
    if audit.state != AuditRun.State.FINISHED:
        raise Http404("only a finished audit can be compared")
    others = _audits(request).filter(state=AuditRun.State.FINISHED, version__model=audit.version.model_id)
    form = CompareForm(request.GET or None, others=others.exclude(id=audit.id).order_by("-created_at"))
    context = {"audit": audit, "form": form}
    if form.is_valid():
        context |= comparison_of(form.cleaned_data["other"], audit)
    return render(request, "audits_predeployment/audit_compare.html", context)


@requires("audit.start")
@require_GET
def audit_new(request: HttpRequest, version_id: uuid.UUID) -> HttpResponse:
    """What each kind of audit would take, and the form that starts one."""
    version = _version(request, version_id)
    in_force = [policies.in_force(risk) for risk in AuditPolicy.RiskClass.values]
    context = {
        "version": version, "form": AuditStartForm(), "refused": services.refusal(version),
        "estimates": presentation.tiers_of(version, in_force),
    }  # fmt: skip
    return render(request, "audits_predeployment/audit_new.html", context)


@requires("audit.start")
@require_POST
def audit_start(request: HttpRequest, version_id: uuid.UUID) -> HttpResponse:
    version = _version(request, version_id)
    form = AuditStartForm(request.POST)
    if not form.is_valid():
        raise ApplicationError(_("The audit was not started. %(complaint)s") % {"complaint": form.complaint})
    audit = services.audit_start(version=version, actor=request.user, **form.chosen)
    messages.success(request, _("The audit of %(version)s has started; every site is asked.") % {"version": version})
    return redirect("audit", audit.id)


@requires("audit.start")
@require_POST
def audit_stop(request: HttpRequest, audit_id: uuid.UUID) -> HttpResponse:
    audit = get_object_or_404(_audits(request), id=audit_id)
    form = AuditStopForm(request.POST)
    if not form.is_valid():
        raise ApplicationError("Give a reason of at most 500 characters: it becomes part of the record.")
    stopped = services.audit_stop(audit=audit, reason=form.cleaned_data["reason"], actor=request.user)
    if stopped.verdict:
        messages.success(request, _("The audit was stopped. The fail that it had found stands."))
    else:
        messages.success(request, _("The audit was stopped. Nothing is concluded from it."))
    return redirect("audit", audit.id)


@requires("thresholds.record")
@require_POST
def thresholds_record(request: HttpRequest, audit_id: uuid.UUID) -> HttpResponse:
    audit = get_object_or_404(_audits(request), id=audit_id)
    form = ThresholdsForm(request.POST, attributes=list(thresholds.proposals_of(audit)))
    if not form.is_valid():
        raise ApplicationError(_("Nothing was recorded. %(complaint)s") % {"complaint": form.complaint})
    thresholds.proposal_record(audit=audit, actor=request.user, **form.cleaned_data)  # type: ignore[arg-type]
    messages.success(request, "The proposal is on record as evidence. The model goes on deciding as before.")
    return redirect("audit", audit.id)
