"""Pages of external auditors' samples: draw, find item by item, close."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import requires
from audits.downloads import download_recorded
from audits.posthoc import samples
from audits.posthoc.models import AuditSample, SampleItem
from audits.posthoc.sample_items import told_of
from core import artefacts
from core.errors import ApplicationError, Conflict

_DAY = forms.DateInput(attrs={"type": "date"})
PER_PAGE = 10


class DrawForm(forms.Form):
    """What is drawn from, how many, and the auditor's part of the seed."""

    kind = forms.ChoiceField(choices=AuditSample.Kind, label="What is drawn from")
    wanted = forms.IntegerField(
        min_value=1, max_value=samples.MOST_ITEMS, label="How many items",
        help_text="By strata in proportion: frameworks, or roles and outcomes. Each gives at least one.",
    )  # fmt: skip
    start = forms.DateField(required=False, label="First day of the period", widget=_DAY, help_text="Of decisions.")
    end = forms.DateField(required=False, label="Last day of the period", widget=_DAY)
    words = forms.CharField(
        max_length=200, label="Words of your own", help_text="A part of the seed: dice, a newspaper's headline."
    )


class FindingForm(forms.Form):
    finding = forms.ChoiceField(choices=SampleItem.Finding)
    text = forms.CharField(max_length=4000)
    file = forms.FileField(required=False, allow_empty_file=True)


@require_safe
@requires("sample.view")
def samples_list(request: HttpRequest) -> HttpResponse:
    return _list(request, DrawForm())


@require_POST
@requires("sample.work")
def sample_draw(request: HttpRequest) -> HttpResponse:
    form = DrawForm(request.POST)
    if not form.is_valid():
        return _list(request, form, status=400)
    try:
        made = samples.sample_draw(**form.cleaned_data, actor=request.user)  # type: ignore[arg-type]
    except (ApplicationError, Conflict) as error:
        form.add_error(None, error.message)
        return _list(request, form, status=error.status)
    return redirect("sample", made.id)


def _list(request: HttpRequest, form: DrawForm, status: int = 200) -> HttpResponse:
    seen = AuditSample.objects.for_user(request.user).select_related("auditor").prefetch_related("items")
    page = Paginator(seen, 20).get_page(request.GET.get("page"))
    context = {
        "page": page, "rows": [(sample, samples.rate_of(sample)) for sample in page], "form": form,
        "may_work": request.user.may("sample.work"),  # type: ignore[union-attr]
    }  # fmt: skip
    return render(request, "audits_posthoc/samples.html", context, status=status)


@require_safe
@requires("sample.view")
def sample(request: HttpRequest, sample_id: uuid.UUID) -> HttpResponse:
    return _page(request, _found(request, sample_id))


def _page(
    request: HttpRequest, found: AuditSample, *, form: FindingForm | None = None, status: int = 200
) -> HttpResponse:
    page = Paginator(found.items.all(), PER_PAGE).get_page(request.GET.get("page"))
    items: list[SampleItem] = list(page)
    told = told_of(found, items)
    context: dict[str, Any] = {
        "sample": found, "crumb_name": str(found), "page": page,
        "rows": [(item, told.get(item.ref, [])) for item in items],
        "strata": samples.strata_of(found, found.items.all()), "rate": samples.rate_of(found), "form": form,
        "seed": samples.seed(found), "findings": SampleItem.Finding.choices,
        "left": found.items.filter(finding="").count(),
        "own": found.auditor_id == request.user.pk and found.state == AuditSample.State.OPEN,
    }  # fmt: skip
    return render(request, "audits_posthoc/sample.html", context, status=status)


@require_POST
@requires("sample.work")
def sample_find(request: HttpRequest, item_id: uuid.UUID) -> HttpResponse:
    seen = AuditSample.objects.for_user(request.user)
    item = get_object_or_404(SampleItem.objects.filter(sample__in=seen).select_related("sample"), id=item_id)
    form = FindingForm(request.POST, request.FILES)
    if not form.is_valid():
        messages.error(request, "Choose a finding, and say in at most 4,000 characters what you saw.")
        return _page(request, item.sample, form=form, status=400)
    file = form.cleaned_data["file"]
    try:
        samples.item_find(
            item=item, finding=form.cleaned_data["finding"], text=form.cleaned_data["text"], actor=request.user,  # type: ignore[arg-type]
            name=file.name if file else "", data=file.read() if file else b"",
        )  # fmt: skip
    except ApplicationError as error:
        messages.error(request, error.message)
        return _page(request, item.sample, form=form, status=error.status)
    page = (item.number - 1) // PER_PAGE + 1
    return redirect(f"/samples/{item.sample_id}/?page={page}#item-{item.number}")


@require_POST
@requires("sample.work")
def sample_close(request: HttpRequest, sample_id: uuid.UUID) -> HttpResponse:
    found = _found(request, sample_id)
    try:
        samples.sample_close(sample=found, actor=request.user)  # type: ignore[arg-type]
    except Conflict as error:
        messages.error(request, error.message)
        return _page(request, found, status=409)
    messages.success(request, "The sample is closed. Its rate stands on the control mapping and in the reports.")
    return redirect("sample", found.id)


@require_safe
@requires("sample.view")
def sample_file(request: HttpRequest, item_id: uuid.UUID) -> HttpResponse:
    """The file that shows a finding, as the auditor brought it."""
    seen = AuditSample.objects.for_user(request.user)
    item = get_object_or_404(SampleItem.objects.filter(sample__in=seen).exclude(evidence_digest=""), id=item_id)
    try:
        made = artefacts.get(item.evidence_digest)
    except artefacts.ArtefactError as error:
        raise Conflict(_("The file does not fit the ledger: %(error)s") % {"error": error}) from error
    data = download_recorded(subject=item.id, kind="finding", data=made, reader=request.user)
    headers = {"Content-Disposition": f'attachment; filename="{item.evidence_name}"'}
    return HttpResponse(data, content_type="application/octet-stream", headers=headers)


def _found(request: HttpRequest, sample_id: uuid.UUID) -> AuditSample:
    return get_object_or_404(AuditSample.objects.for_user(request.user), id=sample_id)
