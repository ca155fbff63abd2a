"""The bootstrap over patients beside hand calculation, a plain loop, the parametric bounds and known truth."""

from __future__ import annotations

import numpy as np
import pytest

from audits.domain.fairness.bias_score import bias_score
from audits.domain.fairness.bootstrap import (
    bias_score_of_records,
    rates,
    resampled_counts,
    weighted_counts,
)
from audits.domain.fairness.groups import families
from audits.domain.fairness.records import patients_from
from audits.domain.verdict import Verdict

SEX = np.array(["female", "male"])
BAND = np.array(["under 60", "60 and over"])


def predictions(n_patients, rng, *, each=4, spread=1.0, tpr=(0.85, 0.85), fpr=(0.1, 0.1)):
    """Rows of `n_patients`, whose frailty makes their predictions right or wrong together."""
    patient = np.repeat(np.arange(n_patients), rng.integers(1, 2 * each, n_patients))
    sex, band = rng.integers(0, 2, n_patients)[patient], rng.integers(0, 2, n_patients)[patient]
    ill = rng.random(n_patients)[patient] < 0.5
    # A share `spread` of patients is all right or all wrong; the others vary from prediction to prediction.
    own, shared = rng.random(len(patient)), rng.random(n_patients)[patient]
    u = np.where(rng.random(n_patients)[patient] < spread, shared, own)
    flagged = u < np.where(ill, np.array(tpr)[sex], np.array(fpr)[sex])
    return ill, flagged, {"sex": SEX[sex], "age_band": BAND[band]}, patient


def test_counts_by_patient_equal_the_hand_calculation():
    truth, flagged = np.array([1, 1, 0, 0, 1]), np.array([1, 0, 1, 0, 1])
    sex = np.array(["f", "f", "f", "m", "m"])
    found = patients_from(truth, flagged, {"sex": sex}, np.array([7, 7, 7, 9, 9]))
    assert [cell.attributes for cell in found.cells] == [{"sex": "f"}, {"sex": "m"}]
    assert found.cells[0].confusion == {"tp": 1, "fp": 1, "tn": 0, "fn": 1}
    assert found.cells[1].confusion == {"tp": 1, "fp": 0, "tn": 1, "fn": 0}
    assert found.counts[found.kind].tolist() == [[1, 1, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0, 1, 0]]


def test_patients_with_the_same_counts_are_one_kind():
    truth, flagged = np.ones(6), np.array([1, 0, 0, 1, 1, 1])
    found = patients_from(truth, flagged, {}, np.array(["a", "a", "b", "b", "c", "c"]))
    assert sorted(found.patients.tolist()) == [1, 2]
    assert found.n == 3


def test_the_same_weights_give_what_a_plain_loop_over_rows_gives():
    rng = np.random.default_rng(2)
    truth, flagged, groups, patient = predictions(60, rng)
    found = patients_from(truth, flagged, groups, patient)
    weights = rng.multinomial(60, np.full(60, 1 / 60), size=25)
    counts = weighted_counts(found, weights)
    by_family = families(found.cells)
    for name in ("sex", "age_band", "age_band × sex"):
        for group in by_family[name]:
            wanted = dict(zip(name.split(" × "), group.name.split(" × "), strict=True))
            own = np.all([groups[attribute] == value for attribute, value in wanted.items()], axis=0)
            drawn = {metric: rates(counts, group, metric) for metric in ("tpr", "fpr", "accuracy", "selection_rate")}
            for row, weight in enumerate(weights):
                w = weight[patient] * own
                expected = {
                    "tpr": (w * truth * flagged).sum() / (w * truth).sum(),
                    "fpr": (w * ~truth * flagged).sum() / (w * ~truth).sum(),
                    "accuracy": (w * (truth == flagged)).sum() / w.sum(),
                    "selection_rate": (w * flagged).sum() / w.sum(),
                }
                for metric, value in expected.items():
                    assert drawn[metric][row] == pytest.approx(value, abs=1e-12)


def test_drawing_kinds_and_drawing_patients_scatter_alike():
    rng = np.random.default_rng(3)
    one_each = patients_from(*predictions(4000, rng, each=1))  # few kinds: multinomial over kinds
    many = patients_from(*predictions(4000, rng, each=40))  # nearly every patient is a kind of his own
    assert 8 * len(one_each.patients) <= 4000 < 8 * len(many.patients)
    for found in (one_each, many):
        drawn = resampled_counts(found, 1500, rng).reshape(1500, -1)
        per_patient = found.counts[found.kind].astype(float)
        expected, spread = per_patient.sum(axis=0), np.sqrt(4000 * per_patient.var(axis=0))
        seen = spread > 0
        assert np.abs((drawn.mean(axis=0) - expected)[seen] / spread[seen]).max() < 0.15  # 1500 draws: s.e. 0.026
        assert np.abs(drawn.std(axis=0)[seen] / spread[seen] - 1).max() < 0.1


def test_on_many_independent_predictions_it_agrees_with_the_parametric_bounds():
    truth, flagged, groups, _ = predictions(40_000, np.random.default_rng(4), each=1)
    patient = np.arange(len(truth))
    ours = bias_score_of_records(truth, flagged, groups, patient, seed=1)
    theirs = bias_score(patients_from(truth, flagged, groups, patient).cells, task="classification", seed=1)
    assert ours.verdict is theirs.verdict is Verdict.PASS
    assert ours.score == pytest.approx(theirs.score, abs=1e-12)
    assert ours.quantile == pytest.approx(theirs.quantile, rel=0.06)
    for a, b in zip(ours.gaps, theirs.gaps, strict=True):
        assert a.upper - a.value == pytest.approx(b.upper - b.value, rel=0.1)


def test_predictions_of_one_patient_count_as_one_where_they_go_wrong_together():
    rng = np.random.default_rng(5)
    truth, flagged, groups, patient = predictions(3000, rng, each=8)
    honest = bias_score_of_records(truth, flagged, groups, patient, seed=1)
    naive = bias_score_of_records(truth, flagged, groups, np.arange(len(truth)), seed=1)
    assert honest.score == naive.score
    assert honest.upper - honest.score > 2 * (naive.upper - naive.score)


def test_the_bounds_hold_together_in_simulated_audits_and_a_fair_model_hardly_ever_fails():
    """200 audits; truth at the limit, predictions of a patient fully dependent."""
    rng = np.random.default_rng(6)
    above, below, failed = 0, 0, 0
    for number in range(200):
        rows = predictions(900, rng, each=3, tpr=(0.75, 0.85))
        found = bias_score_of_records(*rows, seed=number, draws=400)
        sexes = [gap for gap in found.gaps if (gap.attribute, gap.metric) == ("sex", "tpr")]
        assert len(sexes) == 1
        above += sexes[0].lower > 0.1
        below += sexes[0].upper < 0.1
        failed += found.verdict is Verdict.FAIL
    # Nominal 5 % for any wrong bound at all; P(Binomial(200, 0.05) > 18) < 0.5 %.
    assert above + below <= 18
    assert failed <= 18


def test_zero_errors_are_not_certain():
    truth = np.arange(400) % 2 == 0
    sex = np.repeat(SEX, 200)
    found = bias_score_of_records(truth, truth, {"sex": sex}, np.arange(400), seed=1)
    assert found.score == 0.0
    assert found.upper > 0.02
    assert found.lower == 0.0


def test_the_fewest_patients_are_counted_in_patients_and_not_in_predictions():
    patient = np.repeat(np.arange(40), 50)
    truth, sex = patient % 2 == 0, SEX[(patient // 2) % 2]
    found = bias_score_of_records(truth, truth, {"sex": sex}, patient, seed=1)
    assert found.verdict is Verdict.NOT_ASSESSABLE
    assert {row.n for row in found.untestable if row.attribute == "sex" and row.metric == "tpr"} == {10}


def test_sites_and_unknown_groups_are_treated_as_with_the_sums_of_sites():
    truth, flagged, groups, patient = predictions(2000, np.random.default_rng(7))
    groups["sex"] = np.where(patient % 10 == 0, "unknown", groups["sex"])
    site = np.where(patient % 2, "north", "south")
    found = bias_score_of_records(truth, flagged, groups, patient, site=site, seed=1)
    assert {gap.attribute for gap in found.gaps} >= {"site", "sex × site", "age_band × sex"}
    assert "unknown" not in {name for gap in found.gaps for name in (gap.higher, gap.lower_group)}
    assert {row.group for row in found.unknown} >= {"unknown"}


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"truth": np.array([0, 1, 2, 1])}, "truth to be 0 or 1"),
        ({"flagged": np.array([0.0, 1.0, np.nan, 1.0])}, "flagged to be 0 or 1"),
        ({"flagged": np.array([0, 1])}, "4 rows of flagged"),
        ({"patient": np.array([1])}, "4 rows of patient"),
        ({"groups": {"sex": np.array(["f"])}}, "4 rows of sex"),
        ({"truth": np.array([]), "flagged": np.array([]), "patient": np.array([]), "groups": {}}, "at least one"),
        ({"draws": 3}, "at least 200"),
    ],
)
def test_bad_rows_are_refused_with_a_reason(changed, complaint):
    given = {
        "truth": np.array([0, 1, 0, 1]), "flagged": np.array([0, 1, 1, 0]), "groups": {"sex": SEX[[0, 1, 0, 1]]},
        "patient": np.arange(4), "seed": 1,
    }  # fmt: skip
    with pytest.raises(ValueError, match=complaint):
        bias_score_of_records(**given | changed)
