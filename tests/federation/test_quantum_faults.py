"""Whatever goes wrong while tasks are handed in, looked at or cancelled: none runs on unnamed, none is paid for twice.

Each case ends with the same account: what lies at the provider, what our rows say of it, and what the month counts.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from core.errors import Conflict
from core.models import Job
from federation import quantum_admission, quantum_orders, quantum_tasks
from federation.domain.quantum.devices import DEVICES
from federation.models import ProviderTask, QuantumJob, SiteOrder
from federation.quantum_estimate import Order
from tests.factories.people import make_people
from tests.factories.providers import Fault, StandIn, stand_in
from tests.factories.quantum import Bench, make_bench

pytestmark = pytest.mark.django_db
State = QuantumJob.State
SHOTS, PATIENTS = 50, 10
SIZE = {"ibm": 4, "azure": 1}  # circuits a task
STATES = {"cancelled": "Cancelled", "handed_in": "Queued Running Waiting Executing", "done": "Completed Succeeded"}
REFUSED = {"status": 400}
BUSY = {"status": 429, "headers": {"Retry-After": "2"}}
DROPPED = {"drop": True}
LOST = {"drop": True, "after": True}  # the provider took it, its answer never came
MALFORMED = {"status": 200, "body": b"[]"}
MALFORMED_TAKEN = {**MALFORMED, "after": True}


@pytest.fixture
def bench(tmp_path) -> Bench:
    return make_bench(make_people(), tmp_path)


@pytest.fixture
def server(monkeypatch):
    """Both providers, several tasks a run, and tasks that wait until they are told to run."""
    monkeypatch.setitem(DEVICES, "ibm", replace(DEVICES["ibm"], max_circuits_per_job=SIZE["ibm"]))
    with stand_in() as running:
        for provider in ("ibm", "azure"):
            for name, value in running.environment(provider).items():
                monkeypatch.setenv(name, value)
        monkeypatch.setenv("SITE_CLOUD_DEVICES", "ibm, azure")
        running.polls_until_done = 1000
        yield running


def ordered(bench: Bench, device: str, where: str) -> tuple[QuantumJob, int]:
    """A run on a device, and how many tasks it is."""
    price = {"cost_limit": Decimal("900"), "price_per_shot": Decimal("0.01")}
    if where == "site":
        bench.consent(device)
        asked = bench.evaluation(device, patients=PATIENTS, shots=SHOTS, **price)
    else:
        asked = Order(device=device, purpose="readout", shots=SHOTS, qubits=3, **price)
    job = quantum_orders.quantum_order(order=asked, actor=bench.world.people.administrator)
    QuantumJob.objects.filter(id=job.id).update(cost=job.circuits)  # one a circuit: easy to count
    job.refresh_from_db()
    return job, math.ceil(job.circuits / SIZE[device])


def circuits(job: QuantumJob, tasks: int) -> int:
    """Of the first so many tasks."""
    return min(job.circuits, tasks * SIZE[job.device])


def strike(server: StandIn, device: str, at: int, fault: dict) -> None:
    """The handing in of task number `at` meets the fault."""
    method, part = ("POST", "/api/v1/jobs") if device == "ibm" else ("PUT", "/jobs/")
    server.faults.append(Fault(part, method=method, skip=at, **fault))


def tasks_of(server: StandIn, job: QuantumJob) -> dict[str, str]:
    """The run's tasks at the provider: id and status."""
    return {
        name: task["status"]
        for name, task in server.jobs.items()
        if str(task.get("name") or task.get("tags")).find(job.tag) >= 0
    }


def account(bench: Bench, server: StandIn, job: QuantumJob, **states: int) -> None:
    """The run's rows are in these states, the provider agrees on each, and no task of it lies there without a row."""
    job.refresh_from_db()
    rows = list(job.tasks.all())
    assert Counter(row.state for row in rows) == Counter({state: n for state, n in states.items() if n}), job.error
    there = tasks_of(server, job)
    assert sorted(job.provider_tasks) == sorted(there), "an id that no row has, or a row of nothing"
    for row in rows:
        assert not row.provider_id or there[row.provider_id] in STATES[row.state].split(), row
    assert bool(job.submitted_at) == bool(there)


def counted(bench: Bench, job: QuantumJob) -> int:
    """Circuits that the month counts; its cost says the same."""
    used = quantum_admission.used_this_month(job.institution)
    assert used.shots == used.cost * SHOTS
    return int(used.cost)


def retried(bench: Bench, server: StandIn, job: QuantumJob, tasks: int) -> None:
    """The same order again runs to its end, with tasks of its own."""
    before, lying = counted(bench, job), len(server.jobs)
    server.polls_until_done = 0
    again = quantum_orders.quantum_retry(job=job, actor=bench.world.people.administrator)
    QuantumJob.objects.filter(id=again.id).update(cost=again.circuits)
    bench.work(times=3)
    account(bench, server, again, done=tasks)
    assert again.state == State.FINISHED and len(server.jobs) == lying + tasks
    assert counted(bench, job) == before + again.circuits


def listed_by_now(job: QuantumJob) -> None:
    """So much time passes that a provider's list names what it took."""
    job.tasks.update(sent_at=timezone.now() - 2 * quantum_tasks.LISTED_WITHIN)


# The first task, one in the middle and the last, at both providers, from the platform and from a site.
STEPS = [
    pytest.param(device, where, at, id=f"{device}-{where}-task{at + 1}")
    for device, where, numbers in (("ibm", "site", (0, 1, 2)), ("azure", "platform", (0, 1)), ("azure", "site", (4,)))
    for at in numbers
]
PLACES = [("ibm", "site"), ("azure", "platform")]


@pytest.mark.parametrize(("device", "where", "at"), STEPS)
def test_a_refusal_in_the_middle_cancels_what_is_in(bench, server, device, where, at):
    job, tasks = ordered(bench, device, where)
    strike(server, device, at, REFUSED)
    bench.work(times=2)
    account(bench, server, job, cancelled=at, not_taken=1)
    assert job.state == State.FAILED and "refused again" in job.error and counted(bench, job) == circuits(job, at)
    retried(bench, server, job, tasks)


@pytest.mark.parametrize("fault", [BUSY, DROPPED, LOST], ids=["429", "dropped", "answer lost"])
@pytest.mark.parametrize(("device", "where", "at"), STEPS)
def test_what_passes_by_itself_hands_in_each_task_once(bench, server, device, where, at, fault):
    job, tasks = ordered(bench, device, where)
    strike(server, device, at, fault)
    bench.work_now()
    account_is = {"handed_in": at, "sending": 1}
    job.refresh_from_db()
    assert Counter(task.state for task in job.tasks.all()) == Counter({k: v for k, v in account_is.items() if v})
    assert job.state == State.QUEUED and "ask" in job.note and bool(job.submitted_at) == bool(at)
    assert counted(bench, job) == job.circuits
    server.polls_until_done = 0
    for task in server.jobs.values():
        task["waits"] = 0
    bench.work(times=4)
    account(bench, server, job, done=tasks)
    assert (
        job.state == State.FINISHED
        and job.note == ""
        and counted(bench, job) == job.circuits
        and len(server.jobs) == tasks
    )


@pytest.mark.parametrize(("device", "where", "at"), STEPS)
def test_a_malformed_answer_to_a_task_that_was_taken_cancels_that_too(bench, server, device, where, at):
    job, tasks = ordered(bench, device, where)
    strike(server, device, at, MALFORMED_TAKEN)
    bench.work(times=2)
    account(bench, server, job, cancelled=at + 1)
    assert job.state == State.FAILED and "format" in job.error and counted(bench, job) == circuits(job, at + 1)
    retried(bench, server, job, tasks)


@pytest.mark.parametrize(("device", "where"), PLACES)
def test_what_a_provider_may_have_counts_until_its_list_is_trusted(bench, server, device, where):
    job, tasks = ordered(bench, device, where)
    strike(server, device, 1, MALFORMED)  # not carried out, which nobody can know yet
    bench.work(times=2)
    account(bench, server, job, cancelled=1, sending=1)
    assert job.state == State.FAILED and counted(bench, job) == circuits(job, 2) and "not ended yet" in job.note
    with pytest.raises(Conflict, match="may still run"):
        quantum_orders.quantum_retry(job=job, actor=bench.world.people.administrator)
    listed_by_now(job)
    bench.work(times=2)
    account(bench, server, job, cancelled=1, not_taken=1)
    assert counted(bench, job) == circuits(job, 1) and job.note == ""
    retried(bench, server, job, tasks)


def stop(bench: Bench, job: QuantumJob, how: str) -> None:
    people = bench.world.people
    if how == "person":
        quantum_orders.quantum_cancel(job=job, actor=people.administrator)
    elif how == "withdrawal":
        quantum_orders.device_consent_decide(
            run=bench.run, participant=bench.north, device=job.device, decision="withdrawn", reason="Changed our mind",
            actor=people.operator_north,
        )  # fmt: skip
    else:
        QuantumJob.objects.filter(id=job.id).update(created_at=timezone.now() - timedelta(days=8))


# A check of the platform carries no patient's data, and so has no consent to withdraw.
ENDINGS = [
    pytest.param(*step.values, how, id=f"{step.id}-{how}")
    for step in STEPS
    for how in ("person", "withdrawal", "days")
    if (how, step.values[1]) != ("withdrawal", "platform")
]


@pytest.mark.parametrize("fault", [BUSY, LOST], ids=["429", "answer lost"])
@pytest.mark.parametrize(("device", "where", "at", "how"), ENDINGS)
def test_ended_in_the_middle_of_the_handing_in(bench, server, device, where, at, fault, how):
    job, tasks = ordered(bench, device, where)
    strike(server, device, at, fault)
    bench.work_now()
    if how == "days":
        strike(server, device, 0, BUSY)
        server.faults[-1].part = "/jobs"
        server.faults[-1].method = ""
    stop(bench, job, how)
    bench.work(times=2)
    job.refresh_from_db()
    assert job.state == (State.FAILED if how == "days" else State.CANCELLED)
    taken = at + (fault is LOST)
    listed_by_now(job)
    bench.work(times=2)
    account(bench, server, job, cancelled=taken, not_taken=0 if fault is LOST else 1)
    QuantumJob.objects.filter(id=job.id).update(created_at=timezone.now())  # of this month
    assert counted(bench, job) == circuits(job, taken)
    if how != "withdrawal":
        retried(bench, server, job, tasks)


@pytest.mark.parametrize(("device", "where"), PLACES)
def test_a_provider_that_never_finishes_is_given_up_and_told(bench, server, device, where):
    job, tasks = ordered(bench, device, where)
    bench.work(times=2)
    QuantumJob.objects.filter(id=job.id).update(submitted_at=timezone.now() - timedelta(days=8))
    bench.work(times=2)
    account(bench, server, job, cancelled=tasks)
    assert job.state == State.FAILED and "7 days" in job.error and counted(bench, job) == job.circuits
    retried(bench, server, job, tasks)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
@pytest.mark.parametrize(("device", "where"), PLACES)
def test_a_look_that_is_refused_keeps_the_run_open_and_looks_again(bench, server, device, where, status):
    job, tasks = ordered(bench, device, where)
    bench.run_jobs()
    bench.work()
    account(bench, server, job, handed_in=tasks)
    server.faults.append(Fault("/jobs/", method="GET", status=status))
    bench.work()
    account(bench, server, job, handed_in=tasks)
    does = {401: "Renew the key", 403: "Renew the key", 404: "Check the names"}.get(status, "the provider's message")
    assert job.is_open and does in job.note
    waiting = Job.objects.get(kind="quantum.poll", state="queued")
    assert waiting.next_run_at > timezone.now() + timedelta(minutes=10)
    for task in server.jobs.values():
        task["waits"] = 0
    quantum_orders.quantum_look(job=job, actor=bench.world.people.administrator)  # the key is renewed
    waiting.refresh_from_db()
    assert waiting.next_run_at <= timezone.now()
    bench.work(times=2)
    account(bench, server, job, done=tasks)
    assert job.state == State.FINISHED and counted(bench, job) == job.circuits
    with pytest.raises(Conflict, match="nothing to look for"):
        quantum_orders.quantum_look(job=job, actor=bench.world.people.administrator)


@pytest.mark.parametrize(("device", "where"), PLACES)
def test_a_word_that_is_new_to_us_keeps_the_run_open_and_can_be_ended(bench, server, device, where):
    """A task in a state without a name here is looked at again; one that is not cancelled then has ended."""
    job, tasks = ordered(bench, device, where)
    bench.work(times=2)
    for task in server.jobs.values():
        task["status"] = "Being inspected"
    bench.work()
    job.refresh_from_db()
    assert job.is_open and "'Being inspected', which is not known here" in job.note
    server.faults += [Fault("cancel", status=409) for _ in range(tasks)]
    stop(bench, job, "person")
    bench.work(times=2)
    job.refresh_from_db()
    assert job.state == State.CANCELLED and not job.tasks.unsettled().exists() and job.note == ""
    assert {row.state for row in job.tasks.all()} == {ProviderTask.State.FAILED}
    retried(bench, server, job, tasks)


def test_a_key_that_stays_refused_ends_the_run_after_the_time_limit_and_is_said(bench, server, monkeypatch):
    job, tasks = ordered(bench, "azure", "platform")
    bench.work()
    good = server.environment("azure")["AZURE_QUANTUM_CONNECTION_STRING"]
    monkeypatch.setenv("AZURE_QUANTUM_CONNECTION_STRING", good.replace("key-of-the-test", "an-old-key"))
    bench.work(times=3)
    assert QuantumJob.objects.get().is_open
    QuantumJob.objects.update(submitted_at=timezone.now() - timedelta(days=8))
    bench.work(times=2)
    account(bench, server, job, handed_in=tasks)
    assert job.state == State.FAILED and "7 days" in job.error and "Renew the key" in job.note
    monkeypatch.setenv("AZURE_QUANTUM_CONNECTION_STRING", good)
    quantum_orders.quantum_look(job=job, actor=bench.world.people.administrator)
    bench.work()
    account(bench, server, job, cancelled=tasks)
    assert job.note == ""
    retried(bench, server, job, tasks)


@pytest.mark.parametrize("fault", [BUSY, DROPPED, LOST, {"status": 401}, MALFORMED])
@pytest.mark.parametrize(("device", "where"), PLACES)
def test_a_cancellation_is_asked_again_until_its_end_is_known(bench, server, device, where, fault):
    job, tasks = ordered(bench, device, where)
    bench.work(times=2)
    server.faults.append(Fault("cancel", **fault))
    stop(bench, job, "person")
    bench.work_now()
    job.refresh_from_db()
    if fault is not MALFORMED:  # what a cancellation is answered with is not read
        assert job.note, "a failure that the row does not show"
        assert job.tasks.unsettled().count() == tasks, "the first cancellation failed, and the others would too"
    bench.work(times=2)
    account(bench, server, job, cancelled=tasks)
    assert job.state == State.CANCELLED and job.note == "" and counted(bench, job) == job.circuits


def test_a_site_that_removed_the_device_still_cancels_there(bench, server, monkeypatch):
    job, tasks = ordered(bench, "ibm", "site")
    bench.work(times=2)
    monkeypatch.setenv("SITE_CLOUD_DEVICES", "")
    bench.work(times=2)  # the next look is refused by the site, which ends the run
    account(bench, server, job, cancelled=tasks)
    assert job.state == State.FAILED and "SITE_CLOUD_DEVICES" in job.error


def test_a_cancellation_that_a_site_cannot_do_is_shown_and_asked_again(bench, server, monkeypatch):
    job, tasks = ordered(bench, "ibm", "site")
    bench.work(times=2)
    stop(bench, job, "person")
    with monkeypatch.context() as patch:
        patch.setattr("federation.site.devices.end_tasks", lambda *told: 1 / 0)
        bench.work()
    account(bench, server, job, handed_in=tasks)
    assert "ZeroDivisionError" in job.note
    bench.work()
    account(bench, server, job, cancelled=tasks)


def test_a_cancellation_that_dies_on_the_platform_is_shown_and_asked_again(bench, server, monkeypatch):
    job, tasks = ordered(bench, "azure", "platform")
    bench.work()
    stop(bench, job, "person")
    with monkeypatch.context() as patch:
        patch.setattr("federation.quantum_running.end_tasks", lambda *told: 1 / 0)
        bench.work(times=6)
    account(bench, server, job, handed_in=tasks)
    assert "ZeroDivisionError" in job.note
    bench.work()
    account(bench, server, job, cancelled=tasks)


def test_what_waits_at_a_site_is_not_handed_in_after_the_end(bench, server):
    job, _ = ordered(bench, "ibm", "site")
    bench.run_jobs()
    waiting = SiteOrder.objects.get()
    stop(bench, job, "person")
    bench.run_jobs()
    bench.deliver(SiteOrder.objects.get(kind="device_cancel"))
    bench.deliver(waiting)  # as it was sent before the end
    bench.work()
    account(bench, server, job, not_taken=1)
    assert not server.jobs and counted(bench, job) == 0


def test_while_a_site_may_still_hand_in_no_absence_is_believed(bench, server):
    job, _ = ordered(bench, "ibm", "site")
    bench.run_jobs()
    waiting = SiteOrder.objects.get()
    listed_by_now(job)
    stop(bench, job, "person")
    bench.run_jobs()
    bench.deliver(SiteOrder.objects.get(kind="device_cancel"))  # while the site is just sending the task
    bench.run_jobs(delayed=False)
    account(bench, server, job, sending=1)
    bench.sites["north"].ended.clear()
    waiting.body.pop("ended", None)
    server.faults.append(Fault("/api/v1/jobs", method="POST", **LOST))
    bench.deliver(waiting)
    bench.work(times=2)
    account(bench, server, job, cancelled=1)


def test_an_order_that_is_sent_again_says_that_the_run_has_ended(bench, server):
    job, _ = ordered(bench, "ibm", "site")
    bench.run_jobs()
    stop(bench, job, "person")
    bench.deliver(SiteOrder.objects.get(kind="device_submit"))
    assert not server.jobs


def test_a_task_that_lands_after_the_end_is_cancelled_there(bench, server):
    job, _ = ordered(bench, "ibm", "site")
    bench.run_jobs()
    waiting = SiteOrder.objects.get()
    stop(bench, job, "person")
    bench.deliver(waiting)  # taken up by the site before it could hear of the end
    bench.work(times=2)
    account(bench, server, job, cancelled=1)
    assert ProviderTask.objects.get().handed_in_at


@pytest.mark.parametrize("device", ["ibm", "azure"])
def test_one_task_that_fails_at_the_provider_cancels_the_others(bench, server, device):
    job, tasks = ordered(bench, device, "site")
    bench.work(times=1)
    next(iter(server.jobs.values()))["status"] = "Failed"
    bench.work(times=2)
    job.refresh_from_db()
    assert job.state == State.FAILED and "says that it failed" in job.error
    assert Counter(task.state for task in job.tasks.all()) == {"failed": 1, "cancelled": tasks - 1}
    assert counted(bench, job) == job.circuits
    retried(bench, server, job, tasks)


def test_a_task_that_a_provider_took_twice_is_cancelled_twice(bench, server):
    job, tasks = ordered(bench, "ibm", "platform")
    bench.work()
    server.jobs["twin"] = {**next(iter(server.jobs.values())), "id": "twin"}
    stop(bench, job, "person")
    bench.work()
    assert [task["status"] for task in server.jobs.values()] == ["Cancelled"] * (tasks + 1)
