"""The kernel test as a check, end to end over two sites."""

from __future__ import annotations

import json

import numpy as np
import pytest

from audits.domain.verdict import Verdict
from audits.predeployment.checks.at_site import AtSite
from audits.predeployment.checks.base import AnswerError
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import measure_at, read_answer, settings_of
from core.charts import histogram
from tests.factories.benches import bench, site_data, two_sites
from tests.factories.checks import SEED, run_check
from tests.factories.stress import tabular_benches, with_audit, without_groups

CHECK = check_of("quantum_mmd")
GROUPS = {"sex": "male", "age_band": "under 65"}
QUICK = {"permutations": 99}


@pytest.fixture(scope="module")
def benches():
    return tabular_benches()


def answer_of(one, **settings):
    fixed = settings_of(CHECK, QUICK | settings)
    at = AtSite(CHECK.id, "north", one, fixed, SEED, 0, 1, GROUPS, lambda *_: None)
    return json.loads(json.dumps(measure_at(CHECK, at), allow_nan=False)), fixed


def test_a_fair_model_is_not_flagged_and_the_rbf_kernel_stands_beside():
    found = run_check(CHECK, two_sites(200), settings=QUICK, reference_groups={"sex": "male"})
    assert found.verdict is Verdict.PASS and found.value > found.threshold == 0.05
    assert "does not show that there is none" in found.sentences[0] and "RBF" in found.sentences[0]
    (test,) = found.evidence["tests"]
    assert test["facts"]["seed"] == SEED and test["p_rbf_holm"] > 0.05
    assert len(test["quantum"]["null"]) == 99 == test["permutations"]


def test_a_model_that_sees_women_otherwise_is_flagged():
    found = run_check(CHECK, two_sites(300, worse="female"), settings=QUICK, reference_groups={"sex": "male"})
    assert found.verdict is Verdict.FAIL and found.value <= 0.05
    assert "Flagged for a person to look at: sex" in found.sentences[0]
    for figure in found.figures:
        chart = histogram(figure.rows, title=figure.title, **figure.options)
        assert "<svg" in str(chart.svg)


def test_an_attribute_that_nobody_records_is_no_pass(benches):
    found = run_check(CHECK, benches, settings=QUICK, reference_groups=GROUPS | {"planet": "earth"})
    assert found.verdict is not Verdict.PASS
    assert "Could not be tested" in found.sentences[-1] and "planet" in found.sentences[-1]
    assert [test["attribute"] for test in found.evidence["tests"]] == ["age_band", "planet", "sex"]


def test_without_attributes_or_with_one_group_only_it_is_not_assessable(benches):
    bare = {site: with_audit(b, without_groups(b.splits.audit)) for site, b in benches.items()}
    assert run_check(CHECK, bare, settings=QUICK, reference_groups=GROUPS).verdict is Verdict.NOT_ASSESSABLE
    assert run_check(CHECK, benches, settings=QUICK).verdict is Verdict.NOT_ASSESSABLE
    n = 60
    alike = site_data("north", np.zeros(n), np.arange(n) % 2, {"sex": np.full(n, "male")})
    found = run_check(CHECK, {"north": bench(alike)}, settings=QUICK, reference_groups=GROUPS)
    assert found.verdict is Verdict.NOT_ASSESSABLE and found.value is None


def test_a_model_that_answers_alike_for_all_is_not_flagged():
    n = 80
    alike = site_data("north", np.zeros(n), np.arange(n) % 2, {"sex": np.where(np.arange(n) // 2 % 2, "male", "f")})
    found = run_check(CHECK, {"north": bench(alike)}, settings=QUICK, reference_groups={"sex": "male"})
    assert found.value == 1.0  # every naming is as extreme as the data


def test_the_same_seed_gives_the_same_result_also_with_shots(benches):
    options = {"settings": QUICK | {"shots": 256}, "reference_groups": GROUPS}
    first, second = (run_check(CHECK, benches, **options) for _ in range(2))
    assert first == second and first.evidence["tests"][0]["facts"]["shots"] == 256


def test_nothing_of_a_single_patient_leaves_the_site(benches):
    raw, _ = answer_of(benches["north"])
    text = json.dumps(raw)
    assert not any(record in text for record in benches["north"].splits.audit.record_ids)
    assert {len(test["quantum"]) for test in raw["tests"].values()} == {100}


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (["site"], "south", "expected a test of north"),
        (["quantum"], [0.0], "100 statistics"),
        (["rbf", 0], None, "cannot be read"),
        (["order", "bandwidth"], 2.0, "as ordered"),
        (["order", "bandwidth"], -1.0, "cannot be read"),
        (["strata"], "many", "cannot be read"),
    ],
)
def test_a_wrong_answer_is_refused(benches, path, value, complaint):
    raw, fixed = answer_of(benches["north"])
    place = raw["tests"]["sex"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(AnswerError, match=complaint):
        read_answer(CHECK, "north", raw, fixed)
