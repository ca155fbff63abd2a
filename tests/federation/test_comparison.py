"""Runs beside one another: what is comparable, what is said, who reads it, and what leaves as a file."""

from __future__ import annotations

import csv
import io
import uuid

import pytest
from django.urls import reverse

from federation.models import Round, SiteUpdate, TrainingRun
from federation.presentation.comparison import MODELS, REPETITIONS, compare
from federation.presentation.costs import run_costs
from tests.factories import rounds as made
from tests.factories.federation import make_federation, make_run
from tests.factories.people import make_people
from tests.federation.test_pages import signed_in

pytestmark = pytest.mark.django_db
WIN = [40, 36.0, 20.0, 16.0, 36.0, 20.0, 16, 0]  # of 40 patients 36 against 20 right, never worse
EVEN = [40, 30.0, 29.0, 3.0, 30.0, 29.0, 2, 1]


@pytest.fixture
def world():
    return make_federation(make_people())


def finished(world, *, name="Run", paired=None, rounds=2, **config) -> TrainingRun:
    run = make_run(world, state=TrainingRun.State.FINISHED, rounds=rounds)
    for round_ in made.make_done_rounds(run, rounds):
        if paired is not None:
            metrics = {**round_.metrics, "paired": {"north": paired, "south": paired}}
            Round.objects.filter(id=round_.id).update(metrics=metrics)
    run.name, run.config, run.started_at = name, {**run.config, **config}, run.created_at
    run.save(update_fields=["name", "config", "started_at"])
    return run


def address(name: str, *runs) -> str:
    return reverse(name) + "?" + "&".join(f"run={getattr(run, 'id', run)}" for run in runs)


@pytest.mark.parametrize(
    ("paired", "words"),
    [
        (WIN, "The quantum model wins against its classical twin: difference in accuracy +0.400"),
        (EVEN, "The quantum model does not win against its classical twin: difference in accuracy +0.025"),
        (None, "Not measured: no site sent both models’ scores"),
    ],
)
def test_a_run_says_whether_its_quantum_model_wins(world, paired, words):
    run = finished(world, paired=paired)
    found = compare([run]).results[0]
    assert found.words.replace("'", "’").startswith(words)
    assert found.end.n == (0 if paired is None else 80)
    text = signed_in(world, "auditor").get(reverse("run", args=[run.id])).content.decode()
    assert ("+0.400" in text) == (paired == WIN)


def test_one_seed_is_compared_as_models_and_the_interval_is_wider(world):
    found = compare([finished(world, paired=WIN), finished(world, paired=EVEN)])
    assert (found.kind, found.refused) == (MODELS, ())
    quantum, twin = found.between
    assert quantum.difference == pytest.approx(60 / 80 - 72 / 80)
    assert twin.difference == pytest.approx(58 / 80 - 40 / 80)
    assert quantum.words == "worse than in the first run"
    pairs = found.results[0].end
    assert quantum.upper - quantum.lower > (pairs.upper - pairs.lower) / 2


def test_sites_that_are_silent_in_one_run_leave_no_comparison_between_the_runs(world):
    short = finished(world, paired=WIN)
    last = short.rounds.last()
    last.metrics["paired"]["south"] = None
    last.save(update_fields=["metrics"])
    found = compare([finished(world, paired=EVEN), short])
    assert found.between == ()
    assert found.results[1].silent == ["south"]
    assert found.results[1].end.n == 40


def test_other_seeds_are_repetitions_if_nothing_else_differs(world):
    found = compare([finished(world, paired=WIN, seed=seed) for seed in (1, 2, 3)])
    assert (found.kind, found.refused) == (REPETITIONS, ())
    assert found.repeated.n == 3
    assert found.repeated.p == pytest.approx(0.25)
    assert found.repeated.mean == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"data_digests": {"north": "a" * 64, "south": "b" * 64}}, "frozen on different data"),
        ({"seed": 2, "rounds": 9}, "Their seeds are 1, 2"),
        ({"task": "segmentation"}, "different tasks"),
    ],
)
def test_what_is_not_comparable_is_refused_with_the_reason(world, changed, reason):
    one, two = finished(world, paired=WIN), finished(world, paired=WIN, **changed)
    assert any(reason in words for words in compare([one, two]).refused)
    client = signed_in(world, "officer_north")
    assert reason in client.get(address("run_compare", one, two)).content.decode()
    assert client.get(address("run_compare_csv", one, two)).status_code in {302, 400}
    assert client.get(address("run_compare_json", one, two)).json()["comparable"] is False


def test_a_run_that_goes_on_is_refused(world):
    running = make_run(world, state=TrainingRun.State.RUNNING)
    text = signed_in(world, "auditor").get(address("run_compare", running, finished(world))).content.decode()
    assert "only finished runs are compared" in text


def test_the_page_compares_what_stands_in_its_address(world):
    one, two = finished(world, name="<b>One</b>", paired=WIN), finished(world, name="Two", paired=EVEN)
    response = signed_in(world, "operator_south").get(address("run_compare", one, two, one))
    text = response.content.decode()
    assert response.status_code == 200
    assert "&lt;b&gt;One" in text and "<b>One" not in text
    assert "does not win" in text and "The quantum model wins" in text
    assert text.count("runs/compare.csv?run=") == 1


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (["x"], "Expected the ids of runs"),
        ([uuid.uuid4()], "1 of the 1 chosen runs cannot be shown"),
        ([uuid.uuid4() for _ in range(11)], "at most 10 runs, got 11"),
    ],
)
def test_a_bad_choice_is_said_and_nothing_is_shown(world, chosen, words):
    client = signed_in(world, "auditor")
    response = client.get(address("run_compare", *chosen))
    assert response.status_code == 400
    assert words in response.content.decode()
    assert client.get("/api/v1/runs/compare", {"run": chosen}).status_code == 400


def test_without_a_choice_the_page_says_how_to_choose(world):
    assert "No runs chosen" in signed_in(world, "auditor").get(reverse("run_compare")).content.decode()


def test_runs_of_another_institution_do_not_exist(world):
    run = finished(world, paired=WIN)
    assert signed_in(world, "outsider").get(address("run_compare", run)).status_code == 400
    assert signed_in(world, "operator_north").get(address("run_compare", run)).status_code == 200


def test_only_finished_runs_can_be_ticked(world):
    done, opened = finished(world), make_run(world)
    text = signed_in(world, "auditor").get(reverse("federation", args=[world.federation.id])).content.decode()
    assert f'name="run" value="{done.id}"' in text
    assert f'name="run" value="{opened.id}"' not in text


def test_the_file_holds_every_round_and_site_and_no_formula(world):
    run = finished(world, name="=1+1", paired=EVEN)
    response = signed_in(world, "auditor").get(address("run_compare_csv", run))
    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert [(r["scope"], r["round"]) for r in rows] == [
        ("all sites", "1"), ("all sites", "2"), ("north", "2"), ("south", "2")
    ]  # fmt: skip
    assert rows[0]["run"] == "'=1+1"
    assert float(rows[0]["difference"]) == pytest.approx(2 / 80)
    assert rows[0]["verdict"] == "does not win"


def test_the_api_gives_the_same_as_the_file(world):
    run = finished(world, paired=WIN)
    client = signed_in(world, "auditor")
    answer = client.get("/api/v1/runs/compare", {"run": str(run.id)}).json()
    assert answer == client.get(address("run_compare_json", run)).json()
    (only,) = answer["runs"]
    assert only["end"]["verdict"] == "wins"
    assert only["shots"] is None and only["models"]["primary"]["circuit"]["n_qubits"] >= 2
    assert only["models"]["primary"]["joules"] is None


def update(round_, participant, **told) -> None:
    SiteUpdate.objects.create(
        round=round_, participant=participant, weights={}, n_records=10, message_digest="a" * 64, signature="x",
        metrics={name: {"loss": 0.1, "steps": 1, "sample_rate": 1.0, **told} for name in ("primary", "baseline")},
    )  # fmt: skip


def test_costs_are_sums_over_sites_and_rounds_and_name_their_source(world):
    run = finished(world)
    for round_ in run.rounds.all():
        for participant in world.participants.values():
            update(round_, participant, seconds=2.0, cpu_seconds=1.5, joules=30.0, energy_source="declared", watts=20.0)
    cost = run_costs(run).of("primary")
    assert (cost.seconds, cost.cpu_seconds, cost.joules, cost.bytes_sent) == (8.0, 6.0, 120.0, None)
    assert cost.kwh == pytest.approx(120 / 3.6e6)
    assert run_costs(run).watts == (("north", 20.0), ("south", 20.0))
    text = signed_in(world, "auditor").get(reverse("run", args=[run.id])).content.decode()
    assert "the watts that the site&#x27;s operator declared" in text


def test_half_of_the_energy_is_not_taken_for_the_whole(world):
    run = finished(world, rounds=1)
    update(run.rounds.get(), world.participants["north"], seconds=2.0, cpu_seconds=1.5, joules=30.0)
    update(run.rounds.get(), world.participants["south"], seconds=2.0)
    cost = run_costs(run).of("baseline")
    assert (cost.seconds, cost.cpu_seconds, cost.joules) == (4.0, None, None)
