"""Runs on devices: what is refused before a device hears of it, and how they go on, whoever dies in between."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from core import jobs
from core.errors import ApplicationError, Conflict, Forbidden
from core.models import Job, Outbox
from federation import quantum_admission, quantum_orders, quantum_running
from federation.models import Consent, DeviceConsent, QuantumJob, SiteOrder, TrainingRun
from federation.quantum_estimate import Order
from tests.factories.people import make_people
from tests.factories.providers import Fault
from tests.factories.quantum import make_bench, make_check

pytestmark = pytest.mark.django_db
State = QuantumJob.State
CLOUD = ("ibm", "azure")


@pytest.fixture
def bench(tmp_path):
    return make_bench(make_people(), tmp_path)


def order(bench, order_: Order) -> QuantumJob:
    return quantum_orders.quantum_order(order=order_, actor=bench.world.people.administrator)


def check(device: str, purpose: str = "readout", **changes) -> Order:
    given = {"device": device, "purpose": purpose, "shots": 300, "qubits": 3, **changes}
    if device in CLOUD:
        given = {"cost_limit": Decimal("50"), "price_per_shot": Decimal("0.001"), **given}
    return Order(**given)


# --- how they go on --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["simulator", "aer"])
def test_a_device_of_the_site_answers_at_once_and_only_figures_leave(bench, device):
    job = order(bench, bench.evaluation(device))
    assert job.state == State.QUEUED and job.estimate["cost"] == 0
    bench.work()
    job.refresh_from_db()
    assert (job.state, job.error) == (State.FINISHED, "")
    assert job.result["n"] == 10 and set(job.result) == {
        "n", "shots", "device", "simulator", "twin", "changed", "z_error", "z_shot_noise", "facts", "mitigated",
    }  # fmt: skip
    answer = SiteOrder.objects.get()
    assert answer.answer_attachments == {} and set(answer.answer) == {"machine", "result", "seconds"}
    assert len(job.result_digest) == 64 and job.finished_at


@pytest.mark.parametrize("device", CLOUD)
def test_a_cloud_device_is_handed_in_polled_and_read(bench, server, device):
    bench.consent(device)
    server.polls_until_done = 1
    job = order(bench, bench.evaluation(device, patients=10))
    bench.work()
    job.refresh_from_db()
    assert job.state == State.SUBMITTED and job.machine in {"ibm_test", "ionq.qpu.test"}
    assert job.provider_tasks == list(server.jobs) and len(server.jobs) == (1 if device == "ibm" else 10)
    bench.work(times=16)
    job.refresh_from_db()
    assert (job.state, job.error) == (State.FINISHED, "")
    assert job.result["n"] == 10 and job.result["z_error"] < 4 * job.result["z_shot_noise"]
    facts = job.result["facts"]
    assert facts["backend"].startswith(f"{job.machine} (pennylane") and (facts["seed"], facts["noise"]) == (None, None)
    assert (facts["circuits"], facts["shots"]) == (10, 200) and facts["gates"]["CNOT"] > 0 and facts["depth"] > 4


@pytest.mark.parametrize("device", CLOUD)
def test_a_check_runs_from_the_platform_and_finds_the_error_of_the_device(bench, server, device):
    server.readout_error = 0.1
    job = order(bench, check(device))
    bench.work(times=3)
    job.refresh_from_db()
    assert (job.state, job.error) == (State.FINISHED, "")
    assert job.result["mean"] == pytest.approx(0.1, abs=0.04) and job.institution is None
    assert job.result["subject"] == "machine" and job.result["facts"]["backend"].startswith(job.machine)
    assert job.result["facts"]["depth"] == 1 and job.result["facts"]["circuits"] == 2


def test_every_step_stands_in_the_ledger(bench, server):
    job = order(bench, check("ibm"))
    bench.work(times=3)
    rows = Outbox.objects.filter(table="federation_quantumjob", object_id=str(job.id)).order_by("id")
    assert [row.said.action for row in rows] == ["quantum.order", "quantum.submit", "quantum.finish"]
    tasks = Outbox.objects.filter(table="federation_providertask").order_by("id")
    said = [(row.said.action, row.body["state"], row.body["provider_id"]) for row in tasks]
    (name,) = server.jobs
    assert said == [
        ("quantum.send", "sending", ""), ("quantum.submit", "handed_in", name), ("quantum.finish", "done", name),
    ]  # fmt: skip
    assert rows[2].body["result_digest"]
    assert "key-of-the-test" not in str([row.body for row in [*rows, *tasks]])


# --- whoever dies ----------------------------------------------------------------------------------------------------


def test_a_worker_killed_between_handing_in_and_noting_it_hands_in_once(bench, server, monkeypatch):
    job = order(bench, check("ibm"))
    queued = Job.objects.get(kind="quantum.submit")

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(quantum_running, "_handed_in", killed)
        with pytest.raises(KeyboardInterrupt):
            jobs.run(queued.id)
    job.refresh_from_db()
    assert (job.state, len(server.jobs)) == (State.QUEUED, 1)  # the provider has it, we know that it may
    assert job.tasks.get().state == "sending"
    Job.objects.filter(id=queued.id).update(lease_until=timezone.now() - timedelta(seconds=1))
    bench.work(times=3)
    job.refresh_from_db()
    assert job.state == State.FINISHED and job.provider_tasks == list(server.jobs)
    assert server.sent("POST", "/api/v1/jobs") == 1


def test_a_site_that_is_asked_twice_hands_in_once(bench, server):
    bench.consent()
    job = order(bench, bench.evaluation("ibm"))
    bench.run_jobs()
    asked = SiteOrder.objects.get()
    server.faults.append(Fault("/jobs", method="POST", after=True, drop=True))
    bench.deliver(asked)  # the connection broke after the provider took it
    bench.work(times=5)
    job.refresh_from_db()
    assert job.state == State.FINISHED and len(server.jobs) == 1


def test_the_provider_says_when_to_ask_again(bench, server):
    job = order(bench, check("ibm"))
    server.faults.append(Fault("/jobs", status=429, headers={"Retry-After": "120"}))
    before = timezone.now()
    bench.run_jobs(delayed=False)
    job.refresh_from_db()
    waiting = Job.objects.get(kind="quantum.submit", payload__number=1)
    assert job.state == State.QUEUED and "limit of requests" in job.note
    assert 110 < (waiting.next_run_at - before).total_seconds() < 130
    bench.work(times=3)
    job.refresh_from_db()
    assert job.state == State.FINISHED and job.note == ""


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"status": 401}, "Renew the key"),
        ({"status": 404}, "Check the names"),
        ({"status": 200, "body": b"[1]"}, "format"),
    ],
)
def test_what_cannot_succeed_fails_with_what_to_do(bench, server, fault, says):
    job = order(bench, check("ibm"))
    server.faults.append(Fault("/jobs", **fault))
    bench.work()
    job.refresh_from_db()
    assert job.state == State.FAILED and says in job.error and job.result is None


def test_a_task_that_fails_at_the_provider_says_why(bench, server):
    server.fails = True
    job = order(bench, check("ibm"))
    bench.work(times=2)
    job.refresh_from_db()
    assert job.state == State.FAILED and "lost its calibration" in job.error


def test_a_fault_that_nobody_foresaw_ends_the_row_too(bench, server, monkeypatch):
    job = order(bench, check("ibm"))
    monkeypatch.setattr(quantum_running, "_submit_here", lambda job: 1 / 0)
    bench.work(times=7)
    job.refresh_from_db()
    assert job.state == State.FAILED and "given up" in job.error


def test_a_provider_that_never_finishes_is_given_up(bench, server):
    server.polls_until_done = 1000
    job = order(bench, check("ibm"))
    bench.work()
    QuantumJob.objects.filter(id=job.id).update(submitted_at=timezone.now() - timedelta(days=8))
    bench.work()
    job.refresh_from_db()
    assert job.state == State.FAILED and "7 days" in job.error


# --- cancel and retry ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["platform", "site"])
def test_a_cancelled_run_is_cancelled_at_the_provider(bench, server, where):
    server.polls_until_done = 1000
    bench.consent()
    job = order(bench, check("ibm") if where == "platform" else bench.evaluation("ibm"))
    bench.work(times=2)
    quantum_orders.quantum_cancel(job=job, actor=bench.world.people.administrator)
    bench.work(times=2)
    job.refresh_from_db()
    assert job.state == State.CANCELLED and job.cancelled_by == bench.world.people.administrator
    assert [task["status"] for task in server.jobs.values()] == ["Cancelled"]
    with pytest.raises(Conflict, match="only|Only"):
        quantum_orders.quantum_cancel(job=job, actor=bench.world.people.administrator)


def test_a_run_cancelled_while_it_is_handed_in_is_cancelled_at_the_provider(bench, server):
    server.polls_until_done = 1000
    job = order(bench, check("ibm"))
    effects = quantum_running.submit({"job": str(job.id), "number": 0})
    quantum_orders.quantum_cancel(job=job, actor=bench.world.people.administrator)
    effects()
    bench.work()
    assert [task["status"] for task in server.jobs.values()] == ["Cancelled"]


def test_a_retry_is_a_row_of_its_own_with_a_task_of_its_own(bench, server):
    server.fails = True
    job = order(bench, check("ibm"))
    with pytest.raises(Conflict, match="failed or was cancelled"):
        quantum_orders.quantum_retry(job=job, actor=bench.world.people.administrator)
    bench.work(times=2)
    server.fails = False
    job.refresh_from_db()
    again = quantum_orders.quantum_retry(job=job, actor=bench.world.people.administrator)
    bench.work(times=3)
    again.refresh_from_db()
    assert again.state == State.FINISHED and again.retry_of == job and len(server.jobs) == 2
    assert (again.cost, again.shots, again.qubits) == (job.cost, job.shots, job.qubits)


# --- an order that is sent again -------------------------------------------------------------------------------------


def test_an_order_that_is_sent_again_at_once_is_not_billed_twice(bench, server):
    """The client's connection broke after the commit: it hears of the order that there is."""
    first = order(bench, check("ibm"))
    with pytest.raises(Conflict, match="less than 10 minutes ago") as caught:
        order(bench, check("ibm"))
    assert caught.value.extra == {"job": str(first.id)} and QuantumJob.objects.count() == 1
    other = [check("ibm", shots=301), check("ibm", price_per_shot=Decimal("0.002")), check("ibm", qubits=4)]
    for order_ in other:
        order(bench, order_)
    quantum_orders.quantum_order(order=check("ibm"), actor=bench.world.people.administrator2)
    assert QuantumJob.objects.count() == 5


def test_the_same_run_can_be_had_again_once_the_first_has_failed_or_after_ten_minutes(bench, server):
    first = order(bench, check("ibm"))
    QuantumJob.objects.filter(id=first.id).update(state=State.FINISHED)  # a fast machine: it is billed all the same
    with pytest.raises(Conflict):
        order(bench, check("ibm"))
    QuantumJob.objects.filter(id=first.id).update(created_at=timezone.now() - timedelta(seconds=601))
    second = order(bench, check("ibm"))
    quantum_orders.quantum_cancel(job=second, actor=bench.world.people.administrator)
    assert order(bench, check("ibm")).state == State.QUEUED
    assert order(bench, check("aer")).state == order(bench, check("aer")).state  # nobody bills it


# --- what is refused -------------------------------------------------------------------------------------------------


def refused(bench, order_: Order) -> str:
    with pytest.raises(ApplicationError) as caught:
        order(bench, order_)
    assert not QuantumJob.objects.filter(purpose=order_.purpose).exclude(state="finished").exists()
    preview = quantum_orders.quantum_preview(order=order_, actor=bench.world.people.administrator)
    assert preview.refusal == caught.value.message  # the page says it before
    return caught.value.message


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"device": "ibm", "cost_limit": Decimal("5"), "price_per_shot": Decimal("0.001")}, "consent"),
        ({"device": "nowhere"}, "a device among"),
        ({"shots": 0}, "shots"),
        ({"shots": 10**9}, "shots"),
        ({"patients": 0}, "at least 1"),
    ],
)
def test_an_evaluation_is_refused_before_it_is_ordered(bench, server, change, says):
    assert says in refused(bench, bench.evaluation(**change))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"qubits": 200}, "1 to 127 qubits"),
        ({"price_per_shot": None}, "No price"),
        ({"price_per_shot": Decimal(0)}, "above 0"),
        ({"price_per_second": Decimal(0), "seconds_per_shot": Decimal("0.1")}, "above 0"),
        ({"price_per_second": Decimal(1)}, "one without the other"),
        ({"seconds_per_shot": Decimal("0.1")}, "one without the other"),
        (
            {"price_per_shot": None, "price_per_second": Decimal("1.6"), "seconds_per_shot": Decimal("0.25")},
            "the estimate is 240.00",  # 2 circuits of 300 shots, a quarter of a second each, 1.60 a second
        ),
        ({"cost_limit": None}, "cost limit"),
        ({"cost_limit": Decimal("0.1")}, "at most 0.1"),
        ({"min_quantum_volume": 64}, "never been measured"),
    ],
)
def test_a_check_of_a_cloud_device_is_refused_before_it_is_ordered(bench, server, change, says):
    assert says in refused(bench, check("ibm", **change))


def test_a_low_declared_price_passes_no_limit_that_the_published_one_does_not(bench, server):
    cheap = check("azure", price_per_shot=Decimal("0.000001"), cost_limit=Decimal("5"))
    assert "the estimate is 25.23" in refused(bench, cheap)  # 2 circuits: 12.4166 + 300 shots of 3 gates, .00022 each


def test_time_that_is_billed_bounds_the_cost_from_below_and_is_kept_for_a_retry(bench, server):
    billed = {"price_per_shot": None, "price_per_second": Decimal("1.6"), "seconds_per_shot": Decimal("0.00035")}
    job = order(bench, check("ibm", **billed))
    assert job.cost == Decimal("0.3360") and "a lower bound" in job.estimate["basis"]  # 600 shots of 0.35 ms
    quantum_orders.quantum_cancel(job=job, actor=bench.world.people.administrator)
    again = quantum_orders.quantum_retry(job=job, actor=bench.world.people.administrator)
    assert again.estimate["declared"] == {"price_per_second": "1.6", "seconds_per_shot": "0.00035"}
    assert again.cost == job.cost
    older = QuantumJob.objects.filter(id=again.id)
    estimate = {name: part for name, part in again.estimate.items() if name != "declared"}
    older.update(estimate={**estimate, "declared_price_per_shot": "0.002"})
    quantum_orders.quantum_cancel(job=older.get(), actor=bench.world.people.administrator)
    last = quantum_orders.quantum_retry(job=older.get(), actor=bench.world.people.administrator)
    assert last.estimate["declared"] == {"price_per_shot": "0.002"}


def test_missing_credentials_are_named_and_never_shown(bench, monkeypatch):
    monkeypatch.delenv("IBM_QUANTUM_TOKEN", raising=False)
    assert "IBM_QUANTUM_TOKEN" in refused(bench, check("ibm"))


def test_a_consent_is_for_exactly_that_device_run_and_configuration(bench, server):
    bench.consent("azure")
    assert "consent" in refused(bench, bench.evaluation("ibm"))
    consent = bench.consent("ibm")
    TrainingRun.objects.filter(id=bench.run.id).update(config_hash="0" * 64)
    bench.run.refresh_from_db()
    assert "consent" in refused(bench, bench.evaluation("ibm"))
    TrainingRun.objects.filter(id=bench.run.id).update(config_hash=consent.config_hash)
    bench.run.refresh_from_db()
    assert order(bench, bench.evaluation("ibm")).consent == consent


def test_a_withdrawal_stops_what_is_open_and_what_is_to_come(bench, server):
    server.polls_until_done = 1000
    bench.consent()
    job = order(bench, bench.evaluation("ibm"))
    bench.work()
    quantum_orders.device_consent_decide(
        run=bench.run, participant=bench.north, device="ibm", decision="withdrawn", reason="Changed our mind",
        actor=bench.world.people.operator_north,
    )  # fmt: skip
    bench.work(times=2)
    job.refresh_from_db()
    assert job.state == State.CANCELLED and [task["status"] for task in server.jobs.values()] == ["Cancelled"]
    preview = quantum_orders.quantum_preview(
        order=bench.evaluation("ibm"), actor=bench.world.people.administrator
    )  # fmt: skip
    assert "consent" in preview.refusal


def test_a_site_that_withdrew_from_the_run_evaluates_nothing_more(bench):
    Consent.objects.create(
        run=bench.run, participant=bench.north, config_hash=bench.run.config_hash, decision="withdrawn",
        decided_by=bench.world.people.operator_north,
    )  # fmt: skip
    assert "has withdrawn from this run" in refused(bench, bench.evaluation())


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"actor": "operator_south"}, Forbidden, "answers for its own data"),
        ({"device": "aer"}, ApplicationError, "no consent is asked"),
        ({"device": "nowhere"}, ApplicationError, "a device among"),
        ({"decision": "maybe"}, ApplicationError, "Expected a decision"),
        ({"decision": "withdrawn", "reason": "x"}, Conflict, "no consent to withdraw"),
        ({"decision": "refused"}, ApplicationError, "Say why"),
    ],
)
def test_an_answer_that_is_none_is_refused(bench, change, error, says):
    given = {"device": "ibm", "decision": "given", "reason": "", "actor": "operator_north", **change}
    actor = getattr(bench.world.people, given.pop("actor"))
    with pytest.raises(error, match=says):
        quantum_orders.device_consent_decide(run=bench.run, participant=bench.north, actor=actor, **given)
    assert not DeviceConsent.objects.exists()


def test_the_site_has_the_last_word(bench, server, monkeypatch):
    monkeypatch.setenv("SITE_CLOUD_DEVICES", "azure")
    bench.consent()
    job = order(bench, bench.evaluation("ibm"))
    bench.work()
    job.refresh_from_db()
    assert job.state == State.FAILED and "SITE_CLOUD_DEVICES" in job.error and not server.jobs


def test_too_few_patients_are_refused_at_the_site(bench):
    job = order(bench, bench.evaluation("simulator", patients=5))
    bench.work()
    job.refresh_from_db()
    assert job.state == State.FAILED and "at least 10" in job.error


@pytest.mark.parametrize(
    ("volume", "days", "says"),
    [(64, 8, "more than 7 days ago"), (32, 1, "32 was confirmed"), (None, 1, "64 was tried, not confirmed")],
)
def test_a_required_quantum_volume_must_be_met_and_fresh(bench, server, volume, days, says):
    make_check(bench.world.people, volume=volume, days_ago=days)
    bench.consent()
    assert says in refused(bench, bench.evaluation("ibm", min_quantum_volume=64))


def test_a_met_requirement_is_recorded_and_binds_the_machine(bench, server, monkeypatch):
    measured = make_check(bench.world.people)
    bench.consent()
    job = order(bench, bench.evaluation("ibm", min_quantum_volume=64))
    assert job.health_check == measured
    monkeypatch.setenv("IBM_QUANTUM_BACKEND", "another")
    bench.work()
    job.refresh_from_db()
    assert job.state == State.FAILED and "ibm_test" in job.error and not server.jobs


def test_the_limits_of_a_month_hold_for_all_orders_together(bench, server):
    bench.consent()
    limit = {"institution": bench.world.people.north, "cost_per_month": Decimal("100")}
    admin = bench.world.people.administrator
    quantum_orders.quantum_limit_set(shots_per_month=3500, actor=admin, **limit)
    order(bench, bench.evaluation("ibm"))  # 10 x 200 = 2000
    with pytest.raises(Conflict, match="2,000 of 3,500"):
        order(bench, bench.evaluation("ibm"))
    order(bench, bench.evaluation("aer"))  # a device of the house costs nothing
    quantum_orders.quantum_limit_set(shots_per_month=10_000, actor=admin, **limit | {"cost_per_month": Decimal("3")})
    with pytest.raises(Conflict, match="2.00 of 3.00"):
        order(bench, bench.evaluation("ibm"))
    used = quantum_admission.used_this_month(bench.world.people.north)
    assert (used.shots, used.cost) == (2000, Decimal("2"))
    assert quantum_admission.used_this_month(None).shots == 0
    with pytest.raises(ApplicationError, match="0 or more"):
        quantum_orders.quantum_limit_set(shots_per_month=-1, actor=admin, **limit)


def test_images_and_unfinished_runs_are_not_for_devices(bench):
    TrainingRun.objects.filter(id=bench.run.id).update(state="running")
    bench.run.refresh_from_db()
    assert "finished run" in refused(bench, bench.evaluation())
    bench.run.config["models"]["primary"] = {"kind": "chest_cnn"}
    assert "tabular classifier" in refused(bench, bench.evaluation())


def test_a_model_of_images_is_refused_in_its_own_numbers(bench, server):
    bench.run.config["models"]["primary"] = {
        "kind": "hybrid_unet", "inputs": 3, "channels": [4, 4, 4], "standardise": True, "views": 2, "qubits": 4,
        "layers": 1, "entangling": True,
    }  # fmt: skip
    latest = bench.north.manifests.last()
    latest.content = {**latest.content, "shape": [3, 64, 64]}
    latest.save()
    # two views of 16 x 16 positions; 10 patients, 200 shots of 0.001
    said = refused(bench, bench.evaluation("ibm"))
    assert "10 patients x 512 circuits an image x 200 shots are 5,120 circuits on ibm, 1,024,000 shots" in said
    assert "1,024.00 USD" in said


def test_a_check_whose_shots_the_memory_cannot_hold_is_refused_before_it_runs(bench, monkeypatch):
    monkeypatch.setattr("federation.domain.quantum.devices.free_memory", lambda: 2**30)
    with pytest.raises(ApplicationError, match="10,000,000 shots"):
        order(bench, check("simulator", qubits=20, shots=10_000_000))
    assert not QuantumJob.objects.exists()
