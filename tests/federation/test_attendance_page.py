"""The run's page and the API show who took part and why others did not; the form takes rule, quorum and deadline."""

import pytest

from federation import mailbox
from federation.forms import RunForm
from federation.models import TrainingRun
from tests.federation.test_participation import answer, pending, started
from tests.federation.test_training_rounds import Trial

pytestmark = pytest.mark.django_db
FORM = {"name": "R", "rounds": 2, "seed": 1}


@pytest.fixture
def trial(tmp_path, monkeypatch):
    monkeypatch.setattr(mailbox, "order_send", lambda order: True)
    return Trial(tmp_path)


def test_the_page_and_the_api_name_the_refused_update_and_its_reason(trial, client):
    run = started(trial, strategy="fedprox", strategy_options={"mu": 0.5})
    answer(trial, pending("train", "phantom-1"), {"error": "DataError: <b>no</b> data"}, ok=False)
    trial.answer("train", "phantom-2")
    client.force_login(trial.people.administrator)
    page = client.get(f"/runs/{run.id}/").content.decode()
    assert "The site failed" in page and "DataError: &lt;b&gt;no&lt;/b&gt; data" in page and "1 of 2: phantom-2" in page
    assert "FedProx: mu 0.5" in page and "At least 1 of 2 sites in a round" in page
    told = client.get(f"/api/v1/runs/{run.id}").json()["rounds"][0]
    assert told["took_part"] == ["phantom-2"] and told["exclusions"][0]["kind"] == "failed"


def test_the_form_gives_the_options_of_the_chosen_rule_alone():
    data = {**FORM, "strategy": "fedprox", "fedprox__mu": "0.5", "feddyn__alpha": "2", "quorum": "2",
            "deadline_minutes": "5"}  # fmt: skip
    form = RunForm(data, task="segmentation")
    assert form.is_valid(), form.errors
    found = form.proposal()
    assert (found["strategy"], found["strategy_options"]) == ("fedprox", {"mu": 0.5})
    assert found["participation"] == {"quorum": 2, "deadline_seconds": 300}


def test_the_form_without_choices_is_plain_averaging_of_all_sites():
    form = RunForm(FORM, task="segmentation")
    assert (form["rounds"].initial, RunForm(task="segmentation", side=64)["rounds"].initial) == (5, 160)
    assert form.is_valid() and {"fedavg", None} == {form.proposal()[k] for k in ("strategy", "strategy_options")}
    assert form.proposal()["participation"] is None


@pytest.mark.parametrize(
    "wrong", [{"strategy": "best"}, {"quorum": "0"}, {"deadline_minutes": "x"}, {"fedprox__mu": "-1"}]
)
def test_wrong_choices_are_refused_at_their_field(wrong):
    form = RunForm({**FORM, **wrong}, task="segmentation")
    assert not form.is_valid() and set(form.errors) == set(wrong)


def test_a_quorum_over_the_number_of_sites_comes_back_in_words_and_saves_nothing(trial, client):
    trial.manifests()
    client.force_login(trial.people.administrator)
    url = f"/federations/{trial.federation.id}/runs/"
    response = client.post(url, {**FORM, "quorum": "3"}, follow=True)
    assert "a quorum of at most the run&#x27;s 2 sites, got 3" in response.content.decode()
    assert not TrainingRun.objects.exists()
