"""Who is reminded of warnings, appeals and clocks: told when asked, and once more when the day has passed."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from accounts.models import Message
from audits.runtime import appeals, notices, reminders, webhooks
from audits.runtime.halting import halt_create
from audits.runtime.models import AmberDecision, Appeal
from audits.runtime.models_appeals import today
from core import jobs
from core.models import Job
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db
OFFICERS = {"officer.north@test.example", "officer.south@test.example"}
GRIEVANCE = "Mrs Jane Roe, MRN 4711, was misread."


def work() -> None:
    while job := Job.objects.filter(state="queued", next_run_at__lte=timezone.now()).first():
        assert jobs.run(job.id), Job.objects.get(id=job.id).last_error


def told(kind: str) -> set[str]:
    return {str(message.user.email) for message in Message.objects.filter(kind=kind).select_related("user")}


def warn(deployment, *, due: timedelta) -> AmberDecision:
    row = AmberDecision.objects.create(
        deployment=deployment, warnings={"tpr": "The gap grows."}, position=3, due_at=timezone.now() + due
    )
    reminders.amber_asked({"decision": str(row.id)})()
    return row


def test_officers_are_told_of_a_warning_and_again_once_when_it_is_overdue(deployment):
    row = warn(deployment, due=timedelta(days=-1))
    assert told("amber") == OFFICERS and told("overdue") == set()
    assert [reminders.overdue_tell() for _ in range(2)] == [1, 1]
    work()
    assert told("overdue") == OFFICERS and Message.objects.filter(kind__in=["amber", "overdue"]).count() == 4
    late = [sent for sent in mail.outbox if "overdue" in sent.subject]
    assert {sent.to[0] for sent in late} == OFFICERS and "The gap grows." in late[0].body and len(mail.outbox) == 4
    assert Message.objects.filter(kind="overdue").first().path == f"/deployments/{row.deployment_id}/"


def test_what_is_decided_or_halted_or_not_due_is_not_told(world, deployment):
    warn(deployment, due=timedelta(days=1))
    halted = make_deployment(world, name="Clinic")
    AmberDecision.objects.create(
        deployment=halted, warnings={"a": "b"}, position=1, due_at=timezone.now() - timedelta(1)
    )
    halt_create(deployment_id=halted.id, reason="The gap is over 0.1.", position=0)
    reminders.overdue_tell()
    assert told("overdue") == set()


def test_a_subscribed_system_hears_of_a_warning_without_what_people_wrote(world, deployment, monkeypatch):
    monkeypatch.setattr(webhooks, "checked_addresses", lambda url: [("127.0.0.1", 443)])
    webhooks.subscription_create(
        name="PACS", url="https://pacs.example/", institution=world.people.north, actor=world.people.administrator
    )
    sent = []
    monkeypatch.setattr(webhooks, "post", lambda **message: sent.append(message))
    warn(deployment, due=timedelta(days=-1))
    reminders.overdue_tell()
    work()
    assert sorted(json.loads(message["body"])["type"] for message in sent) == [
        "monitor.amber", "monitor.amber_overdue",
    ]  # fmt: skip
    assert len({message["message_id"] for message in sent}) == 2


def test_an_appeal_is_told_to_those_who_may_decide_without_its_case(world, deployment, north, cases):
    north.post(deployment, "predictions", {"records": [cases("mrn-4711")]})
    people = world.people
    appeals.appeal_file(
        deployment=deployment, event_key="mrn-4711", contested_by="patient", grounds=GRIEVANCE, actor=people.clinician
    )
    work()
    assert told("appeal") == {"officer.north@test.example"}
    Appeal.objects.update(due_on=today() - timedelta(days=1))
    reminders.overdue_tell()
    assert told("overdue") == {"officer.north@test.example", "clinician@test.example"}
    texts = " ".join(f"{row.title} {row.text}" for row in Message.objects.all())
    assert "4711" not in texts and "Roe" not in texts


def test_a_regulators_clock_that_ran_out_is_told_once(world, deployment):
    halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=3)
    reminders.overdue_tell()
    assert told("overdue") == set()
    type(deployment.incidents.get()).objects.update(created_at=timezone.now() - timedelta(days=400))
    found = reminders.overdue_tell()
    assert found and told("overdue") == OFFICERS
    assert reminders.overdue_tell() == found and Message.objects.filter(kind="overdue").count() == 2 * found


def test_a_halt_stands_in_the_inbox_and_its_mail_is_the_notices(world, deployment):
    halt = halt_create(deployment_id=deployment.id, reason=GRIEVANCE, position=3, halted_by=world.people.officer_north)
    notices.notices_write(notices.HALTED, {"halt": str(halt.id)})()
    assert told("halt") == {
        "admin@test.example", "admin2@test.example", "operator.north@test.example", "operator.south@test.example",
        *OFFICERS,
    }  # fmt: skip
    assert not Job.objects.filter(kind="message.mail").exists()
    assert all("Roe" not in f"{row.title} {row.text}" for row in Message.objects.all())
