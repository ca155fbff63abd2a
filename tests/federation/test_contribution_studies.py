"""What each site gained the model, from the button over the sites' workers to the page of the run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from django.urls import reverse

from core import artefacts, jobs
from core.errors import Conflict
from core.models import Job
from federation import contribution_studies, mailbox, services
from federation.domain.learning import weights
from federation.models import ContributionStudy, SiteOrder, SiteUpdate
from federation.presentation.contributions import contributions_of
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
    assert "What each site gained the model" in page(trial, "officer_north", run)


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
    contribution_studies.scored({"order": str(order.id)})()
    study.refresh_from_db()
    assert "expected number, sum and squares" in study.error
    assert study.result["too_few"] == ["phantom-2"] and [r["site"] for r in study.result["sites"]] == ["phantom-1"]
    assert "fewer than 5 training patients: not shown" in page(trial, "auditor", run)
    SiteUpdate.objects.filter(round__run=run).update(weights={"primary": "0" * 64})
    lost = contribution_studies.study_start(**ask)
    rebuilt(lost)
    lost.refresh_from_db()
    assert "cannot be read" in lost.error and lost.result is None
