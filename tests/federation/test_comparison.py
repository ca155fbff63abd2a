"""Runs beside one another: what is comparable, what is said, who reads it, and what leaves as a file."""

from __future__ import annotations

import csv
import io
import re
import uuid

import pytest
from django.urls import reverse

from federation import mailbox
from federation.domain.models.choice import ModelChoice
from federation.domain.models.specs import chosen_specs
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
        (None, "Not measured. No site has sent both models’ scores"),
        ([20, 5.0, 0.0, 5.0, 5.0, 0.0, 5, 0], "The quantum model wins against"),
    ],
)
def test_a_run_says_whether_its_quantum_model_wins(world, paired, words):
    run = finished(world, paired=paired)
    found = compare([run]).results[0]
    assert found.words.replace("'", "’").startswith(words)
    assert found.end.n == (0 if paired is None else 2 * paired[0])
    text = signed_in(world, "auditor").get(reverse("run", args=[run.id])).content.decode()
    assert ("+0.400" in text) == (paired == WIN)


def test_one_seed_is_compared_as_models_and_the_interval_is_wider(world):
    found = compare([finished(world, paired=WIN), finished(world, paired=EVEN)])
    assert (found.kind, found.refused) == (MODELS, ())
    quantum, twin = found.between
    assert quantum.difference == pytest.approx(60 / 80 - 72 / 80)
    assert twin.difference == pytest.approx(58 / 80 - 40 / 80)
    assert quantum.words == "worse than that of the first run"
    pairs = found.results[0].end
    assert quantum.upper - quantum.lower > (pairs.upper - pairs.lower) / 2


def test_sites_that_are_silent_in_one_run_leave_no_comparison_between_the_runs(world):
    short = finished(world, paired=WIN)
    last = short.rounds.last()
    last.metrics["paired"]["south"] = None
    last.save(update_fields=["metrics"])
    found = compare([finished(world, paired=EVEN), short])
    assert (found.between, found.left_out) == ((), ("Run",))
    assert found.results[1].silent == ["south"]
    text = signed_in(world, "auditor").get(address("run_compare", *(r.run for r in found.results))).content.decode()
    assert "Left out: Run." in text and "too few to show" in text
    assert found.results[1].end.n == 40


FEW = [30, 20.0, 15.0, 5.0, 20.0, 15.0, 5, 0]  # five patients differ, all for the quantum model


def models_of(world, compared: str) -> dict:
    specs = chosen_specs("classification", 4, None, ModelChoice(compared))
    return dict(zip(("primary", "baseline"), specs, strict=True))


def test_where_few_differ_the_exact_test_decides_and_the_page_says_so(world):
    run = finished(world, paired=FEW)
    last = run.rounds.last()
    last.metrics["paired"] = {"north": FEW}
    last.save(update_fields=["metrics"])
    found = compare([run]).results[0]
    assert found.end.lower > 0 and found.end.verdict == "does not win"
    assert "too few patients differ for the exact test (p = 0.062)" in found.words


@pytest.mark.parametrize(
    ("compared", "label"), [("no_entanglement", "Ablation without entanglement"), ("logistic", "Logistic regression")]
)
def test_what_stands_in_the_twins_place_is_named_everywhere(world, compared, label):
    twin = finished(world, name="First", paired=EVEN)
    other = finished(world, name="Second", paired=WIN, models=models_of(world, compared))
    found = compare([twin, other])
    assert [(row.label, row.against) for row in found.between] == [
        ("Quantum model", "Quantum model"), (label, "Classical twin"),
    ]  # fmt: skip
    client = signed_in(world, "auditor")
    text = client.get(address("run_compare", twin, other)).content.decode()
    assert "against the first run’s classical twin" in text and f"Second: {label.lower()}" in text
    answer = client.get(address("run_compare_json", twin, other)).json()
    assert [run["compared_with"] for run in answer["runs"]] == ["twin", compared]
    assert answer["between"][1]["against_model"] == "Classical twin"
    rows = list(csv.DictReader(io.StringIO(client.get(address("run_compare_csv", other)).content.decode())))
    assert {row["compared_with"] for row in rows} == {compared}
    text = client.get(reverse("run", args=[other.id])).content.decode()
    body = text[text.index('id="results"') :]
    assert label in body and f"against {label.lower()}" in body
    said = re.sub(r'<details class="explain".*?</details>|<div class="notice.*?</div>', "", body, flags=re.S)
    assert "names the classical twin" in body and "classical twin" not in said.lower()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"security": {"masking": True}}, "Under secure aggregation the sites’ scores are known only together"),
        ({"local": {"dp": {"noise_multiplier": 1.0}}}, "Under differential privacy no pairs of scores leave"),
    ],
)
def test_a_run_without_pairs_says_which_runs_have_them(world, config, words):
    found = compare([finished(world, paired=None, **config)]).results[0]
    assert words in found.words.replace("'", "’") and "propose it again" not in found.words


def test_pairs_of_all_sites_together_are_a_verdict_without_sites(world):
    run = finished(world, paired=None, security={"masking": True})
    for round_ in run.rounds.all():
        Round.objects.filter(id=round_.id).update(metrics={**round_.metrics, "paired": {"all": WIN}})
    found = compare([run]).results[0]
    assert (found.end.n, found.by_site, found.silent) == (40, [], [])
    assert found.words.startswith("The quantum model wins")
    text = signed_in(world, "auditor").get(address("run_compare", run)).content.decode()
    assert "no site is shown by itself" in text


def test_masked_runs_are_of_the_same_patients_if_the_same_sites_were_counted(world):
    runs = {}
    for name, sites in (("One", ["north", "south"]), ("Two", ["north", "south"]), ("Three", ["north", "west"])):
        runs[name] = run = finished(world, name=name, paired=None, security={"masking": True})
        last = run.rounds.last()
        Round.objects.filter(id=last.id).update(metrics={**last.metrics, "paired": {"all": [80, *WIN[1:]]}})
        mailbox.order_create(
            participant=world.participants["north"], kind="secure_unmask", key=f"{name}:unmask", subject=last.id,
            body={"purpose": "evaluate", "counted": sites}, attachments={},
        )  # fmt: skip
    signed = finished(world, name="Signed", paired=WIN)
    found = compare([runs["One"], runs["Two"], runs["Three"], signed])
    assert [row.other.name for row in found.between] == ["Two", "Two", "Signed", "Signed"]
    assert found.left_out == ("Three",)


def test_what_was_not_measured_is_no_zero_in_files(world):
    run = finished(world, paired=None)
    client = signed_in(world, "auditor")
    (only,) = client.get(address("run_compare_json", run)).json()["runs"]
    assert only["end"]["n"] is None and only["end"]["better"] is None and only["end"]["verdict"] == "not measured"
    (row, _) = csv.DictReader(io.StringIO(client.get(address("run_compare_csv", run)).content.decode()))
    assert (row["patients"], row["better"], row["verdict"]) == ("", "", "not measured")


def terms(**changes) -> dict:
    return {"terms": {"expires_on": "2026-12-01", "code_version": "one", **changes}}


def test_repetitions_may_be_of_other_days_and_other_code_is_said(world):
    one = finished(world, paired=WIN, seed=1, **terms())
    later = finished(world, paired=WIN, seed=2, **terms(expires_on="2027-01-05"))
    found = compare([one, later])
    assert (found.kind, found.refused, found.remarks) == (REPETITIONS, (), ())
    found = compare([one, finished(world, paired=WIN, seed=2, **terms(code_version="two"))])
    assert (found.kind, found.refused) == (REPETITIONS, ()) and "different versions of the code" in found.remarks[0]
    refused = compare([one, finished(world, paired=WIN, seed=2, strategy="fedprox", rounds=9, **terms())]).refused
    assert "These also differ in: rounds, strategy." in refused[0]


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
