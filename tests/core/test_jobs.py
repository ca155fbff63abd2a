from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import Institution
from core import events, jobs
from core.models import DomainEvent, Job

pytestmark = pytest.mark.django_db
calls: list[dict] = []


@jobs.handles("test.effect")
def effect(payload: dict) -> jobs.Effects:
    calls.append(payload)

    def effects() -> None:
        Institution.objects.create(slug=payload["slug"], name="made by a job")

    return effects


@jobs.handles("test.break")
def break_(payload: dict) -> None:
    raise RuntimeError("no luck")


@jobs.handles("test.steal")
def steal(payload: dict) -> jobs.Effects:
    """Another worker takes the job over while this one computes."""
    Job.objects.filter(id=payload["job"]).update(lease_token=uuid.uuid4())

    def effects() -> None:
        Institution.objects.create(slug="stolen", name="must not be")

    return effects


def test_a_job_writes_its_effects_once_however_often_it_is_rung():
    job = jobs.enqueue("test.effect", {"slug": "once"}, key="a")
    assert jobs.run(job.id) is True
    assert jobs.run(job.id) is False
    assert Institution.objects.filter(slug="once").count() == 1


def test_the_same_key_never_makes_a_second_job():
    assert jobs.enqueue("test.effect", {"slug": "x"}, key="b").id == jobs.enqueue("test.effect", {}, key="b").id


def test_a_job_is_rolled_back_with_the_transaction_that_asked_for_it():
    def ask_and_fail() -> None:
        with transaction.atomic():
            jobs.enqueue("test.effect", {"slug": "x"}, key="c")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask_and_fail()
    assert not Job.objects.filter(idempotency_key="c").exists()


def test_a_failing_job_is_retried_later_and_buried_with_its_reason_in_the_end():
    job = jobs.enqueue("test.break", {}, key="d", max_attempts=2)
    jobs.run(job.id)
    job.refresh_from_db()
    assert (job.state, job.attempts, job.last_error) == ("queued", 1, "RuntimeError: no luck")
    assert job.next_run_at > timezone.now()
    Job.objects.filter(id=job.id).update(next_run_at=timezone.now())
    jobs.run(job.id)
    job.refresh_from_db()
    assert job.state == "dead"
    assert DomainEvent.objects.get(kind="job.dead").payload["error"] == "RuntimeError: no luck"


def test_a_running_job_is_left_alone_until_its_lease_runs_out():
    job = jobs.enqueue("test.effect", {"slug": "leased"}, key="e")
    Job.objects.filter(id=job.id).update(
        state="running", lease_until=timezone.now() + timedelta(seconds=60), attempts=1
    )
    assert jobs.run(job.id) is False
    Job.objects.filter(id=job.id).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert jobs.run(job.id) is True


def test_a_worker_that_lost_its_lease_writes_nothing():
    job = jobs.enqueue("test.steal", {}, key="f")
    Job.objects.filter(id=job.id).update(payload={"job": str(job.id)})
    assert jobs.run(job.id) is False
    assert not Institution.objects.filter(slug="stolen").exists()


def test_a_job_killed_too_often_is_buried_too():
    job = jobs.enqueue("test.effect", {"slug": "x"}, key="g", max_attempts=1)
    Job.objects.filter(id=job.id).update(state="running", attempts=1, lease_until=timezone.now() - timedelta(seconds=1))
    assert jobs.run(job.id) is False
    job.refresh_from_db()
    assert job.state == "dead"


@jobs.handles("test.progress")
def progress(payload: dict) -> None:
    if payload["moves"]:
        jobs.progressed(payload["key"])
    raise RuntimeError("interrupted")


@pytest.mark.parametrize(("moves", "state"), [(True, "queued"), (False, "dead")])
def test_a_job_that_progresses_is_not_buried_for_being_interrupted_often(moves, state):
    job = jobs.enqueue("test.progress", {"moves": moves, "key": "p"}, key="p", max_attempts=2)
    for _ in range(5):
        Job.objects.filter(id=job.id).update(next_run_at=timezone.now())
        jobs.run(job.id)
    job.refresh_from_db()
    assert job.state == state


def test_the_reaper_rings_what_was_lost(monkeypatch):
    rung = []
    monkeypatch.setattr(jobs, "ring", rung.append)
    now = timezone.now()
    lost = jobs.enqueue("test.effect", {"slug": "x"}, key="h")
    crashed = jobs.enqueue("test.effect", {"slug": "y"}, key="i")
    later = jobs.enqueue("test.effect", {"slug": "z"}, key="j", delay_seconds=600)
    Job.objects.filter(id=lost.id).update(next_run_at=now - timedelta(seconds=10))
    Job.objects.filter(id=crashed.id).update(state="running", lease_until=now - timedelta(seconds=1))
    jobs.reap()
    assert set(rung) >= {lost.id, crashed.id}
    assert later.id not in rung


def test_each_subscriber_of_an_event_is_a_job_of_its_own(monkeypatch):
    heard = []
    monkeypatch.setitem(
        events._subscribers, "test.said", {"one": lambda p: heard.append(p["n"]), "two": lambda p: 1 / 0}
    )
    events.emit("test.said", {"n": 7})
    for job in Job.objects.filter(kind="event"):
        jobs.run(job.id)
    assert heard == [7]
    assert sorted(Job.objects.filter(kind="event").values_list("state", flat=True)) == ["done", "queued"]


def test_a_broker_that_is_away_loses_nothing(settings, monkeypatch):
    from core.tasks import run_job_task

    def refuse(*args, **kwargs):
        raise ConnectionError("away")

    monkeypatch.setattr(run_job_task, "apply_async", refuse)
    job = jobs.enqueue("test.effect", {"slug": "x"}, key="k")
    jobs.ring(job.id)
    assert Job.objects.get(id=job.id).state == "queued"
