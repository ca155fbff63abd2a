"""What each site gained the model, from the button over the sites' workers to the page of the run."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone

from core import artefacts, jobs
from core.errors import Conflict
from core.models import Job
from federation import budget_standings, budgets, contribution_answers, contribution_studies, mailbox, services
from federation.domain.feature_summaries import Question
from federation.domain.learning import weights
from federation.domain.learning.defaults import private_config
from federation.models import ContributionCharge, ContributionStudy, SiteOrder, SiteUpdate, TrainingRun
from federation.presentation.contributions import contributions_of
from federation.site import contributions as site_contributions
from federation.site.home import SiteHome
from tests.federation.test_pages import signed_in
from tests.federation.test_training_rounds import Trial, run_jobs

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial(tmp_path, monkeypatch):
    monkeypatch.setattr(mailbox, "order_send", lambda order: True)  # the broker is not in this test
    trial = Trial(tmp_path)
    for site in trial.sites.values():
        more = replace(site.home.config, data="phantom:?patients=80&sites=2&px=16")
        SiteHome.create(site.home.folder, more)
    return trial


@pytest.fixture
def run(trial):
    """Two rounds, so that leaving out adds up."""
    run = services.run_start(run=trial.approved_run(rounds=2), actor=trial.people.administrator)
    run_jobs()
    for _ in range(2):
        trial.answer("train")
        trial.answer("evaluate")
    run.refresh_from_db()
    return run


def page(trial, who: str, run) -> str:
    return " ".join(signed_in(trial, who).get(reverse("run", args=[run.id])).content.decode().split())


def rebuilt(study) -> None:
    assert jobs.run(Job.objects.get(kind="contribution.rebuild", payload__study=str(study.id)).id)


def test_the_sites_score_the_model_without_each_and_the_page_shows_what_it_cost_and_gave(trial, run):
    said = page(trial, "administrator", run)
    assert "It takes 6 scorings: 3 models at 2 sites" in said and "at the slowest site" in said
    assert "Ask the sites to score" not in page(trial, "auditor", run)
    signed_in(trial, "administrator").post(reverse("contribution_study", args=[run.id]))
    study = ContributionStudy.objects.get()
    rebuilt(study)
    order = SiteOrder.objects.filter(kind="contribution").first()
    assert set(order.attachments) == {"all", "phantom-1", "phantom-2"}
    spec = run.config["models"]["primary"]
    last = weights.from_bytes(artefacts.get(run.rounds.last().weights["primary"]), like=spec)
    again = weights.from_bytes(artefacts.get(order.attachments["all"]), like=spec)
    assert all(np.abs(last[name] - again[name]).max() < 1e-5 for name in last)  # with everybody it is the model
    with pytest.raises(Conflict, match="asked already"):
        contribution_studies.study_start(run=run, actor=trial.people.administrator)
    assert trial.answer("contribution", "phantom-1") == ["answer"] and "Sites that have answered" in page(
        trial, "auditor", run
    )
    trial.answer("contribution")
    study.refresh_from_db()
    assert study.finished_at and not study.error
    one, two = study.result["sites"]
    assert (one["site"], two["site"]) == ("phantom-1", "phantom-2")
    assert 0 < one["n"] <= 6 and one["low"] <= one["gain"] <= one["high"]
    told = SiteOrder.objects.get(kind="contribution", participant=trial.participants["phantom-2"]).answer
    n, total, _ = told["differences"]["phantom-1"]
    assert one["gain"] == pytest.approx(total / n)
    said = page(trial, "officer_north", run)
    assert "What each site gained the model" in said and "1 other not shown to you" in said
    said = said.partition('id="contributions"')[2]
    assert '<th scope="row">phantom-1</th>' in said and '<th scope="row">phantom-2</th>' not in said
    for who, seen in (("officer_north", ["phantom-1"]), ("officer_south", ["phantom-2"]), ("auditor", [])):
        (told,) = signed_in(trial, who).get(reverse("api_contributions", args=[run.id])).json()["results"]
        assert [one["site"] for one in told["result"]["sites"]] == seen and told["epsilon"] is None


def test_it_is_refused_with_the_reason_where_it_cannot_be(trial, run):
    ask = {"run": run, "actor": trial.people.administrator}
    run.config["security"] = {"masking": True}
    run.save(update_fields=["config"])
    with pytest.raises(Conflict, match="only ever seen the sum"):
        contribution_studies.study_start(**ask)
    shown = contributions_of(run, trial.people.administrator)
    assert shown is not None and "only ever seen the sum" in shown.refusal and shown.cost is None
    del run.config["security"]
    run.save(update_fields=["config"])
    SiteUpdate.objects.filter(participant=trial.participants["phantom-2"]).update(n_records=4)
    study = contribution_studies.study_start(**ask)
    rebuilt(study)
    trial.answer("contribution", "phantom-1")
    order = SiteOrder.objects.get(kind="contribution", state="pending")
    order.state, order.answer = "answered", {"differences": {"phantom-1": [3, 9.0, 1.0]}}
    order.save(update_fields=["state", "answer"])
    contribution_answers.scored({"order": str(order.id)})()
    study.refresh_from_db()
    assert "expected number, sum and squares" in study.error
    assert study.result["too_few"] == ["phantom-2"] and [r["site"] for r in study.result["sites"]] == ["phantom-1"]
    assert "fewer than 5 training patients: not shown" in page(trial, "auditor", run)
    SiteUpdate.objects.filter(round__run=run).update(weights={"primary": "0" * 64})
    lost = contribution_studies.study_start(**ask)
    rebuilt(lost)
    lost.refresh_from_db()
    assert "cannot be read" in lost.error and lost.result is None


def budget(trial, epsilon: float) -> None:
    budgets.budget_set(
        participant=trial.participants["phantom-1"], epsilon=epsilon, delta=1e-5, reason="r",
        actor=trial.people.officer_north,
    )  # fmt: skip


def allow(trial, epsilon: float) -> None:
    for site in trial.sites.values():
        SiteHome.create(site.home.folder, replace(site.home.config, summary_epsilon=epsilon))


def test_where_a_budget_is_set_the_scores_carry_noise_that_is_charged_before_the_sites_are_asked(trial, run):
    budget(trial, 5.0)
    allow(trial, 4.0)
    client, ask = signed_in(trial, "administrator"), reverse("contribution_study", args=[run.id])
    assert "A privacy budget is set by" in page(trial, "administrator", run)
    assert client.post(ask).status_code == 400 and client.post(ask, {"epsilon": "99"}).status_code == 400
    refused = client.post(ask, {"epsilon": "8"})
    assert refused.status_code == 409 and "does not cover this study" in refused.content.decode()
    assert not ContributionStudy.objects.exists()
    client.post(ask, {"epsilon": "4"})
    study = ContributionStudy.objects.get()
    rebuilt(study)
    question = Question.from_dict(study.question)
    standing = budget_standings.standing_of(trial.participants["phantom-1"], "phantom")
    assert question.spend in standing.account.spent and ContributionCharge.objects.count() == 2
    assert trial.answer("contribution") == ["answer", "answer"]
    study.refresh_from_db()
    assert study.finished_at and not study.error
    order = SiteOrder.objects.filter(kind="contribution").first()
    assert "differences" not in order.answer and len(order.answer["counts"]) == 4
    one = study.result["sites"][0]
    assert one["high"] - one["low"] > 2 * question.noise_sd / one["n"]
    said = page(trial, "auditor", run)  # what was paid for is for all who see the run
    assert "was charged to the institutions" in said and '<th scope="row">phantom-2</th>' in said
    with pytest.raises(Conflict, match="is 3.0.. over|over. Plan a smaller"):
        contribution_studies.study_start(run=run, actor=trial.people.administrator, epsilon=4.0)


def test_a_budget_that_was_used_up_meanwhile_and_a_site_that_does_not_allow_it(trial, run):
    budget(trial, 5.0)
    lost = contribution_studies.study_start(run=run, actor=trial.people.administrator, epsilon=4.0)
    budget(trial, 1.0)
    rebuilt(lost)
    lost.refresh_from_db()
    assert "does not cover this study" in lost.error and not SiteOrder.objects.filter(kind="contribution").exists()
    budget(trial, 5.0)
    allow(trial, 0.0)
    study = contribution_studies.study_start(run=run, actor=trial.people.administrator, epsilon=4.0)
    rebuilt(study)
    assert trial.answer("contribution") == ["failure", "failure"]
    study.refresh_from_db()
    assert study.result is None and "SITE_SUMMARY_EPSILON" in study.error


def test_a_site_lets_no_exact_sum_of_a_run_with_differential_privacy_out(trial, run, monkeypatch):
    study = contribution_studies.study_start(run=run, actor=trial.people.administrator)
    rebuilt(study)
    private = SimpleNamespace(local=private_config("segmentation"), security=None)
    monkeypatch.setattr(site_contributions, "frozen_config", lambda *given: private)
    assert trial.answer("contribution", "phantom-1") == ["failure"]
    order = SiteOrder.objects.get(kind="contribution", participant=trial.participants["phantom-1"])
    assert "exact sums of scores do not leave" in order.error


def test_who_does_not_answer_in_time_is_waited_for_no_more(trial, run):
    study = contribution_studies.study_start(run=run, actor=trial.people.administrator)
    rebuilt(study)
    trial.answer("contribution", "phantom-1")
    late = Job.objects.get(kind="contribution.deadline")
    assert late.next_run_at > timezone.now() + timedelta(minutes=59)
    Job.objects.filter(id=late.id).update(next_run_at=timezone.now())
    assert jobs.run(late.id)
    study.refresh_from_db()
    assert study.finished_at and "no answer within 60 minutes" in study.error
    assert [one["own"] is None for one in study.result["sites"]] == [False, True]
    assert trial.answer("contribution") == []  # it is cancelled, and another study can be asked for


def test_of_a_run_that_flare_carries_nothing_is_asked_while_flare_is_down_and_the_page_says_so(trial, run):
    study = contribution_studies.study_start(run=run, actor=trial.people.administrator)
    TrainingRun.objects.filter(id=run.id).update(config={**run.config, "engine": {"name": "flare"}})
    run.refresh_from_db()
    assert "The sites cannot be reached now" in page(trial, "auditor", run)
    ContributionStudy.objects.filter(id=study.id).update(finished_at=timezone.now())
    with pytest.raises(Conflict, match="NVIDIA FLARE does not run beside this platform"):
        contribution_studies.study_start(run=run, actor=trial.people.administrator)
