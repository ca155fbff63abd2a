"""Progress, silence and the estimate of the time to go, from rows whose times are known."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.template.loader import render_to_string
from django.utils import timezone

from federation.models import Participant, Round, RunEvent, TrainingRun
from federation.presentation.charts import run_charts
from federation.presentation.progress import run_fingerprint, run_progress
from federation.presentation.run_page import duration
from tests.factories import rounds as made
from tests.factories.federation import make_federation, make_run
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db
State = TrainingRun.State


@pytest.fixture
def world():
    return make_federation(make_people())


@pytest.fixture
def run(world):
    return make_run(world, state=State.RUNNING, rounds=5)


def progress_of(run):
    return run_progress(run, list(run.rounds.all()))


def test_before_the_first_round_has_finished_there_is_no_estimate(run):
    made.make_round_in_hand(run, 1)
    found = progress_of(run)
    assert (found.done, found.number, found.mean_round_seconds, found.eta_seconds) == (0, 1, None, None)


def test_the_estimate_is_the_mean_of_the_finished_rounds_times_what_is_left(run):
    made.make_done_rounds(run, 2, seconds=60)
    made.make_round_in_hand(run, 3, started=timezone.now() - timedelta(seconds=20))
    found = progress_of(run)
    assert found.mean_round_seconds == pytest.approx(60)
    assert found.eta_seconds == pytest.approx(3 * 60 - 20, abs=2)


def test_a_round_that_takes_longer_than_the_mean_does_not_make_the_estimate_negative(run):
    made.make_done_rounds(run, 4, seconds=10)
    made.make_round_in_hand(run, 5, started=timezone.now() - timedelta(minutes=5))
    assert progress_of(run).eta_seconds == 0


def test_a_paused_run_has_no_estimate(run):
    made.make_done_rounds(run, 2)
    run.state = State.PAUSED
    assert progress_of(run).eta_seconds is None


def test_a_site_that_reports_steps_is_shown_with_them(world, run):
    round_ = made.make_round_in_hand(run, 1)
    made.make_order(round_, world.participants["north"])
    made.make_step(round_, world.participants["north"], step=3, steps=12, loss=0.5)
    north = next(s for s in progress_of(run).sites if s.site == "north")
    assert (north.doing, north.model, north.step, north.steps, north.loss) == ("training", "Quantum model", 3, 12, 0.5)
    assert north.silent_since is None


def test_steps_of_an_earlier_round_are_not_shown_for_this_one(world, run):
    earlier = made.make_round_in_hand(run, 1)
    made.make_step(earlier, world.participants["north"], step=12, steps=12, loss=0.4)
    RunEvent.objects.update(at=timezone.now() - timedelta(minutes=2))
    Round.objects.update(state=Round.State.DONE, finished_at=timezone.now())
    made.make_order(made.make_round_in_hand(run, 2), world.participants["north"])
    assert progress_of(run).sites[0].step is None


def test_a_site_is_silent_after_half_a_minute_without_a_sign_of_life(world, run):
    round_ = made.make_round_in_hand(run, 1)
    last = timezone.now() - timedelta(minutes=3)
    Participant.objects.filter(site="south").update(last_seen_at=last)
    made.make_order(round_, world.participants["south"], age=timedelta(minutes=1))
    south = next(s for s in progress_of(run).sites if s.site == "south")
    assert south.silent_since == last


def test_a_site_asked_just_now_is_not_silent_however_long_it_had_nothing_to_do(world, run):
    round_ = made.make_round_in_hand(run, 1)
    Participant.objects.filter(site="south").update(last_seen_at=timezone.now() - timedelta(hours=2))
    made.make_order(round_, world.participants["south"], age=timedelta(seconds=5))
    assert all(s.silent_since is None for s in progress_of(run).sites)


def test_a_site_that_has_answered_waits_for_the_others_and_is_never_silent(world, run):
    round_ = made.make_round_in_hand(run, 1)
    Participant.objects.update(last_seen_at=timezone.now() - timedelta(hours=1))
    made.make_order(round_, world.participants["north"], state="answered")
    north = next(s for s in progress_of(run).sites if s.site == "north")
    assert north.doing == "done, waiting for the other sites" and north.silent_since is None


def _answer(world, run):
    made.make_consents(world, run, of=("north",))


def _state(world, run):
    TrainingRun.objects.filter(id=run.id).update(state=State.PAUSED)


def _event(world, run):
    RunEvent.objects.create(run=run, kind="update", text="north sent its update")


def _order(world, run):
    made.make_order(run.rounds.get(), world.participants["north"], age=timedelta(seconds=1))


def _round(world, run):
    Round.objects.update(state=Round.State.EVALUATING)


def _silence(world, run):
    made.make_order(run.rounds.get(), world.participants["south"], age=timedelta(minutes=2))


@pytest.mark.parametrize("change", [_answer, _state, _event, _order, _round, _silence])
def test_the_fingerprint_changes_with_whatever_the_page_shows(world, run, change, django_assert_num_queries):
    made.make_round_in_hand(run, 1)
    with django_assert_num_queries(1):
        before = run_fingerprint(run.id)
    assert run_fingerprint(run.id) == before
    change(world, run)
    assert run_fingerprint(run.id) != before


def test_the_fingerprint_does_not_change_with_another_run(world, run):
    before = run_fingerprint(run.id)
    _event(world, make_run(world))
    assert run_fingerprint(run.id) == before


def test_charts_hold_the_figures_of_each_round_and_nothing_that_was_not_measured(run):
    rounds = made.make_done_rounds(run, 3, epsilon=True)
    rounds[-1].metrics["primary"]["site"]["south"]["accuracy"] = {"n": 0, "mean": None}
    run.config["epsilon_budget"] = 10.0
    charts = run_charts(run, rounds)
    assert charts.metric == "Accuracy" and charts.rounds == 3
    assert charts.headline is not None and charts.by_site is not None
    assert charts.headline.table.headers == ("Round", "Quantum", "Twin")
    assert [row[0] for row in charts.headline.table.rows] == ["1", "2", "3"]
    assert charts.by_site.table.rows[-1][-1] == "not measured"
    south = next(row for row in charts.last if row.label == "south")
    assert (south.primary, south.n) == (None, 0)
    assert {s.site: s.epsilon for s in charts.spent} == pytest.approx({"north": 3.3, "south": 3.5})
    assert charts.epsilon is not None and len(charts.by_group) == 2


@pytest.mark.parametrize(
    ("figure", "shown"),
    [({"n": 12, "mean": 0.031}, (12, 0.031, "")), ({"n": None, "mean": None, "few": 5}, (None, None, "few"))],
)
def test_what_the_last_round_alone_measures_is_told_beside_the_twin(run, figure, shown):
    rounds = made.make_done_rounds(run, 2)
    assert run_charts(run, rounds).told == []
    for name in ("primary", "baseline"):
        rounds[-1].metrics[name]["overall"] |= {"auc": figure, "brier": figure}
    charts = run_charts(run, rounds)
    assert [(row.metric, row.n, row.primary, row.hidden) for row in charts.told] == [("auc", *shown), ("brier", *shown)]
    page = render_to_string("federation/run_charts.html", {"charts": charts, "run": run})
    table = page[page.index("Measured after the last round alone") :]
    assert table.count('<span class="num">0.031</span>') == (4 if shown[0] else 0)
    assert table.count("too few to show") == (0 if shown[0] else 2)
    assert "the chance that an ill patient scores higher" in table


def test_without_differential_privacy_there_is_no_chart_of_epsilon(run):
    assert run_charts(run, made.make_done_rounds(run, 1)).epsilon is None


def test_before_the_first_round_there_are_no_charts(run):
    assert run_charts(run, []).headline is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (0.2, "under 1 s"), (42, "42 s"), (89.6, "90 s"), (120, "2 min"), (5400, "1.5 h")],
)
def test_durations_are_as_coarse_as_an_estimate(seconds, words):
    assert duration(seconds) == words
