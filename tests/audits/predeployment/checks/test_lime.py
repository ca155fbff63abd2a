"""Explanations by LIME, end to end over two sites, with models that cheat."""

from __future__ import annotations

import json
from dataclasses import replace
from types import MethodType

import numpy as np
import pytest
import torch

from audits.domain.verdict import Verdict
from audits.predeployment.checks.at_site import AtSite, Bench, copy_of
from audits.predeployment.checks.base import AnswerError
from audits.predeployment.checks.lime import Lime
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import measure_at, read_answer, settings_of
from federation.domain.data.phantom import PhantomSource
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.local import train_local
from federation.domain.models.registry import build, default_specs
from tests.factories.checks import SEED, run_check
from tests.factories.stress import bench_of, imaging_models, rows_of, tabular_benches, tabular_models, with_audit

CHECK = Lime()
QUICK = {"row_records": 4, "row_samples": 200, "row_seeds": 2, "image_records": 3, "image_seeds": 2,
         "image_samples": 60, "control_records": 3, "control_steps": 40}  # fmt: skip


@pytest.fixture(scope="module")
def benches():
    return tabular_benches()


def answer_of(bench, **settings):
    fixed = settings_of(CHECK, QUICK | settings)
    told = []
    at = AtSite(CHECK.id, "north", bench, fixed, SEED, 0, 1, {}, lambda *step: told.append(step))
    return json.loads(json.dumps(measure_at(CHECK, at), allow_nan=False)), fixed, told


def tagged(site):
    """Phantoms with a bright tag in the corner of every slice that shows a tumour."""
    data = PhantomSource(patients=48, n_sites=2, px=32).load(site)
    ill = data.y.astype(bool).any(axis=(1, 2))
    x = data.x.copy()
    x[ill, 0, :6, :6] = 1.0
    x[~ill, 0, :6, :6] = 0.0
    return replace(data, x=x)


def tag_reader():
    """A U-Net that marks the middle of an image as surely as its corner is bright, whatever else is there."""

    def forward(self, x):
        bright = x[:, 0, :6, :6].mean(dim=(1, 2))
        middle = torch.zeros(x.shape[2:])
        middle[12:20, 12:20] = 1
        return (12 * bright[:, None, None] - 6) * middle - 6 * (1 - middle)

    model = copy_of(imaging_models()["primary"])
    model.forward = MethodType(forward, model)
    return {"primary": model, "baseline": imaging_models()["baseline"]}


def leaking(site):
    """Patients with a column that repeats the diagnosis."""
    data = rows_of(site, 160)
    return replace(
        data, x=np.column_stack([data.x, data.y]).astype(np.float32), feature_names=(*data.feature_names, "code")
    )


def leak_reader():
    specs = default_specs("classification", leaking("teacher").x.shape[1])
    models = dict(zip(("primary", "baseline"), (build(spec, seed=1) for spec in specs), strict=True))
    for model in models.values():
        train_local(model, leaking("teacher"), LocalConfig(epochs=40, batch_size=16, learning_rate=0.03), seed=1)
        model.eval()
    return models


def test_it_is_installed():
    assert isinstance(check_of("lime"), Lime)


def test_a_table_is_explained_beside_both_controls(benches):
    found = run_check(CHECK, benches, settings=QUICK)
    evidence = found.evidence
    assert set(evidence["controls"]) == {"weights", "labels"}
    assert {"rcf", "control", "fit", "stability", "faithfulness", "lesion_mass", "weights", "sites", "required",
            "settings", "records"} <= set(evidence)  # fmt: skip
    assert evidence["records"] == {"north": 4, "south": 4} and evidence["settings"]["row_samples"] == 200
    assert {"age", "chol"} == set(sorted(evidence["weights"], key=evidence["weights"].get)[-2:])
    assert evidence["rcf"]["mean"] > evidence["control"]["mean"]
    assert found.lower <= found.value <= found.upper and found.threshold == 80


def test_a_column_that_gives_the_answer_away_is_caught():
    models = leak_reader()
    sites = {site: bench_of(leaking(site), models) for site in ("north", "south")}
    found = run_check(CHECK, sites, settings=QUICK | {"required": 50.0, "margin": 5.0})
    assert found.verdict is not Verdict.PASS
    assert max(found.evidence["weights"], key=found.evidence["weights"].get) == "code"
    assert any("code carries" in sentence for sentence in found.sentences)


def test_a_tag_in_the_corner_scores_high_but_its_weight_is_not_on_the_lesion():
    models = tag_reader()
    sites = {site: bench_of(tagged(site), models) for site in ("phantom-1", "phantom-2")}
    settings = QUICK | {"segmenter": "grid"}
    found = run_check(CHECK, sites, settings=settings, task="segmentation")
    assert found.value > 80 and found.evidence["lesion_mass"]["mean"] < 0.05
    assert found.verdict is Verdict.INCONCLUSIVE
    assert any("shortcut" in sentence for sentence in found.sentences)
    assert "settled" in found.change


def test_the_same_seed_gives_the_same_figure(benches):
    assert run_check(CHECK, benches, settings=QUICK) == run_check(CHECK, benches, settings=QUICK)


def test_only_sums_leave_the_site_and_it_tells_how_far_it_is(benches):
    raw, _, told = answer_of(benches["north"])
    assert set(raw) == {"settings", "kind", "parts", "controls", "weights"}
    assert set(raw["parts"]["rcf"]) == {"n", "total", "total_sq"}
    text = json.dumps(raw)
    assert not any(record in text for record in benches["north"].splits.audit.record_ids)
    assert {step[0] for step in told} >= {
        "training the control with shuffled labels",
        "explaining answers",
        "control: weights",
        "control: labels",
    }


def test_sites_without_enough_patients_say_so(benches):
    bench = benches["north"]
    assert "too few" in answer_of(with_audit(bench, bench.splits.audit.take(np.arange(1))))[0]["not_measured"]
    untrained = Bench(replace(bench.splits, train=bench.splits.train.take(np.arange(1))), bench.models, bench.config)
    assert "two training patients" in answer_of(untrained)[0]["not_measured"]
    alone = {"north": untrained}
    assert run_check(CHECK, alone, settings=QUICK).verdict is Verdict.NOT_ASSESSABLE


def test_images_without_lesions_have_nothing_to_explain():
    data = PhantomSource(patients=30, n_sites=1, px=16).load("phantom-1")
    bench = bench_of(replace(data, y=np.zeros_like(data.y)), imaging_models())
    assert "lesion" in answer_of(bench)[0]["not_measured"]


def test_one_diagnosis_in_training_leaves_a_control_out_and_never_passes(benches):
    bench = benches["north"]
    same = replace(bench.splits.train, y=np.ones_like(bench.splits.train.y))
    found = run_check(
        CHECK, {"north": Bench(replace(bench.splits, train=same), bench.models, bench.config)}, settings=QUICK
    )
    assert "labels" not in found.evidence["controls"] and found.verdict is not Verdict.PASS


def test_a_constant_model_fails():
    models = {name: copy_of(model) for name, model in tabular_models().items()}
    with torch.no_grad():
        models["primary"].head.weight.zero_()
    found = run_check(CHECK, tabular_benches(models=models), settings=QUICK)
    assert found.verdict is Verdict.FAIL and found.value == 0


def test_a_model_that_answers_nan_is_refused_with_the_reason(benches):
    models = {name: copy_of(model) for name, model in tabular_models().items()}
    with torch.no_grad():
        models["primary"].head.bias.fill_(float("nan"))
    with pytest.raises(ValueError, match="NaN"):
        answer_of(tabular_benches(models=models)["north"])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda raw: raw["settings"].update(row_samples=50), "registered settings row_samples=200"),
        (lambda raw: raw["settings"].pop("segmenter"), "segmenter"),
        (lambda raw: raw.update(kind="text"), "tabular or image"),
        (lambda raw: raw["parts"]["rcf"].update(n=99), "0 to 4"),
        (lambda raw: raw["parts"].pop("fit"), "expected the sums"),
        (lambda raw: raw.pop("weights"), "cannot be read"),
    ],
)
def test_answers_that_cannot_be_are_refused(benches, change, complaint):
    raw, fixed, _ = answer_of(benches["north"])
    change(raw)
    with pytest.raises(AnswerError, match=complaint):
        read_answer(CHECK, "north", raw, fixed)


def test_explanations_of_another_kind_do_not_pass(benches):
    found = run_check(CHECK, benches, settings=QUICK, task="segmentation")
    assert found.verdict is Verdict.INCONCLUSIVE and "expected image explanations" in found.sentences[0]
