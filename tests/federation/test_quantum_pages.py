"""Pages and API of quantum devices: who may, for whom they do not exist, and what they say."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation

from core import jobs
from core.models import Job
from federation import quantum_estimate, quantum_orders
from federation.models import DeviceConsent, Participant, ProviderTask, QuantumJob, QuantumLimit
from federation.presentation.quantum import job_context, usage_rows
from federation.presentation.quantum_figures import error_words
from federation.quantum_admission import used_by, used_this_month
from tests.factories.people import make_institution, make_people
from tests.factories.quantum import make_bench, make_check

pytestmark = pytest.mark.django_db
EVALUATION = {"kind": "evaluation", "device": "simulator", "patients": "10", "shots": "200"}
CHECK = {"kind": "check", "purpose": "readout", "device": "simulator", "qubits": "3", "shots": "300"}


@pytest.fixture
def bench(tmp_path, monkeypatch):
    for name in ("IBM_QUANTUM_TOKEN", "IBM_QUANTUM_INSTANCE", "IBM_QUANTUM_BACKEND"):
        monkeypatch.delenv(name, raising=False)
    return make_bench(make_people(), tmp_path)


def signed_in(bench, who: str) -> Client:
    client = Client()
    client.force_login(getattr(bench.world.people, who), backend="django.contrib.auth.backends.ModelBackend")
    return client


def page(bench, who: str, name: str, *args, query: str = "") -> str:
    response = signed_in(bench, who).get(reverse(name, args=args) + query)
    assert response.status_code == 200, response.status_code
    return " ".join(response.content.decode().split())


def evaluation(bench, **changes) -> QuantumJob:
    return quantum_orders.quantum_order(
        order=bench.evaluation(**changes), actor=bench.world.people.administrator
    )  # fmt: skip


def call(bench, who: str, method: str, path: str, body: dict | None = None):
    data = {} if method == "GET" else {"data": json.dumps(body or {}), "content_type": "application/json"}
    return getattr(signed_in(bench, who), method.lower())(f"/api/v1/quantum/{path}", **data)


def test_empty_pages_say_what_belongs_there(bench):
    assert "No run on a device yet" in page(bench, "auditor", "quantum_jobs")
    assert "No run on a device matches" in page(bench, "auditor", "quantum_jobs", query="?state=failed")
    assert "not measured" in page(bench, "auditor", "quantum")
    bench.run.state = "aborted"
    bench.run.save(update_fields=["state"])
    assert "Nothing to consent to" in page(bench, "operator_north", "quantum_consents")
    assert "No model to evaluate" in page(bench, "administrator", "quantum_order")


def test_devices_show_health_with_date_and_credentials_by_name_alone(bench, monkeypatch):
    make_check(bench.world.people, days_ago=9)
    said = page(bench, "auditor", "quantum")
    assert "64 confirmed" in said and "Stale" in said and "IBM_QUANTUM_TOKEN" in said
    monkeypatch.setenv("IBM_QUANTUM_TOKEN", "do-not-show-this")
    said = page(bench, "auditor", "quantum")
    assert "do-not-show-this" not in said and "IBM_QUANTUM_TOKEN" not in said


def test_an_order_is_shown_its_estimate_before_it_is_made(bench):
    client, url = signed_in(bench, "administrator"), reverse("quantum_order")
    order = {**EVALUATION, "subject": f"{bench.run.id}:{bench.north.id}"}
    seen = client.post(url, order)
    assert seen.status_code == 200 and not QuantumJob.objects.exists()
    assert "10 circuits on simulator, 2,000 shots, no charge" in seen.content.decode()
    made = client.post(url, {**order, "confirm": "yes"})
    job = QuantumJob.objects.get()
    assert made["Location"] == reverse("quantum_job", args=[job.id])
    bench.work()
    said = page(bench, "officer_north", "quantum_job", job.id)
    assert "Classical twin" in said and "95 % CI" in said and "10 × 200 = 2,000" in said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"subject": "nobody:nowhere"}, "Expected a finished run"),
        ({"shots": "0"}, "greater than or equal to 1"),
        ({"patients": "3"}, "greater than or equal to 10"),
        ({"device": "abacus"}, "valid choice"),
        ({"device": "ibm", "cost_limit": "5", "price_per_shot": "0.001"}, "would be refused"),
        ({"shots": "ten"}, "whole number"),
    ],
)
def test_a_bad_order_comes_back_with_what_is_wrong_and_nothing_lost(bench, change, says):
    order = {**EVALUATION, "subject": f"{bench.run.id}:{bench.north.id}", **change}
    answer = signed_in(bench, "administrator").post(reverse("quantum_order"), order)
    assert answer.status_code == 400 and says in answer.content.decode()
    assert f'value="{order["patients"]}"' in answer.content.decode()
    assert not QuantumJob.objects.exists()


def test_an_unknown_kind_of_order_is_no_server_error(bench):
    assert signed_in(bench, "administrator").get(reverse("quantum_order") + "?kind=x").status_code == 400


def test_a_check_is_ordered_and_read(bench):
    client = signed_in(bench, "administrator")
    client.post(reverse("quantum_order"), {**CHECK, "confirm": "yes"})
    bench.work()
    job = QuantumJob.objects.get()
    assert job.state == "finished", job.error
    assert "Readout error by qubit" in page(bench, "operator_south", "quantum_job", job.id)
    assert "0.00 % of bits wrong" in page(bench, "auditor", "quantum")


def test_jobs_are_filtered_and_paged(bench):
    for _ in range(21):
        make_check(bench.world.people)
    evaluation(bench)
    assert "page=2" in page(bench, "auditor", "quantum_jobs")
    said = page(bench, "auditor", "quantum_jobs", query="?state=queued&device=simulator&purpose=evaluation")
    assert said.count('<th scope="row">') == 1
    assert page(bench, "auditor", "quantum_jobs", query="?state=nonsense&page=99")


def test_jobs_of_another_institution_do_not_exist(bench):
    own, check = evaluation(bench), make_check(bench.world.people)
    for who, own_status in (("officer_north", 200), ("officer_south", 404), ("outsider", 404), ("auditor", 200)):
        client = signed_in(bench, who)
        assert client.get(reverse("quantum_job", args=[own.id])).status_code == own_status, who
        assert client.get(reverse("quantum_job", args=[check.id])).status_code == 200, who
        assert call(bench, who, "GET", f"jobs/{own.id}").status_code == own_status, who
        assert (str(own.id) in page(bench, who, "quantum_jobs")) == (own_status == 200), who


def test_cancel_and_retry_are_offered_when_they_can_be_done(bench):
    job = evaluation(bench)
    assert "Cancel the run" in page(bench, "administrator", "quantum_job", job.id)
    assert "Cancel the run" not in page(bench, "officer_north", "quantum_job", job.id)
    client = signed_in(bench, "administrator")
    client.post(reverse("quantum_cancel", args=[job.id]))
    said = page(bench, "administrator", "quantum_job", job.id)
    assert "Retry" in said and "data-confirm=" in said and "Cancel the run" not in said
    again = client.post(reverse("quantum_retry", args=[job.id]))
    new = QuantumJob.objects.get(retry_of=job)
    assert again["Location"] == reverse("quantum_job", args=[new.id])
    assert client.post(reverse("quantum_retry", args=[new.id])).status_code == 409
    assert QuantumJob.objects.count() == 2


def with_tasks(bench, state: str, **tasks: str) -> QuantumJob:
    """A run at a provider, and its tasks: id and state."""
    job = make_check(bench.world.people)
    QuantumJob.objects.filter(id=job.id).update(state=state, result=None, note="The provider is away.")
    for number, (name, at) in enumerate(tasks.items()):
        ProviderTask.objects.create(job=job, number=number, provider_id=name, circuits=3, state=at)
    return job


def test_a_run_that_ended_says_what_was_handed_in_and_what_became_of_it(bench):
    job = with_tasks(bench, "failed", one="cancelled", two="cancelled", three="done", four="handed_in")
    ProviderTask.objects.create(job=job, number=4, circuits=1)
    said = page(bench, "administrator", "quantum_job", job.id)
    assert "Cancelled at the provider: 2 tasks, 6 circuits" in said and "<code>one</code>, <code>two</code>" in said
    assert "Had run before it could be cancelled: 1 task, 3 circuits" in said
    assert "not known to have ended; the provider is asked again: 1 task" in said and "task 5" in said
    assert "Not all of its tasks are known" in said and "The provider is away." in said
    assert "Look again" in said and "Retry" not in said  # it might be paid for twice
    assert "Look again" not in page(bench, "auditor", "quantum_job", job.id)
    job.tasks.unsettled().update(state="not_taken")
    said = page(bench, "administrator", "quantum_job", job.id)
    assert "Not all of its tasks" not in said and "Retry" in said and "Look again" not in said
    assert "Not taken by the provider" in said and "nothing was handed in" not in said


def test_looking_again_is_for_who_orders_and_asks_at_once(bench):
    job = with_tasks(bench, "submitted", one="handed_in")
    jobs.enqueue("quantum.poll", {"job": str(job.id), "number": 3}, key="poll-3", delay_seconds=900)
    url = reverse("quantum_look", args=[job.id])
    assert signed_in(bench, "officer_north").post(url).status_code == 403
    assert signed_in(bench, "administrator").post(url)["Location"] == reverse("quantum_job", args=[job.id])
    assert Job.objects.get(kind="quantum.poll").next_run_at <= timezone.now()
    seen = call(bench, "administrator", "POST", f"jobs/{job.id}/look").json()
    assert seen["provider_tasks"] == ["one"] and seen["tasks"][0]["state"] == "handed_in"
    ended = with_tasks(bench, "cancelled", two="cancelled")
    assert call(bench, "administrator", "POST", f"jobs/{ended.id}/look").status_code == 409


def test_looking_again_says_that_a_site_is_silent(bench):
    job = evaluation(bench)
    bench.run_jobs()  # the site is asked, and does not answer
    assert not Job.objects.filter(kind__startswith="quantum.", state="queued").exists()
    client, url = signed_in(bench, "administrator"), reverse("quantum_look", args=[job.id])
    said = client.post(url, follow=True).content.decode()
    assert f"{bench.north} has not answered yet" in said and "It is looked at now" not in said
    assert call(bench, "administrator", "POST", f"jobs/{job.id}/look").status_code == 200
    checked = with_tasks(bench, "submitted", one="handed_in")
    said = client.post(reverse("quantum_look", args=[checked.id]), follow=True).content.decode()
    assert "It is looked at now" in said and "has not answered yet" not in said


@pytest.mark.parametrize("houses", [3, 10])
def test_the_use_of_every_house_takes_the_same_few_queries(bench, houses):
    for number in range(houses - 2):  # beside north and south
        house = make_institution(f"house-{number}")
        Participant.objects.create(federation=bench.world.federation, institution=house, site=house.slug)
        quantum_orders.quantum_limit_set(
            institution=house, shots_per_month=number, cost_per_month=1, actor=bench.world.people.administrator
        )
    with CaptureQueriesContext(connection) as queries:
        rows = dict(usage_rows(bench.world.people.auditor))
    assert len(rows) == houses + 1 and rows["Hospital house-0"].shots_limit == 0
    assert len(queries) == 4  # the person's roles, the houses, what they used, their limits


def test_use_is_counted_for_each_house_by_itself(bench, monkeypatch):
    people = bench.world.people
    spent = {None: (make_check(people, days_ago=0), 100), people.north: (make_check(people, days_ago=0), 4)}
    for house, (job, shots) in spent.items():
        QuantumJob.objects.filter(id=job.id).update(
            institution=house, shots=shots, created_at=timezone.now(), state="failed"
        )
        ProviderTask.objects.create(job=job, number=0, circuits=3, state="done")
        ProviderTask.objects.create(job=job, number=1, circuits=2, state="cancelled")
        ProviderTask.objects.create(job=job, number=2, circuits=50, state="not_taken")
    north, platform, south = used_by([people.north, None, people.south])
    assert (platform.shots, north.shots, south.shots) == (500, 20, 0)
    assert (platform.cost, south.cost) == (Decimal("0.05"), 0)  # 5 of 100 circuits, at 1.00 in all
    assert [used_this_month(one) for one in (people.north, None)] == [north, platform]


def test_a_site_consents_and_withdraws_on_the_page(bench):
    client = signed_in(bench, "operator_north")
    said = page(bench, "operator_north", "quantum_consents")
    assert said.count("Give consent<") == 2 and "Hospital south" not in said
    answer = {"run": str(bench.run.id), "device": "ibm", "decision": "given"}
    assert client.post(reverse("quantum_consent"), answer).status_code == 302
    assert DeviceConsent.objects.get().participant == bench.north
    assert "Withdraw<" in page(bench, "operator_north", "quantum_consents")
    client.post(reverse("quantum_consent"), {**answer, "decision": "withdrawn", "reason": "Enough"})
    assert DeviceConsent.objects.last().decision == "withdrawn"
    assert "Enough" in page(bench, "officer_north", "quantum_consents")
    local = signed_in(bench, "operator_south").post(reverse("quantum_consent"), {**answer, "device": "aer"})
    assert local.status_code == 400 and DeviceConsent.objects.count() == 2


def test_an_administrator_sets_limits(bench):
    client, url = signed_in(bench, "administrator"), reverse("quantum_limit")
    assert client.post(url, {"shots_per_month": "-1", "cost_per_month": "x"}).status_code == 400
    north = bench.world.people.north
    client.post(url, {"institution": north.id, "shots_per_month": "5000", "cost_per_month": "12.50"})
    assert QuantumLimit.objects.get().institution == north
    assert "5,000" in page(bench, "officer_north", "quantum") and "12.50" in page(bench, "auditor", "quantum")


def test_the_api_does_what_the_pages_do(bench):
    devices = call(bench, "auditor", "GET", "devices").json()["results"]
    assert {device["name"] for device in devices} >= {"simulator", "aer", "ibm", "azure"}
    order = {"purpose": "evaluation", "device": "simulator", "shots": 200, "patients": 10, "run": str(bench.run.id),
             "site": "north"}  # fmt: skip
    estimate = call(bench, "administrator", "POST", "estimates", order).json()
    assert (estimate["circuits"], estimate["shots"], estimate["cost"], estimate["refusal"]) == (10, 2000, 0.0, "")
    made = call(bench, "administrator", "POST", "jobs", order)
    assert made.status_code == 201 and made.json()["state"] == "queued"
    bench.work()
    found = call(bench, "officer_north", "GET", f"jobs/{made.json()['id']}").json()
    assert found["state"] == "finished" and found["result"]["n"] == 10
    assert call(bench, "auditor", "GET", "jobs?state=finished").json()["results"][0]["id"] == found["id"]
    assert call(bench, "auditor", "GET", "jobs?state=x").status_code == 400
    consent = {"run": str(bench.run.id), "device": "ibm", "decision": "given"}
    assert call(bench, "operator_north", "POST", "consents", consent).status_code == 201
    assert call(bench, "officer_south", "GET", "consents").json()["results"] == []
    cloud = {**order, "device": "ibm", "cost_limit": "5", "price_per_shot": "0.001"}
    waiting = call(bench, "administrator", "POST", "jobs", cloud).json()
    assert Decimal(waiting["cost"]) == Decimal("2.0")
    assert call(bench, "administrator", "POST", f"jobs/{waiting['id']}/retry").status_code == 409
    assert call(bench, "administrator", "POST", f"jobs/{waiting['id']}/cancel").json()["state"] == "cancelled"
    assert call(bench, "administrator", "POST", f"jobs/{waiting['id']}/retry").json()["retry_of"] == waiting["id"]


def test_an_order_that_the_api_hears_again_answers_with_the_one_that_is_open(bench, server):
    order = {"purpose": "readout", "device": "ibm", "shots": 300, "qubits": 3, "cost_limit": "5",
             "price_per_shot": "0.001"}  # fmt: skip
    first = call(bench, "administrator", "POST", "jobs", order)
    again = call(bench, "administrator", "POST", "jobs", order)
    assert (first.status_code, again.status_code) == (201, 409)
    assert again.json()["job"] == first.json()["id"] and QuantumJob.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "status"),
    [({"shots": 0}, 400), ({"run": None}, 400), ({"site": "elsewhere"}, 404), ({"patients": 2}, 400),
     ({"device": "x"}, 400), ({"purpose": "x"}, 400), ({"purpose": "quantum_volume", "qubits": 40}, 400),
     ({"purpose": "readout", "qubits": None}, 400)],
)  # fmt: skip
def test_a_bad_order_by_api_is_refused_with_the_reason(bench, change, status):
    order = {"purpose": "evaluation", "device": "simulator", "shots": 200, "patients": 10, "run": str(bench.run.id),
             "site": "north", **change}  # fmt: skip
    answer = call(bench, "administrator", "POST", "jobs", order)
    assert answer.status_code == status and answer.json()["message"]
    assert not QuantumJob.objects.exists()


def test_an_estimate_is_said_in_the_readers_language_and_recorded_in_english(bench, monkeypatch):
    words = {
        "Encoded features leave the house: the site must consent to exactly this device.": "Merkmale gehen hinaus.",
        "declared: %(source)s": "angegeben: %(source)s", "given with the order": "mit dem Auftrag",
        "%(circuits)s circuits on %(device)s, %(shots)s, %(cost)s (%(basis)s).":
            "%(circuits)s Schaltkreise auf %(device)s, %(shots)s, %(cost)s (%(basis)s).",
    }  # fmt: skip
    monkeypatch.setattr(quantum_estimate, "_", lambda message: words.get(message, message))
    admin = bench.world.people.administrator
    asked = bench.evaluation("ibm")
    seen = quantum_orders.quantum_preview(order=asked, actor=admin)
    assert seen.text == "10 Schaltkreise auf ibm, 2,000 shots, 2.00 USD (angegeben: mit dem Auftrag)."
    assert seen.warnings == ["Merkmale gehen hinaus."]
    bench.consent()
    job = quantum_orders.quantum_order(order=asked, actor=admin)
    job.refresh_from_db()
    assert job.estimate["basis"] == "declared: given with the order"
    assert job.estimate["warnings"][0].startswith("Encoded features")
    shown = job_context(job, admin)
    assert shown["warnings"] == ["Merkmale gehen hinaus."]
    assert dict(shown["facts"])["Price"] == "angegeben: mit dem Auftrag"
    job.estimate["warnings"] = ["Said otherwise then."]  # by an older version
    assert job_context(job, admin)["warnings"] == ["Said otherwise then."]


def test_an_answer_to_a_consent_is_said_in_words(bench):
    answer = {"run": str(bench.run.id), "device": "ibm", "decision": "given"}
    client, url = signed_in(bench, "operator_north"), reverse("quantum_consent")
    assert "Run” given." in client.post(url, answer, follow=True).content.decode()
    with translation.override("de"):
        again = client.post(url, answer, headers={"Accept-Language": "de"})
    assert again.status_code == 409 and "Erteilt" in again.content.decode()


@pytest.mark.parametrize(
    ("device", "z_error", "said"),
    [
        ("simulator", 0.09, "so all of it is chance"),
        ("ibm", 0.09, "The device's own error is about 0.075 (what is left of the squares)."),
        ("ibm", 0.055, "Over 50 patients no error of the device's own is told from that."),
        ("ibm", 0.04, "no error of the device's own"),
    ],
)
def test_the_devices_own_error_is_told_from_chance(device, z_error, said):
    share = {"value": 0.5, "lower": 0.4, "upper": 0.6}
    found = {"n": 50, "shots": 400, "z_error": z_error, "z_shot_noise": 0.05}
    found |= dict.fromkeys(("device", "simulator", "twin", "changed"), share)
    words = error_words(QuantumJob(device=device, purpose="evaluation", result=found))
    assert said in words and f"by {z_error:.3f}" in words and "400 shots alone make it 0.050" in words
