"""Scores of a run with differential privacy: noised, paid for and agreed to, or none at all."""

from __future__ import annotations

import pytest
from django.urls import reverse

from core.errors import ApplicationError
from federation import budgets, mailbox, scoring
from federation.budget_standings import holders_of, standing_of
from federation.domain.noised_scores import ScoresConfig
from federation.domain.privacy.accountant import composed_epsilon
from federation.domain.run_config import RunConfig
from federation.models import PrivacyCharge, SiteOrder, TrainingRun
from federation.presentation import budgets as budgets_page
from tests.federation.test_secure_rounds import KINDS, Trial, opened, pass_deadline
from tests.federation.test_shared_noise import SmallTrial

pytestmark = pytest.mark.django_db
State = TrainingRun.State
PER_SITE = {"regime": "per_site", "epsilon": 40.0}
FAINT = {"regime": "per_site", "epsilon": 100.0}, {"epsilon": 90.0}  # little noise: figures of few patients are shown
LOCAL = ("train", "evaluate")
EPSILON = 30.0


@pytest.fixture
def trial(tmp_path, monkeypatch):
    monkeypatch.setattr(mailbox, "order_send", lambda order: True)  # the broker is not in this test
    return Trial(tmp_path)


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.setattr(mailbox, "order_send", lambda order: True)
    return SmallTrial(tmp_path)


def scored(trial: Trial, *, masking: bool, rounds: int = 1, **more) -> TrainingRun:
    privacy, scores = FAINT
    given = {"privacy": privacy, "scores": scores, **more}
    run = trial.running({"masking": masking}, rounds=rounds, **given)
    for _ in range(rounds):
        for kind in KINDS if masking else LOCAL:
            trial.answer(kind)
    run.refresh_from_db()
    assert (run.state, run.stop_reason) == (State.FINISHED, "")
    return run


def page(trial: Trial, client, run: TrainingRun) -> str:
    client.force_login(trial.people.administrator)
    return client.get(reverse("run", args=[run.id])).content.decode()


def test_scores_are_noised_charged_and_shown_with_their_noise(trial, client):
    run = scored(trial, masking=False, rounds=2)
    first, last = run.rounds.order_by("number")
    told = SiteOrder.objects.filter(kind="evaluate", subject=last.id)
    fields = {name for order in told for name in order.answer}
    assert fields == {"n_records", "scores", "seconds"}  # no cells, no pairs
    asked = [SiteOrder.objects.filter(kind="evaluate", subject=round_.id).first() for round_ in (first, last)]
    sizes = [len(order.answer["scores"]) for order in asked]
    groups = sum(len(values) for _, values in run.config["scores"]["groups"])
    assert sizes == [2 * 2, 2 * 6 * (1 + groups)]  # both models: dice of all; then all metrics, of groups too

    assert first.metrics["primary"]["groups"] == {} and set(last.metrics["primary"]["groups"]) == {"sex", "age_band"}
    assert set(last.metrics["primary"]["site"]) == set(trial.sites) and last.metrics["paired"] == {}
    figure = last.metrics["primary"]["overall"]["dice"]
    assert figure["noise_sd"] > 0 and 0 <= figure["mean"] <= 1

    plan = ScoresConfig.from_dict(run.config["scores"]).spends(run.config["task"], 2)
    charged = PrivacyCharge.objects.filter(reservation__participant__site="phantom-1").order_by("round__number")
    assert [charge.score_spend for charge in charged] == [spend.as_dict() for spend in plan]
    assert composed_epsilon(plan, run.config["local"]["dp"]["delta"]) <= 90
    participant = trial.federation.participants.get(site="phantom-1")
    (held,) = holders_of([participant])
    spent = standing_of(*held).account.spent
    assert [spend for spend in spent if spend.sample_rate == 1.0 and spend.levels] == plan
    (row,) = (one for one in budgets_page.of_run(run) if one.row.site == "phantom-1")
    training = [spend for charge in charged for spend in charge.counted if spend not in plan]
    assert row.spent == pytest.approx(composed_epsilon([*training, *plan], row.row.delta))
    seen = page(trial, client, run)
    assert f"± {figure['noise_sd']:.3f}" in seen and "scores carry noise" in seen and "may spend ε = 90" in seen


def test_masked_scores_carry_shares_of_the_noise_and_nobody_sees_a_sites_own(trial):
    run = scored(trial, masking=True)
    metrics = run.rounds.get().metrics
    assert metrics["primary"]["site"] == {} and set(metrics["primary"]["groups"]) == {"sex", "age_band"}
    figure, sd = metrics["primary"]["overall"]["dice"], run.config["scores"]["noise_sd"]
    # Four sites made shares that are enough with three of which one tells: the sum holds sqrt(4 / 2) of the noise.
    most, least = 2**0.5 * sd * 2**0.5 / figure["n"], 2**0.5 * sd / figure["n"]
    assert 0.9 * least < figure["noise_sd"] < 1.1 * most  # the number itself is rounded
    answers = SiteOrder.objects.filter(kind="evaluate").values_list("answer", flat=True)
    assert [answer for answer in answers if "scores" in answer or "cells" in answer] == []


@pytest.mark.parametrize("masking", [False, True])
def test_without_an_agreed_epsilon_no_scores_are_asked_for_and_the_page_says_why(small, client, masking):
    run = scored(small, masking=masking, scores=None)
    assert not SiteOrder.objects.filter(kind="evaluate").exists()
    metrics = run.rounds.get().metrics
    assert metrics["primary"]["overall"]["dice"] == {"n": 0, "mean": None} and metrics["primary"]["groups"] == {}
    assert PrivacyCharge.objects.exclude(score_spend=None).count() == 0
    seen = page(small, client, run)
    assert "this run was agreed without them" in seen and "No scores leave the sites: none were agreed." in seen


@pytest.mark.parametrize(("masking", "ended_by"), [(False, "answer"), (True, "answer"), (True, "deadline")])
def test_a_run_that_was_asked_for_exact_scores_before_an_upgrade_goes_on_without(small, masking, ended_by):
    run = small.running({"masking": masking}, rounds=2, privacy=PER_SITE)
    with pytest.MonkeyPatch.context() as before:
        before.setattr(RunConfig, "is_scored", True)  # the platform before it knew of noise on scores
        for kind in KINDS[:5] if masking else LOCAL[:1]:
            small.answer(kind)
    assert run.rounds.get().state == "evaluating"
    asked = SiteOrder.objects.filter(kind="evaluate")
    assert asked.count() == 4
    if ended_by == "answer":
        small.answer("evaluate")
        assert "none leave the site" in asked.exclude(error="")[0].error
    else:
        pass_deadline("evaluate", "")
    first = run.rounds.get(number=1)
    assert first.state == "done" and first.metrics["primary"]["overall"]["dice"] == {"n": 0, "mean": None}
    assert not first.exclusions.exists()  # the sites did right to refuse
    for kind in KINDS[2:5] if masking else LOCAL[:1]:
        small.answer(kind)
    run.refresh_from_db()
    assert (run.state, run.stop_reason, asked.count()) == (State.FINISHED, "", 4)


def test_a_site_refuses_scores_that_were_not_agreed_and_a_second_question_about_a_round(small):
    small.running({"masking": False}, privacy=PER_SITE, scores={"epsilon": EPSILON})
    small.answer("train")
    order = SiteOrder.objects.filter(kind="evaluate").select_related("participant").first()
    assert "scores" in opened(small, order)["body"]
    order.key, order.attachments = "another", {**order.attachments, "primary": order.attachments["baseline"]}
    assert "asked before about round 1 of this configuration" in opened(small, order)["body"]["error"]
    order.key, order.body = "in another run", {**order.body, "run": str(small.federation.id)}
    assert "asked before about round 1 of this configuration" in opened(small, order)["body"]["error"]

    def without(run_config):
        return {name: value for name, value in run_config.items() if name != "scores"}

    unscored = small.propose({"masking": False}, privacy=PER_SITE)
    small.answer("propose")
    order.key, order.body = "third", {
        **order.body, "run": str(unscored.id), "config": without(unscored.config), "config_hash": unscored.config_hash,
    }  # fmt: skip
    assert "without scores; none leave the site" in opened(small, order)["body"]["error"]


def test_an_answer_that_no_site_can_give_is_left_out(small):
    run = small.running({"masking": False}, privacy=PER_SITE, scores={"epsilon": EPSILON})
    small.answer("train")
    round_ = run.rounds.get()
    for told in ([1, 2], "scores", [0.5] * scoring.table_of(run, round_).size, None):
        order = SiteOrder.objects.filter(kind="evaluate").first()
        order.answer = {"scores": told, "n_records": 5}
        with pytest.raises((ValueError, TypeError)):
            scoring.check(order, round_)


def test_a_budget_counts_the_scores_and_what_cannot_be_is_refused_in_words(small):
    small.manifests()
    for scores, message in (
        ({"epsilon": 41.0}, "at most the run's ε 40"),
        ({"epsilon": 0}, "ε of scores over 0"),
        ({"epsilon": 1.0, "noise_sd": 1.0}, "epsilon of scores, and nothing else"),
    ):
        with pytest.raises(ApplicationError, match=message):
            small.propose({"masking": False}, privacy=PER_SITE, scores=scores)
    with pytest.raises(ApplicationError, match="without it they are exact"):
        small.propose({"masking": False}, scores={"epsilon": 1.0})
    officer, participant = small.signers["phantom-1"][1], small.federation.participants.get(site="phantom-1")
    budgets.budget_set(participant=participant, epsilon=45.0, delta=1e-5, reason="Enough.", actor=officer)
    run = small.propose({"masking": False}, privacy=PER_SITE)  # 42.1 at this delta
    budgets.release(run)
    with pytest.raises(budgets.BudgetExceeded, match="of a budget of ε 45"):
        small.propose({"masking": False}, privacy=PER_SITE, scores={"epsilon": EPSILON})
