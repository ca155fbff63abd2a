"""A run that requires a quantum volume of a device starts only if it was measured, confirmed and is fresh."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from core.errors import ApplicationError, Conflict
from core.models import Outbox
from federation import services
from federation.domain.quantum.noise_choice import PRESETS, recorded
from federation.domain.quantum.requirement import DeviceRequirement, requirement_of
from federation.domain.run_config import RunConfig
from federation.models import QuantumJob, TrainingRun
from federation.presentation.facts import consent_words
from tests.factories.federation import make_federation
from tests.factories.people import make_people
from tests.factories.quantum import make_check

pytestmark = pytest.mark.django_db
BODY = {"name": "First", "rounds": 2, "seed": 3, "privacy": "recommended", "epsilon_budget": 4}
MILD = {"noise": {"preset": "mild"}}


@pytest.fixture
def world():
    return make_federation(make_people())


def signed_in(world, who="administrator") -> Client:
    client = Client()
    client.force_login(getattr(world.people, who), backend="django.contrib.auth.backends.ModelBackend")
    return client


def approved(world, device: str = "ibm", volume: int = 64, **choice) -> TrainingRun:
    """Every site has consented, which `test_consents` is about."""
    run = services.run_propose(
        federation=world.federation, name="Run", rounds=1, seed=1, actor=world.people.administrator, model=choice,
        device={"name": device, "quantum_volume": volume},
    )  # fmt: skip
    return allow(run)


def allow(run: TrainingRun) -> TrainingRun:
    TrainingRun.objects.filter(id=run.id).update(state="approved")
    run.refresh_from_db()
    return run


@pytest.fixture
def all_consented(monkeypatch):
    monkeypatch.setattr("federation.consents.waiting_for", lambda run: {})


def start(world, run) -> TrainingRun:
    return services.run_start(run=run, actor=world.people.administrator)


def refusal(world, run) -> str:
    with pytest.raises(Conflict) as refused:
        start(world, run)
    run.refresh_from_db()
    assert (run.state, run.started_at, run.health_check) == ("approved", None, None)
    return refused.value.message


# --- at the start ----------------------------------------------------------------------------------------------------


def test_a_confirmed_volume_lets_it_start_and_is_on_record(world, all_consented):
    run = approved(world)
    check = make_check(world.people)
    run = start(world, run)
    assert run.state == "running" and run.health_check == check
    row = Outbox.objects.filter(table="federation_trainingrun", object_id=str(run.id)).latest("id")
    assert (row.said.action, row.body["health_check_id"]) == ("run.start", str(check.id))
    page = signed_in(world, "auditor").get(reverse("run", args=[run.id])).content.decode()
    assert reverse("quantum_job", args=[check.id]) in page and "Quantum volume 64, measured on" in page
    said = signed_in(world).get(f"/api/v1/runs/{run.id}").json()
    assert said["health_check"] == str(check.id) and said["config"]["device"]["quantum_volume"] == 64


@pytest.mark.parametrize(
    ("checks", "says"),
    [
        ([], "it has never been measured. Order that check first."),
        ([{"days_ago": 8}], "more than 7 days ago. Order the check again."),
        ([{"volume": None}], "64 was tried, not confirmed"),
        ([{"device": "azure"}], "on ibm; it has never been measured"),
        ([{"days_ago": 2}, {"volume": None, "days_ago": 1}], "64 was tried, not confirmed"),  # the newest counts
    ],
)
def test_otherwise_it_does_not_start_and_says_what_to_do(world, all_consented, checks, says):
    run = approved(world)
    for check in checks:
        make_check(world.people, **check)
    said = refusal(world, run)
    assert said.startswith("The run requires a quantum volume of at least 64 on ibm") and says in said
    page = signed_in(world, "auditor").get(reverse("run", args=[run.id])).content.decode()
    assert "Not met" in page and says in page and reverse("quantum") in page


def test_a_smaller_volume_than_required_does_not_do(world, all_consented):
    run = approved(world, volume=16)
    check = make_check(world.people)
    QuantumJob.objects.filter(id=check.id).update(qubits=3, result={"quantum_volume": 8, "tried": 8})
    assert "8 was confirmed" in refusal(world, run)
    wide = make_check(world.people)
    assert start(world, run).health_check == wide


def checked(world, *, qubits: int, passed: bool, days_ago: float) -> QuantumJob:
    made = make_check(world.people, days_ago=days_ago)
    volume = 2**qubits
    result = {"quantum_volume": volume if passed else None, "tried": volume, "verdict": "pass"}
    QuantumJob.objects.filter(id=made.id).update(qubits=qubits, result=result)
    made.refresh_from_db()
    return made


@pytest.mark.parametrize(
    ("later", "stands"),
    [
        ({"qubits": 6, "passed": False}, True),  # 64 was tried and not confirmed: nothing against 16
        ({"qubits": 4, "passed": False}, False),  # the same volume, tried again
        ({"qubits": 3, "passed": False}, False),  # a smaller one is not confirmed any more
        ({"qubits": 3, "passed": True}, True),
        ({"qubits": 6, "passed": True}, True),
    ],
)
def test_what_was_confirmed_stands_until_a_check_of_so_much_or_less_undoes_it(world, all_consented, later, stands):
    run = approved(world, volume=16)
    first = checked(world, qubits=4, passed=True, days_ago=2)
    second = checked(world, days_ago=1, **later)
    if stands:
        met = start(world, run).health_check
        assert met in {first, second}
        page = signed_in(world, "auditor").get(reverse("run", args=[run.id])).content.decode()
        assert "on ibm_test" in page and ("of 2 checks in 7 days" in page) == (met == second)
    else:
        assert "tried, not confirmed" in refusal(world, run)


def test_a_check_of_the_machine_that_the_name_stood_for_before_does_not_do(world, all_consented):
    run = approved(world, volume=16)
    checked(world, qubits=6, passed=True, days_ago=2)
    other = checked(world, qubits=3, passed=True, days_ago=1)
    QuantumJob.objects.filter(id=other.id).update(machine="another")
    assert "8 was confirmed" in refusal(world, run)


def test_a_simulator_is_asked_under_the_noise_that_the_circuit_is_trained_under(world, all_consented):
    run = approved(world, "default.mixed", 16, **MILD)
    make_check(world.people, device="default.mixed")  # noiseless
    assert "default.mixed under the noise model mild; it has never been measured" in refusal(world, run)
    check = make_check(world.people, device="default.mixed")
    QuantumJob.objects.filter(id=check.id).update(noise=recorded(PRESETS["mild"]))
    assert start(world, run).health_check == check


def test_a_machine_has_noise_of_its_own_whatever_the_circuit_is_trained_under(world, all_consented):
    check = make_check(world.people)
    assert start(world, approved(world, **MILD)).health_check == check


def test_a_run_that_requires_nothing_asks_for_nothing(world, all_consented):
    run = allow(
        services.run_propose(
            federation=world.federation, name="Run", rounds=1, seed=1, actor=world.people.administrator
        )
    )
    assert "device" not in run.config and start(world, run).health_check is None
    assert "Required of the device" not in signed_in(world).get(reverse("run", args=[run.id])).content.decode()


# --- what is frozen --------------------------------------------------------------------------------------------------


def test_it_is_part_of_the_hash_and_of_what_the_sites_consent_to(world):
    run = approved(world, "default.mixed", 16, **MILD)
    config = RunConfig.from_dict(run.config)
    assert requirement_of(run.config) == DeviceRequirement("default.mixed", 16)
    without = {name: part for name, part in run.config.items() if name != "device"}
    assert config.hash == run.config_hash != RunConfig.from_dict(without).hash
    assert dict(consent_words(run.config))["Required of the device"] == (
        "Starts only if a quantum volume of at least 16 of PennyLane density matrix, under the noise model “mild”, was "
        "confirmed in the 7 days before"
    )


def test_it_is_chosen_on_the_page(world):
    chosen = {"model-noise": "mild", "model-quantum_volume": "16", "model-device": "aer"}
    assert signed_in(world).post(reverse("run_propose", args=[world.federation.id]), BODY | chosen).status_code == 302
    run = TrainingRun.objects.get()
    assert run.config["device"] == {"name": "aer", "quantum_volume": 16}
    assert run.config["models"]["primary"]["noise"]["name"] == "mild"
    page = signed_in(world, "operator_north").get(reverse("run_terms", args=[run.id])).content.decode()
    assert "Starts only if a quantum volume of at least 16 of Qiskit Aer, sampled" in page


@pytest.mark.parametrize(
    ("chosen", "field", "words"),
    [
        ({"quantum_volume": "16"}, "device", "Choose the device whose quantum volume is required."),
        ({"quantum_volume": "17", "device": "ibm"}, "quantum_volume", "valid choice"),
        ({"quantum_volume": "16", "device": "simulator"}, "device", "valid choice"),
        ({"quantum_volume": "16", "device": "aer"}, "device", "got aer without noise: every quantum volume"),
    ],
)
def test_on_the_page_a_mistake_stands_beside_its_field(world, chosen, field, words):
    body = BODY | {f"model-{name}": value for name, value in chosen.items()}
    response = signed_in(world).post(reverse("run_propose", args=[world.federation.id]), body)
    assert response.status_code == 400 and not TrainingRun.objects.exists()
    assert list(response.context["model_form"].errors) == [field]
    assert words in response.context["model_form"].errors[field][0]


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ({}, "expected of a device its name and quantum_volume, got nothing"),
        ({"name": "ibm"}, "its name and quantum_volume, got name"),
        ({"name": "ibm", "quantum_volume": 64, "days": 1}, "got days, name, quantum_volume"),
        ({"name": "abacus", "quantum_volume": 64}, "got 'abacus'"),
        ({"name": ["ibm"], "quantum_volume": 64}, "expected a device among"),
        ({"name": "ibm", "quantum_volume": 128}, "a quantum volume among 4, 8, 16, 32, 64, got 128"),
        ({"name": "ibm", "quantum_volume": "64"}, "got '64'"),
        ({"name": "ibm", "quantum_volume": True}, "got True"),
        ({"name": "ibm", "quantum_volume": 64.0}, "got 64.0"),
        ({"name": "ibm", "quantum_volume": [64]}, "quantum volume among"),
        ({"name": "simulator", "quantum_volume": 64}, "got simulator without noise"),
        ({"name": "aer", "quantum_volume": 4}, "got aer without noise"),
    ],
)
def test_over_the_api_a_bad_requirement_is_a_400_that_names_it(world, device, words):
    response = signed_in(world).post(
        f"/api/v1/federations/{world.federation.id}/runs",
        json.dumps({"name": "By API", "rounds": 2, "seed": 1, "device": device}), content_type="application/json",
    )  # fmt: skip
    assert response.status_code == 400 and words in response.json()["detail"]
    assert not TrainingRun.objects.exists()


def test_no_device_can_be_required_of_a_model_that_runs_on_none():
    images = make_federation(make_people(), task="segmentation", shape=[3, 64, 64])
    with pytest.raises(ApplicationError, match="runs on no device here"):
        approved(images)
    assert not TrainingRun.objects.exists()


def test_it_is_said_in_german(world, all_consented):
    run = approved(world)
    with translation.override("de"):
        assert refusal(world, run).startswith("Das Training verlangt")
        noisy = approved(world, "default.mixed", 16, **MILD)
        assert "default.mixed unter dem Rauschmodell mild; " in refusal(world, noisy)
        assert dict(consent_words(run.config))["Required of the device"].startswith("Beginnt nur")


def test_a_run_that_never_started_says_no_more_than_what_it_required(world):
    run = approved(world)
    TrainingRun.objects.filter(id=run.id).update(state="aborted", finished_at=timezone.now())
    page = signed_in(world, "auditor").get(reverse("run", args=[run.id])).content.decode()
    assert "The run never started." in page and "Not met" not in page
