"""Pages of patients' requests."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import requires
from accounts.erasure import patients_held
from core.errors import ApplicationError, Forbidden
from protection import requests as service
from protection import subject_export as exports
from protection.forms import EraseForm, ObjectForm, RequestFilter, RequestForm, StepForm, steps_for
from protection.models import SubjectRequest
from protection.requests import Kind, State
from protection.views import tabs, user_of

PER_PAGE = 25
_STEPS = {
    "confirm": service.identity_confirm, "fulfil": service.request_fulfil, "grant": service.erasure_grant,
    "extend": service.deadline_extend, "refuse": service.request_refuse, "withdraw": service.request_withdraw,
    "lift": service.restriction_lift,
}  # fmt: skip


@requires("subject.view")
@require_safe
def subject_requests(request: HttpRequest) -> HttpResponse:
    form, rows = RequestFilter(request.GET or None), SubjectRequest.objects.for_user(request.user)
    show = form.cleaned_data["show"] if form.is_bound and form.is_valid() else ""
    if show == "ended":
        rows = rows.filter(state__in=SubjectRequest.ENDED).order_by("-ended_at")
    elif show != "all":
        rows = rows.open()
    if show == "overdue":
        rows = rows.filter(due_on__lt=timezone.now().date())
    context = {
        "tabs": tabs("subject_requests"), "form": form, "may_handle": user_of(request).may("subject.handle"),
        "page": Paginator(rows.select_related("institution"), PER_PAGE).get_page(request.GET.get("page")),
    }  # fmt: skip
    return render(request, "protection/requests.html", context)


@requires("subject.handle")
@require_http_methods(["GET", "HEAD", "POST"])
def subject_request_new(request: HttpRequest) -> HttpResponse:
    form = RequestForm(request.POST or None, user=user_of(request))
    if request.method == "POST" and form.is_valid():
        try:
            made = service.request_record(actor=user_of(request), **form.cleaned_data)
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            messages.success(
                request,
                _("The request is entered. It is to be answered by %(day)s.")
                % {"day": date_format(made.due_on, "j F Y")},
            )
            return redirect("subject_request", made.pk)
    context = {"tabs": tabs("subject_requests"), "form": form}
    return render(request, "protection/request_new.html", context, status=400 if form.errors else 200)


@requires("subject.view")
@require_safe
def subject_request(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    return _page(request, _request(request, request_id))


@requires("subject.handle")
@require_POST
def subject_step(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    found = _request(request, request_id)
    form = StepForm(request.POST, request=found)
    if form.is_valid():
        do = _STEPS[form.cleaned_data["step"]]
        return _done(request, found, "step_form", form, lambda: do(
            request=found, text=form.cleaned_data["text"], actor=user_of(request)
        ), "The step is recorded.")  # fmt: skip
    return _page(request, found, step_form=form)


@requires("subject.handle")
@require_POST
def subject_object(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    found = _request(request, request_id)
    form = ObjectForm(request.POST, user=user_of(request))
    if form.is_valid():
        return _done(request, found, "object_form", form, lambda: service.objection_file(
            request=found, actor=user_of(request), **form.cleaned_data
        ), "The objection is filed as an appeal; somebody else decides it.")  # fmt: skip
    return _page(request, found, object_form=form)


@requires("people.erase")
@require_POST
def subject_erase(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """Carry out a granted erasure; the receipt is shown once."""
    found, form = _request(request, request_id), EraseForm(request.POST)
    if form.is_valid():
        try:
            receipt = service.erasure_carry_out(request=found, actor=user_of(request), **form.cleaned_data)
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            context = {"tabs": tabs("subject_requests"), "found": found, "receipt": receipt}
            return render(request, "protection/request_erased.html", context)
    return _page(request, found, erase_form=form)


@requires("subject.handle")
@require_safe
def subject_export(request: HttpRequest, request_id: uuid.UUID, form: str) -> HttpResponse:
    """Everything about the patient, for the patient. The reading is recorded."""
    found = _request(request, request_id)
    content = exports.export(found, user_of(request))
    data = exports.pdf(content) if form == "pdf" else json.dumps(content, indent=1, ensure_ascii=False).encode()
    if found.is_open:
        service.exported(request=found, form=form, actor=user_of(request))
    headers = {"Content-Disposition": f'attachment; filename="your-data.{form}"', "Cache-Control": "no-store"}
    return HttpResponse(data, content_type=f"application/{form}", headers=headers)


def _done(request: HttpRequest, found: SubjectRequest, name: str, form: Any, do: Any, said: str) -> HttpResponse:
    """Carry out, and come back; what was refused stands beside what was typed."""
    try:
        do()
    except Forbidden:
        raise
    except ApplicationError as error:
        form.add_error(None, error.message)
        return _page(request, found, **{name: form})
    messages.success(request, said)
    return redirect("subject_request", found.pk)


def _page(request: HttpRequest, found: SubjectRequest, **forms: Any) -> HttpResponse:
    user = user_of(request)
    mine = user.may("subject.handle") and service.handles(found, user)
    confirmed = mine and found.state == State.CONFIRMED
    may_erase = found.state == State.GRANTED and user.may("people.erase")
    context = {
        "tabs": tabs("subject_requests"), "found": found, "steps": found.steps.select_related("author"), "mine": mine,
        "step_form": StepForm(request=found) if mine and steps_for(found) else None,
        "object_form": ObjectForm(user=user) if confirmed and found.kind == Kind.OBJECTION else None,
        "erase_form": EraseForm() if may_erase else None, "held": patients_held() if may_erase else "",
        "may_export": mine and found.state != State.RECEIVED and bool(found.patient), **forms,
    }  # fmt: skip
    return render(request, "protection/request.html", context, status=400 if forms else 200)


def _request(request: HttpRequest, request_id: uuid.UUID) -> SubjectRequest:
    rows = SubjectRequest.objects.for_user(request.user).select_related("institution", "recorded_by")
    return get_object_or_404(rows, pk=request_id)
