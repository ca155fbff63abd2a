"""Each check on answers written by hand. No database."""

from __future__ import annotations

import math

import pytest

from audits.domain.verdict import Verdict
from audits.predeployment.checks import overall, run_all
from audits.predeployment.checks.answers import AnswerError, AuditData, read_answer
from audits.predeployment.checks.result import Check, plain
from audits.predeployment.policy import policy_for
from federation.domain.messages import canonical
from tests.factories.audits import answer

DP = {"noise_multiplier": 1.0, "max_grad_norm": 1.0, "delta": 1e-5}


def policy(*, dp: bool = False) -> dict:
    made = policy_for({"local": {"dp": DP if dp else None}, "epsilon_budget": 8.0 if dp else None}, threshold=0.1)
    made["mmd"]["reference_groups"] = {"sex": "female"}
    return made


def data(outcome: str = "pass", *, epsilon=None, dp: bool = False, **given) -> AuditData:
    rules = policy(dp=dp)
    sites = tuple(
        read_answer(site, answer(site, rules, outcome=outcome, **given), task="classification", policy=rules)
        for site in ("north", "south")
    )
    return AuditData("classification", rules, sites, epsilon or {"north": None, "south": None}, 1e-5 if dp else None)


def run(*args, **given) -> dict[str, Check]:
    return {check.id: check for check in run_all(data(*args, **given))}


@pytest.mark.parametrize("outcome", ["pass", "fail", "inconclusive", "not_assessable"])
def test_the_bias_score_alone_decides_without_privacy(outcome):
    checks = run_all(data(outcome))
    assert overall(checks) is Verdict(outcome)
    assert [check.id for check in checks if check.gating] == ["bias_score"]


def test_a_flagged_kernel_test_and_poor_explanations_do_not_change_the_verdict():
    checks = run_all(data("pass", observed=5.0, rcf=30.0))
    found = {check.id: check.verdict for check in checks}
    assert found["quantum_mmd"] is Verdict.FAIL and found["lime"] is Verdict.FAIL
    assert overall(checks) is Verdict.PASS


def test_every_result_fits_canonical_json_and_is_absent_rather_than_zero():
    for check in run_all(data("not_assessable")):
        canonical(check.as_dict())
    bias = run("not_assessable")["bias_score"]
    assert (bias.value, bias.lower, bias.upper) == (None, None, None)


def test_nan_infinity_and_minus_zero_do_not_reach_the_database():
    assert plain({"a": (math.nan, math.inf, -0.0, 1.5), "b": Verdict.PASS}) == {
        "a": [None, None, 0.0, 1.5],
        "b": "pass",
    }
    assert str(plain(-0.0)) == "0.0"


def test_the_classical_twin_is_scored_in_the_same_way():
    checks = run("fail")
    primary, twin = checks["bias_score"], checks["bias_score_baseline"]
    assert (primary.value, primary.lower) == (twin.value, twin.lower)  # the hand-made cells are the same
    assert not twin.gating and twin.evidence["model"] == "baseline"


def test_a_kernel_test_that_finds_nothing_says_that_this_shows_nothing():
    check = run("pass", observed=0.5)["quantum_mmd"]
    assert check.verdict is Verdict.PASS
    assert "Not flagged" in check.sentence and "does not show that there is none" in check.sentence


def test_the_kernel_test_shows_its_null_beside_the_rbf_kernel():
    (test,) = run("pass", observed=5.0)["quantum_mmd"].evidence["tests"]
    assert test["quantum"]["observed"] == test["rbf"]["observed"] == 10.0  # two sites add up
    assert len(test["quantum"]["null"]) == 499 == test["permutations"]
    assert test["p_quantum"] == test["p_quantum_holm"] == pytest.approx(1 / 500)
    assert test["facts"]["backend"] and test["facts"]["shots"] == "analytic" and test["facts"]["seed"]


def test_without_differential_privacy_epsilon_is_not_assessable_and_does_not_gate():
    check = run("pass")["epsilon"]
    assert check.verdict is Verdict.NOT_ASSESSABLE and not check.gating and check.value is None
    assert check.sentence == "No differential privacy: the loss of privacy is not bounded."


@pytest.mark.parametrize(
    ("spent", "verdict"),
    [
        ({"north": 3.0, "south": 7.9}, Verdict.PASS),
        ({"north": 3.0, "south": 8.1}, Verdict.FAIL),
        ({"north": 3.0, "south": None}, Verdict.NOT_ASSESSABLE),  # never read as nothing spent
    ],
)
def test_declared_privacy_gates_against_the_consented_budget(spent, verdict):
    checks = run_all(data("pass", epsilon=spent, dp=True))
    check = next(check for check in checks if check.id == "epsilon")
    assert check.gating and check.verdict is verdict
    assert overall(checks) is verdict


def test_sites_with_too_few_patients_are_listed_with_what_they_would_need():
    check = run("not_assessable")["representation"]  # 16 patients a site
    assert check.verdict is Verdict.NOT_ASSESSABLE and check.value == 0.0
    assert check.evidence["sites"][0] == {"site": "north", "n": 16, "needed": 20, "assessable": False}
    assert "north (n = 16)" in check.sentence


def test_an_audit_without_a_single_patient_is_not_assessable():
    empty = {"n_patients": 0, "cells": {"primary": [], "baseline": []}, "mmd": {}, "explanation": None}
    rules = policy()
    site = read_answer("north", empty, task="classification", policy=rules)
    checks = run_all(AuditData("classification", rules, (site,), {"north": None}))
    assert overall(checks) is Verdict.NOT_ASSESSABLE
    assert {c.id: c.verdict for c in checks}["lime"] is Verdict.NOT_ASSESSABLE


def _changed(path: list, value) -> dict:
    raw = answer("north", policy())
    place = raw
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return raw


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (["cells", "primary", 0, "site"], "south", "speaks for south"),
        (["cells", "primary", 0, "n"], 7, "add up"),
        (["cells", "primary", 0, "metrics", "tpr"], [10, 11.0, 11.0], "rates in"),
        (["cells", "primary", 0, "metrics", "tpr"], [10**6, 1.0, 1.0], "rates in"),
        (["cells", "baseline"], [], "other patients"),
        (["n_patients"], 3, "other patients"),
        (["mmd", "sex", "seed"], 1, "does not follow the order"),
        (["mmd", "sex", "quantum"], [1.0], "does not follow the order"),
        (["mmd", "sex", "reference_group"], "male", "does not follow the order"),
        (["mmd", "age"], {}, "cannot be read"),
        (["explanation", "settings", "samples"], 1, "explanations do not follow"),
        (["explanation", "control"], [101.0], "out of range"),
        (["explanation", "control"], [1.0] * 99, "records are explained"),
        (["cells"], None, "cannot be read"),
    ],
)
def test_an_answer_that_cannot_be_true_is_refused_with_the_name_of_its_site(path, value, complaint):
    with pytest.raises(AnswerError, match=complaint) as refusal:
        read_answer("north", _changed(path, value), task="classification", policy=policy())
    assert "north" in str(refusal.value)
