"""Scores with noise: what a patient can move, what it costs, and what is read of the sums."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.domain.feature_summaries import UNITS
from federation.domain.noised_scores import ALL, ScoresConfig, masked_code, noised, read
from federation.domain.privacy.accountant import composed_epsilon
from federation.domain.privacy.stream import KeyedStream
from federation.domain.secure.config import SecurityConfig

GROUPS = {"sex": ["male", "female"], "age": ["60+", "under 60"]}
NAN = float("nan")


def config(epsilon: float = 1.0, *, task: str = "classification", rounds: int = 5) -> ScoresConfig:
    return ScoresConfig.within(GROUPS, task=task, rounds=rounds, epsilon=epsilon, delta=1e-5)


def diagnosed(truth, flagged):
    return SimpleNamespace(truth=np.array(truth, bool), flagged=np.array(flagged, bool))


def test_a_diagnosis_is_counted_by_hand():
    table = config().table("classification", last=True)
    assert table.rows == (ALL, ("age", "60+"), ("age", "under 60"), ("sex", "female"), ("sex", "male"))
    groups = {"sex": np.array(["female", "female", "male"]), "age": np.array(["60+", "under 60", "60+"])}
    found = table.count(diagnosed([1, 1, 0], [1, 0, 0]), groups) / UNITS
    assert table.columns == ("tp", "fn", "fp", "tn")
    assert found.tolist() == [[1, 1, 0, 1], [1, 0, 0, 1], [0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1]]


def test_a_segmentation_is_counted_by_hand_and_before_the_last_round_the_headline_alone():
    scores = config(task="segmentation")
    assert scores.table("segmentation", last=False).columns == ("dice", "dice sum")
    table = scores.table("segmentation", last=True)
    outcomes = SimpleNamespace(metrics={
        "dice": np.array([0.5, NAN, 1.0]), "tpr": np.array([0.25, NAN, 1.0]), "fpr": np.array([0.0, 0.125, NAN]),
    })  # fmt: skip
    found = table.count(outcomes, {"sex": np.array(["male"] * 3)}) / UNITS  # of age this site says nothing
    assert table.columns == ("dice", "dice sum", "tpr", "tpr sum", "fpr", "fpr sum")
    assert found[0].tolist() == [2, 1.5, 2, 1.25, 2, 0.125]
    by = dict(zip(table.rows, found.tolist(), strict=True))
    assert by["sex", "male"] == found[0].tolist() and by["age", "60+"] == [0] * 6


@given(st.data())
def test_no_patient_moves_a_table_further_than_the_accountant_is_told(data):
    task = data.draw(st.sampled_from(["classification", "segmentation"]))
    last, value = data.draw(st.booleans()), st.one_of(st.floats(0, 1), st.just(NAN))
    table = config(task=task).table(task, last=last)
    groups = {name: np.array([data.draw(st.sampled_from(values))]) for name, values in GROUPS.items()}
    outcomes = SimpleNamespace(
        truth=np.array([data.draw(st.booleans())]), flagged=np.array([data.draw(st.booleans())]),
        metrics={name: np.array([data.draw(value)]) for name in ("dice", "tpr", "fpr")},
    )  # fmt: skip
    moved = np.concatenate([table.count(outcomes, groups).ravel()] * 2).astype(float)  # by both models
    spend = table.spend(3.0)
    assert np.linalg.norm(moved) <= spend.levels
    assert np.abs(moved).sum() <= UNITS * spend.parameters
    assert spend.noise_multiplier * spend.levels == pytest.approx(3.0 * UNITS)


@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_the_noise_keeps_all_rounds_within_the_epsilon_and_less_of_it_is_refused(task):
    scores = config(2.0, task=task, rounds=6)
    spent = composed_epsilon(scores.spends(task, 6), 1e-5)
    assert 1.95 < spent <= 2.0
    scores.require_honest(task, 6, 1e-5)
    with pytest.raises(ValueError, match="within ε 2"):
        ScoresConfig(2.0, 0.9 * scores.noise_sd, scores.groups).require_honest(task, 6, 1e-5)
    with pytest.raises(ValueError, match="within ε 2"):
        scores.require_honest(task, 20, 1e-5)
    assert [spend.steps for spend in scores.spends(task, 6)] == [5, 1]
    assert [spend.steps for spend in scores.spends(task, 2, with_last=False)] == [2]


def test_without_noise_the_figures_are_the_rates():
    table = config().table("classification", last=False)
    one, two = ([30, 10, 5, 55], [40, 0, 0, 60])
    first, second = read(UNITS * np.array([one, two]), table, noise_sd=0.0, min_cell=5)
    assert first[ALL]["tpr"] == {"n": 40, "mean": 0.75, "noise_sd": 0.0}
    assert (first[ALL]["fpr"]["mean"], first[ALL]["accuracy"]["mean"]) == (pytest.approx(5 / 60), 0.85)
    assert second[ALL]["accuracy"] == {"n": 100, "mean": 1.0, "noise_sd": 0.0}


def test_what_is_lost_in_the_noise_is_not_shown_nor_what_is_too_few():
    table = config().table("classification", last=False)
    told = UNITS * np.array([[30, 10, 1, 2]] * 2)
    figures = read(told, table, noise_sd=4.0, min_cell=5)[0][ALL]
    assert figures["tpr"]["n"] == 40 and figures["fpr"] == {"n": None, "mean": None, "noisy": True}
    assert read(told, table, noise_sd=0.01, min_cell=5)[0][ALL]["fpr"]["n"] is None  # 3 patients
    assert read(-told, table, noise_sd=4.0, min_cell=5)[0][ALL]["tpr"]["n"] is None


@pytest.mark.parametrize(("task", "numbers"), [("classification", [60, 20, 30, 90]), ("segmentation", [200, 120])])
def test_the_stated_noise_of_a_figure_is_the_spread_of_draws(task, numbers):
    sd, stream = 5.0, KeyedStream(7)
    table = config(task=task).table(task, last=False)
    scores = ScoresConfig(1.0, sd, ())
    exact = np.array([[numbers]] * 2) * UNITS
    metric = "accuracy" if task == "classification" else "dice"
    drawn = [
        read(noised(exact, scores, threshold=0, stream=stream).ravel(), table, noise_sd=sd, min_cell=5)
        for _ in range(600)
    ]
    means = [model[ALL][metric]["mean"] for both in drawn for model in both]
    stated = np.mean([both[0][ALL][metric]["noise_sd"] for both in drawn])
    assert np.std(means) == pytest.approx(stated, rel=0.1)


def test_under_masks_the_sites_shares_are_enough_at_the_threshold_though_one_tells_its_own():
    scores, zeros = ScoresConfig(1.0, 6.0, ()), np.zeros(4000, dtype=np.int64)
    threshold = 4
    shares = [noised(zeros, scores, threshold=threshold, stream=KeyedStream(k)) for k in range(threshold)]
    known_to_a_curious_one = sum(shares[1:]) / UNITS
    assert known_to_a_curious_one.std() == pytest.approx(6.0, rel=0.05)
    assert (noised(zeros, scores, threshold=0, stream=KeyedStream(9)) / UNITS).std() == pytest.approx(6.0, rel=0.05)


def test_masked_numbers_have_room_for_the_noise_and_come_back():
    scores = ScoresConfig(1.0, 30.0, ())
    security = SecurityConfig.recommended(dict.fromkeys(("a", "b", "c"), "0" * 64), most_records=50)
    code = masked_code(scores, security)
    values = np.array([50 + 8 * 30.0, -100.015625, 0.0])
    assert np.allclose(code.decode(code.encode(values)), values, atol=1e-3)
    assert code.most == 50 + math.ceil(8 * 30)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epsilon": 0}, "epsilon of scores over 0"),
        ({"noise_sd": "much"}, "noise_sd of scores over 0"),
        ({"groups": [["sex", ["male", "male"]]]}, "each once"),
        ({"groups": [["sex", [str(n) for n in range(500)]]]}, "up to 400 groups"),
        ({"groups": "sex"}, "groups by attribute"),
        ({"more": 1}, "expected epsilon, noise_sd and groups"),
    ],
)
def test_a_part_that_cannot_be_is_refused_in_words(change, message):
    raw = config().as_dict()
    assert ScoresConfig.from_dict(raw).as_dict() == raw
    with pytest.raises(ValueError, match=message):
        ScoresConfig.from_dict({**raw, **change})
