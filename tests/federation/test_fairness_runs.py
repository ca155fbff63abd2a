"""A run that weighs its patients against bias: chosen in form or API, frozen, done at the sites, on the page."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import ApplicationError
from federation import mailbox, services
from federation.domain.fairness_config import read_told
from federation.domain.fairness_filter import weigh
from federation.domain.run_config import RunConfig
from federation.forms import RunForm
from federation.models import SiteOrder, TrainingRun
from federation.models_participation import Exclusion
from federation.site import training
from tests.federation import test_secure_rounds
from tests.federation.test_participation import ONE_OF_TWO, answer, honest, pending
from tests.federation.test_training_rounds import LOCAL, Trial, run_jobs

pytestmark = pytest.mark.django_db
WEIGHED = {"attribute": "sex", "target": "equal_mass", "min_cell": 2}
FORM = {"name": "R", "rounds": 2, "seed": 1}


@pytest.fixture
def trial(tmp_path, monkeypatch):
    monkeypatch.setattr(mailbox, "order_send", lambda order: True)
    return Trial(tmp_path)


def started(trial, **chosen) -> TrainingRun:
    trial.manifests()
    run = services.run_propose(
        federation=trial.federation, name="Run", rounds=1, seed=1, actor=trial.people.administrator, local=LOCAL,
        participation=ONE_OF_TWO, **chosen,
    )  # fmt: skip
    for code in trial.participants:
        trial.sign(run, code)
    trial.answer("propose")
    run = services.run_start(run=TrainingRun.objects.get(id=run.id), actor=trial.people.administrator)
    run_jobs()
    return run


def test_a_run_weighs_its_patients_at_the_sites_and_the_page_shows_the_figures(trial, client, monkeypatch):
    used = []
    train = training.train_local

    def spy(model, data, config, **how):
        used.append((data, how["patient_weights"]))
        return train(model, data, config, **how)

    monkeypatch.setattr(training, "train_local", spy)
    run = started(trial, fairness=WEIGHED)
    assert RunConfig.from_dict(run.config).as_dict()["fairness"] == {"bits": 3, "solver": "qaoa", **WEIGHED}
    trial.answer("train")
    trial.answer("evaluate")
    run.refresh_from_db()
    assert run.state == TrainingRun.State.FINISHED

    assert len(used) == 4  # two sites, two models
    for data, weights in used:
        assert weights.mean() == pytest.approx(1) and len(np.unique(weights)) > 1
        assert np.array_equal(weights, weigh(data, training.FairnessConfig(**WEIGHED), seed=1).weights)
    told = [order.answer["fairness"] for order in SiteOrder.objects.filter(kind="train")]
    figures = [read_told(raw)[0] for raw in told]
    assert all(found.objective <= found.unweighted for found in figures)
    assert not any("count" in name or name == "weights" for raw in told for name in raw)

    client.force_login(trial.people.administrator)
    page = client.get(f"/runs/{run.id}/").content.decode()
    assert "Each site weighs its patients by sex and label" in page and "Approximation ratio" in page
    assert page.count("QAOA (simulated quantum circuit), seed 1") == 2


def test_without_weights_the_hash_the_answer_and_the_page_are_as_before(trial, client):
    run = started(trial)
    trial.answer("train")
    assert "fairness" not in run.config and "fairness" not in pending("evaluate", "phantom-1").body["config"]
    assert all("fairness" not in order.answer for order in SiteOrder.objects.filter(kind="train"))
    client.force_login(trial.people.administrator)
    assert "Weights of patients" not in client.get(f"/runs/{run.id}/").content.decode()


def test_a_site_without_large_groups_says_so_and_trains_with_equal_weights(trial, client):
    run = started(trial, fairness={**WEIGHED, "min_cell": 1000})
    trial.answer("train")
    trial.answer("evaluate")
    client.force_login(trial.people.administrator)
    assert "All count the same: weights need" in client.get(f"/runs/{run.id}/").content.decode()
    run.refresh_from_db()
    assert run.state == TrainingRun.State.FINISHED


def test_figures_that_make_no_sense_leave_the_site_out_with_the_reason(trial):
    started(trial, fairness=WEIGHED)
    order = pending("train", "phantom-1")
    body, files = honest(order)
    answer(trial, order, {**body, "fairness": {"objective": "low"}}, files)
    assert "weights of patients" in Exclusion.objects.get().reason


def test_weights_and_differential_privacy_are_refused_together_and_an_unknown_attribute_is(trial):
    dp = {"noise_multiplier": 1.0, "max_grad_norm": 1.0, "delta": 1e-3}
    trial.manifests()
    for chosen, reason in (
        ({"local": {**LOCAL, "dp": dp}, "fairness": WEIGHED}, "cannot be weighed under differential privacy"),
        ({"local": LOCAL, "fairness": {"attribute": "postcode"}}, "an attribute that every site has stated"),
        ({"local": LOCAL, "fairness": {"target": "parity"}}, "an attribute"),
    ):
        with pytest.raises(ApplicationError, match=reason):
            services.run_propose(
                federation=trial.federation, name="R", rounds=1, seed=1, actor=trial.people.administrator,
                participation=ONE_OF_TWO, **chosen,
            )  # fmt: skip


def test_the_page_offers_the_sites_attributes_and_the_choice_is_frozen(trial, client):
    trial.manifests()
    client.force_login(trial.people.administrator)
    url = f"/federations/{trial.federation.id}/"
    assert "Groups that are weighed" in client.get(url).content.decode()
    chosen = {"fairness": "parity", "fairness_attribute": "sex", "fairness_solver": "vqe"}
    client.post(f"{url}runs/", {**FORM, **chosen}, follow=True)
    assert TrainingRun.objects.get().config["fairness"] == {
        "attribute": "sex", "target": "parity", "solver": "vqe", "bits": 3, "min_cell": 5,
    }  # fmt: skip


def test_the_api_takes_the_part(trial, client):
    trial.manifests()
    client.force_login(trial.people.administrator)
    body = {**FORM, "local": LOCAL, "fairness": {"attribute": "sex", "solver": "exact"}}
    url = f"/api/v1/federations/{trial.federation.id}/runs"
    made = client.post(url, body, content_type="application/json")
    assert made.status_code == 201 and made.json()["config"]["fairness"]["solver"] == "exact"
    wrong = client.post(url, {**body, "fairness": {"attribute": 3}}, content_type="application/json")
    assert wrong.status_code == 400 and "name an attribute" in wrong.content.decode()


def test_the_form_refuses_weights_with_privacy_at_the_field():
    chosen = {**FORM, "fairness": "parity", "fairness_attribute": "sex", "epsilon_budget": 5}
    form = RunForm({**chosen, "privacy": "recommended"}, task="classification", attributes=["sex"])
    assert not form.is_valid() and "differential privacy" in str(form.errors["fairness"])
    assert RunForm({**chosen, "privacy": "none"}, task="classification", attributes=["sex"]).is_valid()
    assert "fairness" not in RunForm(task="classification").fields


def test_figures_of_a_sites_weights_do_not_leave_under_masks(tmp_path, monkeypatch):
    monkeypatch.setattr(mailbox, "order_send", lambda order: True)
    fairness = {"attribute": "sex", "target": "equal_mass", "solver": "exact", "bits": 2, "min_cell": 5}
    masked = test_secure_rounds.Trial(tmp_path)
    masked.running(fairness=fairness)
    for kind in test_secure_rounds.KINDS[:4]:
        masked.answer(kind)
    answers = [order.answer for order in SiteOrder.objects.filter(kind="train")]
    assert len(answers) == 4 and all("n_records" in said and "fairness" not in said for said in answers)
