"""Kinds of reports, editions of institutions, issues, and what the calendar asks for."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json

import pytest
from django.db import InternalError, transaction
from django.urls import reverse

from audits.posthoc import scheduling, services
from audits.posthoc.assembly import gather
from audits.posthoc.calendar import kind_check, last_period
from audits.posthoc.models import Report
from audits.runtime.models import Batch
from core import artefacts, jobs
from core.errors import ApplicationError, Conflict, Forbidden
from core.models import Job
from federation.models import Participant
from tests.factories.people import make_institution

pytestmark = pytest.mark.django_db
DAY = dt.date.fromisoformat


@pytest.fixture
def drawn(monkeypatch) -> None:
    """Typesetting is tested elsewhere."""
    from audits.posthoc import rendering

    monkeypatch.setattr(rendering, "render_pdf", lambda report, **_: b"%PDF-1.7 drawn elsewhere")


def run(report: Report) -> Report:
    assert jobs.run(Job.objects.get(idempotency_key=f"report.render:{report.id}").id)
    report.refresh_from_db()
    assert report.state == "finished", report.stop_reason
    return report


def content(report: Report) -> dict:
    return json.loads(artefacts.get(report.json_digest))


# --- the calendar --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "today", "start", "end"),
    [
        ("monthly", "2026-11-01", "2026-10-01", "2026-10-31"),
        ("monthly", "2026-01-31", "2025-12-01", "2025-12-31"),
        ("monthly", "2028-03-01", "2028-02-01", "2028-02-29"),
        ("biannual", "2026-07-01", "2026-01-01", "2026-06-30"),
        ("biannual", "2026-06-30", "2025-07-01", "2025-12-31"),
        ("biannual", "2026-01-01", "2025-07-01", "2025-12-31"),
    ],
)
def test_the_last_period_is_the_one_that_is_over(kind, today, start, end):
    assert last_period(kind, DAY(today)) == (DAY(start), DAY(end))


@pytest.mark.parametrize(
    ("kind", "start", "end", "right"),
    [
        ("custom", "2026-02-03", "2026-09-04", True),
        ("monthly", "2026-10-01", "2026-10-31", True),
        ("monthly", "2026-10-01", "2026-10-12", True),  # under way
        ("monthly", "2026-10-02", "2026-10-31", False),
        ("monthly", "2026-10-01", "2026-11-01", False),
        ("biannual", "2026-07-01", "2026-12-31", True),
        ("biannual", "2026-01-01", "2026-06-30", True),
        ("biannual", "2026-01-01", "2026-07-01", False),
        ("biannual", "2026-04-01", "2026-06-30", False),
        ("weekly", "2026-01-01", "2026-01-07", False),
    ],
)
def test_days_fit_their_kind(kind, start, end, right):
    assert (kind_check(kind, DAY(start), DAY(end)) == "") is right


def test_the_calendar_asks_once_for_each_kind_and_edition(world, today):
    later = today + dt.timedelta(days=400)
    made = scheduling.reports_due(today=later)
    institutions = {p.institution_id for p in Participant.objects.all()}
    assert {report.kind for report in made} == {"monthly", "biannual"}
    assert institutions < {report.institution_id for report in made}
    assert all(report.requested_by is None and report.issue == 1 for report in made)
    assert Job.objects.filter(kind="report.render").count() == len(made)
    assert scheduling.reports_due(today=later) == []


def test_the_calendar_asks_for_nothing_of_before_the_platform(world, today):
    assert scheduling.reports_due(today=today) == []


# --- issues --------------------------------------------------------------------------------------------------------


def test_a_report_on_record_is_issued_again_only_with_a_reason(day, today, drawn):
    actor, period = day.people.auditor, {"period_start": today, "period_end": today}
    first = services.report_create(**period, actor=actor)
    assert services.report_create(**period, actor=actor).id == first.id  # it waits already
    run(first)
    with pytest.raises(Conflict, match="on record and never"):
        services.report_create(**period, actor=actor)
    with pytest.raises(ApplicationError, match="Say why"):
        services.report_reissue(report=first, reason=" ", actor=actor)
    digest = first.json_digest
    second = run(services.report_reissue(report=first, reason="A batch came late.", actor=actor))
    first.refresh_from_db()
    assert (first.issue, second.issue, first.json_digest) == (1, 2, digest)
    assert content(second)["issue"] == 2


def test_the_database_keeps_a_report_as_it_was_made(day, today, drawn):
    report = run(services.report_create(period_start=today, period_end=today, actor=day.people.auditor))
    with pytest.raises(InternalError), transaction.atomic():
        Report.objects.filter(id=report.id).update(summary={})
    with pytest.raises(InternalError), transaction.atomic():
        report.delete()


# --- what they say -------------------------------------------------------------------------------------------------


def test_each_item_leads_to_its_row_and_entry(day, today, drawn):
    told = content(run(services.report_create(period_start=today, period_end=today, actor=day.people.auditor)))
    traces = {(row["section"], row["id"]): row for row in told["traces"]}
    fields = {"training": "training_runs"}
    for section in ("models", "training", "audits", "approvals", "deployments", "incidents"):
        for item in told[fields.get(section, section)]:
            assert traces[section, item["id"]]["object"]
            assert traces[section, item["id"]]["entry"] is not None
    assert {row["object"] for row in told["traces"]} >= {str(day.deployment.id), str(day.ended.id)}
    changes = [change for change in told["changes"] if change["subject"].startswith("Deployment")]
    assert changes and all(change["entry"] is not None for change in changes)
    assert {figure["evidence"] for figure in told["summary"]["figures"]} >= {"audits", "incidents", "trail"}


def test_an_empty_period_says_that_nothing_happened(world, ledger, drawn):
    ledger()
    past = DAY("2024-05-31")
    report = services.report_create(
        period_start=DAY("2024-05-01"), period_end=past, kind="monthly", actor=world.people.auditor
    )
    findings = content(run(report))["summary"]["findings"]
    assert [f["text"] for f in findings if f["rule"] == "nothing-happened"][0].startswith("Nothing happened")


def test_a_busy_period_does_not_say_so(day, today, drawn):
    told = content(run(services.report_create(period_start=today, period_end=today, actor=day.people.auditor)))
    assert "nothing-happened" not in {f["rule"] for f in told["summary"]["findings"]}


def test_counts_stand_beside_those_of_the_last_report_of_the_kind(day, today, drawn):
    yesterday = today - dt.timedelta(days=1)
    before = run(services.report_create(period_start=yesterday, period_end=yesterday, actor=day.people.auditor))
    report = run(services.report_create(period_start=today, period_end=today, actor=day.people.auditor))
    counts = {row["label"]: (row["before"], row["now"]) for row in content(report)["comparisons"]}
    assert counts["Halts and incidents"] == (0, 2)
    assert content(report)["previous_report"]["sha256"] == before.json_digest


# --- editions ------------------------------------------------------------------------------------------------------


def test_an_edition_counts_what_is_of_the_institution(day, today):
    north = Participant.objects.get(site="north").institution
    south = Participant.objects.get(site="south").institution
    Batch.objects.create(
        deployment=day.deployment, kind="prediction", site="south", rows=7, root="c" * 64, salt=b"s" * 32
    )
    moment = dt.datetime.combine(today, dt.time(23, 59), tzinfo=dt.UTC)
    for institution, predictions in ((north, 321), (south, 7), (None, 328)):
        report = Report(period_start=today, period_end=today, institution=institution)
        facts = gather(report, generated_at=moment)
        assert facts["deployments"][0]["predictions"] == predictions
        assert facts["edition_of"] == (institution.slug if institution else None)
    facts = gather(Report(period_start=today, period_end=today, institution=north), generated_at=moment)
    assert [row["name"] for row in facts["institutions"]] == [north.name]


def test_an_edition_of_an_institution_without_part_in_it_is_empty(day, today):
    stranger = make_institution("elsewhere")
    facts = gather(
        Report(period_start=today, period_end=today, institution=stranger),
        generated_at=dt.datetime.combine(today, dt.time(23, 59), tzinfo=dt.UTC),
    )
    for section in ("models", "training_runs", "audits", "approvals", "deployments", "incidents", "changes"):
        assert facts[section] == [], section


def test_an_edition_is_for_its_own_people_and_the_platform(day, today, drawn, client_of):
    south = Participant.objects.get(site="south").institution
    with pytest.raises(Forbidden, match="its own people"):
        services.report_create(period_start=today, period_end=today, institution=south, actor=day.people.officer_north)
    report = run(services.report_create(
        period_start=today, period_end=today, institution=south, actor=day.people.officer_south
    ))  # fmt: skip
    for name in ("report", "report_pdf", "report_json", "report_csv", "report_evidence"):
        for person, status in (("officer_south", 200), ("administrator", 200), ("officer_north", 404)):
            got = client_of(getattr(day.people, person)).get(reverse(name, args=[report.id]))
            assert got.status_code == status, (name, person)
    assert str(report.id) not in client_of(day.people.officer_north).get(reverse("reports")).content.decode()
    assert client_of(day.people.officer_north).get(reverse("api_report", args=[report.id])).status_code == 404


# --- pages ---------------------------------------------------------------------------------------------------------


def test_the_csv_has_every_item_with_its_place_in_the_ledger(day, today, drawn, client_of):
    report = run(services.report_create(period_start=today, period_end=today, actor=day.people.auditor))
    client = client_of(day.people.auditor)
    answer = client.get(reverse("report_csv", args=[report.id]))
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    halts = [row for row in rows if row["section"] == "incidents" and row["item"]]
    assert {row["ledger_object"] for row in halts} == {str(day.ended.id), str(day.standing.id)}
    assert client.get(halts[0]["evidence"]).status_code == 200


def test_the_evidence_page_narrows_by_section(day, today, drawn, client_of):
    report = run(services.report_create(period_start=today, period_end=today, actor=day.people.auditor))
    client, address = client_of(day.people.auditor), reverse("report_evidence", args=[report.id])
    page = client.get(address, {"section": "incidents"}).content.decode()
    assert f"/ledger/objects/{day.ended.id}/" in page
    assert f"/ledger/objects/{day.audit.id}/" not in page
    assert "Nothing in this section" in client.get(address, {"section": "nonsense"}).content.decode()


def test_the_list_narrows_by_kind_and_the_page_issues_again(day, today, drawn, client_of):
    report = run(services.report_create(period_start=today, period_end=today, actor=day.people.auditor))
    client = client_of(day.people.auditor)
    assert str(report.id) in client.get(reverse("reports"), {"of_kind": "custom"}).content.decode()
    assert "No report fits this filter" in client.get(reverse("reports"), {"of_kind": "monthly"}).content.decode()
    answer = client.post(reverse("report_reissue", args=[report.id]), {"reason": "One figure was late."})
    second = Report.objects.get(issue=2)
    assert answer.url == reverse("report", args=[second.id])
    run(second)
    assert "There is a later issue" in client.get(reverse("report", args=[report.id])).content.decode()


def test_asking_for_what_is_on_record_says_what_to_do(day, today, drawn, client_of):
    run(services.report_create(period_start=today, period_end=today, actor=day.people.auditor))
    values = {"period_start": str(today), "period_end": str(today)}
    answer = client_of(day.people.auditor).post(reverse("report_create"), values)
    assert answer.status_code == 409
    assert "issue it again" in answer.content.decode()
