"""Reconstruction end to end: what a round gives away, and when that may be called safe."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from audits.domain.attacks.similarity import Yardstick
from audits.domain.verdict import Verdict
from audits.predeployment.checks.at_site import Bench
from audits.predeployment.checks.base import AnswerError, Gathered
from audits.predeployment.checks.reconstruction import Reconstruction
from audits.predeployment.checks.reconstruction_certified import CertifiedReconstruction
from audits.predeployment.checks.reconstruction_evidence import WAYS, ReconstructionAnswer, Tally
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import measure_at, read_answer, settings_of
from core.charts import interval_chart
from federation.domain.data.dataset import split
from federation.domain.data.phantom import generate
from federation.domain.models.registry import build
from federation.domain.run_config import MODEL_NAMES
from tests.factories.checks import run_check
from tests.factories.privacy import BY_HEART, PRIVATE, at_site, coin_benches

QUICK = {"steps": 3, "patients": 4, "dummies": 4}
UNET = {"kind": "unet", "inputs": 1, "channels": [4, 4, 4], "hidden": 3, "outputs": 4}


@pytest.fixture(scope="module")
def private():
    return coin_benches(PRIVATE, {"north": 360, "south": 360})


@pytest.fixture(scope="module")
def answer(private):
    fixed = settings_of(Reconstruction(), QUICK)
    return json.loads(
        json.dumps(measure_at(Reconstruction(), at_site(Reconstruction(), private["north"], QUICK)))
    ), fixed


def by_hand(
    check,
    *,
    successes: int,
    attempts: int,
    control: int = 0,
    bare: int = 10,
    weakest: int = 10,
    beside: int | None = None,
):
    """The verdict over one site with these counts; `beside` bare steps are solved at another that stopped there."""

    def tally(found: int, of: int) -> Tally:
        return Tally(of, dict.fromkeys(WAYS, found))

    ways = {
        "bare": tally(bare, 10), "weakest": tally(min(bare, weakest), 10), "protected": tally(0, 10),
        "round": tally(successes, attempts),
        "control": tally(control, attempts),
    }  # fmt: skip
    one = ReconstructionAnswer(dict.fromkeys(MODEL_NAMES, ways), 0.9, 0.7, 40, dp=True, moved=True)
    answers = {"north": (one,)}
    if beside is not None:
        halted = dict.fromkeys(ways, tally(0, 0)) | {"bare": tally(beside, 10)}
        answers["south"] = (replace(one, tallies=dict.fromkeys(MODEL_NAMES, halted)),)
    return check.conclude(Gathered("classification", settings_of(check), 1, answers))


def test_both_tiers_are_installed():
    assert isinstance(check_of("reconstruction"), Reconstruction)
    assert isinstance(check_of("reconstruction_certified"), CertifiedReconstruction)


def test_a_private_round_of_enough_patients_passes_the_certification_alone(private):
    quick = run_check(Reconstruction(), private, settings=QUICK)
    assert quick.verdict is Verdict.INCONCLUSIVE and "cannot certify" in quick.sentences[-1]
    certified = run_check(CertifiedReconstruction(), private, settings=QUICK | {"orders": 2, "restarts": 1})
    assert certified.verdict is Verdict.PASS and certified.lower >= 0.995
    rows = {row[1:4:1]: row[3:] for row in certified.tables[0].rows if row[0] == "quantum model"}
    bare = next(row for row in certified.tables[0].rows if "bare" in row[1] and row[2] == "all attacks")
    assert bare[3:5] == (16, 16)  # nothing protects a single patient's step
    assert len(rows) == 20
    assert any("signed but not encrypted" in sentence for sentence in certified.sentences)
    chart = interval_chart(certified.figures[0].rows, title=certified.figures[0].title, **certified.figures[0].options)
    assert "<svg" in str(chart.svg)


def test_without_noise_the_sentence_says_so():
    found = run_check(Reconstruction(), coin_benches(BY_HEART, {"north": 40}), settings=QUICK)
    assert any("adds no noise" in sentence for sentence in found.sentences)
    assert found.verdict is not Verdict.PASS


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ({"successes": 0, "attempts": 598}, Verdict.PASS),
        ({"successes": 0, "attempts": 597}, Verdict.INCONCLUSIVE),
        ({"successes": 1, "attempts": 947}, Verdict.PASS),
        ({"successes": 1, "attempts": 946}, Verdict.INCONCLUSIVE),
        ({"successes": 30, "attempts": 600}, Verdict.FAIL),
        ({"successes": 30, "attempts": 600, "control": 30}, Verdict.INCONCLUSIVE),  # no more than by chance
        ({"successes": 0, "attempts": 598, "bare": 4}, Verdict.INCONCLUSIVE),  # the attack does not work at all
        ({"successes": 0, "attempts": 598, "weakest": 4}, Verdict.INCONCLUSIVE),  # at the first weights alone
        ({"successes": 0, "attempts": 0}, Verdict.NOT_ASSESSABLE),
        ({"successes": 0, "attempts": 0, "bare": 4}, Verdict.INCONCLUSIVE),  # not tried, since it would not work
        ({"successes": 0, "attempts": 598, "beside": 4}, Verdict.INCONCLUSIVE),  # not tried at one of the sites
        ({"successes": 30, "attempts": 600, "beside": 4}, Verdict.FAIL),  # found where it was
    ],
)
def test_the_verdict_follows_the_bounds(counts, verdict):
    assert by_hand(CertifiedReconstruction(), **counts).verdict is verdict
    quick = by_hand(Reconstruction(), **counts).verdict
    assert quick is (Verdict.INCONCLUSIVE if verdict is Verdict.PASS else verdict)


def test_an_answer_says_nothing_of_one_patient(private, answer):
    raw, fixed = answer
    assert set(raw) == {"tau", "public_median", "private", "public", "dp", "moved", "models"}
    assert set(raw["models"]["primary"]["round"]) == {"attempts", *WAYS}
    assert read_answer(Reconstruction(), "north", raw, fixed)[0].tallies["primary"]["round"].attempts == 306


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw["models"]["primary"]["round"].update(any=-1),
        lambda raw: raw["models"]["primary"]["round"].update(cosine=3, any=0),
        lambda raw: raw["models"]["primary"].pop("control"),
        lambda raw: raw["models"].pop("baseline"),
        lambda raw: raw.update(tau=1.5),
        lambda raw: raw.update(moved="yes"),
    ],
    ids=["minus", "fewer than a part", "setting", "model", "tau", "flag"],
)
def test_an_answer_that_cannot_be_is_refused(answer, spoil):
    raw, fixed = answer
    bad = json.loads(json.dumps(raw))
    spoil(bad)
    with pytest.raises(AnswerError, match="north"):
        read_answer(Reconstruction(), "north", bad, fixed)


@pytest.fixture(scope="module")
def imaged():
    parts = split(generate("phantom-1", count=40, px=16), seed=1)
    plain = coin_benches(PRIVATE, {"north": 20})["north"].config
    config = replace(plain, task="segmentation", models=dict.fromkeys(MODEL_NAMES, UNET))
    return Bench(parts, {name: build(UNET, seed=2).eval() for name in MODEL_NAMES}, config)


IMAGED = {"image_steps": 2, "images": 1, "side": 16}


def test_images_are_attacked_too_and_an_attack_without_power_stops_and_proves_nothing(imaged):
    found = run_check(Reconstruction(), {"phantom-1": imaged}, settings=IMAGED, task="segmentation")
    assert found.verdict is Verdict.INCONCLUSIVE and found.sentences[0].startswith("No round of the quantum model")
    assert any("nothing stood in its way" in sentence for sentence in found.sentences)
    assert any("belongs to the certification tier" in sentence for sentence in found.sentences)
    assert any("bare steps were solved at phantom-1" in sentence for sentence in found.sentences)
    attempts = {row[1]: row[3] for row in found.tables[0].rows if row[0] == "quantum model"}
    assert list(attempts.values()) == [1, 1, 0, 0, 0]


def test_an_attack_that_solves_bare_images_goes_on_to_rounds(imaged, monkeypatch):
    """Noise for the similarity to beat: whatever is found then counts as the patient."""
    low = Yardstick(tau=-0.9, median=-0.9, n_private=34, n_public=6)
    monkeypatch.setattr("audits.domain.attacks.similarity.yardstick", lambda *_: low)
    settings = IMAGED | {"orders": 1, "restarts": 1, "hops": 0}
    found = run_check(CertifiedReconstruction(), {"phantom-1": imaged}, settings=settings, task="segmentation")
    attempts = {row[1]: row[3:5] for row in found.tables[0].rows if row[:3:2] == ("quantum model", "all attacks")}
    assert [tuple(pair) for pair in attempts.values()] == [(1, 1), (1, 1), (1, 1), (34, 34), (34, 34)]


def test_public_copies_of_private_patients_leave_nothing_to_measure(private):
    bench = private["north"]
    splits = replace(bench.splits, validation=bench.splits.train)
    found = run_check(Reconstruction(), {"north": Bench(splits, bench.models, bench.config)}, settings=QUICK)
    assert found.verdict is Verdict.NOT_ASSESSABLE and "copies" in found.sentences[0]


def test_a_site_with_too_few_patients_is_not_assessable(private):
    bench = private["north"]
    few = bench.splits.train.take(np.arange(2))
    splits = replace(bench.splits, train=few, audit=bench.splits.audit.take(np.arange(2)))
    found = run_check(Reconstruction(), {"north": Bench(splits, bench.models, bench.config)}, settings=QUICK)
    assert found.verdict is Verdict.NOT_ASSESSABLE
