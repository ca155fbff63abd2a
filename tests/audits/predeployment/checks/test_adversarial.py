"""Attacks by gradients, end to end over two sites."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from audits.domain.verdict import Verdict
from audits.predeployment.checks.adversarial import Adversarial
from audits.predeployment.checks.at_site import AtSite, copy_of
from audits.predeployment.checks.base import AnswerError
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import measure_at, read_answer, settings_of
from core.charts import interval_chart
from tests.factories.checks import SEED, run_check
from tests.factories.stress import imaging_benches, tabular_benches, tabular_models, with_audit, without_groups

CHECK = Adversarial()
QUICK = {"steps": 5, "starts": 2}


@pytest.fixture(scope="module")
def benches():
    return tabular_benches()


def answer_of(bench, **settings):
    fixed = settings_of(CHECK, QUICK | settings)
    at = AtSite(CHECK.id, "north", bench, fixed, SEED, 0, 1, {}, lambda *_: None)
    return json.loads(json.dumps(measure_at(CHECK, at), allow_nan=False)), fixed


def test_it_is_installed():
    assert isinstance(check_of("adversarial"), Adversarial)


def test_a_strong_attack_fails_the_model_and_a_tiny_one_passes_it(benches):
    strong = run_check(CHECK, benches, settings=QUICK | {"epsilon": 0.25, "tolerated_drop": 0.1})
    assert strong.verdict is Verdict.FAIL and strong.lower > 0.1
    tiny = run_check(CHECK, benches, settings=QUICK | {"epsilon": 0.001, "tolerated_drop": 0.3})
    assert tiny.verdict is Verdict.PASS and tiny.upper <= 0.3
    assert strong.value > tiny.value


def test_the_twin_and_the_control_stand_beside_the_figure(benches):
    found = run_check(CHECK, benches, settings=QUICK)
    assert any("classical twin on the same" in sentence for sentence in found.sentences)
    by_case = {row[0]: row for row in found.tables[1].rows}
    assert len(by_case) == 2 * 3 * 3
    groups = {row[1] for row in found.tables[0].rows}
    assert {"all patients", "sex = female", "sex = male", "age_band = under 65", "site = north"} <= groups
    assert found.evidence["epsilons"] == [0.015, 0.03, 0.06]
    chart = interval_chart(found.figures[0].rows, title=found.figures[0].title, **found.figures[0].options)
    assert "<svg" in str(chart.svg)


def test_the_same_seed_gives_the_same_figure(benches):
    first, second = (run_check(CHECK, benches, settings=QUICK) for _ in range(2))
    assert first == second


def test_images_are_attacked_through_the_whole_network():
    found = run_check(CHECK, imaging_benches(), settings={"steps": 3, "epsilon": 0.1}, task="segmentation")
    assert found.value is not None and found.value > 0
    assert "mean Dice" in found.sentences[0]


def test_nothing_of_a_single_patient_leaves_the_site(benches):
    raw, _ = answer_of(benches["north"])
    text = json.dumps(raw)
    assert not any(record in text for record in benches["north"].splits.audit.record_ids)
    assert min(row[3] for row in raw["rows"]) >= 3
    tiny = with_audit(benches["north"], benches["north"].splits.audit.take(np.arange(2)))
    assert "too few" in answer_of(tiny)[0]["not_measured"]


def test_two_patients_everywhere_are_not_assessable(benches):
    tiny = {site: with_audit(bench, bench.splits.audit.take(np.arange(2))) for site, bench in benches.items()}
    assert run_check(CHECK, tiny, settings=QUICK).verdict is Verdict.NOT_ASSESSABLE


def test_missing_attributes_leave_the_figure_for_everyone(benches):
    bare = {site: with_audit(b, without_groups(b.splits.audit)) for site, b in benches.items()}
    found = run_check(CHECK, bare, settings=QUICK)
    assert {row[1] for row in found.tables[0].rows} == {"all patients", "site = north", "site = south"}


def test_a_constant_model_never_passes():
    constant = {name: copy_of(model) for name, model in tabular_models().items()}
    for model in constant.values():
        with torch.no_grad():
            model.head.weight.zero_()
            model.head.bias.fill_(-3)
    found = run_check(CHECK, tabular_benches(models=constant), settings=QUICK | {"tolerated_drop": 0.3})
    assert found.verdict is Verdict.INCONCLUSIVE and found.value == 0
    assert any("calls nobody ill" in sentence for sentence in found.sentences)
    assert any("gradient is zero" in sentence for sentence in found.sentences)


def test_a_model_that_answers_nan_is_refused_with_the_reason(benches):
    broken = {name: copy_of(model) for name, model in tabular_models().items()}
    with torch.no_grad():
        broken["primary"].head.bias.fill_(float("nan"))
    with pytest.raises(ValueError, match="NaN"):
        answer_of(tabular_benches(models=broken)["north"])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda raw: raw.update(patients=0), "number of patients"),
        (lambda raw: raw["counts"].pop("flagged by primary"), "counts"),
        (lambda raw: raw["counts"].update({"flagged by primary": 10**6}), "from 0 to"),
        (lambda raw: raw["rows"].pop(0), "cases|one row"),
        (lambda raw: raw["rows"][0].__setitem__(3, 10**6), "expected one row"),
        (lambda raw: raw["rows"][0].__setitem__(4, -1.0), "expected sums"),
        (lambda raw: raw["rows"][0].__setitem__(4, None), "float|number"),
        (lambda raw: raw.pop("rows"), "rows"),
        (lambda raw: raw["rows"].append(["made/up/case", "", "", 42, 1.0, 1.0, 0.0]), "expected"),
    ],
)
def test_answers_that_cannot_be_are_refused(benches, change, complaint):
    raw, fixed = answer_of(benches["north"])
    change(raw)
    with pytest.raises(AnswerError, match=complaint):
        read_answer(CHECK, "north", raw, fixed)
