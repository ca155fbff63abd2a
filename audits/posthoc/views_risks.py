"""Pages of the register of risks."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import requires
from audits.posthoc import mapping
from audits.posthoc import risks as register
from audits.posthoc.forms_controls import RiskFilter, RiskForm
from audits.posthoc.models import Risk
from core.errors import ApplicationError, Forbidden

PER_PAGE = 25


@requires("control.view")
@require_safe
def risks(request: HttpRequest) -> HttpResponse:
    form, rows = RiskFilter(request.GET or None), register.risks_for(request.user)  # type: ignore[arg-type]
    if form.is_bound and form.is_valid():
        if form.cleaned_data["state"]:
            rows = rows.filter(state=form.cleaned_data["state"])
        if form.cleaned_data["due"]:
            rows = rows.exclude(state=Risk.State.CLOSED).filter(review_on__lt=timezone.now().date())
    context = {
        "page": Paginator(rows, PER_PAGE).get_page(request.GET.get("page")), "form": form,
        "suggestions": register.suggestions(request.user),  # type: ignore[arg-type]
        "may_edit": request.user.may("risk.edit"), "today": timezone.now().date(),  # type: ignore[union-attr]
    }  # fmt: skip
    return render(request, "audits_posthoc/risks.html", context)


@requires("control.view")
@require_safe
def risk(request: HttpRequest, risk_id: uuid.UUID) -> HttpResponse:
    found = _risk(request, risk_id)
    titles = {
        f"{one.key}:{c.id}": (one.key, c.id, f"{one.title}, {c.reference}: {c.title}")
        for one in mapping.frameworks()[0]
        for c in one.controls
    }
    context = {
        "risk": found, "linked": [titles.get(name, ("", "", name)) for name in found.controls],
        "overdue": register.overdue(found), "may_edit": request.user.may("risk.edit"),  # type: ignore[union-attr]
    }  # fmt: skip
    return render(request, "audits_posthoc/risk.html", context)


@requires("risk.edit")
@require_http_methods(["GET", "HEAD", "POST"])
def risk_new(request: HttpRequest) -> HttpResponse:
    found = None
    if told := request.GET.get("from"):
        try:
            found = register.suggestion(request.user, uuid.UUID(told))  # type: ignore[arg-type]
        except ValueError:
            messages.warning(request, "This suggestion is not known; the form begins empty.")
    return _form(request, None, found)


@requires("risk.edit")
@require_http_methods(["GET", "HEAD", "POST"])
def risk_edit(request: HttpRequest, risk_id: uuid.UUID) -> HttpResponse:
    return _form(request, _risk(request, risk_id), None)


def _form(request: HttpRequest, found: Risk | None, seed: register.Suggestion | None) -> HttpResponse:
    """Show the form, or save it. What was typed stays in it when nothing was saved."""
    initial = seed.initial() if seed else {}
    form = RiskForm(request.POST or None, instance=found, initial=initial, user=request.user)  # type: ignore[arg-type]
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        try:
            saved = register.risk_save(
                risk=found, actor=request.user, suggested_by=seed.result.id if seed else None, **values  # type: ignore[arg-type]
            )  # fmt: skip
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, "The risk is on the register.")
            return redirect("risk", saved.id)
    context = {"form": form, "risk": found, "seed": seed}
    return render(request, "audits_posthoc/risk_form.html", context, status=400 if form.errors else 200)


def _risk(request: HttpRequest, risk_id: uuid.UUID) -> Risk:
    return get_object_or_404(register.risks_for(request.user), id=risk_id)  # type: ignore[arg-type]
