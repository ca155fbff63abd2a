"""What the circuit contributes, end to end over two sites."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from audits.domain.verdict import Verdict
from audits.predeployment.checks.at_site import AtSite, copy_of
from audits.predeployment.checks.base import AnswerError
from audits.predeployment.checks.circuit import Circuit
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import measure_at, read_answer, settings_of
from core.charts import interval_chart
from federation.domain.models.choice import ModelChoice
from federation.domain.models.registry import build
from federation.domain.models.specs import chosen_specs
from federation.domain.quantum.circuits import plan_of
from federation.domain.quantum.spec import circuit_of
from tests.factories.checks import SEED, run_check
from tests.factories.stress import imaging_benches, tabular_benches, tabular_models, with_audit

CHECK = Circuit()


@pytest.fixture(scope="module")
def benches():
    return tabular_benches()


@pytest.fixture(scope="module")
def found(benches):
    return run_check(CHECK, benches)


def answer_of(bench):
    fixed = settings_of(CHECK)
    at = AtSite(CHECK.id, "north", bench, fixed, SEED, 0, 1, {}, lambda *_: None)
    return json.loads(json.dumps(measure_at(CHECK, at), allow_nan=False)), fixed


@pytest.fixture(scope="module")
def answered(benches):
    return answer_of(benches["north"])


def changed(name):
    models = {key: copy_of(model) for key, model in tabular_models().items()}
    return models, models[name]


def test_it_is_installed():
    assert isinstance(check_of("circuit"), Circuit)


def test_a_model_that_knows_the_rule_knows_it_through_its_circuit(found):
    assert found.verdict is Verdict.PASS and found.lower > 0.02
    assert found.evidence["circuit"]["qubits"] == 4 and found.evidence["circuit"]["cnots"] == 12
    assert found.evidence["circuit"]["gates"] == 2 * 3 * 4 + 12
    assert found.evidence["exact"] == {"primary": True, "baseline": True}
    assert any("classical twin's core" in sentence for sentence in found.sentences)
    for figure in found.figures:
        assert "<svg" in str(interval_chart(figure.rows, title=figure.title, **figure.options).svg)


def test_the_wires_share_what_the_circuit_contributes(found):
    total = sum(share[0] for share in found.evidence["shapley"]["primary"])
    assert total == pytest.approx(found.value)


def test_a_circuit_whose_output_is_ignored_carries_nothing():
    models, model = changed("primary")
    with torch.no_grad():
        model.head.weight.zero_()
    result = run_check(CHECK, tabular_benches(n=1200, models=models))
    assert result.verdict is Verdict.FAIL and result.value == 0
    assert any("same without the circuit" in sentence for sentence in result.sentences)
    assert any("changes nothing that matters" in sentence for sentence in result.sentences)
    assert any("None of the 4 input wires" in sentence for sentence in result.sentences)


def test_a_circuit_that_hears_one_wire_is_carried_by_it():
    """Without entanglers each qubit answers for its own wire; the head listens to qubit 2 alone."""
    models, trained = changed("primary")
    alone = build(trained.spec | {"entangling": False})
    with torch.no_grad():
        alone.bottleneck.to_angles.load_state_dict(trained.bottleneck.to_angles.state_dict())
        alone.head.weight.zero_()
        alone.head.weight[0, 2] = 5.0
    result = run_check(CHECK, tabular_benches(models=models | {"primary": alone.eval()}))
    moved = [result.evidence["cases"][f"primary/unit/{wire}"]["moved"][0] for wire in range(4)]
    assert moved[2] > 0.01 and moved[:2] + moved[3:] == pytest.approx([0, 0, 0], abs=1e-6)
    assert any("no entangling gates" in sentence for sentence in result.sentences)


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (ModelChoice("no_entanglement", ansatz="hardware"), "of its 9 CZ gates"),
        (ModelChoice(embedding="amplitude", layers=2), "of its 8 CNOT gates"),
        (ModelChoice(ansatz="mirrored", embedding="RY", reupload=False, layers=2), "of its 8 CNOT gates"),
    ],
    ids=["ablation", "amplitude", "mirrored"],
)
def test_every_circuit_that_a_run_may_train_is_explained(choice, said):
    specs = chosen_specs("classification", tabular_models()["primary"].n_inputs, None, choice)
    models = {name: build(spec, seed=2).eval() for name, spec in zip(("primary", "baseline"), specs, strict=True)}
    inputs = circuit_of(specs[0]).n_inputs
    result = run_check(CHECK, tabular_benches(n=60, models=models), settings={"coalitions": 64})
    assert len(result.evidence["shapley"]["primary"]) == inputs == len(result.evidence["feeds"])
    assert result.evidence["circuit"]["gates"] == len(plan_of(circuit_of(specs[0])).gates)
    assert not [case for case in result.evidence["cases"] if case.startswith(("baseline/layer", "baseline/entangler"))]
    assert any(said in sentence for sentence in result.sentences)


def test_a_segmentation_goes_through_its_circuits_and_changes_without_them():
    cases = run_check(CHECK, imaging_benches(), task="segmentation").evidence["cases"]
    assert cases["primary/silent"]["moved"][0] > 0.02 and cases["primary/entanglers"]["moved"][0] > 0


def test_images_are_explained_through_the_whole_network():
    result = run_check(CHECK, imaging_benches(), task="segmentation")
    assert result.value is not None and "mean Dice" in result.sentences[0]
    assert result.evidence["feeds"] == []


def test_the_same_seed_gives_the_same_figure(benches, found):
    assert run_check(CHECK, benches) == found


def test_a_model_without_a_circuit_is_not_concerned():
    twin = tabular_models()["baseline"]
    benches = tabular_benches(models={"primary": twin, "baseline": twin})
    assert run_check(CHECK, benches).verdict is Verdict.NOT_APPLICABLE
    claimed = {"models": {"primary": {"kind": "vqc_classifier", "qubits": 4}}}
    assert run_check(CHECK, benches, config=claimed).verdict is Verdict.INCONCLUSIVE


def test_few_patients_are_not_assessable(benches):
    tiny = {site: with_audit(bench, bench.splits.audit.take(np.arange(2))) for site, bench in benches.items()}
    assert run_check(CHECK, tiny).verdict is Verdict.NOT_ASSESSABLE


def test_a_model_that_answers_nan_is_refused_with_the_reason():
    models, model = changed("primary")
    with torch.no_grad():
        model.head.bias.fill_(float("nan"))
    with pytest.raises(ValueError, match="NaN"):
        answer_of(tabular_benches(models=models)["north"])


def test_only_sums_leave_the_site(benches, answered):
    raw, _ = answered
    text = json.dumps(raw)
    assert not any(record in text for record in benches["north"].splits.audit.record_ids)
    assert {row[3] for row in raw["rows"]} == {benches["north"].splits.audit.n_patients}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda raw: raw.update(patients=0), "number of patients"),
        (lambda raw: raw["circuit"].update(n_qubits=5), "Shapley value for each of 5"),
        (lambda raw: raw["circuit"].update(n_qubits=99), "2 to 10 qubits"),
        (lambda raw: raw["rows"].pop(0), "cases"),
        (lambda raw: raw["moved"].pop("primary/silent"), "moved answers"),
        (lambda raw: raw["moved"].update({"primary/silent": [42, 43.0, 42.0]}), "sums over"),
        (lambda raw: raw["shares"]["primary"].__setitem__(0, [42, None, 1.0]), "float|number"),
        (lambda raw: raw["feeds"][0].update(age=float("nan")), "from 0 to 1"),
        (lambda raw: raw.pop("exact"), "cannot be read"),
    ],
)
def test_answers_that_cannot_be_are_refused(answered, change, complaint):
    raw, fixed = json.loads(json.dumps(answered[0])), answered[1]
    change(raw)
    with pytest.raises(AnswerError, match=complaint):
        read_answer(CHECK, "north", raw, fixed)
