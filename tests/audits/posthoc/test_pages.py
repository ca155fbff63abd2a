from __future__ import annotations

import datetime as dt
import hashlib

import pytest
from django.test import Client
from django.urls import reverse

from audits.posthoc.models import Report
from core import jobs
from core.models import Job, Outbox

pytestmark = pytest.mark.django_db
MAKERS = ("administrator", "auditor", "officer_north", "outsider")
READERS = (*MAKERS, "operator_north")


@pytest.fixture
def finished(world, today, tomorrow, ledger, monkeypatch) -> Report:
    """A finished report of a quiet day. Typesetting is tested elsewhere."""
    from audits.posthoc import rendering

    ledger()
    monkeypatch.setattr(rendering, "render_pdf", lambda report, **_: b"%PDF-1.7 drawn elsewhere")
    report = Report.objects.create(period_start=today, period_end=today, requested_by=world.people.auditor)
    job = jobs.enqueue("report.render", {"report": str(report.id)}, key=f"report.render:{report.id}")
    assert jobs.run(job.id)
    report.refresh_from_db()
    return report


def period(today) -> dict[str, str]:
    return {"period_start": str(today), "period_end": str(today)}


@pytest.mark.parametrize("role", READERS)
def test_staff_read_reports(finished, world, role, client_of):
    client = client_of(getattr(world.people, role))
    assert client.get(reverse("reports")).status_code == 200
    for name in ("report", "report_pdf", "report_json", "report_progress"):
        assert client.get(reverse(name, args=[finished.id])).status_code == 200, name


def test_clinicians_and_strangers_do_not(finished, world, client_of):
    for name in ("report", "report_pdf", "report_json", "report_progress"):
        assert client_of(world.people.clinician).get(reverse(name, args=[finished.id])).status_code == 403
        assert Client().get(reverse(name, args=[finished.id])).status_code == 302
    assert client_of(world.people.clinician).get(reverse("reports")).status_code == 403


@pytest.mark.parametrize("role", MAKERS)
def test_who_may_asks_for_a_report(world, today, tomorrow, role, client_of):
    client = client_of(getattr(world.people, role))
    response = client.post(reverse("report_create"), period(today))
    report = Report.objects.get()
    assert response.url == reverse("report", args=[report.id])
    assert report.requested_by == getattr(world.people, role)
    page = client.get(response.url).content.decode()
    assert "checking the ledger" in page
    assert client.get(reverse("report_progress", args=[report.id])).status_code == 204


@pytest.mark.parametrize("role", ["operator_north", "clinician"])
def test_who_may_not_is_refused_and_sees_no_form(world, today, tomorrow, role, client_of):
    client = client_of(getattr(world.people, role))
    assert client.post(reverse("report_create"), period(today)).status_code == 403
    assert not Report.objects.exists()
    assert "Create the report" not in client.get(reverse("reports")).content.decode()


def test_an_empty_list_says_what_belongs_there(world, client_of):
    page = client_of(world.people.auditor).get(reverse("reports")).content.decode()
    assert "No report yet" in page
    assert "Create the report" in page


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (0, -1, "Exchange the two dates"),
        (0, 2, "what is on record"),
        (-9000, 0, "Nothing is on record before"),
        ("never", 0, "Enter a valid date"),
        (0, "", "This field is required"),
    ],
)
def test_a_wrong_period_is_explained_and_kept_in_the_form(world, today, tomorrow, client_of, start, end, message):
    def shown(value) -> str:
        return value if isinstance(value, str) else str(today + dt.timedelta(days=value))

    values = {"period_start": shown(start), "period_end": shown(end)}
    response = client_of(world.people.auditor).post(reverse("report_create"), values)
    assert response.status_code == 400
    page = response.content.decode()
    assert message in page
    assert f'value="{values["period_start"]}"' in page
    assert not Job.objects.filter(kind="report.render").exists()


def test_a_finished_report_shows_findings_digests_and_its_entry(finished, world, ledger, client_of):
    ledger()
    page = client_of(world.people.officer_north).get(reverse("report", args=[finished.id])).content.decode()
    for shown in (
        finished.pdf_digest, finished.json_digest, "Verified", "Halts",
        finished.summary["report_id"], "rows are as the ledger says", "Entry ",
    ):  # fmt: skip
        assert shown in page, shown


def test_a_failed_report_says_why(day, report, client_of):
    Report.objects.filter(id=report.id).update(state="failed", stop_reason="$.audits: expected something else")
    client = client_of(day.people.auditor)
    page = client.get(reverse("report", args=[report.id])).content.decode()
    assert "This report was not made" in page
    assert "$.audits: expected something else" in page
    assert client.get(reverse("report_pdf", args=[report.id])).status_code == 409


def test_a_waiting_page_is_told_when_the_report_is_ready(finished, world, client_of):
    response = client_of(world.people.auditor).get(reverse("report_progress", args=[finished.id]))
    assert response.headers["HX-Refresh"] == "true"


def test_the_files_come_as_attachments(finished, world, client_of):
    client = client_of(world.people.operator_north)
    pdf, content = (client.get(reverse(f"report_{kind}", args=[finished.id])) for kind in ("pdf", "json"))
    assert pdf.headers["Content-Type"] == "application/pdf"
    assert pdf.headers["Content-Disposition"].startswith('attachment; filename="report-')
    assert pdf.content.startswith(b"%PDF")
    assert content.json()["report_id"] == finished.summary["report_id"]


def test_each_download_is_recorded_with_the_digest_of_what_was_given(finished, world, client_of):
    reader = world.people.operator_north
    given = {}
    for kind in ("pdf", "json"):
        for address in (reverse(f"report_{kind}", args=[finished.id]), f"/api/v1/reports/{finished.id}/{kind}"):
            given[kind] = hashlib.sha256(client_of(reader).get(address).content).hexdigest()
    read = list(Outbox.objects.filter(operation="READ", object_id=str(finished.id)).order_by("id"))
    told = [(r.table, r.said.actor, r.said.action) for r in read]
    assert told == [("provenance_body", reader.id, "report.download")] * 4
    assert [r.body for r in read] == [{"report": k, "sha256": given[k]} for k in ("pdf", "pdf", "json", "json")]


def test_what_was_refused_is_no_download(finished, world, client_of):
    client_of(world.people.clinician).get(reverse("report_pdf", args=[finished.id]))
    assert not Outbox.objects.filter(operation="READ").exists()


def test_what_is_not_there_is_not_found(world, client_of):
    missing = "00000000-0000-0000-0000-000000000000"
    for name in ("report", "report_pdf", "report_json", "report_progress"):
        assert client_of(world.people.auditor).get(reverse(name, args=[missing])).status_code == 404


def test_only_the_right_methods(finished, world, client_of):
    client = client_of(world.people.auditor)
    assert client.get(reverse("report_create")).status_code == 405
    assert client.post(reverse("report", args=[finished.id])).status_code == 405
    assert client.post(reverse("reports")).status_code == 405
