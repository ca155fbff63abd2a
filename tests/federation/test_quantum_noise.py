"""Orders under a noise model: chosen, refused, recorded, run as ordered, and never mistaken for a machine."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from core.errors import ApplicationError, Conflict
from core.models import Outbox
from federation import quantum_orders, quantum_running
from federation.domain.quantum import noise_choice
from federation.domain.quantum.devices import DEVICES
from federation.domain.quantum.noise import NoiseModel, Readout
from federation.domain.quantum.noise_choice import PRESETS
from federation.forms_quantum import _NOISE, EvaluationForm
from federation.models import QuantumJob, SiteOrder
from federation.quantum_estimate import Order
from tests.factories.people import make_people
from tests.factories.quantum import make_bench, make_check
from tests.federation.test_quantum_pages import CHECK, EVALUATION, call, page, signed_in

pytestmark = pytest.mark.django_db
MILD, STRONG = PRESETS["mild"], PRESETS["strong"]


@pytest.fixture
def bench(tmp_path):
    return make_bench(make_people(), tmp_path)


def ordered(bench, order: Order) -> QuantumJob:
    return quantum_orders.quantum_order(order=order, actor=bench.world.people.administrator)


def done(bench, order: Order) -> QuantumJob:
    job = ordered(bench, order)
    bench.work()
    job.refresh_from_db()
    assert (job.state, job.error) == ("finished", "")
    return job


def check(purpose: str = "readout", **changes) -> Order:
    return Order(**{"device": "aer", "purpose": purpose, "shots": 300, "qubits": 4, "noise": MILD, **changes})


def refusal(bench, order: Order) -> str:
    with pytest.raises(ApplicationError) as caught:
        ordered(bench, order)
    preview = quantum_orders.quantum_preview(order=order, actor=bench.world.people.administrator)
    assert preview.refusal == caught.value.message
    return caught.value.message


# --- as ordered ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["default.mixed", "aer"])
def test_an_evaluation_runs_under_the_ordered_noise_and_says_how_it_was_made(bench, device):
    job = done(bench, bench.evaluation(device, noise=STRONG))
    assert job.noise == noise_choice.recorded(STRONG) and job.noise_model == STRONG
    assert SiteOrder.objects.get().body["noise"]["sha256"] == STRONG.digest
    facts = job.result["facts"]
    assert facts["noise"] == STRONG.facts and facts["device"] == device and "pennylane" in facts["backend"]
    assert facts["seed"] == quantum_running.seed_of(job) and (facts["shots"], facts["circuits"]) == (200, 10)
    assert facts["depth"] > 1 and facts["gates"]["CNOT"] > 0
    plain = done(bench, bench.evaluation(device))
    assert plain.noise is None and plain.result["facts"]["noise"] is None
    assert job.result["z_error"] > 2 * plain.result["z_error"]


def test_the_ledger_holds_the_noise_model_and_its_digest(bench):
    job = done(bench, check())
    first, last = Outbox.objects.filter(table="federation_quantumjob", object_id=str(job.id)).order_by("id")
    noise, result = json.loads(first.body["noise"]), json.loads(last.body["result"])
    assert noise["sha256"] == MILD.digest and noise["readout"]["zero_if_one"] == 0.02
    assert result["facts"]["noise"]["sha256"] == MILD.digest
    assert job.result["mean"] == pytest.approx(0.015, abs=0.01) and job.result["subject"] == "noise model"


def test_a_retry_is_under_the_same_noise_and_mitigation(bench):
    job = ordered(bench, bench.evaluation("aer", noise=STRONG, mitigate=True))
    job = quantum_orders.quantum_cancel(job=job, actor=bench.world.people.administrator)
    again = quantum_orders.quantum_retry(job=job, actor=bench.world.people.administrator)
    assert again.noise == job.noise and again.mitigation == job.mitigation is not None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"noise": None}, "expected figures under mild, got none"),
        ({"noise": {"name": "mild", "sha256": STRONG.digest}}, "expected figures under mild, got mild"),
    ],
)
def test_figures_that_were_not_made_as_ordered_are_refused(bench, monkeypatch, change, says):
    from federation.domain.quantum.device_figures import Figures

    told = Figures.as_dict
    monkeypatch.setattr(Figures, "as_dict", lambda self: told(self) | {"facts": {**self.facts, **change}})
    job = ordered(bench, bench.evaluation("aer", noise=MILD))
    bench.work()
    job.refresh_from_db()
    assert job.state == "failed" and says in job.error and job.result is None


# --- health ----------------------------------------------------------------------------------------------------------


def test_the_volume_of_a_noiseless_simulator_is_no_verdict_and_no_machine(bench):
    job = done(bench, check("quantum_volume", qubits=2, noise=None))
    assert (job.result["verdict"], job.result["quantum_volume"]) == ("not_applicable", 4)
    assert job.result["subject"] == "noiseless simulator"
    said = page(bench, "auditor", "quantum")
    assert "4 reached" in said and "of a noiseless simulator, not of a machine" in said
    assert "Not applicable" in said and "Pass" not in said
    assert "noiseless simulator: every volume is reached" in page(bench, "auditor", "quantum_job", job.id)


def test_a_requirement_is_met_by_the_same_device_under_the_same_noise_alone(bench, monkeypatch):
    # A hundred circuits leave some draws under mild noise without a verdict; the same circuits give the same one.
    monkeypatch.setattr(quantum_running, "seed_of", lambda job: 7)
    wanted = {"device": "aer", "min_quantum_volume": 4}
    assert "never been measured" in refusal(bench, bench.evaluation(**wanted, noise=MILD))
    noiseless = done(bench, check("quantum_volume", qubits=2, noise=None))
    said = refusal(bench, bench.evaluation(**wanted, noise=MILD))
    assert "on aer under the noise model mild; it has never been measured" in said
    assert ordered(bench, bench.evaluation(**wanted)).health_check == noiseless  # the run is on that simulator itself
    under = done(bench, check("quantum_volume", qubits=2))
    assert under.result["verdict"] == "pass"
    assert ordered(bench, bench.evaluation(**wanted, noise=MILD)).health_check == under
    assert "never been measured" in refusal(bench, bench.evaluation(**wanted, noise=STRONG))
    done(bench, check("quantum_volume", qubits=2, noise=STRONG))
    assert "4 was tried, not confirmed" in refusal(bench, bench.evaluation(**wanted, noise=STRONG))


def test_an_older_pass_of_a_noiseless_simulator_is_not_shown_as_one(bench):
    job = make_check(bench.world.people, device="aer")
    for said in (page(bench, "auditor", "quantum"), page(bench, "auditor", "quantum_job", job.id)):
        assert "Not applicable" in said and "noiseless" in said


# --- mitigation ------------------------------------------------------------------------------------------------------


def test_the_readout_error_that_a_noise_model_declares_is_mitigated(bench):
    model = NoiseModel("misread", readout=Readout(0.05, 0.1))
    job = done(bench, bench.evaluation("aer", noise=model, mitigate=True, shots=5000))
    assert job.mitigation["source"] == "declared" and len(job.mitigation["qubits"]) == job.qubits
    found = job.result["mitigated"]
    assert found["verdict"] == "helps" and found["calibration_shots"] == 0
    assert found["z_error"] < job.result["z_error"] / 2
    said = page(bench, "officer_north", "quantum_job", job.id)
    assert "Mitigation was worth its shots" in said and "as the noise model declares it" in said
    assert "Plain beside mitigated" in said and "under the noise model “misread”" in said


def test_a_measured_readout_error_goes_before_a_declared_one_and_its_shots_count(bench):
    measured = done(bench, check(noise=STRONG))
    job = done(bench, bench.evaluation("aer", noise=STRONG, mitigate=True))
    assert job.mitigation["check"] == str(measured.id) and job.mitigation["shots"] == 300
    assert job.mitigation["qubits"] == measured.result["qubits"][: job.qubits]
    found = job.result["mitigated"]
    assert found["calibration_shots"] == 600 and found["equal_shots"] == 200 + 600 // 10
    said = page(bench, "officer_north", "quantum_job", job.id)
    assert reverse("quantum_job", args=[measured.id]) in said and "measured with 600 shots" in said


@pytest.mark.parametrize(
    ("change", "days", "qubits"), [({}, 8, 4), ({}, 1, 2), ({"noise": MILD}, 1, 4)], ids=["old", "narrow", "other"]
)
def test_a_readout_error_that_is_old_or_of_something_else_is_not_used(bench, change, days, qubits):
    model = NoiseModel("no readout", one_qubit=MILD.one_qubit)
    measured = done(bench, check(**{"noise": model, "qubits": qubits, **change}))
    QuantumJob.objects.filter(id=measured.id).update(finished_at=timezone.now() - timedelta(days=days))
    assert "Order that check first" in refusal(bench, bench.evaluation("aer", noise=model, mitigate=True))


def test_the_site_is_bound_to_the_machine_whose_readout_was_measured(bench, monkeypatch):
    one = {"false_one": 0.02, "false_zero": 0.05}
    measured = make_check(bench.world.people)
    QuantumJob.objects.filter(id=measured.id).update(
        purpose="readout", qubits=6, result={"verdict": "pass", "qubits": [one] * 6, "mean": 0.035, "value": 0.05}
    )
    QuantumJob.objects.filter(id=measured.id).update(device="azure")
    monkeypatch.setitem(DEVICES, "azure", replace(DEVICES["azure"], fixed_qubits=True))  # as no provider's are by now
    bench.consent("azure")
    job = ordered(bench, bench.evaluation("azure", mitigate=True))
    assert job.mitigation["machine"] == "ibm_test" and job.mitigation["qubits"] == [one] * job.qubits
    bench.run_jobs()
    assert SiteOrder.objects.get().body["machine"] == "ibm_test"
    volume = make_check(bench.world.people)
    QuantumJob.objects.filter(id=volume.id).update(machine="another", device="azure")
    said = refusal(bench, bench.evaluation("azure", mitigate=True, min_quantum_volume=64))
    assert "measured on another, the readout error on ibm_test" in said


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ({"device": "simulator", "noise": MILD}, "Leave it out, or choose one of default.mixed, aer"),
        ({"device": "lightning.qubit", "noise": MILD}, "expected no noise model"),
        ({"device": "ibm", "noise": MILD}, "expected no noise model"),
        ({"device": "aer", "mitigate": True}, "there is no readout error to mitigate"),
        ({"device": "simulator", "mitigate": True}, "there is no readout error to mitigate"),
        ({"device": "aer", "mitigate": True, "noise": NoiseModel("x", one_qubit=MILD.one_qubit)}, "is not known"),
        ({"device": "aer", "mitigate": True, "noise": NoiseModel("x", readout=Readout(0.5, 0.5))}, "read at random"),
        ({"device": "aer", "mitigate": True, "noise": NoiseModel("x", readout=Readout(0.4, 0.3))}, "at most 10 times"),
    ],
)
def test_noise_and_mitigation_that_cannot_be_are_refused(bench, order, says):
    assert says in refusal(bench, bench.evaluation(**order))
    assert not QuantumJob.objects.exists()


@pytest.mark.parametrize("device", ["ibm", "azure"])
def test_no_cloud_mitigates_as_long_as_it_does_not_say_on_which_qubits_it_runs(bench, device):
    bench.consent(device)
    assert "laid out on qubits of its own" in refusal(bench, bench.evaluation(device, mitigate=True))


def test_a_check_is_never_mitigated(bench):
    with pytest.raises(ApplicationError, match="measures the device as it is"):
        ordered(bench, check(mitigate=True))


# --- pages and API ---------------------------------------------------------------------------------------------------


def test_the_labels_of_the_form_tell_the_rates_of_the_presets():
    labels = dict(_NOISE)
    for name, model in PRESETS.items():
        rates = [*vars(model.one_qubit).values(), *vars(model.two_qubit).values(), *vars(model.readout).values()]
        assert all(f"{100 * rate:g} %" in labels[name] for rate in rates if rate), name


def test_devices_without_noise_are_called_noiseless(bench):
    said = page(bench, "administrator", "quantum_order")
    assert "Batched torch state vector, noiseless (simulator)" in said
    assert "PennyLane density matrix, noiseless or under a noise model (default.mixed)" in said
    assert "noiseless" not in said.split('value="ibm"')[1].split("</option>")[0]
    job = done(bench, bench.evaluation("default.mixed"))
    assert "PennyLane density matrix, noiseless" in page(bench, "auditor", "quantum_job", job.id)


def test_own_rates_are_ordered_on_the_page_and_shown_with_how_it_was_made(bench):
    client, url = signed_in(bench, "administrator"), reverse("quantum_order")
    order = {**EVALUATION, "subject": f"{bench.run.id}:{bench.north.id}", "device": "aer", "noise": "own",
             "two_depolarising": "0.02", "zero_if_one": "0.05", "mitigate": "on"}  # fmt: skip
    seen = client.post(url, order)
    assert seen.status_code == 200 and 'name="two_depolarising" value="0.02"' in seen.content.decode()
    client.post(url, {**order, "mitigate": "True", "confirm": "yes"})  # as the hidden fields of the estimate send it
    job = QuantumJob.objects.get()
    assert job.noise["two_qubit"]["depolarising"] == 0.02 and job.mitigation["source"] == "declared"
    bench.work()
    said = page(bench, "officer_north", "quantum_job", job.id)
    for words in ("How it was made", "Seed of the shots", "aer_simulator", "2 % depolarising", job.noise["sha256"],
                  "1 read as 0: 5 %", "Spread that the shots alone give them"):  # fmt: skip
        assert words in said, words


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"noise": "loud"}, "noise", "valid choice"),
        ({"noise": "own"}, "noise", "at least one error rate above 0"),
        ({"noise": "own", "two_depolarising": "0.9"}, "two_depolarising", "less than or equal to 0.75"),
        ({"noise": "own", "one_if_zero": "-1"}, "one_if_zero", "greater than or equal to 0"),
        ({"noise": "own", "one_dephasing": "much"}, "one_dephasing", "Enter a number"),
        ({"noise": "own", "one_dephasing": "nan"}, "one_dephasing", "Enter a number"),
        ({"one_dephasing": "0.1"}, "noise", "own rates to be chosen"),
        ({"noise": "mild", "device": "simulator"}, "noise", "expected no noise model"),
    ],
)
def test_a_bad_noise_model_is_told_beside_its_field_and_nothing_is_lost(bench, change, field, says):
    given = {**EVALUATION, "device": "aer", "subject": f"{bench.run.id}:{bench.north.id}", **change}
    form = EvaluationForm(given, user=bench.world.people.administrator)
    assert not form.is_valid() and set(form.errors) == {field} and says in form.errors[field][0]
    answer = signed_in(bench, "administrator").post(reverse("quantum_order"), given)
    text = answer.content.decode()
    assert answer.status_code == 400 and says in text and not QuantumJob.objects.exists()
    opened = "own" in (given.get("noise"), field) or field not in {"noise"}
    assert ("<details open>" in text) == opened


def test_a_check_takes_a_noise_model_too(bench):
    signed_in(bench, "administrator").post(
        reverse("quantum_order"), {**CHECK, "device": "default.mixed", "noise": "strong", "confirm": "yes"}
    )
    bench.work()
    job = QuantumJob.objects.get()
    assert job.state == "finished" and job.noise_model == STRONG
    assert "of a simulator under the noise model “strong”" in page(bench, "auditor", "quantum")


def test_the_api_orders_and_shows_noise_mitigation_and_facts(bench):
    order = {"purpose": "evaluation", "device": "aer", "shots": 200, "patients": 10, "run": str(bench.run.id),
             "site": "north", "noise": {"preset": "mild"}, "mitigate": True}  # fmt: skip
    assert call(bench, "administrator", "POST", "estimates", order).json()["refusal"] == ""
    made = call(bench, "administrator", "POST", "jobs", order)
    assert made.status_code == 201 and made.json()["noise"]["sha256"] == MILD.digest
    bench.work()
    found = call(bench, "officer_north", "GET", f"jobs/{made.json()['id']}").json()
    assert found["result"]["facts"]["noise"] == MILD.facts and found["mitigation"]["source"] == "declared"
    assert found["result"]["mitigated"]["verdict"] in {"helps", "hurts", "undecided"}
    again = call(bench, "administrator", "POST", "jobs", {**order, "noise": found["noise"]})
    assert again.status_code == 201 and again.json()["noise"] == found["noise"]
    devices = {row["name"]: row for row in call(bench, "auditor", "GET", "devices").json()["results"]}
    assert devices["aer"]["takes_noise"] and not devices["ibm"]["takes_noise"]


@pytest.mark.parametrize(
    ("noise", "says"),
    [
        ("mild", "as an object"),
        ({"preset": "loud"}, "mild, decaying, strong"),
        ({"depolarizing": 0.1}, "got depolarizing"),
        ({"readout": {"one_if_zero": 0.7}}, "from 0 to 0.5"),
        ({}, "at least one error rate above 0"),
    ],
)
def test_a_bad_noise_model_by_api_is_refused_with_what_was_expected(bench, noise, says):
    order = {"purpose": "readout", "device": "aer", "shots": 100, "qubits": 2, "noise": noise}
    answer = call(bench, "administrator", "POST", "jobs", order)
    assert answer.status_code == 400 and says in answer.content.decode() and not QuantumJob.objects.exists()


def test_a_price_or_limit_is_not_asked_of_a_simulator_under_noise(bench):
    job = ordered(bench, bench.evaluation("aer", noise=MILD))
    assert job.cost == Decimal(0) and job.estimate["warnings"] == []
    with pytest.raises(Conflict, match="failed or was cancelled"):
        quantum_orders.quantum_retry(job=job, actor=bench.world.people.administrator)
