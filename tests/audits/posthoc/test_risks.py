"""The register of risks: written by people, suggested by checks, each revision kept."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from audits.posthoc import risks as register
from audits.posthoc.models import Risk
from core.models import Outbox
from tests.factories.audits import make_audit
from tests.factories.registry import make_version

pytestmark = pytest.mark.django_db


def values(person, /, **changes) -> dict[str, str]:
    return {
        "version": "", "hazard": "Scanner mislabelled", "situation": "Images of another scanner",
        "harm": "Late treatment", "severity_before": "4", "probability_before": "3", "measures": "",
        "severity_after": "", "probability_after": "", "state": "open", "rationale": "", "owner": str(person.id),
        "review_on": str(timezone.now().date() + dt.timedelta(days=100)), "revision": "0", **changes,
    }  # fmt: skip


def add(client, owner, **changes) -> Risk:
    response = client.post(reverse("risk_new"), values(owner, **changes))
    assert response.status_code == 302, response.content.decode()[-3000:]
    return Risk.objects.latest("created_at")


def test_a_risk_is_written_and_shown_with_its_links(world, client_of):
    officer = world.people.officer_north
    client = client_of(officer)
    assert "No risk here" in client.get(reverse("risks")).content.decode()
    risk = add(client, officer, controls=["iso_14971:5", "hipaa:308-a-1"], checks=["bias_score"])
    assert (risk.level_before, risk.level_after, risk.created_by) == ("high", None, officer)
    page = client.get(reverse("risk", args=[risk.id])).content.decode()
    for shown in ("Scanner mislabelled", "Late treatment", "ISO 14971, 5: Risk analysis", "bias_score", "not judged"):
        assert shown in page, shown
    assert "Scanner mislabelled" in client_of(world.people.auditor).get(reverse("risks")).content.decode()
    assert Outbox.objects.filter(table="audits_posthoc_risk", object_id=str(risk.id)).exists()
    assert client_of(world.people.auditor).get("/api/v1/risks").json()["results"][0]["level_before"] == "high"


def test_a_change_is_a_new_revision_and_two_at_once_are_told(world, client_of):
    officer = world.people.officer_north
    client = client_of(officer)
    risk = add(client, officer)
    where = reverse("risk_edit", args=[risk.id])
    assert client.post(where, values(officer, revision="1", measures="A label check")).status_code == 302
    late = client.post(where, values(officer, revision="1", measures="Something else typed"))
    assert late.status_code == 400
    page = late.content.decode()
    assert "Somebody saved this risk while you wrote" in page
    assert "Something else typed" in page
    risk.refresh_from_db()
    assert (risk.revision, risk.measures) == (2, "A label check")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hazard": ""}, "This field is required"),
        ({"severity_before": "9"}, "Select a valid choice"),
        ({"severity_after": "2"}, "Give both severity and probability"),
        ({"state": "controlled"}, "Judge severity and probability after"),
        ({"state": "controlled", "severity_after": "4", "probability_after": "1"}, "which measures control"),
        ({"state": "accepted", "severity_after": "4", "probability_after": "1"}, "Say why what remains"),
        ({"controls": ["nowhere:1"]}, "Select a valid choice"),
        ({"owner": str(uuid.uuid4())}, "Select a valid choice"),
        ({"review_on": "2999-01-01"}, "within five years"),
        ({"harm": "x" * 5001}, "at most 5"),
    ],
)
def test_what_is_missing_is_told_and_nothing_is_lost(world, client_of, changes, message):
    officer = world.people.officer_north
    response = client_of(officer).post(reverse("risk_new"), values(officer, **changes))
    assert response.status_code == 400
    assert message in response.content.decode()
    assert "Images of another scanner" in response.content.decode()
    assert not Risk.objects.exists()


def test_a_check_that_did_not_pass_is_a_suggestion_until_a_risk_answers_it(world, client_of):
    officer = world.people.officer_north
    version = make_version(world)
    make_audit(version, "fail", actor=world.people.administrator)
    client = client_of(officer)
    found = next(one for one in register.suggestions(officer) if one.result.check_id == "bias_score")
    assert found.result.verdict == "fail"
    where = f"{reverse('risk_new')}?from={found.result.id}"
    assert where in client.get(reverse("risks")).content.decode()
    form = client.get(where).content.decode()
    assert "Suggested by an audit" in form
    assert "Patients of one group get wrong answers more often." in form
    assert client.post(where, values(officer, version=str(version.id), checks=["bias_score"])).status_code == 302
    assert Risk.objects.get().suggested_by == found.result.id
    assert found.result.id not in [one.result.id for one in register.suggestions(officer)]
    assert client.get(f"{reverse('risk_new')}?from=nonsense").status_code == 200


def test_the_list_finds_what_is_overdue(world, client_of):
    officer = world.people.officer_north
    client = client_of(officer)
    add(client, officer, hazard="Old one", review_on=str(timezone.now().date() - dt.timedelta(days=1)))
    add(client, officer, hazard="New one")
    page = client.get(reverse("risks"), {"due": "overdue"}).content.decode()
    assert "Old one" in page
    assert "New one" not in page
    assert "Overdue" in page


def test_risks_of_other_houses_models_are_not_seen(world, client_of):
    officer = world.people.officer_north
    risk = add(client_of(officer), officer, version=str(make_version(world).id))
    stranger = client_of(world.people.outsider)
    assert stranger.get(reverse("risk", args=[risk.id])).status_code == 404
    assert stranger.post(reverse("risk_edit", args=[risk.id]), values(officer, revision="1")).status_code == 404
    assert "Scanner mislabelled" not in stranger.get(reverse("risks")).content.decode()


@pytest.mark.parametrize("role", ["auditor", "operator_north", "clinician", "external"])
def test_others_write_no_risk(world, client_of, role):
    who = getattr(world.people, role)
    assert client_of(who).post(reverse("risk_new"), values(who)).status_code == 403
    assert not Risk.objects.exists()


def test_the_database_refuses_what_the_service_would(world):
    officer = world.people.officer_north
    given = {
        "hazard": "h", "situation": "s", "harm": "h", "probability_before": 1, "owner": officer, "created_by": officer,
        "review_on": timezone.now().date(),
    }  # fmt: skip
    for wrong in ({"severity_before": 6}, {"severity_before": 1, "state": "accepted"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Risk.objects.create(**given, **wrong)
