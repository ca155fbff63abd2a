from __future__ import annotations

import uuid

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import requires
from audits.downloads import download_recorded
from audits.posthoc import services
from audits.posthoc.forms import PeriodForm
from audits.posthoc.models import Report
from provenance.reading import latest_entry

_TYPES = {"pdf": "application/pdf", "json": "application/json"}


@require_GET
@requires("report.view")
def reports(request: HttpRequest) -> HttpResponse:
    return _list(request, PeriodForm())


@require_POST
@requires("report.create")
def report_create(request: HttpRequest) -> HttpResponse:
    form = PeriodForm(request.POST)
    if not form.is_valid():
        return _list(request, form, status=400)
    report = services.report_create(**form.cleaned_data, actor=request.user)  # type: ignore[arg-type]
    return redirect("report", report.id)


def _list(request: HttpRequest, form: PeriodForm, status: int = 200) -> HttpResponse:
    page = Paginator(Report.objects.select_related("requested_by"), 20).get_page(request.GET.get("page"))
    context = {"page": page, "form": form, "may_create": request.user.may("report.create")}  # type: ignore[union-attr]
    return render(request, "audits_posthoc/reports.html", context, status=status)


@require_GET
@requires("report.view")
def report(request: HttpRequest, report_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Report, id=report_id)
    context = {
        "report": found,
        "crumb_name": f"{found.period_start} to {found.period_end}",
        "entry": latest_entry(found.id),
    }
    return render(request, "audits_posthoc/report.html", context)


@require_GET
@requires("report.view")
def report_progress(request: HttpRequest, report_id: uuid.UUID) -> HttpResponse:
    """Asked by the page while it waits: nothing new, or "load yourself again"."""
    found = get_object_or_404(Report, id=report_id)
    if found.state == Report.State.QUEUED:
        return HttpResponse(status=204)
    return HttpResponse(headers={"HX-Refresh": "true"})


@require_http_methods(["GET", "HEAD"])
@requires("report.view")
def report_file(request: HttpRequest, report_id: uuid.UUID, kind: str) -> HttpResponse:
    found = get_object_or_404(Report, id=report_id)
    made = services.report_file(report=found, kind=kind)
    data = download_recorded(subject=found.id, kind=kind, data=made, reader=request.user)
    name = f"report-{found.period_start}-{found.period_end}.{kind}"
    return HttpResponse(
        data, content_type=_TYPES[kind], headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
