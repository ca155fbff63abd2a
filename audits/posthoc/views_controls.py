"""Pages of the control mapping."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import requires
from audits.domain.controls.frameworks import Control, Framework
from audits.downloads import download_recorded
from audits.posthoc import mapping
from audits.posthoc.forms_controls import ControlFilter, EvidenceForm
from audits.posthoc.models import AuditSample, ManualEvidence
from audits.posthoc.samples import newest_rates
from core.errors import ApplicationError, Forbidden


@requires("control.view")
@require_safe
def controls(request: HttpRequest) -> HttpResponse:
    found, problems = mapping.frameworks()
    rates = {sample.kind: (sample, rate) for sample, rate in newest_rates()}
    told = [(kind.label, *rates.get(kind.value, (None, None))) for kind in AuditSample.Kind]
    context = {"views": mapping.views_of(found), "problems": problems, "rates": told}
    return render(request, "audits_posthoc/controls.html", context)


@requires("control.view")
@require_safe
def framework(request: HttpRequest, key: str) -> HttpResponse:
    view = mapping.views_of([_framework(key)])[0]
    form = ControlFilter(request.GET or None)
    wanted = form.cleaned_data["status"] if form.is_bound and form.is_valid() else ""
    rows = [row for row in view.controls if not wanted or row.status == wanted]
    return render(request, "audits_posthoc/framework.html", {"view": view, "rows": rows, "form": form})


@requires("control.view")
@require_safe
def control(request: HttpRequest, key: str, control: str) -> HttpResponse:
    return _page(request, *_control(key, control))


@requires("control.evidence")
@require_POST
def evidence_add(request: HttpRequest, key: str, control: str) -> HttpResponse:
    found, of = _control(key, control)
    form = EvidenceForm(request.POST, request.FILES)
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            mapping.evidence_add(
                framework=found, control=of, name=file.name, data=file.read(), note=form.cleaned_data["note"],
                valid_until=form.cleaned_data["valid_until"], actor=request.user,  # type: ignore[arg-type]
            )  # fmt: skip
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, "The file is kept as evidence for this control.")
            return redirect("control", key, control)
    return _page(request, found, of, status=400, form=form)


@requires("control.evidence")
@require_POST
def evidence_withdraw(request: HttpRequest, evidence_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(ManualEvidence, id=evidence_id)
    mapping.evidence_withdraw(evidence=found, actor=request.user)  # type: ignore[arg-type]
    messages.success(request, "The file is withdrawn: it counts no more, and stays on record.")
    return redirect("control", found.framework, found.control)


@requires("control.view")
@require_safe
def evidence_file(request: HttpRequest, evidence_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(ManualEvidence, id=evidence_id)
    data = download_recorded(subject=found.id, kind="evidence", data=mapping.evidence_file(found), reader=request.user)
    headers = {"Content-Disposition": f'attachment; filename="{found.name}"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(data, content_type=found.media_type, headers=headers)


def _framework(key: str) -> Framework:
    found = mapping.framework_of(key)
    if found is None:
        raise Http404("No framework of this name is installed.")
    return found


def _control(key: str, id: str) -> tuple[Framework, Control]:
    found = _framework(key)
    control = found.control(id)
    if control is None:
        raise Http404("This framework has no such control.")
    return found, control


def _page(
    request: HttpRequest, framework: Framework, control: Control, status: int = 200, form: EvidenceForm | None = None
) -> HttpResponse:
    view = mapping.views_of([framework])[0]
    row = next(row for row in view.controls if row.control.id == control.id)
    context = {
        "framework": framework, "row": row, "form": form or EvidenceForm(),
        "may_add": request.user.may("control.evidence"),  # type: ignore[union-attr]
    }  # fmt: skip
    return render(request, "audits_posthoc/control.html", context, status=status)
