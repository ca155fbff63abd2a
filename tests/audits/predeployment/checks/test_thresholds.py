from __future__ import annotations

import numpy as np
import pytest

from audits.domain.fairness.threshold_noise import noise_variance
from audits.domain.fairness.thresholds import ScoreCounts
from audits.domain.verdict import Verdict
from audits.predeployment.checks.at_site import AtSite, Bench
from audits.predeployment.checks.base import AnswerError, Gathered
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import measure_at, settings_of
from audits.predeployment.checks.thresholds import SiteCounts
from federation.domain.data.dataset import Splits
from tests.factories.benches import bench, drawn, two_sites
from tests.factories.checks import run_check

CHECK = check_of("thresholds")
FEW = {"levels": 5, "seeds": 2}


def test_a_model_that_misses_one_sex_gets_thresholds_that_narrow_the_gap():
    found = run_check(CHECK, two_sites(900, worse="female"), settings=FEW)
    assert found.verdict is Verdict.NOT_ASSESSABLE and "Nothing is changed by this" in " ".join(found.sentences)
    by = {row["attribute"]: row for row in found.evidence["proposals"]}
    sex = by["sex"]
    assert sex["before"]["tpr_gap"] > 0.3 and sex["after"]["tpr_gap"] < sex["before"]["tpr_gap"] - 0.1
    chosen = dict(zip(sex["groups"], sex["thresholds"], strict=True))
    assert chosen["female"] < chosen["male"]
    assert sex["n_chosen"] == sex["n_judged"] == 1800  # validation and audit patients of both sites
    assert "sex" in found.sentences[0] and found.value == sex["after_gap"]["value"]
    assert found.lower <= found.value <= found.upper and found.versions["fairlearn"]


def test_the_table_puts_every_solver_and_fairlearn_beside_the_circuit():
    found = run_check(CHECK, two_sites(300), settings=FEW)
    tables = {table.title: table for table in found.tables}
    solvers = tables["Solvers for sex"]
    assert [row[0] for row in solvers.rows] == ["exact", "annealing", "uniform draws", "QAOA", "VQE"]
    row = dict(zip(solvers.columns, solvers.rows[3], strict=True))
    assert row["P(optimum)"] > row["P at random"] == pytest.approx(1 / 25)
    assert (row["Shots"], row["Layers"]) == (1000, 4) and "state vector" in row["Backend"]
    assert any("Fairlearn" in row[0] for row in tables["What it would bring by sex"].rows)
    assert "no quantum computer is needed" in " ".join(found.sentences)


def test_the_same_audit_says_the_same_again():
    first, again = (run_check(CHECK, two_sites(200), settings=FEW) for _ in range(2))
    assert first == again and "seconds" not in str(first.evidence)


def test_noised_counts_differ_each_time_and_still_serve():
    how = FEW | {"epsilon": 1.0}
    first, again = (run_check(CHECK, two_sites(900, worse="female"), settings=how) for _ in range(2))
    said = first.evidence["counts"]
    assert "epsilon 1 for each answer" in said and "the epsilons add up" in said and said in first.sentences
    assert "(a noised count)" in first.sentences[0]
    sex = [next(p for p in f.evidence["proposals"] if p["attribute"] == "sex") for f in (first, again)]
    assert sex[0]["before"] != sex[1]["before"]
    assert all(p["after"]["tpr_gap"] < p["before"]["tpr_gap"] for p in sex)


def test_without_validation_patients_there_is_nothing_to_choose_by():
    alone = bench(drawn("north", 40, np.random.default_rng(0)))
    found = run_check(CHECK, {"north": alone})
    assert found.verdict is Verdict.NOT_ASSESSABLE and "no validation patients" in found.sentences[0]


def test_too_few_patients_of_all_but_one_group_are_told():
    found = run_check(CHECK, two_sites(10), settings=FEW | {"min_count": 100})
    assert found.verdict is Verdict.NOT_ASSESSABLE and found.value is None
    assert "it takes two groups" in " ".join(found.sentences)


GOOD = {"n_patients": 9, "counts": {f: [["sex", "male", [1, 0, 0, 2], [3, 1, 1, 1]]] for f in ("validation", "audit")}}


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([["sex", "male", [1, 0, 0], [3, 1, 1, 1]]], "expected 4 counts"),
        ([["sex", "male", [-1, 0, 0, 2], [3, 1, 1, 1]]], "0 or more"),
        ([["sex", "male", [1.5, 0, 0, 2], [3, 1, 1, 1]]], "0 or more"),
        ([["sex", "male", [9, 0, 0, 2], [3, 1, 1, 1]]], "at most 9 patients"),
        ([["sex", 3, [1, 0, 0, 2], [3, 1, 1, 1]]], "as texts"),
        (2 * [["sex", "male", [1, 0, 0, 2], [0, 1, 1, 1]]], "once"),
    ],
)
def test_answers_that_no_patients_can_have_are_refused(rows, told):
    settings = settings_of(CHECK, {"levels": 3})
    assert CHECK.read("north", GOOD, settings).patients == 9
    raw = {**GOOD, "counts": {**GOOD["counts"], "audit": rows}}
    with pytest.raises(AnswerError, match=told):
        CHECK.read("north", raw, settings)


def test_noised_counts_may_be_below_0_and_come_without_an_exact_number():
    settings = settings_of(CHECK, {"levels": 3, "epsilon": 1.0})
    rows = [["sex", "male", [-1, 0, 0, 2], [3, -4, 1, 1]], ["age", "old", [1, 0, 0, 2], [3, 1, 1, 1]]]
    raw = {"counts": {"validation": rows, "audit": rows}}
    found = CHECK.read("north", raw, settings)
    assert CHECK.counted(found) is None
    male = found.folds["audit"]["sex"]["male"]
    assert male == ScoreCounts((-1, 0, 0, 2), (3, -4, 1, 1), noise_variance(0.5))  # epsilon is shared by two attributes
    with pytest.raises(AnswerError, match="no exact number"):
        CHECK.read("north", raw | {"n_patients": 9}, settings)
    with pytest.raises(AnswerError, match="whole numbers"):
        CHECK.read("north", {"counts": {"validation": rows, "audit": [["sex", "male", [0.5] * 4, [1] * 4]]}}, settings)


def test_the_names_in_a_noised_answer_do_not_tell_that_a_patient_is_in_a_fold():
    rng = np.random.default_rng(3)
    with_one, train = drawn("north", 40, rng), drawn("north", 40, rng, first=200)
    with_one.groups["sex"][0] = train.groups["sex"][0] = "third"
    without, validation = with_one.take(np.arange(1, 40)), drawn("north", 40, rng, first=100)
    named = []
    for audit in (with_one, without):
        at = AtSite(
            CHECK.id, "north", Bench(Splits(train, validation, audit), bench(audit).models, None),
            settings_of(CHECK, {"epsilon": 1.0}), 0, 0, 1, {}, lambda *_: None,
        )  # fmt: skip
        answer = measure_at(CHECK, at)
        assert answer.keys() == {"counts"}
        named.append({fold: [row[:2] for row in rows] for fold, rows in answer["counts"].items()})
    assert named[0] == named[1] and ["sex", "third"] in named[0]["validation"]


def counts_of(*found_at_half: int) -> dict[str, ScoreCounts]:
    """Groups of 100 ill patients, of whom so many reach 0.5, and 100 healthy ones, of whom 10 do."""
    return {
        name: ScoreCounts((0, 100 - found, 0, found), (80, 10, 0, 10))
        for name, found in zip("abc", found_at_half, strict=False)
    }


def concluded(validation, audit):
    answer = SiteCounts(600, {"validation": validation, "audit": audit})
    settings = settings_of(CHECK, {"levels": 3, "seeds": 1})
    return CHECK.conclude(Gathered("classification", settings, 0, {"north": (answer,)}))


def test_the_attribute_that_heads_the_result_is_not_picked_on_the_patients_that_judge_it():
    found = concluded(
        {"age": counts_of(90, 50), "ethnicity": counts_of(90, 70), "sex": {}},
        {"age": counts_of(80, 70), "ethnicity": counts_of(95, 35), "sex": {}},
    )
    first, second = found.evidence["proposals"]
    assert (first["attribute"], second["attribute"]) == ("age", "ethnicity")
    assert first["before"]["tpr_gap"] < second["before"]["tpr_gap"]
    assert found.value == first["after_gap"]["value"]
    told = next(sentence for sentence in found.sentences if "looked at" in sentence)
    assert told.startswith("3 attributes were looked at. The figure above is that of age")


def test_a_gap_that_is_none_has_0_in_its_interval():
    def folds(*found: int) -> dict[str, dict[str, ScoreCounts]]:
        return {"sex": {g: ScoreCounts((100 - n, 0, 0, n), (90, 0, 0, 10)) for g, n in zip("abc", found, strict=True)}}

    found = concluded(folds(60, 60, 60), folds(64, 60, 56))
    assert found.value == pytest.approx(0.08) and found.lower == 0 and found.upper > 0.2
