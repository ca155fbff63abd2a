"""Signing a report off: the statement in words, and then the signature under it."""

from __future__ import annotations

import json
import uuid

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.access import requires
from accounts.reauthentication import WrongPassword, reauthenticate
from audits.posthoc import signing_off
from audits.posthoc.models import Report, ReportSignOff
from core.errors import ApplicationError, Conflict
from models_registry import webauthn
from models_registry.approval_views import site_of
from models_registry.domain.statement import StatementError, in_words, read_statement
from models_registry.models import ReviewerKey
from models_registry.signatures import Signed, live_keys


class SignOffForm(forms.Form):
    """The signature under a statement, and the password once more."""

    capacity = forms.ChoiceField(choices=ReportSignOff.Capacity, widget=forms.HiddenInput)
    statement = forms.CharField(widget=forms.HiddenInput)
    signature = forms.CharField(
        label="Signature", max_length=20_000, widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="What the signing program printed. A security key fills it in by itself.",
    )  # fmt: skip
    password = forms.CharField(
        label="Your password", widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


@require_POST
@requires("report.sign")
def report_sign(request: HttpRequest, report_id: uuid.UUID) -> HttpResponse:
    """First without a signature: the statement is shown. Then with it: it is recorded."""
    found = get_object_or_404(Report.objects.for_user(request.user), id=report_id)
    if "signature" not in request.POST:
        return _begin(request, found)
    form, user = SignOffForm(request.POST), request.user
    if not form.is_valid():
        return _page(request, found, form, request.POST.get("statement", ""), status=400)
    told = form.cleaned_data
    signed = Signed(told["statement"], "", told["signature"].strip(), site_of(request))
    try:
        reauthenticate(request, user, told["password"])  # type: ignore[arg-type]
        signing_off.report_sign_off(report=found, capacity=told["capacity"], signed=signed, actor=user)  # type: ignore[arg-type]
    except WrongPassword as error:
        form.add_error("password", error.message)
        return _page(request, found, form, told["statement"], status=400)
    except Conflict as error:
        form.add_error(None, error.message)
        return _page(request, found, form, told["statement"], status=409)
    messages.success(request, "The report is signed off in your name.")
    return redirect("report", found.id)


def _begin(request: HttpRequest, found: Report) -> HttpResponse:
    capacity = request.POST.get("capacity", "")
    try:
        statement = signing_off.statement_for(report=found, capacity=capacity, actor=request.user)  # type: ignore[arg-type]
    except Conflict as error:
        messages.error(request, error.message)
        return redirect("report", found.id)
    form = SignOffForm(initial={"capacity": capacity, "statement": statement})
    return _page(request, found, form, statement)


def _page(request: HttpRequest, found: Report, form: SignOffForm, statement: str, status: int = 200) -> HttpResponse:
    try:
        words = in_words(read_statement(statement))
    except StatementError as error:
        raise ApplicationError(_("The statement cannot be used: %(error)s. Begin again.") % {"error": error}) from None
    keys = list(live_keys(request.user))  # type: ignore[arg-type]
    security = [key for key in keys if key.kind == ReviewerKey.Kind.WEBAUTHN]
    options = webauthn.request_options(security, statement, site_of(request)) if security else None
    context = {
        "report": found, "form": form, "statement": statement, "words": words, "programs": len(keys) > len(security),
        "options": json.dumps(options) if options else "",
    }  # fmt: skip
    return render(request, "audits_posthoc/report_sign.html", context, status=status)
