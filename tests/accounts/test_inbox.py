"""Messages: told once, by the way that each person chose, in a digest in the person's own morning."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts import inbox
from accounts.models import Message, Preferences
from core import jobs
from core.models import Job
from core.roles import Role
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db
UTC = dt.UTC


@pytest.fixture
def people():
    return make_people()


@pytest.fixture
def officer(people):
    return people.officer_north


def client_for(who) -> Client:
    client = Client()
    client.force_login(who, backend="django.contrib.auth.backends.ModelBackend")
    return client


def told(who, kind="amber", key="amber:1", **more) -> int:
    return inbox.people_tell(users=[who.pk], kind=kind, key=key, title="Ward: the monitor is amber", **more)


def work() -> None:
    for job in Job.objects.filter(state="queued", kind__startswith="message."):
        assert jobs.run(job.id), Job.objects.get(id=job.id).last_error


def test_a_person_is_told_once_and_written_to_at_once_where_the_kind_says_so(officer):
    assert (told(officer), told(officer)) == (1, 0)
    work()
    work()
    (sent,) = mail.outbox
    assert sent.to == [officer.email] and sent.subject == "Ward: the monitor is amber" and inbox.FOOT in sent.body
    assert Message.objects.get().mailed_at is not None


@pytest.mark.parametrize(
    ("kind", "way", "mails"),
    [("amber", "digest", 0), ("amber", "inbox", 0), ("approval", "at_once", 1), ("approval", None, 0),
     ("overdue", "inbox", 1), ("amber", "nonsense", 1)],
)  # fmt: skip
def test_each_chooses_the_way_of_a_kind_except_where_patients_depend_on_it(officer, kind, way, mails):
    Preferences.objects.create(user=officer, ways={kind: way} if way else {})
    told(officer, kind)
    work()
    assert len(mail.outbox) == mails and Message.objects.count() == 1


@pytest.mark.parametrize(
    ("digest", "zone", "now", "last", "due"),
    [
        ("daily", "UTC", "2026-03-04T06:59", None, False), ("daily", "UTC", "2026-03-04T07:00", None, True),
        ("daily", "UTC", "2026-03-04T09:00", "2026-03-04T07:00", False),
        ("daily", "UTC", "2026-03-04T09:00", "2026-03-03T07:00", True),
        ("daily", "Asia/Tokyo", "2026-03-03T22:00", None, True),
        ("daily", "America/New_York", "2026-03-04T09:00", None, False),
        ("weekly", "UTC", "2026-03-04T09:00", None, False), ("weekly", "UTC", "2026-03-02T09:00", None, True),
        ("weekly", "Asia/Tokyo", "2026-03-01T23:00", None, True), ("never", "UTC", "2026-03-02T09:00", None, False),
        ("daily", "No/Such", "2026-03-04T07:00", None, True),
    ],
)  # fmt: skip
def test_a_digest_goes_out_in_the_persons_own_morning(digest, zone, now, last, due):
    moments = [dt.datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None for text in (now, last)]
    assert inbox.digest_due(Preferences(digest=digest, time_zone=zone, digest_at=moments[1]), moments[0]) is due


def test_a_digest_lists_what_is_unread_and_not_written_of_and_comes_once_a_day(officer):
    Preferences.objects.create(user=officer, ways={"appeal": "inbox"})
    told(officer, "approval", "a:1", path="/approvals/")
    told(officer, "appeal", "b:1")
    morning = dt.datetime(2026, 3, 4, 8, tzinfo=UTC)
    assert (inbox.digests_enqueue(morning), inbox.digests_enqueue(morning)) == (1, 1)
    work()
    (sent,) = mail.outbox
    assert "1 unread message" in sent.subject and "Approvals: Ward" in sent.body and "Appeals" not in sent.body
    assert Preferences.objects.get().digest_at is not None
    work()
    assert len(mail.outbox) == 1


def test_whoever_has_gone_is_not_written_to(officer):
    told(officer)
    type(officer).objects.filter(pk=officer.pk).update(is_active=False)
    work()
    assert mail.outbox == []


def test_the_inbox_counts_opens_and_takes_back(people, officer):
    told(officer, path="/deployments/")
    client, message = client_for(officer), Message.objects.get()
    page = client.get(reverse("inbox")).content.decode()
    assert "Ward: the monitor is amber" in page and "Unread:" in page
    assert client.post(reverse("message_open", args=[message.id]))["Location"] == "/deployments/"
    assert "Unread:" not in client.get(reverse("inbox")).content.decode()
    assert "No message" in client.get(reverse("inbox") + "?unread").content.decode()
    client.post(reverse("message_unread", args=[message.id]))
    assert Message.objects.unread().count() == 1
    client.post(reverse("inbox_read"))
    assert Message.objects.unread().count() == 0
    other = client_for(people.officer_south)
    assert other.post(reverse("message_open", args=[message.id])).status_code == 404
    assert "No message" in other.get(reverse("inbox")).content.decode()


def test_preferences_show_the_kinds_of_a_role_and_keep_only_what_differs(people, officer):
    client, path = client_for(officer), reverse("preferences")
    kinds = {kind.key for kind in inbox.kinds_of(officer)}
    assert kinds == {key for key, kind in inbox.KINDS.items() if Role.ETHICS_OFFICER in kind.roles}
    sent = {
        "language": "de", "time_zone": "Europe/Berlin", "digest": "weekly", "way_amber": "digest",
        "way_approval": "digest", "way_appeal": "digest", "way_audit": "digest", "way_retrain": "at_once",
    }  # fmt: skip
    assert client.post(path, sent)["Location"] == path
    kept = Preferences.objects.get()
    assert (kept.language, kept.time_zone, kept.shortcuts, kept.digest) == ("de", "Europe/Berlin", False, "weekly")
    assert kept.ways == {"amber": "digest"}
    for field, wrong in (("language", "xx"), ("time_zone", "Mars/Olympus"), ("way_amber", "pigeon")):
        assert client.post(path, {**sent, field: wrong}).status_code == 400, field
    assert "way_approval" not in client_for(people.clinician).get(path).content.decode()


def test_what_is_old_goes_and_an_erased_person_is_forgotten(officer):
    told(officer)
    now = dt.datetime.now(UTC)
    assert inbox.old_ones_remove(now) == 0
    Message.objects.update(read_at=now - dt.timedelta(days=366))
    assert inbox.old_ones_remove(now) == 1
    told(officer, key="amber:2")
    Preferences.objects.create(user=officer)
    assert inbox.forget(str(officer.pk)) == {"messages": 1, "saved views": 0}
    assert not Message.objects.exists() and not Preferences.objects.exists()
