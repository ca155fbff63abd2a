"""Performance beside the classical twin, end to end over two sites."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix

from audits.domain.verdict import Verdict
from audits.predeployment.checks.at_site import AtSite, copy_of
from audits.predeployment.checks.base import AnswerError
from audits.predeployment.checks.performance import Performance
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import measure_at, read_answer, settings_of
from core.charts import interval_chart
from tests.factories.checks import SEED, run_check
from tests.factories.stress import imaging_benches, tabular_benches, tabular_models, with_audit

CHECK = Performance()


@pytest.fixture(scope="module")
def benches():
    return tabular_benches(300)


@pytest.fixture(scope="module")
def found(benches):
    return run_check(CHECK, benches)


def raw_answer(bench):
    fixed = settings_of(CHECK)
    at = AtSite(CHECK.id, "north", bench, fixed, SEED, 0, 1, {}, lambda *_: None)
    return json.loads(json.dumps(measure_at(CHECK, at), allow_nan=False)), fixed


def test_it_is_installed():
    assert isinstance(check_of("performance"), Performance)


def test_a_good_model_passes_and_a_stricter_limit_fails_it(benches, found):
    assert found.verdict is Verdict.PASS and found.lower >= 0.7
    assert run_check(CHECK, benches, settings={"required": 0.999}).verdict is not Verdict.PASS


def test_the_figures_are_those_of_scikit_learn(benches, found):
    outcomes = [bench.outcomes("primary") for bench in benches.values()]
    truth, said = (np.concatenate([getattr(o, name) for o in outcomes]) for name in ("truth", "flagged"))
    (tn, fp), (fn, tp) = confusion_matrix(truth, said)
    shown = {row[0]: row[2] for row in found.tables[0].rows}
    expected = {
        "Accuracy": (tp + tn) / len(truth), "Sensitivity": tp / (tp + fn), "Specificity": tn / (tn + fp),
        "Positive predictive value": tp / (tp + fp), "Negative predictive value": tn / (tn + fn),
    }  # fmt: skip
    assert {name: shown[name] for name in expected} == pytest.approx(expected, abs=1e-4)
    assert found.value == pytest.approx(shown["AUC within a site"], abs=1e-4)


def test_it_says_plainly_that_the_quantum_model_does_not_win(benches):
    twin = tabular_models()["baseline"]
    even = tabular_benches(300, models={"primary": twin, "baseline": twin})
    assert "does not win" in run_check(CHECK, even).sentences[1]
    worse = copy_of(tabular_models()["primary"])
    with torch.no_grad():
        worse.head.weight.neg_()
        worse.head.bias.neg_()
    lost = run_check(CHECK, tabular_benches(300, models={"primary": worse, "baseline": twin}))
    assert lost.verdict is Verdict.FAIL and "loses" in lost.sentences[1]


def test_groups_stand_side_by_side(found):
    groups = {row[0] for row in found.tables[1].rows}
    assert {"sex = female", "age_band = under 65"} <= groups
    chart = interval_chart(found.figures[0].rows, title="x", **found.figures[0].options)
    assert "<svg" in str(chart.svg)


def test_segmentation_is_judged_by_the_dice_of_patients_with_a_lesion():
    benches = imaging_benches()
    found = run_check(CHECK, benches, task="segmentation", settings={"required": 0.5})
    dice = np.concatenate(
        [o.metrics["dice"][o.truth] for o in (bench.outcomes("primary") for bench in benches.values())]
    )
    assert found.value == pytest.approx(dice.mean()) and found.lower < found.value < found.upper
    assert found.tables[0].rows[0][1] == len(dice)


def test_a_constant_model_never_passes():
    constant = {name: copy_of(model) for name, model in tabular_models().items()}
    for model in constant.values():
        with torch.no_grad():
            model.head.weight.zero_()
    found = run_check(CHECK, tabular_benches(300, models=constant))
    assert found.verdict is Verdict.FAIL and found.value == 0.5


def only(bench, label: int):
    audit = bench.splits.audit
    return with_audit(bench, audit.take(np.flatnonzero(audit.y == label)))


def test_sites_with_one_kind_of_patient_are_not_assessable(benches):
    found = run_check(CHECK, {site: only(bench, 0) for site, bench in benches.items()})
    assert found.verdict is Verdict.NOT_ASSESSABLE and found.value is None
    assert "ill and healthy" in found.sentences[0]


def test_two_patients_are_not_measured(benches):
    tiny = {site: with_audit(bench, bench.splits.audit.take(np.arange(2))) for site, bench in benches.items()}
    assert run_check(CHECK, tiny).verdict is Verdict.NOT_ASSESSABLE


def test_a_rare_label_does_not_leave_the_site(benches):
    audit = benches["north"].splits.audit
    rare = audit.take(np.concatenate([np.flatnonzero(audit.y == 0)[:20], np.flatnonzero(audit.y == 1)[:2]]))
    raw, _ = raw_answer(with_audit(benches["north"], rare))
    assert raw["split"] == {} and raw["auc"] is None and raw["patients"] == 22


def test_a_model_that_answers_nan_is_refused(benches):
    broken = {name: copy_of(model) for name, model in tabular_models().items()}
    with torch.no_grad():
        broken["primary"].head.bias.fill_(float("nan"))
    with pytest.raises(ValueError, match="finite"):
        raw_answer(tabular_benches(models=broken)["north"])


@pytest.mark.parametrize(
    "change",
    [
        {"task": "art"}, {"patients": -1}, {"rows": []}, {"split": {"ill": [1]}}, {"auc": [1, 2]}, {"rows": None},
        {"split": {"ill": [10, 11.0, 1.0, 1.0], "healthy": [10, 1.0, 1.0, 0.0]}},
    ],
)  # fmt: skip
def test_answers_that_cannot_be_are_refused(benches, change):
    raw, fixed = raw_answer(benches["north"])
    with pytest.raises(AnswerError):
        read_answer(CHECK, "north", raw | change, fixed)


def test_scores_may_come_in_any_order_of_patients(benches, found):
    def shuffled(bench):
        audit = bench.splits.audit
        return with_audit(bench, audit.take(np.random.default_rng(2).permutation(audit.n_patients)))

    again = run_check(CHECK, {site: shuffled(bench) for site, bench in benches.items()})
    assert replace(again, seeds={}).value == pytest.approx(found.value)
