from __future__ import annotations

import json
import uuid

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import requires
from audits.downloads import download_recorded
from audits.posthoc import rows, services
from audits.posthoc.forms import PeriodForm, ReportFilter
from audits.posthoc.models import Report
from core.errors import ApplicationError, Conflict
from provenance.reading import latest_entry

_TYPES = {"pdf": "application/pdf", "json": "application/json", "csv": "text/csv; charset=utf-8"}


@require_GET
@requires("report.view")
def reports(request: HttpRequest) -> HttpResponse:
    return _list(request, PeriodForm(viewer=request.user))


@require_POST
@requires("report.create")
def report_create(request: HttpRequest) -> HttpResponse:
    form = PeriodForm(request.POST, viewer=request.user)
    if not form.is_valid():
        return _list(request, form, status=400)
    try:
        report = services.report_create(**form.cleaned_data, actor=request.user)  # type: ignore[arg-type]
    except (ApplicationError, Conflict) as error:
        form.add_error(None, str(error))
        return _list(request, form, status=409 if isinstance(error, Conflict) else 400)
    return redirect("report", report.id)


def _list(request: HttpRequest, form: PeriodForm, status: int = 200) -> HttpResponse:
    seen = Report.objects.for_user(request.user).select_related("requested_by", "institution")
    filters = ReportFilter(request.GET, viewer=request.user)
    page = Paginator(filters.narrowed(seen), 20).get_page(request.GET.get("page"))
    context = {
        "page": page, "form": form, "filters": filters, "any": page or seen.exists(),
        "may_create": request.user.may("report.create"),  # type: ignore[union-attr]
    }  # fmt: skip
    return render(request, "audits_posthoc/reports.html", context, status=status)


@require_GET
@requires("report.view")
def report(request: HttpRequest, report_id: uuid.UUID) -> HttpResponse:
    found = _found(request, report_id)
    issues = Report.objects.same_as(found).exclude(id=found.id).order_by("-created_at")
    context = {
        "issues": issues,
        "superseded": issues.filter(created_at__gt=found.created_at, state=Report.State.FINISHED).first(),
        "may_create": request.user.may("report.create"),  # type: ignore[union-attr]
        "report": found,
        "crumb_name": f"{found.period_start} to {found.period_end}",
        "entry": latest_entry(found.id),
    }
    return render(request, "audits_posthoc/report.html", context)


@require_GET
@requires("report.view")
def report_progress(request: HttpRequest, report_id: uuid.UUID) -> HttpResponse:
    """Asked by the page while it waits: nothing new, or "load yourself again"."""
    found = _found(request, report_id)
    if found.state == Report.State.QUEUED:
        return HttpResponse(status=204)
    return HttpResponse(headers={"HX-Refresh": "true"})


@require_http_methods(["GET", "HEAD"])
@requires("report.view")
def report_file(request: HttpRequest, report_id: uuid.UUID, kind: str) -> HttpResponse:
    found = _found(request, report_id)
    made = services.report_file(report=found, kind=kind)
    data = download_recorded(subject=found.id, kind=kind, data=made, reader=request.user)
    name = f"report-{found.period_start}-{found.period_end}.{kind}"
    return HttpResponse(
        data, content_type=_TYPES[kind], headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@require_GET
@requires("report.view")
def report_evidence(request: HttpRequest, report_id: uuid.UUID) -> HttpResponse:
    """The figures of a finished report, and for each item behind them the row in the ledger."""
    found = _found(request, report_id)
    told = json.loads(services.report_file(report=found, kind="json"))
    section = request.GET.get("section", "")
    items = [item for item in rows.items_of(told) if section in ("", item.section)]
    context = {
        "report": found, "crumb_name": f"{found.period_start} to {found.period_end}", "section": section,
        "sections": sorted({item.section for item in rows.items_of(told)}),
        "page": Paginator(items, 50).get_page(request.GET.get("page")),
    }  # fmt: skip
    return render(request, "audits_posthoc/report_evidence.html", context)


@require_POST
@requires("report.create")
def report_reissue(request: HttpRequest, report_id: uuid.UUID) -> HttpResponse:
    found = _found(request, report_id)
    made = services.report_reissue(report=found, reason=request.POST.get("reason", ""), actor=request.user)  # type: ignore[arg-type]
    return redirect("report", made.id)


def _found(request: HttpRequest, report_id: uuid.UUID) -> Report:
    return get_object_or_404(Report.objects.for_user(request.user), id=report_id)
