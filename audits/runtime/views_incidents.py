from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.access import requires
from audits.runtime import forms_incidents as forms
from audits.runtime import incident_state, incidents, lookback, services, withdrawing
from audits.runtime.forms import ReinstatementForm, WithdrawForm
from audits.runtime.models import Incident, IncidentTask, Notice
from audits.runtime.timeline import timeline
from core import vault
from core.errors import ApplicationError, Forbidden
from core.spoken import inside

PAGE = 25
FORMS: dict[str, type[forms.OfIncident]] = {
    "assign": forms.AssignForm, "facts": forms.FactsForm, "clock": forms.ClockForm, "note": forms.NoteForm,
    "task": forms.TaskForm, "advance": forms.AdvanceForm, "period": forms.PeriodForm,
}  # fmt: skip
STATES = [("", "All"), ("not_closed", "Not closed"), *Incident.State.choices]


@require_GET
@requires("incident.view")
def incident_list(request: HttpRequest) -> HttpResponse:
    wanted = request.GET.get("state", "")
    rows = incident_state.with_details(Incident.objects.for_user(request.user))
    if wanted == "not_closed":
        rows = rows.not_closed()
    elif wanted in Incident.State.values:
        rows = rows.filter(state=wanted)
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    shown = [(row, _next_due(row)) for row in page]
    tabs = [{"label": label, "url": f"?state={key}", "current": key == wanted} for key, label in STATES]
    return render(request, "audits_runtime/incidents.html", {"page": page, "rows": shown, "tabs": tabs})


@require_GET
@requires("incident.view")
def incident(request: HttpRequest, incident_id: uuid.UUID) -> HttpResponse:
    return _page(request, get_incident(request, incident_id))


def get_incident(request: HttpRequest, incident_id: uuid.UUID) -> Incident:
    return get_object_or_404(incident_state.with_details(Incident.objects.for_user(request.user)), id=incident_id)


def _next_due(found: Incident) -> incident_state.ClockView | None:
    if found.state == Incident.State.CLOSED:
        return None
    return next((view for view in incident_state.clocks_of(found) if view.running), None)


def _page(
    request: HttpRequest, found: Incident, bound: dict[str, forms.OfIncident] | None = None, status: int = 200
) -> HttpResponse:
    vault.warm(record.author_id for record in found.records.all())
    manages = found.state != Incident.State.CLOSED and incidents.manages(request.user, found)  # type: ignore[arg-type]
    offered = {name: kind(incident=found) for name, kind in FORMS.items()} if manages else {}
    facts = incident_state.facts_of(found)
    votes = list(found.halt.reinstatements.standing().select_related("officer", "institution"))
    context: dict[str, Any] = {
        "incident": found, "halt": found.halt, "facts": facts, "clocks": incident_state.clocks_of(found),
        "missing": incident_state.missing(found), "next_state": Incident.NEXT.get(Incident.State(found.state)),
        "notes": [
            (kind, incident_state.note_of(found, kind))
            for kind in (incidents.Kind.DOWNTIME, incidents.Kind.ROOT_CAUSE, incidents.Kind.ACTION)
        ],
        "approved_plan": incident_state.approved_plan(found),
        "tasks": list(found.tasks.all()), "events": timeline(found), "manages": manages,
        "counts": lookback.counts_of(found), "own_site": lookback.own_site(request.user, found),
        "notices": Notice.objects.filter(halt=found.halt).aggregate(
            sent=Count("id", filter=Q(state="sent")), queued=Count("id", filter=Q(state="queued")),
            dead=Count("id", filter=Q(state="dead")),
        ),
        "votes": votes,
        "withdrawable": [vote for vote in votes if withdrawing.may_withdraw(vote, request.user)],  # type: ignore[arg-type]
        "withdraw_form": WithdrawForm(auto_id="withdraw_%s"), "deployment": found.deployment,
        "vote_form": _vote_form(request, found), "forms": {**offered, **(bound or {})},
    }  # fmt: skip
    return render(request, "audits_runtime/incident.html", context, status=status)


def _vote_form(request: HttpRequest, found: Incident) -> ReinstatementForm | None:
    """For a halt at one site; a whole deployment's vote is on the deployment's page."""
    halt = found.halt
    if not halt.site or request.user.pk not in {member.user_id for member in services.voters(halt)}:
        return None
    return ReinstatementForm(of=halt)


def _act(
    request: HttpRequest, incident_id: uuid.UUID, name: str, call: Callable[[Incident, Any, Any], str]
) -> HttpResponse:
    """Do what a form of the page asks; what was typed stays on the page if it cannot be done."""
    found = get_incident(request, incident_id)
    if not incidents.manages(request.user, found):  # type: ignore[arg-type]
        raise Forbidden("Only an ethics officer of an institution that takes part manages this incident.")
    form = FORMS[name](request.POST, incident=found)
    if form.is_valid():
        try:
            messages.success(request, call(found, form, request.user))
            return redirect("incident", incident_id=found.id)
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error(None, error.message)
    return _page(request, found, {name: form}, status=400)


@require_POST
@requires("incident.manage")
def incident_assign(request: HttpRequest, incident_id: uuid.UUID) -> HttpResponse:
    def call(found: Incident, form: Any, actor: Any) -> str:
        person = incidents.find_person(form.cleaned_data["responsible"])
        incidents.incident_assign(incident=found, responsible=person, actor=actor)
        return _("%(person)s is responsible.") % {"person": person}

    return _act(request, incident_id, "assign", call)


@require_POST
@requires("incident.manage")
def incident_facts(request: HttpRequest, incident_id: uuid.UUID) -> HttpResponse:
    def call(found: Incident, form: Any, actor: Any) -> str:
        at = form.cleaned_data["aware_at"]
        incidents.incident_facts(incident=found, known=form.known(), aware_at=at, actor=actor)
        return "The facts are recorded. The clocks follow from them."

    return _act(request, incident_id, "facts", call)


@require_POST
@requires("incident.manage")
def incident_clock(request: HttpRequest, incident_id: uuid.UUID) -> HttpResponse:
    def call(found: Incident, form: Any, actor: Any) -> str:
        incidents.incident_clock(incident=found, actor=actor, **form.cleaned_data)
        return "The clock is recorded."

    return _act(request, incident_id, "clock", call)


@require_POST
@requires("incident.manage")
def incident_note(request: HttpRequest, incident_id: uuid.UUID) -> HttpResponse:
    def call(found: Incident, form: Any, actor: Any) -> str:
        incidents.incident_note(incident=found, actor=actor, **form.cleaned_data)
        return "It is recorded."

    return _act(request, incident_id, "note", call)


@require_POST
@requires("incident.manage")
def incident_task(request: HttpRequest, incident_id: uuid.UUID) -> HttpResponse:
    def call(found: Incident, form: Any, actor: Any) -> str:
        told = form.cleaned_data
        owner = incidents.find_person(told["owner"])
        incidents.task_create(incident=found, title=told["title"], owner=owner, due_on=told["due_on"], actor=actor)
        day = date_format(told["due_on"], "j M Y")
        return _("The task is %(owner)s's, until %(day)s.") % {"owner": owner, "day": day}

    return _act(request, incident_id, "task", call)


@require_POST
@requires("incident.manage")
def incident_advance(request: HttpRequest, incident_id: uuid.UUID) -> HttpResponse:
    def call(found: Incident, form: Any, actor: Any) -> str:
        made = incidents.incident_advance(incident=found, text=form.cleaned_data["text"], actor=actor)
        return _("The incident is %(state)s.") % {"state": inside(made.get_state_display())}

    return _act(request, incident_id, "advance", call)


@require_POST
@requires("incident.manage")
def look_back_change(request: HttpRequest, incident_id: uuid.UUID) -> HttpResponse:
    def call(found: Incident, form: Any, actor: Any) -> str:
        told = form.cleaned_data
        lookback.look_back_change(
            look_back=found.look_back, since=told["since"], whole=told.get("whole", False), reason=told["reason"],
            actor=actor,
        )  # fmt: skip
        return "The look-back's list is being made anew."

    return _act(request, incident_id, "period", call)


@require_POST
@requires("incident.view")
def task_done(request: HttpRequest, incident_id: uuid.UUID, task_id: uuid.UUID) -> HttpResponse:
    found = get_incident(request, incident_id)
    task = get_object_or_404(IncidentTask.objects.select_related("incident__deployment"), id=task_id, incident=found)
    incidents.task_done(task=task, actor=request.user)  # type: ignore[arg-type]
    messages.success(request, "The task is done.")
    return redirect("incident", incident_id=found.id)
