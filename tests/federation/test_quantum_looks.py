"""What lies at the provider is paid for: no look at it ends a run that can still be mended, and none waits for ever."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from core.models import Job
from federation import quantum_orders, quantum_running, quantum_tasks
from federation.domain.data.dataset import DataError, ReaderUnavailable
from federation.models import ProviderTask, QuantumJob, SiteOrder
from federation.quantum_estimate import Order
from federation.site import devices as at_site
from tests.factories.people import make_people
from tests.factories.providers import Fault
from tests.factories.quantum import Bench, make_bench

pytestmark = pytest.mark.django_db
State = QuantumJob.State
PRICE = {"cost_limit": Decimal("900"), "price_per_shot": Decimal("0.01")}
UNREADABLE = [
    MemoryError(), OSError("the disk is full"), ReaderUnavailable("a.csv", "its share is away"), ValueError("no"),
    DataError("a.csv", expected="ages as numbers", got="a name", remedy="Correct the file."),
]  # fmt: skip
PLACES = [("ibm", "site"), ("azure", "site"), ("azure", "platform")]


@pytest.fixture
def bench(tmp_path) -> Bench:
    return make_bench(make_people(), tmp_path)


def ordered(bench: Bench, device: str, where: str) -> QuantumJob:
    if where == "site":
        bench.consent(device)
        asked = bench.evaluation(device, shots=50, **PRICE)
    else:
        asked = Order(device=device, purpose="readout", shots=50, qubits=3, **PRICE)
    return quantum_orders.quantum_order(order=asked, actor=bench.world.people.administrator)


def handed_in(bench: Bench, server, device: str, where: str) -> QuantumJob:
    """All tasks lie at the provider; none has been looked at."""
    server.polls_until_done = 1000
    job = ordered(bench, device, where)
    bench.work_now()
    for task in server.jobs.values():
        task["waits"] = 0
    job.refresh_from_db()
    assert job.state == State.SUBMITTED and not job.tasks.exclude(state="handed_in").exists()
    return job


def days_ago(job: QuantumJob, **changes: int) -> None:
    past = {name: timezone.now() - timedelta(days=days) for name, days in changes.items()}
    QuantumJob.objects.filter(id=job.id).update(**past)


def now(job: QuantumJob) -> QuantumJob:
    job.refresh_from_db()
    return job


# --- failures of the moment ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", UNREADABLE, ids=lambda error: type(error).__name__)
def test_a_site_that_cannot_read_the_result_now_loses_nothing(bench, server, monkeypatch, error):
    job = handed_in(bench, server, "ibm", "site")

    def cannot(*args):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(at_site, "_Work", cannot)
        bench.work()
    assert now(job).is_open and type(error).__name__ in job.note and "Nothing is lost" in job.note
    waiting = Job.objects.get(kind="quantum.poll", state="queued")
    assert waiting.next_run_at > timezone.now() + timedelta(minutes=10)
    assert not server.sent("POST", "/cancel")
    bench.work()
    assert now(job).state == State.FINISHED and job.note == ""


@pytest.mark.parametrize("why", ["patients", "too few", "not approved"])
def test_what_a_site_refuses_on_purpose_ends_the_run(bench, server, monkeypatch, why):
    job = handed_in(bench, server, "ibm", "site")
    if why == "patients":
        monkeypatch.setattr("federation.domain.quantum.device_work.digest_of", lambda programs: "others")
    elif why == "too few":
        monkeypatch.setattr("federation.domain.quantum.device_work.MIN_TOLD", 1000)
    else:
        approvals = bench.sites["north"].home.approvals
        monkeypatch.setattr(type(approvals), "require", _not_approved)
    bench.work(times=2)
    said = {"patients": "not the same any more", "too few": "held-out patients", "not approved": "not approved"}[why]
    assert now(job).state == State.FAILED and said in job.error
    assert not job.tasks.unsettled().exists()


def _not_approved(*args, **kwargs):
    from federation.site.approvals import ApprovalError

    raise ApprovalError("the run is not approved here any more")


def test_a_look_that_dies_on_the_platform_loses_nothing(bench, server, monkeypatch):
    job = handed_in(bench, server, "azure", "platform")
    with monkeypatch.context() as patch:
        patch.setattr(quantum_running, "_judged", lambda *told: 1 / 0)
        for _ in range(6):
            Job.objects.filter(kind="quantum.poll", state="queued").update(next_run_at=timezone.now())
            bench.run_jobs(delayed=False)
            if Job.objects.filter(kind="quantum.poll", state="dead").exists():
                break
        bench.run_jobs(delayed=False)
    assert now(job).is_open and "ZeroDivisionError" in job.note and "look again" in job.note
    bench.work()
    assert now(job).state == State.FINISHED


@pytest.mark.parametrize("status", [408, 425])
@pytest.mark.parametrize(("device", "where"), PLACES)
def test_a_provider_that_wants_to_be_asked_once_more_is(bench, server, device, where, status):
    job = handed_in(bench, server, device, where)
    server.faults.append(Fault("/jobs/", method="GET", status=status))
    bench.work()
    assert now(job).is_open and "asked again by itself" in job.note
    bench.work()
    assert now(job).state == State.FINISHED


# --- figures that were not ordered -----------------------------------------------------------------------------------

FIGURES = [
    ({"n": 20}, "at most 10 patients, got 20"),
    ({"shots": 100}, "with 50 shots, got simulator with 100"),
    ({"facts": {"shots": 100}}, "with 50 shots"),
    ({"facts": {"device": "aer"}}, "figures of simulator with 50 shots, got aer"),
    ({"facts": None}, "got no device"),
]


def told_instead(monkeypatch, change: dict) -> None:
    """The site's software says something else than it measured."""
    true = at_site._Work.figures

    def told(work, *made):
        said = true(work, *made)
        facts = {} if change.get("facts", {}) is None else {**said["facts"], **change.get("facts", {})}
        return {**said, **change, "facts": facts}

    monkeypatch.setattr(at_site._Work, "figures", told)


@pytest.mark.parametrize(("change", "says"), FIGURES)
def test_figures_of_something_else_are_refused(bench, monkeypatch, change, says):
    job = quantum_orders.quantum_order(
        order=bench.evaluation("simulator", shots=50), actor=bench.world.people.administrator
    )
    told_instead(monkeypatch, change)
    bench.work()
    assert now(job).state == State.FAILED and says in job.error and job.result is None


def test_figures_that_a_site_can_still_mend_cost_no_second_run(bench, server, monkeypatch):
    job = handed_in(bench, server, "ibm", "site")
    with monkeypatch.context() as patch:
        told_instead(patch, {"shots": 100})
        bench.work()
    assert now(job).is_open and job.result is None and "update" not in job.error
    assert "bring the site's software up to date" in job.note
    bench.work()
    assert now(job).state == State.FINISHED and job.result["shots"] == 50


def test_a_state_that_no_task_has_is_no_failure_of_the_provider(bench, server, monkeypatch):
    job = handed_in(bench, server, "ibm", "site")
    with monkeypatch.context() as patch:
        patch.setattr(at_site, "_look", lambda *told: {"state": "splendid", "note": ""})
        bench.work()
    assert now(job).is_open and "got 'splendid'" in job.note


# --- many tasks, few requests ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("where", "allowed"), [("site", 6), ("platform", 2)])
def test_many_tasks_end_also_where_few_questions_are_answered(bench, server, where, allowed):
    """Azure: a task a circuit, ten at the site and two here, and three questions of each."""
    job = handed_in(bench, server, "azure", where)
    seen = [0]
    for _ in range(10):
        server.allowed = allowed
        bench.work()
        seen.append(job.tasks.filter(state="done").count())
        if not now(job).is_open:
            break
    assert job.state == State.FINISHED and job.result and seen == sorted(seen)
    assert seen[1] == min(allowed, job.tasks.count()) and seen[-1] == job.tasks.count() and len(seen) > 3
    assert server.sent("GET", "/rawOutputData") < job.tasks.count() + len(seen), "fetched anew at each look"


def test_what_was_seen_done_is_not_cancelled_and_counts(bench, server):
    job = handed_in(bench, server, "azure", "site")
    server.allowed = 3
    bench.work()
    server.allowed = None
    assert job.tasks.filter(state="done").count() == 3
    assert SiteOrder.objects.filter(kind="device_poll").count() == 1
    quantum_orders.quantum_cancel(job=now(job), actor=bench.world.people.administrator)
    bench.work(times=2)
    assert server.sent("POST", ":cancel") == 7
    assert {row.state for row in job.tasks.all()} == {ProviderTask.State.DONE, ProviderTask.State.CANCELLED}


def test_a_site_cannot_say_done_of_what_it_was_not_given(bench, server):
    job = handed_in(bench, server, "azure", "site")
    other = job.tasks.first()
    quantum_tasks.seen_done(job, ["", "elsewhere", {"a": 1}, other.provider_id])
    assert [row.number for row in job.tasks.filter(state="done")] == [other.number]


# --- a site that is silent -------------------------------------------------------------------------------------------


def test_a_run_that_waits_for_a_silent_site_to_hand_in_is_given_up(bench, server):
    job = ordered(bench, "ibm", "site")
    bench.run_jobs(delayed=False)
    waiting = Job.objects.get(kind="device.watch", state="queued")
    assert abs(waiting.next_run_at - job.created_at - timedelta(days=7)) < timedelta(minutes=1)
    days_ago(job, created_at=8)
    bench.run_jobs()
    assert now(job).state == State.FAILED and "did not answer within 7 days" in job.error
    bench.deliver(SiteOrder.objects.get(kind="device_submit"))
    assert not server.jobs, "handed in after the end"


def test_a_run_whose_result_waits_at_a_silent_site_is_given_up(bench, server):
    job = handed_in(bench, server, "ibm", "site")
    bench.run_jobs()
    assert SiteOrder.objects.get(kind="device_poll").state == "pending"
    days_ago(job, submitted_at=8, created_at=9)
    bench.run_jobs()
    assert now(job).state == State.FAILED and "see that it runs" in job.error
    assert SiteOrder.objects.filter(kind="device_cancel").exists(), "what may still run there is cancelled"
    assert SiteOrder.objects.get(kind="device_poll").state == "cancelled", "it is sent no more"


def test_a_site_is_not_asked_for_ever_to_compute_for_nobody(bench):
    job = quantum_orders.quantum_order(order=bench.evaluation("simulator"), actor=bench.world.people.administrator)
    bench.run_jobs()
    days_ago(job, created_at=8)
    bench.run_jobs()
    assert now(job).state == State.FAILED
    assert SiteOrder.objects.get(kind="device_submit").state == "cancelled"


@pytest.mark.parametrize("where", ["site", "platform"])
def test_looking_again_takes_up_a_run_of_which_nothing_is_queued(bench, server, where):
    """An answer met a fault of ours, and with it the chain of looks ended."""
    job = handed_in(bench, server, "ibm", where)
    Job.objects.filter(kind="quantum.poll").update(state="dead")
    quantum_orders.quantum_look(job=job, actor=bench.world.people.administrator)
    bench.work()
    assert now(job).state == State.FINISHED


def test_an_answer_that_no_number_can_hold_ends_no_run(bench, server, monkeypatch):
    job = handed_in(bench, server, "ibm", "site")
    monkeypatch.setattr(at_site, "_look", lambda *told: {"state": "later", "retry_after_seconds": 10**400})
    bench.work()
    assert now(job).is_open and "Nothing is lost" in job.note


@pytest.mark.parametrize("said", ["OrderRefused: other patients", "NotApproved: the approval is over"])
def test_what_a_worker_of_before_refuses_on_purpose_ends_the_run(bench, server, said):
    job = handed_in(bench, server, "ibm", "site")
    bench.run_jobs()
    asked = SiteOrder.objects.get(kind="device_poll")
    SiteOrder.objects.filter(id=asked.id).update(state="failed", error=said)
    quantum_running.order_answered({"order": str(asked.id)})()
    assert now(job).state == State.FAILED and said in job.error


def test_the_time_begins_anew_with_what_was_handed_in(bench, server):
    job = handed_in(bench, server, "ibm", "site")
    bench.run_jobs()
    days_ago(job, created_at=8, submitted_at=1)
    bench.run_jobs()
    assert now(job).is_open
    waiting = Job.objects.get(kind="device.watch", state="queued")
    assert abs(waiting.next_run_at - timezone.now() - timedelta(days=6)) < timedelta(minutes=1)


def test_a_run_that_has_ended_is_watched_no_more(bench, server):
    job = handed_in(bench, server, "ibm", "site")
    bench.work()
    assert now(job).state == State.FINISHED
    bench.run_jobs()
    assert not Job.objects.filter(kind="device.watch", state="queued").exists() and now(job).state == State.FINISHED
