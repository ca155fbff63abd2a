"""A patient whose data may only be stored: refused at the gateway and at the ingest, at the own hospital alone."""

from __future__ import annotations

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audits.runtime import appeals
from audits.runtime.models import EventKey, Outcome, Prediction, Restriction
from audits.runtime.restrictions import restriction_place, restrictions_lift
from audits.runtime.scope import refused_of
from core.pseudonyms import patient_known
from federation.models import Federation
from tests.factories.federation import make_federation
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db
PATIENT, AT = "mrn-4711", "2026-03-01T08:30:00+01:00"
ACTIONS = ("prediction.request", "event.record", "outcome.record")


def event(name: str, patient: str | int = PATIENT) -> dict:
    return {"event_key": name, "patient": patient, "at": AT, "attributes": {"sex": "female"}, "score": 0.75}


@pytest.fixture
def hospitals(world, caller_class):
    people = world.people
    return [caller_class(place, people.administrator, ACTIONS) for place in (people.north, people.south)]


@pytest.fixture
def restrict(world):
    """Restricts a patient of north, as a fulfilled request does; returns the request."""

    def place(patient: str = PATIENT) -> uuid.UUID:
        known = patient_known("north", patient)
        request = uuid.uuid4()
        restriction_place(
            request=request, institution=world.people.north, patient=patient, subjects=[known] if known else []
        )  # fmt: skip
        return request

    return place


def test_the_gateway_refuses_before_anything_is_predicted_and_says_why_and_whom_to_ask(
    deployment, hospitals, restrict, cases, monkeypatch
):
    north, _ = hospitals
    request = restrict()
    body = {"records": [cases("a"), cases("b", patient=PATIENT)]}
    with monkeypatch.context() as patch:
        patch.setattr("audits.runtime.gateway.infer", lambda *_: pytest.fail("the patient's data were processed"))
        answer = north.post(deployment, "predictions", body)
    told = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert told["code"] == "processing_restricted"
    (row,) = told["records"]
    assert (row["record"], row["event_key"], row["field"]) == (1, "b", "patient")
    assert "GDPR Art. 18" in row["message"] and "ethics officer of Hospital north" in row["message"]
    assert PATIENT not in answer.content.decode()
    assert not Prediction.objects.exists()
    assert [(one.site, one.limit, one.count) for one in refused_of(deployment)] == [
        ("north", "Restriction of processing", 1)
    ]
    restrictions_lift([request])
    assert north.post(deployment, "predictions", body).status_code == 200


def test_nobody_of_another_hospital_is_affected_even_under_the_same_number_and_site_code(
    world, deployment, hospitals, restrict, cases
):
    north, south = hospitals
    restrict()
    assert south.post(deployment, "predictions", {"records": [cases("a", patient=PATIENT)]}).status_code == 200
    assert south.post(deployment, "events", {"records": [event("b")]}).status_code == 200
    Federation.objects.update(name="The first")
    second = make_federation(world.people)  # in which south goes by north's code
    other = make_deployment(second)
    for place, code in ((world.people.north, "elsewhere"), (world.people.south, "north")):
        second.federation.participants.filter(institution=place).update(site=code)
    assert south.post(other, "events", {"records": [event("c")]}).status_code == 200
    assert north.post(other, "events", {"records": [event("d")]}).status_code == 422


@pytest.mark.parametrize("whole", [True, False])
def test_the_ingest_names_the_row_and_stores_nothing_of_it(deployment, hospitals, restrict, whole):
    north, _ = hospitals
    request = restrict("7")
    records = [event("a", "other"), event("b", 7), event("c", "another")]
    answer = north.post(deployment, "events" if whole else "events?partial=1", {"records": records})
    told = answer.json()
    assert answer.status_code == (422 if whole else 200)
    assert [(row["record"], row["field"]) for row in told["records"]] == [(1, "patient")]
    assert "ethics officer of Hospital north" in told["records"][0]["message"]
    stored = 0 if whole else 2
    assert Prediction.objects.count() == EventKey.objects.count() == stored
    restrictions_lift([request])
    again = north.post(deployment, "events", {"records": records if whole else [event("b", 7)]})
    assert again.status_code == 200, "the name of a refused row is free"


def test_outcomes_of_what_is_stored_are_refused_but_for_a_legal_claim(world, deployment, hospitals, restrict):
    north, _ = hospitals
    north.post(deployment, "events", {"records": [event("a"), event("b", "other")]})
    request = restrict()
    told = {"records": [{"event_key": "a", "label": 1}, {"event_key": "b", "label": 1}]}
    answer = north.post(deployment, "outcomes?partial=1", told)
    assert answer.status_code == 200 and answer.json()["accepted"] == 1
    assert [row["event_key"] for row in answer.json()["records"]] == ["a"]
    assert Prediction.objects.count() == 2, "what is stored stays"
    people = world.people
    filed = appeals.appeal_file(
        deployment=deployment, event_key="a", contested_by="patient", grounds="It was misread.", actor=people.clinician
    )
    filed = appeals.appeal_take(appeal=filed, actor=people.officer_north)
    appeals.appeal_decide(appeal=filed, outcome="upheld", reason="Seen again.", actor=people.officer_north, label=1)
    assert Outcome.objects.count() == 2
    restrictions_lift([request])


def test_two_restrictions_of_a_patient_are_lifted_one_by_one(deployment, hospitals, restrict):
    north, _ = hospitals
    first, second = restrict(), restrict()
    restrictions_lift([first])
    assert north.post(deployment, "events", {"records": [event("a")]}).status_code == 422
    restrictions_lift([second])
    assert not Restriction.objects.exists()
    assert north.post(deployment, "events", {"records": [event("a")]}).status_code == 200


def test_a_hospital_without_restrictions_is_asked_no_question_more(deployment, hospitals, restrict):
    north, south = hospitals
    north.post(deployment, "events", {"records": [event("warm", "one")]})  # what is prepared is prepared
    restrict()
    asked = []
    for name, caller in (("a", north), ("b", south)):
        with CaptureQueriesContext(connection) as queries:
            assert caller.post(deployment, "events", {"records": [event(name, "one")]}).status_code == 200
        asked.append([query for query in queries if "runtime_restriction" in query["sql"]])
    assert asked[0] and not asked[1]
