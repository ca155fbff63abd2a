"""The search for subgroups over two sites."""

from __future__ import annotations

from audits.domain.verdict import Verdict
from audits.predeployment.checks.registry import check_of
from tests.factories.benches import two_sites
from tests.factories.checks import run_check

CHECK = check_of("mdss")
QUICK = {"replicates": 199, "draws": 500}


def test_the_sex_whose_ill_patients_are_missed_is_found_and_named():
    found = run_check(CHECK, two_sites(1500, worse="female"), settings=QUICK)
    assert found.verdict is Verdict.FAIL and found.lower > 0.1
    assert "sex = female" in " ".join(found.sentences)
    missed = next(row for row in found.evidence["findings"] if row["harm"] == "missed though ill")
    theirs = next(row for row in found.evidence["aif360"] if row["metric"] == "tpr")
    assert abs(missed["score"] - theirs["score"]) < 0.01
    assert "subgroups were searched" in found.sentences[0]


def test_a_fair_model_with_some_patients_is_inconclusive_and_with_few_not_assessable():
    assert run_check(CHECK, two_sites(300), settings=QUICK).verdict is Verdict.INCONCLUSIVE
    found = run_check(CHECK, two_sites(10), settings=QUICK)
    assert found.verdict is Verdict.NOT_ASSESSABLE
    assert found.value is None
