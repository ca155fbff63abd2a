"""The bias score of a model at two sites, from patients to sentences."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import AnswerError
from audits.predeployment.checks.cells import ScoreError
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import read_answer, settings_of
from federation.domain.learning.evaluation import AnswersNotFinite
from federation.domain.messages import canonical
from tests.factories.audits import cell
from tests.factories.benches import GivenScores, bench, drawn, site_data, two_sites
from tests.factories.checks import run_check

CHECK = check_of("bias_score")


def test_a_model_that_misses_ill_women_fails_and_the_sentence_names_them():
    found = run_check(CHECK, two_sites(1500, worse="female"))
    assert found.verdict is Verdict.FAIL
    assert found.lower > 0.1
    text = " ".join(found.sentences)
    assert "female" in text
    assert "not shown to be fairer" in text  # both models are the same
    assert found.evidence["model"] == "primary" and found.evidence["worst"]["metric"] == "tpr"
    json.dumps(found.evidence, allow_nan=False)
    canonical({"evidence": dict(found.evidence)})


def test_a_fair_model_with_many_patients_passes_and_its_twin_too():
    benches = two_sites(9000)
    for name in ("bias_score", "bias_score_baseline"):
        found = run_check(check_of(name), benches)
        assert found.verdict is Verdict.PASS, name
        assert found.value <= found.upper <= found.threshold == 0.1


def test_few_patients_are_inconclusive_and_fewer_are_not_assessable():
    assert run_check(CHECK, two_sites(150)).verdict is Verdict.INCONCLUSIVE
    assert run_check(CHECK, two_sites(12)).verdict is Verdict.NOT_ASSESSABLE


def test_the_twin_is_judged_on_its_own_scores():
    rng = np.random.default_rng(1)
    data = drawn("north", 3000, rng)
    models = {"primary": GivenScores(), "baseline": GivenScores(-2.0)}
    primary, baseline = (
        run_check(check_of(name), {"north": bench(data, models=models)})
        for name in ("bias_score", "bias_score_baseline")
    )
    assert primary.value != baseline.value
    assert baseline.evidence["model"] == "baseline"
    assert baseline.evidence["other_model"]["score"] == primary.value


def one_site(**given):
    n = 200
    rng = np.random.default_rng(0)
    groups = given.get("groups", {"sex": np.where(np.arange(n) % 2, "female", "male")})
    data = site_data("north", given.get("logit", rng.normal(size=n)), given.get("y", np.arange(n) // 2 % 2), groups)
    return {"north": bench(data)}


@pytest.mark.parametrize(
    "groups", [{}, {"sex": np.full(200, "female")}, {"sex": np.full(200, "unknown")}], ids=["none", "one", "unknown"]
)
def test_a_missing_attribute_or_a_single_group_never_passes(groups):
    assert run_check(CHECK, one_site(groups=groups)).verdict is Verdict.NOT_ASSESSABLE


def test_one_class_only_never_passes():
    found = run_check(CHECK, one_site(y=np.zeros(200, dtype=int)))
    assert found.verdict in (Verdict.INCONCLUSIVE, Verdict.FAIL)
    sex = next(row for row in found.evidence["attributes"] if row["attribute"] == "sex")
    assert "tpr" in sex["untested_metrics"]


def test_constant_predictions_do_not_crash_and_200_patients_do_not_pass():
    assert run_check(CHECK, one_site(logit=np.full(200, 5.0))).verdict is Verdict.INCONCLUSIVE


def test_nan_scores_and_missing_labels_are_refused_rather_than_counted():
    with pytest.raises(AnswersNotFinite, match="finite numbers for the patients of north"):
        run_check(CHECK, {"north": bench_with_nan(3)})
    with pytest.raises(ScoreError, match="labels 0 and 1"):
        run_check(CHECK, one_site(y=np.where(np.arange(200) % 50, 1, -1)))


class NaNForSome(GivenScores):
    def forward(self, x):
        return x[:, 0].masked_fill(x[:, 0] > 50, float("nan"))


def bench_with_nan(count):
    logit = np.where(np.arange(200) < count, 99.0, 1.0)
    data = site_data("north", logit, np.arange(200) % 2, {"sex": np.full(200, "female")})
    return bench(data, models={"primary": NaNForSome(), "baseline": GivenScores()})


def answer(**changed):
    cells = [cell("north", sex, n=20, found=0.9).as_dict() for sex in ("female", "male")]
    return {"n_patients": 80, "cells": {"primary": cells, "baseline": cells}, "facts": {}} | changed


def put(path, value):
    raw = json.loads(json.dumps(answer()))
    place = raw
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return raw


def test_an_honest_answer_is_read():
    value, reason = read_answer(CHECK, "north", answer(), settings_of(CHECK))
    assert (value.n_patients, reason) == (80, "")


FIRST = ["cells", "primary", 0]


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (put([*FIRST, "site"], "south"), "cells of north"),
        (put([*FIRST, "n"], 7), "add up to its 7"),
        (put([*FIRST, "n"], 40.0), "whole counts"),
        (put([*FIRST, "n"], True), "whole counts"),
        (put([*FIRST, "confusion", "tp"], -1), "whole counts"),
        (put([*FIRST, "confusion", "tp"], 19), "add up"),
        (put([*FIRST, "metrics", "tpr"], [20, 21.0, 21.0]), "rates in"),
        (put([*FIRST, "metrics", "tpr"], [10**6, 1.0, 1.0]), "rates in"),
        (put([*FIRST, "metrics", "tpr"], [20, 17.0, 17.0]), "follow from the confusion"),
        (put([*FIRST, "metrics", "tpr"], [20, None, 1.0]), "cannot be read"),
        (put([*FIRST, "attributes"], {"sex": 1}), "as texts"),
        (put([*FIRST, "attributes"], {"sex": "male"}), "each combination"),
        (put([*FIRST, "attributes"], None), "cannot be read"),
        (put(["cells", "baseline"], []), "80 patients, got 0"),
        (put(["n_patients"], 3), "3 patients, got 80"),
        (put(["n_patients"], "80"), "number of patients"),
        (put(["cells"], None), "cannot be read"),
        ([], "with fields"),
    ],
)
def test_an_answer_that_cannot_be_true_is_refused_with_the_name_of_its_site(raw, complaint):
    with pytest.raises(AnswerError, match=complaint) as refusal:
        read_answer(CHECK, "north", raw, settings_of(CHECK))
    assert "north" in str(refusal.value)


def test_loading_the_checks_of_fairness_costs_a_page_little():
    names = ["bias_score", "bias_score_baseline", "aif360", "representation"]
    code = (
        "import sys\n"
        "from audits.predeployment.checks.registry import check_of\n"
        f"[check_of(name) for name in {names}]\n"
        "heavy = {'torch', 'sklearn', 'pandas', 'aif360', 'fairlearn', 'pennylane'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
