from __future__ import annotations

import hashlib

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey
from audits.posthoc.models import Report
from core import jobs
from core.models import Job

pytestmark = pytest.mark.django_db
URL = "/api/v1/reports"


def period(today) -> dict[str, str]:
    return {"period_start": str(today), "period_end": str(today)}


def test_a_report_is_asked_for_awaited_and_fetched(day, today, tomorrow, client_of):
    client = client_of(day.people.auditor)
    asked = client.post(URL, period(today), content_type="application/json")
    assert (asked.status_code, asked.json()["state"]) == (202, "queued")
    address = f"{URL}/{asked.json()['id']}"
    assert client.get(f"{address}/pdf").status_code == 409
    assert jobs.run(Job.objects.get(kind="report.render").id)
    found = client.get(address).json()
    assert (found["state"], found["summary"]["trail"]["verdict"]) == ("finished", "VERIFIED")
    for kind in ("pdf", "json"):
        data = client.get(f"{address}/{kind}").content
        assert hashlib.sha256(data).hexdigest() == found[f"{kind}_digest"]
    assert client.get(URL).json()["results"][0]["id"] == found["id"]


@pytest.mark.parametrize(
    ("role", "read", "write"),
    [("administrator", 200, 202), ("auditor", 200, 202), ("officer_south", 200, 202), ("operator_south", 200, 403),
     ("clinician", 403, 403)],
)  # fmt: skip
def test_roles(world, today, tomorrow, client_of, role, read, write):
    client = client_of(getattr(world.people, role))
    assert client.get(URL).status_code == read
    assert client.post(URL, period(today), content_type="application/json").status_code == write
    assert Report.objects.count() == (write == 202)


def test_a_stranger_gets_nothing(report):
    for address in (URL, f"{URL}/{report.id}", f"{URL}/{report.id}/pdf"):
        assert Client().get(address).status_code in (401, 403)


@pytest.mark.parametrize(
    "body", [{}, {"period_start": "2026-01-01"}, {"period_start": "x", "period_end": "y"}], ids=["none", "one", "no"]
)
def test_missing_or_malformed_days_are_named(world, client_of, body):
    response = client_of(world.people.auditor).post(URL, body, content_type="application/json")
    assert response.status_code == 400
    assert "period_end" in response.json()["fields"]


def test_a_period_in_the_future_is_refused(world, today, client_of):
    body = period(today + timezone.timedelta(days=1))
    response = client_of(world.people.auditor).post(URL, body, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert "what is on record" in response.json()["message"]


def test_a_key_reads_but_does_not_ask(world, report, today, tomorrow):
    _, secret = ApiKey.issue(
        name="archive", institution=world.people.north, actions=["report.view", "report.create"],
        issued_by=world.people.administrator, expires_at=timezone.now() + timezone.timedelta(hours=1),
    )  # fmt: skip
    headers = {"Authorization": f"Api-Key {secret}"}
    assert Client().get(f"{URL}/{report.id}", headers=headers).status_code == 200
    refused = Client().post(URL, period(today), content_type="application/json", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_what_is_not_there_is_not_found(world, client_of):
    missing = "00000000-0000-0000-0000-000000000000"
    assert client_of(world.people.auditor).get(f"{URL}/{missing}").status_code == 404
    assert client_of(world.people.auditor).get(f"{URL}/{missing}/json").status_code == 404
