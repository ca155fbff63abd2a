import json

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate, true_positive_rate
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from audits.domain.fairness.bias_score import bias_score
from audits.domain.fairness.groups import POOLED
from audits.domain.fairness.simulation import simulate
from audits.domain.verdict import Verdict
from federation.domain.group_rates import Cell, Sums, tabulate
from federation.domain.intervals import squared_error


def cell(sex, tp, fn, fp, tn, site="a", **attributes):
    p, h, right = tp + fn, fp + tn, tp + tn
    sums = {
        "tpr": Sums(p, tp, tp),
        "fpr": Sums(h, fp, fp),
        "accuracy": Sums(p + h, right, right),
        "selection_rate": Sums(p + h, tp + fp, tp + fp),
    }
    return Cell(site, {"sex": sex, **attributes}, p + h, sums, {"tp": tp, "fp": fp, "tn": tn, "fn": fn})


def score(cells, **options):
    return bias_score(cells, **({"task": "classification", "seed": 1, "draws": 500} | options))


def patients(n, rng, site="a"):
    sex, age = rng.choice(["female", "male"], n), rng.choice(["<60", "60+"], n)
    truth, flagged = rng.random(n) < 0.5, rng.random(n) < 0.5
    metrics = {
        "tpr": np.where(truth, flagged, np.nan),
        "fpr": np.where(~truth, flagged, np.nan),
        "accuracy": (flagged == truth).astype(float),
        "selection_rate": flagged.astype(float),
    }
    cells = tabulate(site=site, groups={"sex": sex, "age": age}, metrics=metrics, truth=truth, flagged=flagged)
    return cells, sex, age, truth, flagged


def test_a_fair_model_with_many_patients_passes():
    result = score([cell("f", 1800, 200, 200, 1800), cell("m", 1790, 210, 205, 1795)])
    assert result.verdict is Verdict.PASS
    assert result.score == pytest.approx(0.005)
    assert result.lower == 0.0
    assert result.score <= result.upper <= 0.1


def test_a_clear_gap_fails_and_names_the_groups():
    result = score([cell("f", 300, 200, 50, 450), cell("m", 450, 50, 50, 450)])
    assert result.verdict is Verdict.FAIL
    assert (result.worst.metric, result.worst.higher, result.worst.lower_group) == ("tpr", "m", "f")
    assert result.score == pytest.approx(0.3)
    assert 0.1 < result.lower < 0.3 < result.upper


def test_few_patients_are_inconclusive_whatever_the_point_gap():
    assert score([cell("f", 34, 6, 4, 36), cell("m", 34, 6, 4, 36)]).verdict is Verdict.INCONCLUSIVE
    assert score([cell("f", 30, 10, 4, 36), cell("m", 36, 4, 4, 36)]).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("cells", [[], [cell("f", 500, 0, 0, 500)], [cell("f", 5, 1, 1, 5), cell("m", 5, 1, 1, 5)]])
def test_nothing_to_compare_is_not_assessable_and_has_no_score(cells):
    result = score(cells)
    assert result.verdict is Verdict.NOT_ASSESSABLE
    assert (result.score, result.lower, result.upper, result.worst) == (None, None, None, None)


def test_groups_without_a_single_error_are_not_certain():
    result = score([cell("f", 40, 0, 0, 40), cell("m", 40, 0, 0, 40)])
    assert result.score == 0.0
    assert result.upper > 0.05
    assert result.verdict is not Verdict.NOT_ASSESSABLE


def test_sites_alone_cannot_earn_a_pass():
    cells = [cell("f", 1800, 200, 200, 1800, site=s) for s in "ab"]
    result = score(cells)
    assert result.upper <= 0.1
    assert result.verdict is Verdict.INCONCLUSIVE


def test_an_attribute_tested_on_some_metrics_only_cannot_earn_a_pass():
    result = score([cell("f", 1800, 200, 2, 18), cell("m", 1800, 200, 2, 18)])
    sex = next(row for row in result.attributes if row.attribute == "sex")
    assert sex.untested_metrics == ("fpr",)
    assert result.verdict is Verdict.INCONCLUSIVE


def test_small_groups_are_pooled_if_the_pool_is_large_enough_and_listed_either_way():
    large = [cell(race, 90, 10, 10, 90) for race in ("x", "y")]
    pooled = score([*large, cell("u", 15, 5, 2, 18), cell("v", 15, 5, 2, 18)])
    assert {(row.group, row.pooled) for row in pooled.untestable if row.metric == "tpr"} == {("u", True), ("v", True)}
    assert POOLED in {gap.higher for gap in pooled.gaps} | {gap.lower_group for gap in pooled.gaps}

    alone = score([*large, cell("u", 15, 5, 2, 18)])
    row = next(row for row in alone.untestable if row.metric == "tpr")
    assert (row.group, row.n, row.needed, row.pooled) == ("u", 20, 30, False)
    assert POOLED not in {gap.higher for gap in alone.gaps} | {gap.lower_group for gap in alone.gaps}


def test_unknown_groups_are_reported_and_not_compared():
    result = score([cell("f", 90, 10, 10, 90), cell("m", 90, 10, 10, 90), cell("unknown", 10, 90, 90, 10)])
    assert {row.group for row in result.unknown} == {"unknown"}
    assert result.score == 0.0


def test_a_small_site_is_not_assessable_but_its_patients_count():
    cells = [cell(sex, 90, 10, 10, 90, site=s) for sex in "fm" for s in "ab"] + [cell("f", 4, 1, 1, 4, site="c")]
    result = score(cells)
    assert [(row.site, row.n) for row in result.sites_not_assessable] == [("c", 10)]
    assert "c" not in {g for gap in result.gaps if gap.attribute == "site" for g in (gap.higher, gap.lower_group)}
    assert next(row.n for row in result.groups if (row.group, row.metric) == ("f", "tpr")) == 205


def test_a_selection_rate_gap_is_reported_but_does_not_gate():
    # Same TPR and FPR, but disease is more frequent in f.
    result = score([cell("f", 2700, 300, 100, 900), cell("m", 900, 100, 300, 2700)])
    assert result.verdict is Verdict.PASS
    assert result.selection_rate[0].value == pytest.approx(0.4)


def test_point_gaps_equal_fairlearn():
    cells, sex, age, truth, flagged = patients(900, np.random.default_rng(4))
    result = score(cells)
    for metric, function in (("tpr", true_positive_rate), ("fpr", false_positive_rate), ("accuracy", accuracy_score)):
        for family, features in (("sex", sex), ("age × sex", np.char.add(np.char.add(age, "|"), sex))):
            frame = MetricFrame(metrics=function, y_true=truth, y_pred=flagged, sensitive_features=features)
            ours = max(g.value for g in result.gaps if (g.attribute, g.metric) == (family, metric))
            assert ours == pytest.approx(float(frame.difference()), abs=1e-12)


def test_bounds_that_hold_together_are_wider_than_a_single_interval():
    one = score([cell("f", 900, 100, 100, 900), cell("m", 900, 100, 100, 900)])
    many = score([cell(g, 900, 100, 100, 900, site=s) for g in "fmx" for s in "abc"])
    assert 1.9 < one.quantile < many.quantile < 4.0


def test_a_fair_model_rarely_fails_and_the_bounds_hold():
    rng = np.random.default_rng(7)
    wrong = {"lower": 0, "upper": 0, "fail": 0}
    for _ in range(60):
        cells = []
        for group, rate in (("f", 0.75), ("m", 0.85), ("x", 0.85)):  # the true score is exactly at the threshold
            for site in "abcdef":  # many small cells
                tp, fp = int(rng.binomial(25, rate)), int(rng.binomial(25, 0.1))
                cells.append(cell(group, tp, 25 - tp, fp, 25 - fp, site=site))
        result = score(cells, draws=300, min_patients_site=10**6)
        wrong["lower"] += result.lower > 0.1
        wrong["upper"] += result.upper < 0.1
        wrong["fail"] += result.verdict is Verdict.FAIL
    assert max(wrong.values()) <= 7  # 5 % of 60 is 3; P(more than 7) < 1 %


def test_the_result_is_reproducible_whatever_the_order_of_cells_and_is_plain_json():
    cells, *_ = patients(600, np.random.default_rng(1))
    one, two = score(cells), score(cells[::-1])
    assert json.dumps(one.as_dict()) == json.dumps(two.as_dict())
    assert all(isinstance(s, str) and s for s in one.sentences)


def segmentation_cells(rng, n, shift=0.0):
    groups = {"sex": np.repeat(["f", "m"], n)}
    dice = np.clip(rng.normal(0.8, 0.1, 2 * n) - shift * (groups["sex"] == "f"), 0, 1)
    lesion = rng.random(2 * n) < 0.9
    metrics = {
        "dice": np.where(lesion, dice, np.nan),
        "tpr": np.where(lesion, dice, np.nan),
        "fpr": np.full(2 * n, 0.01),
        "selection_rate": lesion.astype(float),
    }
    return tabulate(site="a", groups=groups, metrics=metrics, truth=lesion, flagged=lesion)


def test_segmentation_is_judged_on_dice():
    rng = np.random.default_rng(0)
    assert score(segmentation_cells(rng, 400), task="segmentation").verdict is Verdict.PASS
    worse = score(segmentation_cells(rng, 400, shift=0.25), task="segmentation")
    assert worse.verdict is Verdict.FAIL
    assert worse.worst.metric in ("dice", "tpr")
    few = score(segmentation_cells(rng, 35), task="segmentation")
    assert few.verdict is Verdict.INCONCLUSIVE


def test_a_continuous_metric_that_never_varies_is_known_no_better_than_zero_of_n():
    constant = squared_error(30.0, np.array(15.0), np.array(7.5), binary=False)
    zero_of_n = squared_error(30.0, np.array(0.0), np.array(0.0), binary=True)
    assert constant == pytest.approx(zero_of_n)


def test_simulated_accuracy_hangs_together_with_tpr_and_fpr():
    cells = [cell("f", 30, 10, 5, 55), cell("m", 3, 0, 0, 4)]
    drawn = simulate(cells, ("tpr", "fpr", "accuracy"), binary=True, draws=50, rng=np.random.default_rng(0))
    healthy = np.array([60, 4])
    assert np.array_equal(drawn["accuracy"].total, drawn["tpr"].total + healthy - drawn["fpr"].total)


def test_bad_input_is_refused_with_a_reason():
    good = cell("f", 90, 10, 10, 90)
    with pytest.raises(ValueError, match="twice"):
        score([good, good])
    with pytest.raises(ValueError, match="task"):
        score([good], task="regression")
    torn = Cell("a", {"sex": "m"}, 200, good.metrics | {"accuracy": Sums(199, 180, 180)}, good.confusion)
    with pytest.raises(ValueError, match="same patients"):
        score([good, torn])


counts = st.tuples(*[st.integers(0, 80)] * 4)


@settings(max_examples=25, deadline=None)
@given(st.lists(counts, min_size=2, max_size=5))
def test_bounds_enclose_every_gap_and_stay_in_range(tables):
    cells = [cell(f"g{i}", *table) for i, table in enumerate(tables)]
    result = score(cells, draws=200)
    for gap in (*result.gaps, *result.selection_rate):
        assert 0 <= gap.lower <= gap.value <= gap.upper <= 1
    if result.verdict is Verdict.PASS:
        assert result.upper <= result.threshold


def crossed(numbers):
    """Cells of gender x ethnicity x race x age band; every tenth patient of the cell is missed or falsely flagged."""
    out = []
    for gender in ("female", "male"):
        for ethnicity in ("hispanic", "not hispanic"):
            for race in ("asian", "black"):
                for site in ("north", "south"):
                    found = numbers(gender, ethnicity, race, site)
                    attributes = {"ethnicity": ethnicity, "race": race, "age_band": "60 and over"}
                    out.append(cell(gender, found, 600 - found, 60, 540, site=site, **attributes))
    return out


def test_pairs_of_attributes_all_of_them_and_sites_are_compared():
    found = {gap.attribute for gap in score(crossed(lambda *_: 540)).gaps}
    pairs = {"ethnicity × race", "ethnicity × sex", "race × sex", "age_band × sex", "age_band × race"}
    assert pairs | {"age_band × ethnicity × race × sex"} <= found
    assert {"ethnicity", "race", "sex", "site", "sex × site", "race × site"} <= found


def test_harm_that_shows_only_where_two_attributes_meet_is_caught():
    """Race and sex alone look fair: those who are missed are black women and asian men."""
    result = score(crossed(lambda gender, _, race, __: 330 if (gender == "female") == (race == "black") else 540))
    assert result.verdict is Verdict.FAIL
    verdicts = {row.attribute: row.verdict for row in result.attributes}
    assert verdicts["sex"] is verdicts["race"] is Verdict.PASS
    assert verdicts["race × sex"] is Verdict.FAIL


def test_harm_to_one_group_at_one_hospital_is_caught():
    result = score(crossed(lambda gender, _, __, site: 330 if (gender == "female") == (site == "north") else 540))
    verdicts = {row.attribute: row.verdict for row in result.attributes}
    assert verdicts["sex"] is verdicts["site"] is Verdict.PASS
    assert verdicts["sex × site"] is Verdict.FAIL


def test_a_group_at_a_small_site_is_not_compared_and_not_pooled_with_others():
    cells = [cell(sex, 90, 10, 10, 90, site=s) for sex in "fm" for s in "ab"]
    result = score([*cells, *(cell(sex, 4, 1, 1, 4, site="c") for sex in "fm")], min_patients_site=30)
    named = {name for gap in result.gaps for name in (gap.higher, gap.lower_group) if gap.attribute == "sex × site"}
    assert named == {"f × a", "f × b", "m × a", "m × b"}


def test_what_is_stored_keeps_the_telling_gaps_and_counts_all():
    cells = [cell(f"g{i:02}", 40 + i, 20, 10, 50, site=s) for i in range(20) for s in "ab"]
    result = score(cells, draws=200)
    stored = result.as_dict()
    assert stored["n_gaps"] == len(result.gaps) > len(stored["gaps"])
    assert max(gap["value"] for gap in stored["gaps"]) == result.score
    assert max(gap["upper"] for gap in stored["gaps"]) == result.upper
    assert max(gap["lower"] for gap in stored["gaps"]) == result.lower
