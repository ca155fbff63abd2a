"""The search for subgroups beside AIF360's, by hand, under the null and with planted harm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.domain.fairness.aif360_scan import aif360_scan
from audits.domain.fairness.subgroup_scan import subgroup_scan
from audits.domain.fairness.subgroups import subgroups
from audits.domain.verdict import Verdict
from federation.domain.group_rates import Cell, Sums, tabulate


def cell(tp, fn, fp, tn, site="a", **attributes):
    p, h = tp + fn, fp + tn
    sums = {"tpr": (p, tp), "fpr": (h, fp), "accuracy": (p + h, tp + tn), "selection_rate": (p + h, tp + fp)}
    metrics = {name: Sums(n, float(total), float(total)) for name, (n, total) in sums.items()}
    return Cell(site, attributes, p + h, metrics, {"tp": tp, "fp": fp, "tn": tn, "fn": fn})


def grid(rng, n, *, missed=lambda sex, age, site: 0.15):
    """Cells of two sexes, three ages and two sites with n ill and n healthy patients each."""
    cells = []
    for sex in ("female", "male"):
        for age in ("<40", "40-60", "60+"):
            for site in ("north", "south"):
                fn, fp = int(rng.binomial(n, missed(sex, age, site))), int(rng.binomial(n, 0.1))
                cells.append(cell(n - fn, fn, fp, n - fp, site=site, sex=sex, age=age))
    return cells


def scan(cells, **options):
    given_options = {"task": "classification", "seed": 1, "replicates": 199, "draws": 400}
    return subgroup_scan(cells, **(given_options | options))


def test_all_subsets_of_all_attributes_are_searched_once():
    found = subgroups(grid(np.random.default_rng(0), 5))
    # 2 + 1 of sex, 6 + 1 of age, 2 + 1 of site, less the one that is everybody
    assert len(found.conditions) == 3 * 7 * 3 - 1
    assert len({tuple(row) for row in found.members.tolist()}) == len(found.conditions)
    assert {"sex": ("female",), "age": ("40-60", "<40"), "site": ("north",)} in list(found.conditions)


def test_the_same_patients_are_described_by_the_shortest_words():
    cells = [cell(5, 5, 5, 5, sex="female", ward="x"), cell(5, 5, 5, 5, sex="male", ward="y")]
    assert list(subgroups(cells).conditions) == [{"sex": ("female",)}, {"sex": ("male",)}]


def test_many_groups_do_not_explode_and_unknown_describes_nobody():
    rng = np.random.default_rng(0)
    kinds = {f"a{i}": [f"g{k}" for k in range(12)] + ["unknown"] for i in range(5)}
    cells = [cell(1, 1, 1, 1, site=f"s{i}", **{k: str(rng.choice(v)) for k, v in kinds.items()}) for i in range(150)]
    found = subgroups(cells)
    assert found.crossed == 2
    assert "unknown" not in {group for said in found.conditions for groups in said.values() for group in groups}


def test_the_score_is_the_likelihood_ratio():
    found = scan([cell(60, 40, 10, 90, sex="f"), cell(90, 10, 10, 90, sex="m")])
    missed = found.findings[0]
    by_hand = 40 * np.log(0.4 / 0.25) + 60 * np.log(0.6 / 0.75)
    assert (missed.subgroup, missed.rate, missed.rate_rest) == ("sex = f", 0.4, 0.1)
    assert missed.score == pytest.approx(by_hand, abs=1e-12)
    assert found.findings[1].subgroup == "" and found.findings[1].score == 0


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 25)] * 4), min_size=8, max_size=8))
def test_no_subgroup_of_aif360_scores_higher_than_ours(tables):
    places = [(sex, age, site) for sex in "fm" for age in "yo" for site in "ab"]
    cells = [
        cell(*table, sex=sex, age=age, site=site)
        for table, (sex, age, site) in zip(tables, places, strict=True)
        if sum(table)
    ]
    ours = {row.harm: row for row in scan(cells, min_count=1).findings}
    for metric, harm in (("tpr", "missed though ill"), ("fpr", "flagged though healthy")):
        theirs = aif360_scan(cells, metric, starts=2)
        if theirs.score is not None and harm in ours:
            assert theirs.score <= ours[harm].score + 1e-3  # it rounds to four digits


def test_aif360_finds_the_planted_subgroup_with_the_same_score():
    def missed(sex, age, _):
        return 0.5 if (sex, age) == ("female", "<40") else 0.1

    cells = grid(np.random.default_rng(2), 60, missed=missed)
    ours, theirs = scan(cells).findings[0], aif360_scan(cells, "tpr")
    assert ours.subgroup == theirs.subgroup == "age = <40, sex = female"
    assert ours.score == pytest.approx(theirs.score, abs=1e-3)


def test_aif360_leaves_the_global_generator_as_it_was():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - what must not change
    aif360_scan([cell(5, 5, 5, 5, sex="f"), cell(9, 1, 5, 5, sex="m")], "tpr")
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002 - what must not change


def test_planted_harm_that_needs_three_conditions_is_found_and_fails():
    bad = ("female", "60+", "south")
    cells = grid(np.random.default_rng(3), 150, missed=lambda *place: 0.6 if place == bad else 0.1)
    found = scan(cells)
    assert found.verdict is Verdict.FAIL and found.lower > 0.1
    assert found.findings[0].subgroup == "age = 60+, sex = female, site = south"
    assert found.findings[0].p == 1 / 200


def test_p_values_are_valid_and_a_fair_model_hardly_ever_fails():
    """500 fair models; each kind of harm is tested."""
    rng = np.random.default_rng(4)
    small, failed, covered = 0, 0, 0
    for number in range(500):
        found = scan(grid(rng, 25), seed=number, replicates=99, draws=200)
        small += sum(row.p <= 0.05 for row in found.findings)
        failed += found.verdict is Verdict.FAIL
        covered += found.lower <= 0
    # 1,000 p-values, nominal 50; P(Binomial(1000, 0.05) > 72) < 0.1 %. Bounds: at most 5 % lie above the true 0.
    assert small <= 72
    assert failed == 0
    assert covered >= 500 - 40


def test_many_patients_and_no_harm_pass_and_few_are_inconclusive_or_not_assessable():
    rng = np.random.default_rng(5)
    assert scan(grid(rng, 6000)).verdict is Verdict.PASS
    assert scan(grid(rng, 30)).verdict is Verdict.INCONCLUSIVE
    assert scan(grid(rng, 1)).verdict is Verdict.NOT_ASSESSABLE
    assert scan([]).verdict is Verdict.NOT_ASSESSABLE
    one_group = [cell(400, 40, 40, 400, sex="f")]
    assert scan(one_group).verdict is Verdict.NOT_ASSESSABLE


def test_harm_that_cannot_be_searched_keeps_a_model_from_passing():
    cells = [cell(9000, 1000, 1, 9, sex=sex) for sex in "fm"]
    found = scan(cells)
    assert found.upper <= 0.1 and found.searched["flagged though healthy"] == 0
    assert found.verdict is Verdict.INCONCLUSIVE


def test_dice_is_searched_for_segmentation():
    rng = np.random.default_rng(6)
    n = 2400
    groups = {"sex": rng.choice(["f", "m"], n), "age": rng.choice(["<60", "60+"], n)}
    harmed = (groups["sex"] == "f") & (groups["age"] == "60+")
    dice = np.clip(rng.normal(0.85, 0.08, n) - 0.4 * harmed, 0, 1)
    metrics = {"dice": dice, "tpr": dice, "fpr": np.full(n, 0.01), "selection_rate": np.ones(n)}
    truth = np.ones(n, dtype=bool)
    found = scan(tabulate(site="a", groups=groups, metrics=metrics, truth=truth, flagged=truth), task="segmentation")
    assert found.verdict is Verdict.FAIL
    assert found.findings[0].subgroup == "age = 60+, sex = f"
    assert found.findings[0].p <= 0.01
