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
from audits.posthoc.packaging import package
from audits.posthoc.renditions import KINDS
from audits.posthoc.report_keys import public_keys
from audits.posthoc.report_schema import schema_text
from audits.posthoc.signing_off import Capacity, capacities_of
from audits.typesetting.html import CSP
from core.errors import ApplicationError, Conflict
from provenance.reading import latest_entry


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
        "kinds": [(kind, KINDS[kind].title, digest) for kind, digest in found.files.items()],
        "sign_offs": found.sign_offs.select_related("signer", "institution", "key"),
        "capacities": [(value, Capacity(value).label) for value in capacities_of(found, request.user)]  # type: ignore[arg-type]
        if request.user.may("report.sign")  # type: ignore[union-attr]
        else [],
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
    return HttpResponse(data, content_type=KINDS[kind].media_type, headers=_headers(found, kind))


def _headers(report: Report, kind: str) -> dict[str, str]:
    """HTML is shown, under the policy that names its own style sheet; every other file is saved."""
    name = f"report-{report.period_start}-{report.period_end}.{kind}"
    if kind == "html":
        return {"Content-Security-Policy": f"{CSP}; frame-ancestors 'none'"}
    return {"Content-Disposition": f'attachment; filename="{name}"'}


@require_GET
@requires("report.view")
def report_package(request: HttpRequest, report_id: uuid.UUID) -> HttpResponse:
    """The report with all that is needed to check it elsewhere."""
    found = _found(request, report_id)
    made = package(report=found, actor=request.user)
    data = download_recorded(subject=found.id, kind="package", data=made, reader=request.user)
    headers = {"Content-Disposition": f'attachment; filename="report-{found.id}.zip"'}
    return HttpResponse(data, content_type="application/zip", headers=headers)


@require_GET
@requires("report.view")
def report_schema(request: HttpRequest) -> HttpResponse:
    """The shape of a report's JSON, as JSON Schema."""
    return HttpResponse(schema_text(), content_type="application/schema+json")


@require_GET
@requires("report.view")
def report_keys(request: HttpRequest) -> HttpResponse:
    """The keys under which reports of this platform are signed, a line each."""
    return HttpResponse("".join(f"{key}\n" for key in public_keys()), content_type="text/plain; charset=utf-8")


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
