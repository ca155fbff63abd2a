"""Requests of patients: the own hospital alone, within a month, exported, erased or refused with reasons."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiKey
from audits.runtime.models import Appeal, Prediction, Restriction
from core.errors import ApplicationError, Conflict, Forbidden
from core.models import Outbox
from core.pseudonyms import patient_known
from protection import requests as service
from protection import retention
from protection.models import SubjectRequest
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db
PATIENT = "mrn-4711"


@pytest.fixture
def key(world) -> str:
    """Of a clinical system at north."""
    _, secret = ApiKey.issue(
        name="test", institution=world.people.north, actions=["prediction.request"],
        issued_by=world.people.administrator, expires_at=timezone.now() + dt.timedelta(days=1),
    )  # fmt: skip
    return secret


@pytest.fixture
def predict(client, key) -> Callable:
    def ask(deployment, **names: str):
        records = [
            {"event_key": name, "patient": who, "attributes": {"sex": "female"}, "features": [0.1, 0.5, 0.3, 0.9]}
            for name, who in names.items()
        ]
        return client.post(
            f"/api/v1/deployments/{deployment.pk}/predictions", json.dumps({"records": records}), "application/json",
            headers={"Authorization": f"Api-Key {key}"},
        )  # fmt: skip

    return ask


@pytest.fixture
def deployment(world, predict):
    """With one prediction of the patient at north, and one of another patient."""
    made = make_deployment(world)
    answer = predict(made, **{f"case-{who}": who for who in (PATIENT, "mrn-1")})
    assert answer.status_code == 200, answer.content
    return made


def received(world, kind: str = "access", *, days_ago: int = 0, patient: str = PATIENT) -> SubjectRequest:
    return service.request_record(
        institution=world.people.north, kind=kind, reference="M-1", patient=patient, text="By letter.",
        received_on=timezone.now().date() - dt.timedelta(days=days_ago), actor=world.people.officer_north,
    )  # fmt: skip


def confirmed(world, kind: str = "access") -> SubjectRequest:
    return service.identity_confirm(
        request=received(world, kind), text="Identity card seen.", actor=world.people.officer_north
    )


def test_access_gives_that_persons_data_and_nothing_elses(world, deployment, client_of, read_pdf):
    found = received(world)
    client = client_of(world.people.officer_north)
    where = reverse("subject_json", args=[found.pk])
    early = client.get(where)
    assert early.status_code == 409 and "Confirm the identity" in early.content.decode()
    step = reverse("subject_step", args=[found.pk])
    assert client.post(step, {"step": "fulfil", "text": "Sent."}).status_code == 400  # not offered yet
    client.post(step, {"step": "confirm", "text": "Identity card seen."})
    premature = client.post(step, {"step": "fulfil", "text": "Sent."})
    assert premature.status_code == 400 and "Export the person" in premature.content.decode()
    told = client.get(where).json()
    (prediction,) = told["predictions"]
    row = Prediction.objects.get(subject=patient_known("north", PATIENT))
    assert (prediction["score"], prediction["site"], prediction["deployment"]) == (row.score, "north", "Ward")
    assert {one["name"] for one in told["recipients"]} == {"Hospital north", "Hospital south"}
    text = json.dumps(told)
    for never in (PATIENT, "case-", row.subject, "mrn-1"):
        assert never not in text
    read = Outbox.objects.filter(table="protection_subjectrequest", operation="READ").latest("id")
    assert (read.object_id, read.said.action) == (str(found.pk), "subject.look_up")
    text, attached = read_pdf(client.get(reverse("subject_pdf", args=[found.pk])).content)
    assert "Predictions and decisions" in text
    assert attached["predictions"] == told["predictions"]
    client.post(step, {"step": "fulfil", "text": "Sent by registered letter."})
    found.refresh_from_db()
    assert (found.state, found.is_open) == ("fulfilled", False)
    assert [s.step for s in found.steps.all()] == ["received", "confirmed", "exported", "exported", "fulfilled"]


def test_what_is_written_of_a_patient_is_sealed_and_not_in_the_ledger(world):
    found = received(world)
    with connection.cursor() as cursor:
        cursor.execute("SELECT patient, reference FROM protection_subjectrequest")
        assert all(PATIENT not in value and "M-1" not in value for value in cursor.fetchone())
    body = Outbox.objects.get(table="protection_subjectrequest", operation="INSERT").body
    assert not {"patient", "pseudonyms"} & set(body)
    assert "M-1" not in json.dumps(body)
    assert str(SubjectRequest.objects.get(pk=found.pk).patient) == PATIENT


def test_only_the_own_hospitals_officers_handle_it(world, deployment, client_of):
    people, found = world.people, confirmed(world)
    pages = [reverse(name, args=[found.pk]) for name in ("subject_request", "subject_json", "subject_pdf")]
    for who, expected in (
        (people.officer_south, [404, 404, 404]), (people.outsider, [404, 404, 404]),
        (people.auditor, [200, 403, 403]), (people.administrator, [200, 403, 403]),
        (people.clinician, [403, 403, 403]), (people.officer_north, [200, 200, 200]),
    ):  # fmt: skip
        assert [client_of(who).get(page).status_code for page in pages] == expected, who
    page = client_of(people.auditor).get(pages[0]).content.decode()
    assert PATIENT not in page and "M-1" not in page and "Identity card" not in page
    for actor in (people.officer_south, people.administrator):
        with pytest.raises(Forbidden, match="patient's own hospital"):
            service.request_refuse(request=found, text="x", actor=actor)
    with pytest.raises(Forbidden):
        service.request_record(
            institution=people.south, kind="access", reference="r", patient="1", text="", actor=people.officer_north,
            received_on=timezone.now().date(),
        )  # fmt: skip


def test_the_month_is_extended_once_and_within_it(world):
    officer = world.people.officer_north
    found = received(world, days_ago=10)
    before = found.due_on
    with pytest.raises(ApplicationError, match="Say why"):
        service.deadline_extend(request=found, text=" ", actor=officer)
    found = service.deadline_extend(request=found, text="Many systems.", actor=officer)
    assert found.extended and 58 <= (found.due_on - before).days <= 62
    with pytest.raises(Conflict, match="extended already"):
        service.deadline_extend(request=found, text="Again.", actor=officer)
    late = received(world, days_ago=40)
    assert late.overdue
    with pytest.raises(Conflict, match="first month is over"):
        service.deadline_extend(request=late, text="Too late.", actor=officer)
    refused = service.request_refuse(request=late, text="Excessive, the fifth this month.", actor=officer)
    assert (refused.state, refused.overdue) == ("refused", False)
    with pytest.raises(Conflict, match="refused already"):
        service.identity_confirm(request=refused, text="x", actor=officer)


def test_an_erasure_is_granted_by_the_hospital_and_carried_out_by_an_administrator(world, deployment, client_of):
    people, found = world.people, confirmed(world, "erasure")
    admin, officer = client_of(people.administrator), client_of(people.officer_north)
    where = reverse("subject_erase", args=[found.pk])
    assert admin.post(where, {"ground": "b", "confirm": PATIENT}).status_code == 400  # not granted
    officer.post(reverse("subject_step", args=[found.pk]), {"step": "grant", "text": "Consent withdrawn."})
    assert "A patient&#x27;s request is open" in admin.get(reverse("home")).content.decode()
    assert officer.post(where, {"ground": "b", "confirm": PATIENT}).status_code == 403
    wrong = admin.post(where, {"ground": "b", "confirm": "mrn-1"})
    assert wrong.status_code == 400 and "Nothing was erased" in wrong.content.decode()
    done = admin.post(where, {"ground": "b", "confirm": PATIENT})
    found.refresh_from_db()
    assert (done.status_code, found.state, found.patient, found.pseudonyms) == (200, "fulfilled", None, [])
    assert found.receipt in done.content.decode()
    assert Outbox.objects.filter(operation="ERASURE", object_id=found.receipt).exists()
    assert patient_known("north", PATIENT) is None
    assert Prediction.objects.count() == 2  # they stay, and nothing says whose they were
    assert "salt" not in " ".join(str(step.text) for step in found.steps.all())


def test_a_hold_keeps_a_patient_from_erasure_by_either_way_until_it_is_lifted(world, deployment, client_of):
    people, found = world.people, confirmed(world, "erasure")
    service.erasure_grant(request=found, text="Consent withdrawn.", actor=people.officer_north)
    admin, told = client_of(people.administrator), {"patient": PATIENT, "confirm": PATIENT, "ground": "b"}
    granted, direct, machine = (
        reverse("subject_erase", args=[found.pk]),
        reverse("patient_erase"),
        reverse("api_patient_erase"),
    )
    page, form = reverse("subject_request", args=[found.pk]), {**told, "institution": people.north.pk}
    for key in ("", "predictions"):  # everything, and the class that the rows are of
        hold = retention.hold_place(
            record=retention.record_class(key),
            ends_on=timezone.now().date(),
            reason="Court.",
            actor=people.administrator,
        )
        said = f"No patient is erased now: {retention.held_predictions()}"
        for where in (page, direct):
            assert said in admin.get(where).content.decode(), where
        for where in (granted, direct):
            assert said in admin.post(where, form).content.decode(), where
        answer = admin.post(machine, json.dumps({**told, "institution": "north"}), "application/json")
        assert (answer.status_code, said in answer.json()["message"]) == (409, True)
        with pytest.raises(CommandError, match=said):
            call_command(
                "erase_subject", "--patient", "north", PATIENT, "--confirm", PATIENT, ground="b",
                by=str(people.administrator.email),
            )  # fmt: skip
        retention.hold_lift(hold=hold, reason="Over.", actor=people.administrator)
    assert patient_known("north", PATIENT) and not Outbox.objects.filter(operation="ERASURE").exists()
    retention.hold_place(
        record=retention.record_class("sessions"), ends_on=timezone.now().date(), reason="Court.",
        actor=people.administrator,
    )  # fmt: skip
    assert "legal hold" not in admin.get(direct).content.decode()
    assert admin.post(direct, form).status_code == 200 and patient_known("north", PATIENT) is None


def test_a_patient_erased_elsewhere_is_forgotten_here_too(world, deployment):
    from accounts.erasure import patient_erase

    found = received(world)
    given = {"institution": world.people.north, "patient": PATIENT, "confirm": PATIENT}
    receipt = patient_erase(**given, ground="b", actor=world.people.administrator)
    assert receipt.forgotten["numbers in requests"] == 1
    found.refresh_from_db()
    assert (found.patient, found.pseudonyms) == (None, [])


def test_an_objection_becomes_an_appeal(world, deployment, client_of):
    found = confirmed(world, "objection")
    client = client_of(world.people.officer_north)
    where = reverse("subject_object", args=[found.pk])
    body = {"deployment": str(deployment.pk), "event_key": "nobody", "text": "The scanner was being repaired."}
    unknown = client.post(where, body)
    assert unknown.status_code == 400 and "being repaired" in unknown.content.decode()
    assert client.post(where, {**body, "event_key": f"case-{PATIENT}"}).status_code == 302
    appeal = Appeal.objects.get()
    found.refresh_from_db()
    assert (found.appeal, found.state, appeal.contested_by, appeal.state) == (appeal, "fulfilled", "patient", "open")


def test_a_restriction_stays_until_it_is_lifted(world, deployment, predict, client_of):
    found, officer = confirmed(world, "restriction"), world.people.officer_north
    client, page = client_of(officer), reverse("subject_request", args=[found.pk])
    assert "Once it is fulfilled" in client.get(page).content.decode()
    assert predict(deployment, early=PATIENT).status_code == 200, "asked for is not yet granted"
    found = service.request_fulfil(request=found, text="On the list of opt-outs.", actor=officer)
    assert str(found.patient) == PATIENT
    assert "The restriction is in force" in client.get(page).content.decode()
    refused = predict(deployment, meanwhile=PATIENT)
    assert refused.status_code == 422 and refused.json()["code"] == "processing_restricted"
    assert Restriction.objects.get().subjects == [patient_known("north", PATIENT)]
    client.post(reverse("subject_step", args=[found.pk]), {"step": "lift", "text": "Accuracy was checked."})
    found.refresh_from_db()
    assert found.patient is None
    assert predict(deployment, after=PATIENT).status_code == 200
    with pytest.raises(Conflict, match="No restriction"):
        service.restriction_lift(request=found, text="Again.", actor=officer)


def test_a_request_is_entered_on_the_page(world, client_of):
    client = client_of(world.people.officer_north)
    assert "No request here" in client.get(reverse("subject_requests")).content.decode()
    where, today = reverse("subject_request_new"), timezone.now().date()
    body = {
        "institution": str(world.people.north.pk), "kind": "access", "reference": "M-7", "patient": "mrn-9",
        "received_on": str(today + dt.timedelta(days=1)), "text": "By telephone.",
    }  # fmt: skip
    refused = client.post(where, body)
    assert refused.status_code == 400 and "not in the future" in refused.content.decode()
    assert "By telephone." in refused.content.decode()
    assert client.post(where, {**body, "institution": str(world.people.south.pk)}).status_code == 400
    assert client.post(where, {**body, "received_on": str(today - dt.timedelta(days=50))}).status_code == 302
    for show, there in (("", True), ("overdue", True), ("ended", False), ("all", True), ("nonsense", True)):
        page = client.get(reverse("subject_requests"), {"show": show}).content.decode()
        assert ("Hospital north" in page and "Access (Art. 15)" in page) == there, show
