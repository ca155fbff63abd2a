from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
import subprocess

import pytest

from audits.posthoc import services
from audits.posthoc.models import Report
from audits.posthoc.rendering import validate
from core import artefacts, jobs
from core.errors import ApplicationError, Conflict
from core.models import Job, Outbox

pytestmark = pytest.mark.django_db


def run_job(report: Report) -> bool:
    return jobs.run(Job.objects.get(idempotency_key=f"report.render:{report.id}").id)


def create(day, today, **fields) -> Report:
    values = {"period_start": today, "period_end": today, "actor": day.people.auditor, **fields}
    return services.report_create(**values)


def text_of(pdf: bytes) -> str:
    assert shutil.which("pdftotext"), "install poppler-utils"
    done = subprocess.run(["pdftotext", "-", "-"], input=pdf, capture_output=True, check=True)
    return "".join(done.stdout.decode().replace("\u200b", "").split())


# --- asking --------------------------------------------------------------------------------------------------------


def test_a_request_is_a_row_and_a_job(day, today, tomorrow):
    report = create(day, today)
    assert report.state == Report.State.QUEUED
    assert Job.objects.get(kind="report.render").payload == {"report": str(report.id)}
    row = Outbox.objects.filter(table="audits_posthoc_report").last()
    assert (row.said.action, row.said.actor) == ("report.create", day.people.auditor.id)


def test_a_period_runs_forwards_and_not_into_the_future(day, today, tomorrow):
    with pytest.raises(ApplicationError, match="Exchange the two dates"):
        create(day, today, period_end=today - dt.timedelta(days=1))
    with pytest.raises(ApplicationError, match=f"Choose {tomorrow.date()} .UTC. or an earlier day"):
        create(day, today, period_end=today + dt.timedelta(days=2))
    with pytest.raises(ApplicationError, match="Nothing is on record before"):
        create(day, today, period_start=dt.date(1999, 1, 1))
    assert not Report.objects.exists()


@pytest.mark.parametrize(
    ("today", "start", "end"),
    [
        ("2026-11-21", "2026-07-01", "2026-11-21"),
        ("2026-03-05", "2026-01-01", "2026-03-05"),
        ("2026-06-30", "2026-01-01", "2026-06-30"),
        ("2026-07-01", "2026-07-01", "2026-07-01"),
    ],
)
def test_the_default_is_the_half_year_under_way(today, start, end):
    found = services.default_period(dt.date.fromisoformat(today))
    assert [str(day) for day in found] == [start, end]


# --- rendering -----------------------------------------------------------------------------------------------------


def test_the_job_makes_a_report_that_tells_halts_approvals_and_verification(day, today, tomorrow):
    report = create(day, today)
    assert run_job(report)
    report.refresh_from_db()
    assert (report.state, report.stop_reason) == (Report.State.FINISHED, "")
    pdf, content = artefacts.get(report.pdf_digest), artefacts.get(report.json_digest)
    raw = json.loads(content)
    assert validate(raw) == ()
    assert report.json_digest == hashlib.sha256(content).hexdigest()
    text = text_of(pdf)
    automatic, manual = raw["incidents"]
    for shown in (
        "Audit report", automatic["id"], manual["id"], "automatic halt", "manual halt", "Scanner is serviced.",
        "Cause found: a mislabelled scanner.", "Ethics officer, Hospital north", "Clinical use of", "approved",
        raw["approvals"][0]["actor"], "321", f"{raw['audit_trail']['entries']}", raw["audit_trail"]["root_sha256"][:16],
        "verified against its signed checkpoint", raw["report_id"],
    ):  # fmt: skip
        assert shown.replace(" ", "") in text, shown
    assert report.summary["trail"]["verdict"] == "VERIFIED"
    assert report.summary["counts"]["incidents"] == 2


def test_the_report_stands_in_the_ledger_with_its_digests(day, today, tomorrow, ledger):
    report = create(day, today)
    run_job(report)
    row = Outbox.objects.filter(table="audits_posthoc_report").last()
    report.refresh_from_db()
    assert (row.said.action, row.body["pdf_digest"]) == ("report.finish", report.pdf_digest)


def test_running_the_job_twice_changes_nothing(day, today, tomorrow):
    report = create(day, today)
    run_job(report)
    report.refresh_from_db()
    before = (report.pdf_digest, report.finished_at)
    assert services.render_handle({"report": str(report.id)}) is None
    report.refresh_from_db()
    assert (report.pdf_digest, report.finished_at) == before


def test_the_next_report_names_the_one_before(day, today, tomorrow, monkeypatch):
    earlier = create(day, today, period_start=today - dt.timedelta(days=60), period_end=today - dt.timedelta(days=30))
    run_job(earlier)
    report = create(day, today)
    run_job(report)
    earlier.refresh_from_db()
    report.refresh_from_db()
    previous = json.loads(artefacts.get(report.json_digest))["previous_report"]
    assert previous == {"id": earlier.summary["report_id"], "sha256": earlier.json_digest}


# --- failing -------------------------------------------------------------------------------------------------------


def test_facts_that_make_no_report_are_told_and_not_tried_again(day, today, tomorrow, monkeypatch):
    from audits.posthoc.assembly import records

    monkeypatch.setattr(records, "institutions", lambda window: [])
    report = create(day, today)
    assert run_job(report)
    report.refresh_from_db()
    assert report.state == Report.State.FAILED
    assert "institutions" in report.stop_reason
    assert Job.objects.get(kind="report.render").state == Job.State.DONE


def test_a_passing_trouble_is_tried_again(day, today, tomorrow, monkeypatch):
    from audits.posthoc.assembly import trail

    report = create(day, today)
    with monkeypatch.context() as patch:
        patch.setattr(trail, "verify_ledger", lambda: (_ for _ in ()).throw(OSError("disk away")))
        assert not run_job(report)
    report.refresh_from_db()
    assert report.state == Report.State.QUEUED
    Job.objects.update(next_run_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    assert run_job(report)
    report.refresh_from_db()
    assert report.state == Report.State.FINISHED


def test_a_job_that_is_given_up_fails_its_report(day, today, tomorrow, monkeypatch):
    from audits.posthoc.assembly import trail

    monkeypatch.setattr(trail, "verify_ledger", lambda: (_ for _ in ()).throw(OSError("disk away")))
    report = create(day, today)
    for _ in range(3):
        Job.objects.update(next_run_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        assert not run_job(report)
    event = Job.objects.get(kind="event", payload__subscriber="posthoc.report")
    assert jobs.run(event.id)
    report.refresh_from_db()
    assert report.state == Report.State.FAILED
    assert "disk away" in report.stop_reason


def test_a_file_is_given_only_if_it_fits_its_digest(day, today, tomorrow, settings):
    from pathlib import Path

    report = create(day, today)
    with pytest.raises(Conflict, match="queued"):
        services.report_file(report=report, kind="pdf")
    run_job(report)
    report.refresh_from_db()
    assert services.report_file(report=report, kind="pdf").startswith(b"%PDF")
    path = Path(settings.VAR) / "artefacts" / report.pdf_digest[:2] / report.pdf_digest
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Conflict, match="does not fit the ledger"):
        services.report_file(report=report, kind="pdf")
