from __future__ import annotations

import numpy as np
import pytest

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import AnswerError
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import settings_of
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
    assert first.evidence["counts"] == "noised at each site, epsilon 1"
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
