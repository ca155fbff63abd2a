"""Pages of the register of breaches."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import requires
from audits.runtime.incident_state import facts_of
from audits.runtime.models import Incident
from core.errors import ApplicationError, Forbidden
from protection import breaches as service
from protection.forms import AnswerForm, BreachForm, FactsForm, local
from protection.models import Breach
from protection.views import tabs, user_of

PER_PAGE = 25


@requires("protection.view")
@require_safe
def breaches(request: HttpRequest) -> HttpResponse:
    rows = Breach.objects.for_user(request.user).select_related("institution").prefetch_related("records")
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "tabs": tabs("breaches"), "page": page, "may_edit": user_of(request).may("protection.edit"),
        "rows": [(row, next((view for view in service.duties_of(row) if view.running), None)) for row in page],
    }  # fmt: skip
    return render(request, "protection/breaches.html", context)


@requires("protection.edit")
@require_http_methods(["GET", "HEAD", "POST"])
def breach_new(request: HttpRequest) -> HttpResponse:
    """By hand, or from an incident, whose facts are taken over."""
    incident = _incident(request)
    form = BreachForm(request.POST or None, user=user_of(request), initial=_begun(incident))
    if request.method == "POST" and form.is_valid():
        try:
            made = service.breach_open(
                institution=form.institution, incident=incident, nature=form.cleaned_data["nature"],
                actor=user_of(request), **form.facts,
            )  # fmt: skip
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, "The breach is on the register; its clocks run.")
            return redirect("breach", made.pk)
    context = {"tabs": tabs("breaches"), "form": form, "incident": incident}
    return render(request, "protection/breach_new.html", context, status=400 if form.errors else 200)


@requires("protection.view")
@require_safe
def breach(request: HttpRequest, breach_id: uuid.UUID) -> HttpResponse:
    return _page(request, _breach(request, breach_id))


@requires("protection.edit")
@require_POST
def breach_facts(request: HttpRequest, breach_id: uuid.UUID) -> HttpResponse:
    found, form = _breach(request, breach_id), FactsForm(request.POST)
    if form.is_valid():
        try:
            service.breach_facts(
                breach=found, revision=form.cleaned_data["revision"], actor=user_of(request), **form.facts
            )
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, "The facts are recorded; the duties follow from them.")
            return redirect("breach", found.pk)
    return _page(request, found, facts_form=form)


@requires("protection.edit")
@require_POST
def breach_answer(request: HttpRequest, breach_id: uuid.UUID) -> HttpResponse:
    found, form = _breach(request, breach_id), AnswerForm(request.POST)
    if form.is_valid():
        try:
            service.breach_answer(breach=found, actor=user_of(request), **form.cleaned_data)
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, "The answer is recorded.")
            return redirect("breach", found.pk)
    return _page(request, found, answer_form=form)


@requires("protection.edit")
@require_POST
def breach_close(request: HttpRequest, breach_id: uuid.UUID) -> HttpResponse:
    service.breach_close(breach=_breach(request, breach_id), actor=user_of(request))
    messages.success(request, "The breach is closed. It stays on the register.")
    return redirect("breach", breach_id)


def _page(request: HttpRequest, found: Breach, **forms: Any) -> HttpResponse:
    duties, known = service.duties_of(found), service.known_of(found)
    edits = found.closed_at is None and user_of(request).may("protection.edit")
    words = {True: "true", False: "false", None: ""}
    begun = {
        "revision": found.revision, "aware_at": local(found.aware_at), "persons": found.persons,
        "processor": found.processor,
        **{name: words[getattr(found, name)] for name in ("personal_data", "risk", "high_risk", "phi")},
    }  # fmt: skip
    context = {
        "tabs": tabs("breaches"), "breach": found, "duties": duties,
        "records": found.records.select_related("author"), "may_close": edits and not any(d.running for d in duties),
        "facts_form": FactsForm(initial=begun) if edits else None, "answer_form": AnswerForm() if edits else None,
        "known": [(question, known[name]) for name, question in service.duty_book().questions.items()],
        **forms,
    }  # fmt: skip
    return render(request, "protection/breach.html", context, status=400 if forms else 200)


def _incident(request: HttpRequest) -> Incident | None:
    if not (wanted := request.GET.get("incident")):
        return None
    try:
        return get_object_or_404(Incident.objects.for_user(request.user), pk=uuid.UUID(wanted))
    except ValueError:
        messages.warning(request, "This incident is not known; the form begins empty.")
        return None


def _begun(incident: Incident | None) -> dict[str, Any]:
    if incident is None:
        return {}
    facts = facts_of(incident)
    words = {True: "true", False: "false", None: ""}
    return {
        "aware_at": local(facts.aware_at), "nature": f"With the incident of {incident.deployment}: ",
        "personal_data": words[facts.known.get("personal_breach")], "phi": words[facts.known.get("phi_breach")],
    }  # fmt: skip


def _breach(request: HttpRequest, breach_id: uuid.UUID) -> Breach:
    rows = Breach.objects.for_user(request.user).select_related("institution", "recorded_by", "closed_by", "incident")
    return get_object_or_404(rows.prefetch_related("records"), pk=breach_id)
