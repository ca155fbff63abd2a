"""The price of opacity, end to end over two sites."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from audits.domain.verdict import Verdict
from audits.predeployment.checks.at_site import AtSite, Bench, copy_of
from audits.predeployment.checks.base import AnswerError
from audits.predeployment.checks.glass_box import PriceOfOpacity
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import measure_at, read_answer, settings_of
from core.charts import bar_chart, line_chart
from tests.factories.checks import SEED, run_check
from tests.factories.stress import bench_of, imaging_benches, rows_of, tabular_benches, tabular_models, with_audit

CHECK = PriceOfOpacity()
QUICK = {"bags": 1, "side": 8, "pixels": 1000}


@pytest.fixture(scope="module")
def benches():
    return tabular_benches()


@pytest.fixture(scope="module")
def found(benches):
    return run_check(CHECK, benches, settings=QUICK)


def answer_of(bench):
    fixed = settings_of(CHECK, QUICK)
    at = AtSite(CHECK.id, "north", bench, fixed, SEED, 0, 1, {}, lambda *_: None)
    return json.loads(json.dumps(measure_at(CHECK, at), allow_nan=False)), fixed


@pytest.fixture(scope="module")
def answered(benches):
    return answer_of(benches["north"])


def test_it_is_installed():
    assert isinstance(check_of("glass_box"), PriceOfOpacity)


def test_both_models_stand_beside_the_readable_one(found):
    assert found.lower <= found.value <= found.upper
    assert found.evidence["trained_on"] == {"north": 60, "south": 60}
    assert {"age", "chol"} == set(sorted(found.evidence["importance"], key=found.evidence["importance"].get)[-2:])
    assert 0 <= found.evidence["auc"]["second"][0] <= 1
    assert "people can read" in found.sentences[0]
    bars, lines = found.figures
    assert "<svg" in str(bar_chart(bars.rows, title=bars.title, **bars.options).svg)
    assert "<svg" in str(line_chart(lines.rows, title=lines.title, **lines.options).svg)


def test_a_rule_that_no_sum_of_curves_can_say_is_worth_an_opaque_model():
    """Exclusive or of two columns: the audited model is given the answer, the readable one cannot say it."""

    class Knows(type(tabular_models()["primary"])):
        def forward(self, x):
            return 8.0 * torch.sign((x[:, 0] - 0.5) * (x[:, 2] - 0.5))

    def xor(site):
        data = rows_of(site, 400)
        return replace(data, y=((data.x[:, 0] > 0.5) == (data.x[:, 2] > 0.5)).astype(np.int64))

    models = {name: copy_of(model) for name, model in tabular_models().items()}
    models["primary"].__class__ = Knows
    sites = {site: bench_of(xor(site), models) for site in ("north", "south")}
    result = run_check(CHECK, sites, settings=QUICK)
    assert result.verdict is Verdict.PASS and result.lower > 0.2
    assert any("what its opacity buys" in sentence for sentence in result.sentences)


def test_a_model_that_knows_nothing_buys_nothing():
    models = {name: copy_of(model) for name, model in tabular_models().items()}
    with torch.no_grad():
        models["primary"].head.weight.zero_()
    result = run_check(CHECK, tabular_benches(models=models), settings=QUICK)
    assert result.verdict is Verdict.FAIL and result.upper < 0
    assert any("buys nothing" in sentence for sentence in result.sentences)


def test_images_are_judged_pixel_by_pixel():
    result = run_check(CHECK, imaging_benches(), settings=QUICK, task="segmentation")
    assert result.value is not None and result.evidence["auc"] is None
    assert any("low resolution" in sentence for sentence in result.sentences)


def test_the_same_seed_gives_the_same_figure(benches, found):
    assert run_check(CHECK, benches, settings=QUICK) == found


def test_sites_that_cannot_train_a_readable_model_say_so(benches):
    bench = benches["north"]
    one_label = replace(bench.splits.train, y=np.ones_like(bench.splits.train.y))
    alone = Bench(replace(bench.splits, train=one_label), bench.models, bench.config)
    assert "5 ill and 5 healthy" in answer_of(alone)[0]["not_measured"]
    assert run_check(CHECK, {"north": alone}, settings=QUICK).verdict is Verdict.NOT_ASSESSABLE
    assert "too few" in answer_of(with_audit(bench, bench.splits.audit.take(np.arange(2))))[0]["not_measured"]
    images = imaging_benches()["phantom-1"]
    bare = replace(images.splits.train, y=np.zeros_like(images.splits.train.y))
    blank = Bench(replace(images.splits, train=bare), images.models, images.config)
    assert "both labels" in answer_of(blank)[0]["not_measured"]


def test_a_model_that_answers_nan_is_refused_with_the_reason():
    models = {name: copy_of(model) for name, model in tabular_models().items()}
    with torch.no_grad():
        models["primary"].head.bias.fill_(float("nan"))
    with pytest.raises(ValueError, match="NaN"):
        answer_of(tabular_benches(models=models)["north"])


def test_no_patient_and_no_patients_value_leaves_the_site(benches, answered):
    raw, _ = answered
    text = json.dumps(raw)
    assert not any(record in text for record in benches["north"].splits.audit.record_ids)
    assert set(raw) == {"patients", "trained_on", "rows", "auc", "importance", "shapes"}
    assert {len(row) for row in raw["shapes"].values()} == {16}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda raw: raw.update(patients=0), "number of patients"),
        (lambda raw: raw.update(trained_on=True), "number of patients"),
        (lambda raw: raw["rows"].pop(0), "cases"),
        (lambda raw: raw["importance"].update(age=-1.0), "at least 0"),
        (lambda raw: raw["importance"].update(age=float("nan")), "finite log-odds"),
        (lambda raw: raw["shapes"].pop("age"), "one curve"),
        (lambda raw: raw["shapes"]["age"].__setitem__(0, 1e9), "finite log-odds"),
        (lambda raw: raw["shapes"]["age"].pop(), "16 steps"),
        (lambda raw: raw.update(auc=[1, 2]), "cannot be read|expected"),
    ],
)
def test_answers_that_cannot_be_are_refused(answered, change, complaint):
    raw, fixed = json.loads(json.dumps(answered[0])), answered[1]
    change(raw)
    with pytest.raises(AnswerError, match=complaint):
        read_answer(CHECK, "north", raw, fixed)
