"""Who proposes a run chooses its models: on the page, over the API, and what people then read."""

from __future__ import annotations

import json

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from django.utils import translation

from federation.domain.models.choice import ModelChoice
from federation.domain.models.registry import build, default_specs
from federation.domain.models.specs import chosen_specs
from federation.domain.quantum.noise_choice import PRESETS, read, recorded
from federation.forms_models import ModelForm
from federation.models import TrainingRun
from federation.presentation.facts import consent_words
from federation.presentation.model_estimate import estimate
from tests.factories import federation as factory
from tests.factories.federation import make_federation
from tests.factories.people import make_people
from tests.factories.registry import make_version

pytestmark = pytest.mark.django_db
BODY = {"name": "First", "rounds": 2, "seed": 3, "privacy": "recommended", "epsilon_budget": 4}
USUAL = {
    "model-compared": "twin", "model-qubits": 4, "model-layers": 3, "model-entangling": "yes",
    "model-ansatz": "strong", "model-embedding": "RX", "model-reupload": "", "model-start": "", "model-noise": "",
}  # fmt: skip


@pytest.fixture
def world():
    return make_federation(make_people())


def signed_in(world, who="administrator") -> Client:
    client = Client()
    client.force_login(getattr(world.people, who), backend="django.contrib.auth.backends.ModelBackend")
    return client


def propose(world, **chosen):
    body = BODY | {f"model-{name}": value for name, value in chosen.items()}
    return signed_in(world).post(reverse("run_propose", args=[world.federation.id]), body)


def over_api(world, model, who="administrator"):
    return signed_in(world, who).post(
        f"/api/v1/federations/{world.federation.id}/runs",
        json.dumps({"name": "By API", "rounds": 2, "seed": 1, "model": model}), content_type="application/json",
    )  # fmt: skip


def recommended(world):
    inputs = TrainingRun.objects.get().config["models"]["primary"]["inputs"]
    return dict(zip(("primary", "baseline"), default_specs("classification", inputs), strict=True))


@pytest.mark.parametrize("sent", [{}, {name.removeprefix("model-"): value for name, value in USUAL.items()}])
def test_without_a_choice_the_recommended_models_are_frozen(world, sent):
    assert propose(world, **sent).status_code == 302
    assert TrainingRun.objects.get().config["models"] == recommended(world)


def test_what_is_chosen_on_the_page_is_frozen_and_shown_to_the_sites(world):
    assert propose(world, qubits=5, layers=2, ansatz="mirrored", embedding="RY", reupload="no").status_code == 302
    run = TrainingRun.objects.get()
    primary, baseline = run.config["models"]["primary"], run.config["models"]["baseline"]
    assert primary == {
        "kind": "vqc_classifier", "inputs": primary["inputs"], "qubits": 5, "layers": 2, "entangling": True,
        "ansatz": "mirrored", "embedding": "RY", "reupload": False,
    }  # fmt: skip
    assert baseline["kind"] == "mlp_classifier" and baseline["outputs"] == 5
    assert build(baseline).n_parameters == pytest.approx(build(primary).n_parameters, rel=0.15)
    text = signed_in(world, "operator_north").get(reverse("run", args=[run.id])).content.decode()
    assert "Mirrored layers; RY angles, loaded once; training starts from the identity" in text
    assert "Circuit of 5 qubits, 2 layers" in text and "No classical twin was trained" not in text


def test_the_ablation_stands_in_the_twins_place_and_the_page_says_so(world):
    assert over_api(world, {"compared": "no_entanglement", "ansatz": "hardware"}).status_code == 201
    run = TrainingRun.objects.get()
    primary, baseline = run.config["models"]["primary"], run.config["models"]["baseline"]
    assert baseline == {**primary, "entangling": False} and primary["ansatz"] == "hardware"
    text = signed_in(world, "operator_north").get(reverse("run", args=[run.id])).content.decode()
    assert "Ablation without entanglement" in text and "entangled by CZ gates" in text


def test_a_logistic_regression_stands_beside_and_the_page_says_so(world):
    assert propose(world, compared="logistic").status_code == 302
    run = TrainingRun.objects.get()
    primary, baseline = run.config["models"]["primary"], run.config["models"]["baseline"]
    assert baseline == {"kind": "logistic_regression", "inputs": primary["inputs"]}
    text = signed_in(world, "operator_north").get(reverse("run", args=[run.id])).content.decode()
    assert "Logistic regression" in text and "No classical twin was trained" not in text


@pytest.mark.parametrize(("task", "shape"), [("segmentation", (1, 16, 16)), ("classification", (1, 32, 32))])
def test_of_images_a_logistic_regression_is_neither_offered_nor_taken(task, shape):
    form = ModelForm(QueryDict("model-compared=logistic"), task=task, shape=shape)
    assert "logistic" not in dict(form.fields["compared"].choices) and "compared" in form.errors
    rows = ModelForm(QueryDict("model-compared=logistic"), task="classification", shape=(6,))
    assert rows.is_valid() and rows.choice() == {"compared": "logistic"}  # the next form has all choices again


def test_a_model_is_trained_for_a_noisy_device_and_its_twin_is_the_same(world):
    usual = chosen_specs("classification", 13, None, ModelChoice())[1]
    assert propose(world, noise="decaying").status_code == 302
    run = TrainingRun.objects.get()
    primary, baseline = run.config["models"]["primary"], run.config["models"]["baseline"]
    assert primary["noise"] == recorded(PRESETS["decaying"])
    assert baseline == {**usual, "inputs": baseline["inputs"], "hidden": baseline["hidden"]}
    text = signed_in(world, "operator_north").get(reverse("run", args=[run.id])).content.decode()
    digest = PRESETS["decaying"].digest[:12]
    assert f"Noise model “decaying” (SHA-256 {digest}): after a gate of one qubit: 0.1 % depolarising" in text
    assert "trained under noise, scored and used without" in text and "without shots or noise" not in text


def test_over_the_api_the_rates_may_be_ones_own(world):
    rates = {"name": "our machine", "two_qubit": {"depolarising": 0.02}}
    assert over_api(world, {"noise": rates, "compared": "no_entanglement"}).status_code == 201
    models = TrainingRun.objects.get().config["models"]
    assert models["baseline"]["noise"] == models["primary"]["noise"] == recorded(read(rates))
    words = dict(consent_words(TrainingRun.objects.get().config))
    assert "“our machine”" in words["Noise in training"] and "2 % depolarising" in words["Noise in training"]


def test_noise_is_for_models_that_can_be_ordered_on_a_device():
    assert "noise" in ModelForm(task="classification", shape=[13]).fields
    assert "noise" not in ModelForm(task="classification", shape=[1, 64, 64]).fields
    assert "noise" not in ModelForm(task="segmentation").fields


def test_the_estimate_tells_the_noise_and_what_it_costs():
    form = ModelForm(QueryDict("model-noise=mild"), task="classification", shape=[13])
    assert form.is_ready
    said = dict(estimate(form.specs(), form.shape))
    assert "many times as long" in said["Time"] and "0.05 % depolarising" in said["Noise in training"]


@pytest.mark.parametrize(
    ("chosen", "field", "words"),
    [
        ({"qubits": 11}, "qubits", "less than or equal to 10"),
        ({"layers": "many"}, "layers", "whole number"),
        ({"ansatz": "brick"}, "ansatz", "valid choice"),
        ({"start": "identity"}, "start", "only mirrored layers undo one another"),
        ({"embedding": "amplitude", "reupload": "yes"}, "reupload", "Expected amplitudes to be loaded once"),
        ({"embedding": "amplitude", "qubits": 7}, "qubits", "at most 6 qubits with amplitudes"),
        ({"ansatz": "mirrored", "layers": 1}, "layers", "two layers at least"),
        ({"compared": "no_entanglement", "entangling": "no"}, "entangling", "without them, got one without"),
        ({"noise": "loud"}, "noise", "valid choice"),
        ({"noise": "mild", "qubits": 7}, "qubits", "at most 6 qubits in training under noise"),
        ({"noise": "mild", "embedding": "amplitude"}, "noise", "where amplitudes are loaded"),
    ],
)
def test_a_choice_that_cannot_be_stands_beside_its_field(world, chosen, field, words):
    response = propose(world, **chosen)
    assert response.status_code == 400 and not TrainingRun.objects.exists()
    assert list(response.context["model_form"].errors) == [field]
    assert words in response.context["model_form"].errors[field][0]
    assert "No model can be built of these choices" in response.content.decode()


def test_it_is_said_in_german():
    with translation.override("de"):
        form = ModelForm(QueryDict("model-start=identity"), task="classification", shape=[13])
        (said,) = form.errors["start"]
    assert said.startswith("Erwartet wird bei Schichten der Art strong") and "nur gespiegelte Schichten" in said


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"qubits": 3}, "qubits"), ({"ansatz": "brick"}, "ansatz"), ({"colour": 1}, "colour"), ([1], "model"),
        ({"start": "identity"}, "only mirrored layers"), ({"embedding": "amplitude", "reupload": True}, "loaded once"),
        ({"entangling": "perhaps"}, "entangling"), ({"noise": {"preset": "loud"}}, "among mild, decaying, strong"),
        ({"noise": {"two_qubit": {"depolarising": 10**400}}}, "from 0 to 0.75"),
        ({"noise": {"name": "mild", "two_qubit": {"depolarising": 0.75}}}, "not those of the preset mild"),
        ({"noise": {"name": "a), without (b", "two_qubit": {"depolarising": 0.1}}}, "letters, digits, spaces and"),
        ({"noise": {"name": "a\nb", "two_qubit": {"depolarising": 0.1}}}, "letters, digits, spaces and"),
        ({"noise": "mild"}, "noise model as an object"),
    ],
)  # fmt: skip
def test_over_the_api_a_bad_choice_is_a_400_that_names_it(world, model, words):
    response = over_api(world, model)
    assert response.status_code == 400 and words in response.json()["detail"]
    assert not TrainingRun.objects.exists()


def test_who_may_not_propose_a_run_may_not_choose_either(world):
    assert over_api(world, {"qubits": 5}, who="officer_north").status_code == 403


def test_images_take_no_amplitudes_and_say_how_many_circuits_they_are():
    world = make_federation(make_people(), task="segmentation", shape=[3, 64, 64])
    form = ModelForm(task="segmentation", shape=[3, 64, 64])
    assert "amplitude" not in dict(form.fields["embedding"].choices)
    assert dict(estimate(form.specs(), form.shape))["Circuits"] == "64 for each image of 64 x 64 pixels"
    assert "noise" not in form.fields and over_api(world, {"noise": {"preset": "mild"}}).status_code == 400
    assert over_api(world, {"embedding": "amplitude"}).status_code == 400
    assert over_api(world, {"qubits": 7, "ansatz": "hardware"}).status_code == 201
    models = TrainingRun.objects.get().config["models"]
    assert [spec["kind"] for spec in models.values()] == ["hybrid_unet", "unet2d"] and models["primary"]["qubits"] == 7


def test_the_estimate_follows_what_is_filled_in(world):
    here, client = reverse("federation", args=[world.federation.id]), signed_in(world)
    usual = client.get(here)
    assert usual.context["model_estimate"] == client.get(here, USUAL).context["model_estimate"]
    assert "one for each patient" in usual.content.decode()
    changed = client.get(here, {**USUAL, "model-qubits": 6}).context["model_estimate"]
    assert (
        changed != usual.context["model_estimate"]
        and "54 of them angles of the circuit" in dict(changed)["Quantum model"]
    )
    assert "No model can be built" in client.get(here, {**USUAL, "model-qubits": 60}).content.decode()


def test_version_and_card_say_that_the_ablation_stands_in_the_twins_place(world, monkeypatch):
    chosen = ModelChoice("no_entanglement", ansatz="mirrored", layers=2)
    monkeypatch.setattr(
        factory, "default_specs", lambda task, inputs, side=None: chosen_specs(task, inputs, side, chosen)
    )
    version = make_version(world)
    for name in ("version", "card"):
        text = signed_in(world).get(reverse(name, args=[version.id])).content.decode()
        assert "No classical twin was trained" in text and "Ablation without entanglement" in text
        assert "mirrored" in text and "identity" in text
    card = json.dumps(version.cards.get().content)
    assert "beside an ablation without entanglement trained on the same patients" in card
