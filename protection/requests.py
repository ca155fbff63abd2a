"""Requests of patients, handled by officers of their own hospital (GDPR Art. 12, 15 to 22).

The platform knows patients by pseudonym. Who asks is known to the hospital alone: it checks the identity, and gives the
number under which it sends the patient's cases. The number is looked up at the own hospital's sites only.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.erasure import Receipt, patient_erase
from accounts.models import Institution, User
from audits.runtime.appeals import appeal_file
from audits.runtime.models import Appeal, Prediction
from audits.runtime.patients import own_rows, pseudonyms_of
from audits.runtime.restrictions import restriction_place, restrictions_lift
from core.capture import record
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role
from core.spoken import inside, spoken
from models_registry.models import Deployment
from protection.domain.deadlines import due
from protection.models import RequestStep, SubjectRequest

Kind, State = SubjectRequest.Kind, SubjectRequest.State


def handles(request: SubjectRequest, user: Any) -> bool:
    """Whether this person is an ethics officer of the request's own hospital."""
    return Role.ETHICS_OFFICER in user.roles_at(request.institution_id)


def request_record(
    *, institution: Institution, kind: str, reference: str, patient: str, received_on: date, text: str, actor: User
) -> SubjectRequest:
    """Enter a request that came in. The month runs from the day on which the hospital received it."""
    if Role.ETHICS_OFFICER not in actor.roles_at(institution.pk):
        raise Forbidden("Requests are handled by ethics officers of the patient's own hospital.")
    if received_on > timezone.now().date():
        raise ApplicationError(
            _("Expected a day that is not in the future, got %(received_on)s.") % {"received_on": received_on}
        )
    if not reference.strip() or not patient.strip():
        raise ApplicationError("Give your own number of the matter, and the number under which you send the patient.")
    with governed(action="subject.receive", actor=actor.pk):
        made = SubjectRequest.objects.create(
            institution=institution, kind=kind, reference=reference.strip(), patient=patient, recorded_by=actor,
            received_on=received_on, due_on=due(received_on),
            pseudonyms=list(pseudonyms_of(institution, patient).values()),
        )  # fmt: skip
        _step(made, "received", text, actor)
        return made


def identity_confirm(*, request: SubjectRequest, text: str, actor: User) -> SubjectRequest:
    """The hospital has checked who asks (Art. 12(6)); how, is said in words."""
    with governed(action="subject.confirm", actor=actor.pk):
        row = _locked(request, actor, State.RECEIVED)
        return _move(row, State.CONFIRMED, "confirmed", _said(text, "Say how the identity was checked."), actor)


def deadline_extend(*, request: SubjectRequest, text: str, actor: User) -> SubjectRequest:
    """Two further months, once, with reasons that the person is told within the first month (Art. 12(3))."""
    with governed(action="subject.extend", actor=actor.pk):
        row = _locked(request, actor)
        if row.extended:
            raise Conflict(
                _("The time was extended already; it ends on %(due_on)s.")
                % {"due_on": date_format(row.due_on, "j F Y")}
            )
        if row.overdue:
            raise Conflict("The first month is over: it can be extended within it only.")
        _step(row, "extended", _said(text, "Say why: complexity or number of the requests."), actor)
        row.extended, row.due_on = True, due(row.received_on, extended=True)
        row.save(update_fields=["extended", "due_on"])
        return row


def request_refuse(*, request: SubjectRequest, text: str, actor: User) -> SubjectRequest:
    """Refuse with reasons, which the person is told together with the right to complain (Art. 12(4))."""
    with governed(action="subject.refuse", actor=actor.pk):
        row = _locked(request, actor)
        return _end(row, State.REFUSED, "refused", _said(text, "Say why, as the person is told."), actor)


def request_withdraw(*, request: SubjectRequest, text: str, actor: User) -> SubjectRequest:
    """The person does not ask any more."""
    with governed(action="subject.withdraw", actor=actor.pk):
        row = _locked(request, actor)
        return _end(row, State.WITHDRAWN, "withdrawn", _said(text, "Say how the person told so."), actor)


def request_fulfil(*, request: SubjectRequest, text: str, actor: User) -> SubjectRequest:
    """Access was given, the data were corrected, or processing is to be restricted from now on: what was done."""
    with governed(action="subject.fulfil", actor=actor.pk):
        row = _locked(request, actor, State.CONFIRMED)
        if row.kind in (Kind.ERASURE, Kind.OBJECTION):
            raise Conflict("An erasure is granted and then carried out; an objection goes to the appeals.")
        if row.kind == Kind.ACCESS and not row.steps.filter(step="exported").exists():
            raise Conflict("Export the person's data first: that is what access means.")
        if row.kind == Kind.RESTRICTION:
            _restrict(row)
        return _end(row, State.FULFILLED, "fulfilled", _said(text, "Say what was done."), actor)


def erasure_grant(*, request: SubjectRequest, text: str, actor: User) -> SubjectRequest:
    """The hospital agrees; an administrator of it, or of the platform, then carries it out."""
    with governed(action="subject.grant", actor=actor.pk):
        row = _locked(request, actor, State.CONFIRMED)
        if row.kind != Kind.ERASURE:
            raise Conflict("Only an erasure is granted first.")
        return _move(row, State.GRANTED, "granted", _said(text, "Say on which ground."), actor)


def erasure_carry_out(*, request: SubjectRequest, ground: str, confirm: str, actor: User) -> Receipt:
    """Erase the patient at every site of the hospital that sent one of this number (`accounts.erasure`).

    The receipt is for the person. It is kept nowhere, so that nobody else can tell whom the entry is about.

    Raises
    ------
    Forbidden
        If the actor administers neither the hospital nor the platform.
    Conflict
        If it is not granted, was carried out already, or a legal hold keeps the data.
    ApplicationError
        If the number typed is not the request's, or the hospital sent none such. Nothing was erased.
    """
    with governed(action="subject.erase", actor=actor.pk):
        row = SubjectRequest.objects.select_for_update(of=("self",)).get(pk=request.pk)
        if row.state != State.GRANTED:
            raise Conflict("This erasure is not granted, or was carried out already.")
        patient = str(row.patient)
        if confirm != patient:
            raise ApplicationError("The typed number is not the request's. Nothing was erased.")
        receipt = patient_erase(
            institution=row.institution, patient=patient, confirm=confirm, ground=ground, actor=actor
        )
        row.receipt = receipt.reference
        row.patient, row.pseudonyms = None, []
        row.save(update_fields=["receipt", "patient", "pseudonyms"])
        _end(row, State.FULFILLED, "erased", "Carried out. The receipt was shown once, for the person.", actor)
        return receipt


def objection_file(
    *, request: SubjectRequest, deployment: Deployment, event_key: str, text: str, actor: User
) -> SubjectRequest:
    """Contest a decision on the patient's behalf: it goes to the appeals, and somebody else decides (Art. 22(3))."""
    with governed(action="subject.object", actor=actor.pk):
        row = _locked(request, actor, State.CONFIRMED)
        if row.kind != Kind.OBJECTION:
            raise Conflict("Only an objection goes to the appeals.")
        row.appeal = appeal_file(
            deployment=deployment, event_key=event_key, contested_by=Appeal.Contester.PATIENT, grounds=text, actor=actor
        )
        row.save(update_fields=["appeal"])
        return _end(row, State.FULFILLED, "contested", f"Filed as an appeal. {text}", actor)


def restriction_lift(*, request: SubjectRequest, text: str, actor: User) -> SubjectRequest:
    """Processing goes on, after the person was told (Art. 18(3)); the number is forgotten with it."""
    with governed(action="subject.lift", actor=actor.pk):
        row = SubjectRequest.objects.select_for_update(of=("self",)).get(pk=request.pk)
        _refuse_stranger(row, actor)
        if row.kind != Kind.RESTRICTION or row.state != State.FULFILLED or not row.patient:
            raise Conflict("No restriction is in force here.")
        _step(row, "lifted", _said(text, "Say why, and that the person was told."), actor)
        restrictions_lift([row.pk])
        row.patient, row.pseudonyms = None, []
        row.save(update_fields=["patient", "pseudonyms"])
        return row


# --- whose data ----------------------------------------------------------------------------------------------------


def predictions_of(request: SubjectRequest, actor: User) -> QuerySet[Prediction]:
    """The patient's predictions at the own hospital. Who looks is recorded; nobody of another house can.

    Raises
    ------
    Forbidden
        If the actor is no officer of the hospital.
    Conflict
        If the identity was not confirmed, or the number is forgotten.
    """
    _refuse_stranger(request, actor)
    if request.state == State.RECEIVED:
        raise Conflict("Confirm the identity of who asks before anything is looked up.")
    if not request.patient:
        raise Conflict("The patient's number is not kept any more.")
    known = pseudonyms_of(request.institution, str(request.patient))
    with governed(action="subject.look_up", actor=actor.pk):
        record(
            table=SubjectRequest._meta.db_table, operation="READ", object_id=str(request.pk),
            body={"sites": sorted(known)},
        )  # fmt: skip
        SubjectRequest.objects.filter(pk=request.pk).update(pseudonyms=list(known.values()))
    return Prediction.objects.filter(own_rows(request.institution), subject__in=known.values()).order_by("received_at")


def _restrict(row: SubjectRequest) -> None:
    """Let the gateway and the ingest refuse the patient from now on, at every site of the hospital."""
    if not row.patient:
        raise Conflict("The patient's number is not kept any more, so nobody could be refused by it.")
    row.pseudonyms = list(pseudonyms_of(row.institution, str(row.patient)).values())
    row.save(update_fields=["pseudonyms"])
    restriction_place(
        request=row.pk, institution=row.institution, patient=str(row.patient), subjects=row.pseudonyms
    )  # fmt: skip


def exported(*, request: SubjectRequest, form: str, actor: User) -> None:
    """Note that the person's data were exported."""
    with governed(action="subject.export", actor=actor.pk):
        _step(request, "exported", form, actor)


def numbers_forget(pseudonym: str) -> int:
    """Empty the number of a patient who is erased, wherever a request still holds it."""
    rows = SubjectRequest.objects.filter(pseudonyms__contains=[pseudonym])
    restrictions_lift(rows.values_list("pk", flat=True))
    return rows.update(patient=None, pseudonyms=[])


# --- steps ---------------------------------------------------------------------------------------------------------


def _locked(request: SubjectRequest, actor: User, state: SubjectRequest.State | None = None) -> SubjectRequest:
    row = SubjectRequest.objects.select_for_update(of=("self",)).get(pk=request.pk)
    _refuse_stranger(row, actor)
    if not row.is_open:
        raise Conflict(_("This request is %(state)s already.") % {"state": inside(row.get_state_display())})
    if state is not None and row.state != state:
        raise Conflict(
            _("Expected the request to be: %(state)s. It is: %(state_2)s.")
            % {"state": spoken(state.label), "state_2": spoken(row.get_state_display())}
        )
    return row


def _refuse_stranger(request: SubjectRequest, actor: User) -> None:
    if not handles(request, actor):
        raise Forbidden("Requests are handled by ethics officers of the patient's own hospital.")


def _said(text: str, missing: str) -> str:
    if not text.strip():
        raise ApplicationError(missing)
    return text.strip()


def _step(request: SubjectRequest, step: str, text: str, actor: User) -> None:
    RequestStep.objects.create(request=request, step=step, text=text.strip(), author=actor)


def _move(row: SubjectRequest, state: SubjectRequest.State, step: str, text: str, actor: User) -> SubjectRequest:
    _step(row, step, text, actor)
    row.state = state
    row.save(update_fields=["state"])
    return row


def _end(row: SubjectRequest, state: SubjectRequest.State, step: str, text: str, actor: User) -> SubjectRequest:
    _step(row, step, text, actor)
    row.state, row.ended_at = state, timezone.now()
    row.save(update_fields=["state", "ended_at"])
    return row
