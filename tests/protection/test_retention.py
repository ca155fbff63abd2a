"""The schedule: shipped periods keep the law, each class loses what is due and nothing else, a hold stops it."""

from __future__ import annotations

import datetime as dt
import os

import pytest
from axes.models import AccessLog
from django.contrib.sessions.models import Session
from django.urls import reverse
from django.utils import timezone

from accounts.models import SignedIn
from audits.runtime import retention as months
from audits.runtime.models import BulkPrediction
from core import artefacts
from core.errors import ApplicationError, Conflict, Forbidden
from core.models import IdempotencyKey, Outbox
from protection import removing, retention
from protection.domain.schedule import read_schedule, schedule
from protection.models import LegalHold, RetentionExecution, SubjectRequest
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db
YEARS_6, YEARS_10 = 6 * 365, 10 * 365


def ago(days: float) -> dt.datetime:
    return timezone.now() - dt.timedelta(days=days)


def put_in(*, days: float) -> None:
    """One row of every class that is simple to write, so many days old."""
    IdempotencyKey.objects.create(
        scope="s", key=f"{days}", request_digest="", status=200, response={}, created_at=ago(days)
    )
    log = AccessLog.objects.create(username=f"blind-{days}", ip_address="10.0.0.1", user_agent="Firefox")
    AccessLog.objects.filter(pk=log.pk).update(attempt_time=ago(days))
    Session.objects.create(session_key=f"s{days}", session_data="", expire_date=ago(days))


def counts() -> dict[str, dict[str, int]]:
    return {row.record_class: row.counts for row in retention.execute()}


def test_the_shipped_periods_keep_what_the_law_says_and_every_class_is_carried_out():
    found = {record.key: record for record in schedule()}
    for key in ("sign_ins", "notices"):  # HIPAA: documentation of activity
        assert found[key].least_days >= YEARS_6, key
    for key in ("predictions", "look_backs", "decisions"):  # MDR, EU AI Act: ten years
        assert found[key].days >= YEARS_10, key
    assert found["ledger"].action == "keep" and found["inputs"].action == "none"
    assert {r.key for r in schedule() if r.is_carried_out} == set(removing.REMOVERS)
    row = {
        "key": "a",
        "title": "",
        "holds": "",
        "start": "",
        "basis": "",
        "action": "delete",
        "days": 1,
        "least_days": 2,
    }
    for wrong in ({}, {"action": "burn"}):
        with pytest.raises(ValueError):
            read_schedule({"classes": [{**row, **wrong}]})


def test_what_is_due_goes_what_is_not_stays_and_the_preview_said_so(world):
    for days in (0.1, 40, 100, 3000):
        put_in(days=days)
    SignedIn.objects.create(user=world.people.auditor, session_key="gone", device="Firefox", seen_at=ago(3))
    told = {due.in_force.record.key: due.counts for due in retention.preview()}
    done = counts()
    assert (told.pop("predictions")["months"], done.pop("predictions")["months"]) == (0, 0)
    assert done == told
    assert done["kept_answers"] == {"answers": 3}
    assert done["sessions"] == {"sessions": 3, "devices": 1}
    assert done["sign_in_details"] == {"sign-ins": 2}  # 100 and 3000 days: the second is also deleted
    assert done["sign_ins"] == {"sign-ins": 1}
    assert sorted(AccessLog.objects.values_list("user_agent", flat=True)) == ["", "Firefox", "Firefox"]
    assert AccessLog.objects.filter(ip_address="10.0.0.1").count() == 2
    assert all(sum(found.values()) == 0 for found in counts().values())
    entry = Outbox.objects.filter(table="protection_retentionexecution").first()
    assert entry.said.action == "retention.execute"
    assert RetentionExecution.objects.count() == 2 * len(removing.REMOVERS)


def test_files_go_after_the_commit_and_running_work_keeps_its_own(world, django_capture_on_commit_callbacks):
    deployment, files = make_deployment(world), {}
    for state, days in (("finished", 100), ("finished", 1), ("queued", None)):
        cases, answers = (
            artefacts.put(f"cases {state} {days}".encode()),
            artefacts.put(f"answers {state} {days}".encode()),
        )
        BulkPrediction.objects.create(
            deployment=deployment, requested_by=world.people.clinician, site="north", rows=1, digest=cases,
            results=answers, state=state, finished_at=ago(days) if days else None,
        )  # fmt: skip
        files[state, days] = (cases, answers)
    with django_capture_on_commit_callbacks(execute=True):
        assert counts()["bulk_files"] == {"files": 2}
    kept = {name for name, pair in files.items() if all(artefacts.size(digest) is not None for digest in pair)}
    assert kept == {("finished", 1), ("queued", None)}
    assert BulkPrediction.objects.filter(results="").count() == 1


def test_old_mail_files_go(world, settings, tmp_path):
    settings.EMAIL_FILE_PATH = str(tmp_path)
    for name, days in (("old", 31), ("new", 1)):
        (tmp_path / name).write_text("mail")
        os.utime(tmp_path / name, (ago(days).timestamp(),) * 2)
    assert counts()["mail_files"] == {"files": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_a_hold_stops_removal_until_it_ends_or_is_lifted(world, monkeypatch):
    put_in(days=100)
    admin, officer, today = world.people.administrator, world.people.officer_north, timezone.now().date()
    record = retention.record_class("kept_answers")
    hold = retention.hold_place(record=record, ends_on=today, reason="Court of X asks.", actor=officer)
    row = next(row for row in retention.execute() if row.record_class == "kept_answers")
    assert (row.counts, row.held_by) == ({}, hold)
    assert IdempotencyKey.objects.count() == 1 and not Session.objects.exists()
    with pytest.raises(Forbidden, match="whoever placed it"):
        retention.hold_lift(hold=hold, reason="x", actor=world.people.officer_south)
    retention.hold_lift(hold=hold, reason="The matter is over.", actor=admin)
    with pytest.raises(Conflict, match="ended already"):
        retention.hold_lift(hold=hold, reason="again", actor=admin)
    assert counts()["kept_answers"] == {"answers": 1}
    everything = retention.hold_place(record=None, ends_on=today, reason="All of it.", actor=admin)
    assert all(row.held_by == everything for row in retention.execute())
    monkeypatch.setattr(months, "stored_months", lambda: [dt.date(2010, 1, 1)])
    assert "a legal hold until" in months.months_due()[0].kept_by
    monkeypatch.setattr(retention.timezone, "now", lambda: dt.datetime.now(dt.UTC) + dt.timedelta(days=2))
    assert retention.held_predictions() == ""


def test_the_house_sets_its_own_period_but_not_under_the_law(world):
    admin, record = world.people.administrator, retention.record_class("kept_answers")
    put_in(days=40)
    retention.rule_set(record=record, days=60, legal_basis="House rule 4", reason="Slow partners", actor=admin)
    assert counts()["kept_answers"] == {"answers": 0}
    retention.rule_set(record=record, days=10, legal_basis="House rule 5", reason="They are quicker", actor=admin)
    row = next(row for row in retention.execute() if row.record_class == "kept_answers")
    assert (row.counts, row.days, row.legal_basis) == ({"answers": 1}, 10, "House rule 5")
    for key, days, message in (
        ("sign_ins", 365, "expected 2,192 to"), ("kept_answers", 99_999, "to 36,525 days"),
        ("predictions", 4000, "not set here"), ("ledger", 4000, "not set here"),
    ):  # fmt: skip
        given = {"legal_basis": "b", "reason": "r", "actor": admin}
        with pytest.raises(ApplicationError, match=message):
            retention.rule_set(record=retention.record_class(key), days=days, **given)


def test_one_class_that_fails_is_entered_and_stops_no_other(world, monkeypatch):
    put_in(days=100)

    def broken(_before, _dry):
        raise RuntimeError("disk on fire")

    monkeypatch.setitem(removing.REMOVERS, "sessions", broken)
    found = {row.record_class: row for row in retention.execute_once_a_day()}
    assert found["sessions"].error == "RuntimeError: disk on fire"
    assert found["kept_answers"].counts == {"answers": 1}
    assert retention.execute_once_a_day() == []  # once a day


def test_the_pages(world, client_of):
    admin, officer = client_of(world.people.administrator), client_of(world.people.officer_north)
    put_in(days=100)
    page = admin.get(reverse("retention")).content.decode()
    for shown in ("Log of sign-ins", "6 years", "RETENTION_MONTHS", "not yet"):
        assert shown in page, shown
    assert "1 answers" in admin.get(reverse("retention_preview")).content.decode()
    assert IdempotencyKey.objects.exists()
    admin.post(reverse("retention_execute"))
    assert not IdempotencyKey.objects.exists()
    refused = admin.post(
        reverse("retention_rule", args=["sign_ins"]), {"days": 5, "legal_basis": "Mine", "reason": "Shorter, please"}
    )
    assert refused.status_code == 400 and "Shorter, please" in refused.content.decode()
    assert "expected 2,192" in refused.content.decode()
    late = officer.post(reverse("hold_place"), {"record_class": "", "ends_on": "2001-01-01", "reason": "Court"})
    assert late.status_code == 400 and "Expected a last day between" in late.content.decode()
    officer.post(reverse("hold_place"), {"record_class": "", "ends_on": timezone.now().date(), "reason": "Court"})
    hold = LegalHold.objects.get()
    assert "In force" in admin.get(reverse("retention")).content.decode()
    assert admin.post(reverse("hold_lift", args=[hold.pk]), {"reason": ""}).status_code == 400
    assert admin.post(reverse("hold_lift", args=[hold.pk]), {"reason": "Over"}).status_code == 302


def test_numbers_of_ended_requests_go_and_of_restrictions_stay(world):
    for kind, state, ended in (
        ("access", "fulfilled", 40),
        ("restriction", "fulfilled", 40),
        ("access", "received", None),
    ):
        SubjectRequest.objects.create(
            institution=world.people.north, kind=kind, state=state, reference="m", patient="7", pseudonyms=["p"],
            received_on=ago(90).date(), due_on=ago(60).date(), recorded_by=world.people.officer_north,
            ended_at=ago(ended) if ended else None,
        )  # fmt: skip
    assert counts()["request_numbers"] == {"numbers": 1}
    left = SubjectRequest.objects.exclude(patient__isnull=True)
    assert sorted((row.kind, row.state) for row in left) == [("access", "received"), ("restriction", "fulfilled")]
