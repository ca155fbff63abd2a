from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import requires
from core.errors import ApplicationError
from core.spoken import inside
from federation import consents
from federation.forms_consents import ConsentForm, ReconsiderationForm
from federation.models import Consent, Reconsideration, TrainingRun
from federation.own import own_participant
from federation.presentation import run_page
from federation.presentation.consents import answers_of, own_of


@requires("federation.view")
@require_safe
def run_terms(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """All that a signature covers, in full, and the place to sign."""
    found, person = _run(request, run_id), _person(request)
    answers = answers_of(found)
    context = {
        **run_page.fixed_part(found), "run": found, "federation": found.federation, "answers": answers,
        "own": own_of(found, answers, person),
    }  # fmt: skip
    return render(request, "federation/terms.html", context)


@requires("consent.sign")
@require_POST
def run_consent(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    found, person = _run(request, run_id), _person(request)
    form = ConsentForm(request.POST)
    _check(form)
    given = dict(form.cleaned_data)
    own = own_participant(found.federation, person, "consent.sign", site=given.pop("site"))
    consent = consents.consent_decide(run=found, participant=own, actor=person, **given)
    found.refresh_from_db()
    messages.success(request, _said(found, consent))
    return redirect("run", found.id)


@requires("retrain.decide")
@require_POST
def reconsideration_decide(request: HttpRequest, matter_id: uuid.UUID) -> HttpResponse:
    person = _person(request)
    matter = get_object_or_404(Reconsideration.objects.for_user(person).select_related("run"), id=matter_id)
    form = ReconsiderationForm(request.POST)
    _check(form)
    decided = consents.reconsideration_decide(matter=matter, actor=person, **form.cleaned_data)
    messages.success(request, _("It is decided: %(choice)s.") % {"choice": inside(decided.get_choice_display())})
    return redirect("run", matter.run_id)


def _said(run: TrainingRun, consent: Consent) -> str:
    institution = consent.participant.institution
    if consent.decision == Consent.Decision.GIVEN:
        return _("You have signed for %(institution)s as %(capacity)s.") % {
            "institution": institution,
            "capacity": inside(consent.get_capacity_display()),
        }
    after = {
        TrainingRun.State.ABORTED: _("the run is stopped"),
        TrainingRun.State.PROPOSED: _("the run waits, and cannot start without it"),
        TrainingRun.State.FINISHED: _("it is to be decided whether what was trained is retrained or retired"),
    }.get(TrainingRun.State(run.state), _("the run goes on without it"))
    said = (
        _("%(institution)s refuses; %(after)s.")
        if consent.decision == Consent.Decision.REFUSED
        else _("%(institution)s has withdrawn its consent; %(after)s.")
    )
    return said % {"institution": institution, "after": after}


def _check(form: Any) -> None:
    if not form.is_valid():
        raise ApplicationError(" ".join(str(error) for errors in form.errors.values() for error in errors))


def _run(request: HttpRequest, run_id: uuid.UUID) -> TrainingRun:
    runs = TrainingRun.objects.for_user(request.user).select_related("federation", "requested_by")
    return get_object_or_404(runs, id=run_id)


def _person(request: HttpRequest) -> Any:
    return request.user
