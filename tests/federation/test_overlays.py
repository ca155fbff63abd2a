"""Overlays: a site sends none by default, its own people see them, and nobody else does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.urls import reverse

from accounts.models import Membership
from core.errors import Conflict, Forbidden
from core.roles import Role
from federation import consents, overlays
from federation.domain.round_metrics import SMALL_SITES
from federation.models import SiteOrder, TrainingRun
from federation.site.home import SiteHome
from tests.federation.test_pages import signed_in
from tests.federation.test_training_rounds import Trial

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial(tmp_path):
    return Trial(tmp_path)


@pytest.fixture
def run(trial) -> TrainingRun:
    """A finished run of two phantom hospitals."""
    from federation import services

    run = trial.approved_run(rounds=1)
    services.run_start(run=run, actor=trial.people.administrator)
    from tests.federation.test_training_rounds import run_jobs

    run_jobs()
    trial.answer("train")
    trial.answer("evaluate")
    run.refresh_from_db()
    assert run.state == TrainingRun.State.FINISHED
    return run


def allow(trial, code: str) -> None:
    home = trial.sites[code].home
    SiteHome.create(home.folder, replace(home.config, overlays=True))


def get(trial, who: str, run, **query):
    return signed_in(trial, who).get(reverse("run_overlays", args=[run.id]), query)


def ask(trial, who: str, run):
    return signed_in(trial, who).post(reverse("run_overlays_ask", args=[run.id]))


def test_pairs_of_few_patients_are_told_together_alone(trial, run):
    paired = run.rounds.get().metrics["paired"]
    # Two and three with a lesion: too few at each, five together.
    assert (paired["phantom-1"], paired["phantom-2"], paired[SMALL_SITES][0]) == (None, None, 5)


def test_an_update_says_what_it_took(trial, run):
    for update in run.rounds.get().updates.all():
        assert update.metrics["primary"]["cpu_seconds"] >= 0
        assert update.metrics["primary"].get("energy_source") in {None, "rapl"}


def test_a_site_sends_no_pictures_unless_its_own_configuration_says_so(trial, run):
    ask(trial, "operator_north", run)
    trial.answer("overlays")
    order = SiteOrder.objects.get(kind="overlays")
    assert order.state == "failed"
    assert order.answer_attachments == {}
    text = get(trial, "operator_north", run).content.decode()
    assert "pictures of patients do not leave this site" in text
    assert "Ask your site’s worker" in text


def test_its_own_people_see_them_and_nobody_else(trial, run):
    allow(trial, "phantom-1")
    ask(trial, "operator_north", run)
    assert "Your site is asked" in get(trial, "officer_north", run).content.decode()
    trial.answer("overlays")
    text = get(trial, "officer_north", run).content.decode()
    assert 'class="overlay"' in text and "Dice of the volume: quantum" in text
    records = trial.sites["phantom-1"].data.record_ids
    assert not any(f">{record}<" in text or f"Patient {record}" in text for record in records)
    assert get(trial, "officer_north", run)["Cache-Control"].startswith("max-age=0")
    for who in ("operator_south", "administrator", "auditor"):
        other = get(trial, who, run).content.decode()
        assert 'class="overlay"' not in other
    assert "For the sites’ own people" in get(trial, "auditor", run).content.decode()
    assert get(trial, "outsider", run).status_code == 404


def test_many_patients_are_shown_by_pages(trial, run, monkeypatch):
    monkeypatch.setattr("federation.views_overlays.PER_PAGE", 2)
    allow(trial, "phantom-1")
    ask(trial, "operator_north", run)
    trial.answer("overlays")
    shown = overlays.overlays_read(SiteOrder.objects.get(kind="overlays"))
    assert len(shown) > 2
    assert get(trial, "operator_north", run, page=1).content.decode().count('class="overlay"') == 2
    assert get(trial, "operator_north", run, page=2).content.decode().count('class="overlay"') >= 1


def test_asking_twice_is_refused_and_after_a_refusal_allowed(trial, run):
    ask(trial, "operator_north", run)
    with pytest.raises(Conflict, match="asked already"):
        overlays.overlays_ask(run=run, actor=trial.people.operator_north)
    trial.answer("overlays")
    allow(trial, "phantom-1")
    ask(trial, "operator_north", run)
    trial.answer("overlays")
    assert [o.state for o in SiteOrder.objects.filter(kind="overlays").order_by("created_at")] == ["failed", "answered"]


def test_a_site_is_asked_by_its_own_operator_alone(trial, run):
    """An operator at south who is a clinician at north."""
    people = trial.people
    Membership.objects.create(user=people.operator_south, institution=people.north, role=Role.CLINICIAN)
    with pytest.raises(Forbidden, match="its own operator"):
        overlays.overlays_ask(run=run, actor=people.operator_south, site="phantom-1")
    assert ask(trial, "operator_south", run).url.endswith("?site=phantom-2")
    assert SiteOrder.objects.get(kind="overlays").participant.site == "phantom-2"
    seen = get(trial, "operator_south", run, site="phantom-1").content.decode()
    assert "No overlays yet" in seen and "run_overlays_ask" not in seen and "Ask your site’s worker" not in seen
    assert "Your site is asked" in get(trial, "operator_south", run).content.decode()
    assert "For the sites’ own people" in get(trial, "operator_north", run, site="phantom-2").content.decode()


def test_a_site_that_left_the_run_is_asked_for_no_pictures(trial, run):
    consents.consent_decide(
        run=run, participant=run.federation.participants.get(site="phantom-1"), decision="withdrawn", reason="r",
        capacity="operator", actor=trial.people.operator_north,
    )  # fmt: skip
    with pytest.raises(Conflict, match="has left this run"):
        overlays.overlays_ask(run=run, actor=trial.people.operator_north)


def test_an_answer_that_is_none_is_said(trial, run):
    allow(trial, "phantom-1")
    ask(trial, "operator_north", run)
    SiteOrder.objects.filter(kind="overlays").update(state="answered", answer={}, answer_attachments={})
    response = get(trial, "operator_north", run)
    assert response.status_code == 200
    assert "The answer cannot be drawn" in response.content.decode()


def test_an_open_run_has_none(trial):
    run = trial.approved_run(rounds=1)
    with pytest.raises(Conflict, match="finished run"):
        overlays.overlays_ask(run=run, actor=trial.people.operator_north)
