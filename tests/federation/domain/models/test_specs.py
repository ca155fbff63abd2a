"""What a spec may say of a circuit, that it does what it says, and that a spec of before still means the same."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn.functional import binary_cross_entropy_with_logits

from audits.domain.attacks.inversion import patient_steps
from audits.domain.explain.circuit import Ablation, gate_cases
from audits.domain.robustness.shot_gradients import quantum_core, shot_gradient
from federation.domain.data.dataset import LoadReport, SiteData
from federation.domain.learning.config import DPConfig, LocalConfig
from federation.domain.learning.gradients import Rows, step_gradients
from federation.domain.learning.local import train_local
from federation.domain.messages import digest
from federation.domain.models.choice import ModelChoice
from federation.domain.models.registry import build, default_specs
from federation.domain.models.specs import check, chosen_specs
from federation.domain.quantum.circuits import ANGLES, EMBEDDINGS, gates_of
from federation.domain.quantum.device_work import programs_of
from federation.domain.quantum.noise_choice import PRESETS, recorded
from federation.domain.quantum.spec import SpecError, circuit_of, short, start_of
from federation.presentation.circuits import circuit_chart
from federation.presentation.facts import consent_words, model_facts
from federation.presentation.parameters import count_parameters

CIRCUIT = {"qubits": 4, "layers": 2, "entangling": True}
KINDS = {
    "vqc_classifier": ("classification", (6,)),
    "chest_vqc": ("classification", (1, 16, 16)),
    "hybrid_unet": ("segmentation", (1, 16, 16)),
}


def combinations():
    for kind, ansatz, embedding in itertools.product(KINDS, ANGLES, EMBEDDINGS):
        for start in ("small", "identity") if ansatz == "mirrored" else ("small",):
            for reupload in (False,) if embedding == "amplitude" else (True, False):
                if not (kind == "hybrid_unet" and embedding == "amplitude"):
                    yield kind, {"ansatz": ansatz, "embedding": embedding, "start": start, "reupload": reupload}


def patients(task, shape, n=6):
    rng = np.random.default_rng(2)
    y = np.arange(n) % 2 if task == "classification" else rng.integers(0, 2, (n, *shape[1:]))
    return SiteData(
        site="north", task=task, record_ids=tuple(f"p{i}" for i in range(n)), patient_index=np.arange(n), groups={},
        x=rng.random((n, *shape)).astype(np.float32), y=y.astype(np.float32 if len(shape) > 1 else np.int64),
        feature_names=tuple(map(str, range(shape[0]))), report=LoadReport(n, n, {}, {}, ()),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "options"), list(combinations()), ids=lambda v: v if isinstance(v, str) else "-".join(map(str, v.values()))
)
def test_every_circuit_is_built_trained_described_and_drawn(kind, options):
    task, shape = KINDS[kind]
    choice = ModelChoice.from_dict({**CIRCUIT, **options})
    primary, twin = chosen_specs(task, shape[0], min(shape[1:], default=None), choice)
    model, data = build(primary, seed=3), patients(task, shape)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    train_local(model, data, LocalConfig(epochs=1, batch_size=3, learning_rate=0.01), seed=0)
    after = model.state_dict()
    assert all(torch.isfinite(value).all() for value in after.values())
    angles = next(name for name in before if name.endswith("circuit.weights"))
    assert (after[angles] - before[angles]).abs().max() > 1e-4  # the circuit learns

    again = build(primary, seed=3)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in before.items())
    assert count_parameters(primary) == model.n_parameters and count_parameters(twin) == build(twin).n_parameters
    said = model.facts()["quantum"]
    assert (said["ansatz"], said["start"]) == (options["ansatz"], options["start"])
    config = {"models": {"primary": primary, "baseline": twin}}
    assert circuit_of(primary).embedding_words in model_facts(config)[0].circuit.how
    drawn = circuit_chart(config)
    assert drawn is not None and "<svg" in drawn.svg
    gates = {row[1] for row in drawn.table.rows}
    entangler = "CZ" if options["ansatz"] == "hardware" else "CNOT"
    loaded = "amplitude embedding" if options["embedding"] == "amplitude" else options["embedding"]
    assert {entangler, loaded} <= gates


@pytest.mark.parametrize("embedding", EMBEDDINGS)
@pytest.mark.parametrize("ansatz", ANGLES)
def test_an_audit_takes_every_circuit_apart(ansatz, embedding):
    primary, _ = chosen_specs("classification", 6, None, ModelChoice(ansatz=ansatz, embedding=embedding, layers=2))
    model, data = build(primary, seed=1), patients("classification", (6,))
    ablation = Ablation(model, data, data.x)
    assert ablation.units == circuit_of(primary).n_inputs
    assert ablation.whole().moved.max() == 0
    for part in gate_cases(circuit_of(primary)).values():
        assert np.isfinite(ablation.of_circuit(part).moved).all()


@pytest.mark.parametrize("embedding", EMBEDDINGS)
@pytest.mark.parametrize("ansatz", ANGLES)
def test_gates_on_a_device_are_counted_as_they_come_out(ansatz, embedding):
    primary, _ = chosen_specs("classification", 6, None, ModelChoice(ansatz=ansatz, embedding=embedding, layers=2))
    (program,) = programs_of(build(primary, seed=1), patients("classification", (6,), n=1).x)
    double = sum(gate.name == "cx" for gate in program.gates)
    single, counted = gates_of(circuit_of(primary))
    assert counted == double
    assert 0.85 * single <= len(program.gates) - double <= single  # rotations by 0 fall away


@pytest.mark.parametrize(("ansatz", "embedding"), [("hardware", "RY"), ("mirrored", "RZ")])
def test_the_attack_by_shifts_finds_the_exact_gradient_of_the_chosen_circuit(ansatz, embedding):
    primary, _ = chosen_specs("classification", 6, None, ModelChoice(ansatz=ansatz, embedding=embedding, layers=2))
    model, data = build(primary, seed=1), patients("classification", (6,), n=2)
    x = torch.from_numpy(data.x).requires_grad_(True)
    binary_cross_entropy_with_logits(model(x), torch.tensor(data.y, dtype=torch.float32), reduction="sum").backward()
    found = shot_gradient(model, data.x, data.y, shots=None, seed=0)
    assert found.gradient == pytest.approx(x.grad.numpy(), abs=1e-5)


def test_amplitudes_are_not_attacked_by_shifts():
    primary, _ = chosen_specs("classification", 6, None, ModelChoice(embedding="amplitude"))
    assert quantum_core(build(primary)) is None


def test_identity_blocks_start_as_the_identity_and_small_angles_do_not():
    spec = {"kind": "vqc_classifier", "inputs": 6, **CIRCUIT, "ansatz": "mirrored", "reupload": False}
    for start, found in (("identity", True), ("small", False)):
        circuit = build({**spec, "start": start}, seed=2).bottleneck.circuit
        values = circuit(torch.zeros(1, 4))
        assert torch.allclose(values, torch.ones(1, 4), atol=1e-5) is found


# --- specs of before -----------------------------------------------------------------------------------------------

FIVE = {"qubits": 5, "layers": 2, "entangling": False}
STORED = [  # spec, its digest, that of its weights from seed 7: as versions of before hold them
    (default_specs("classification", 13)[0], "759981ae38ae6e32", "1f83b577840dbaf4"),
    (default_specs("classification", 13)[1], "acadaa974d254bd8", "2cd230e0dabb23ef"),
    (default_specs("classification", 2, side=32)[0], "e3c67cbfee79f2aa", "0fed6f91ea01cdf7"),
    (default_specs("classification", 2, side=32)[1], "c907d1c366f8e5ea", "e25218b3ac7617b2"),
    (default_specs("segmentation", 2)[0], "f65b142607636c99", "4f0f2f9afff0a6ab"),
    (default_specs("segmentation", 3, 64)[1], "f3328c50dab9c9a4", "65c392301d1fc02d"),
    ({"kind": "vqc_classifier", "inputs": 7, **FIVE}, "2b8477b9927f7ed8", "2c00c6927edf70d8"),
    ({"kind": "hybrid_unet", "inputs": 2, "channels": [8, 16, 24], **FIVE}, "96b45ffd847d05c3", "fd038b0b3e0d2562"),
]


@pytest.mark.parametrize(
    ("spec", "of_spec", "of_weights"), STORED, ids=lambda v: v["kind"] if isinstance(v, dict) else ""
)
def test_a_spec_of_before_there_was_a_choice_builds_the_same_network(spec, of_spec, of_weights):
    found = hashlib.sha256()
    for name, value in build(spec, seed=7).state_dict().items():
        found.update(name.encode() + value.numpy().tobytes())
    assert digest(spec)[:16] == of_spec
    assert found.hexdigest()[:16] == of_weights


@pytest.mark.parametrize(
    ("task", "inputs", "side"), [("classification", 6, None), ("classification", 1, 32), ("segmentation", 3, 64)]
)
def test_what_is_chosen_as_recommended_is_the_recommended_spec(task, inputs, side):
    usual = {"ansatz": "strong", "embedding": "RX", "reupload": True, "start": "small", "entangling": True, "layers": 3}
    assert chosen_specs(task, inputs, side, ModelChoice.from_dict(usual)) == default_specs(task, inputs, side)
    assert chosen_specs(task, inputs, side, ModelChoice.from_dict(None)) == default_specs(task, inputs, side)


def test_one_model_has_one_spec():
    spec = {"kind": "vqc_classifier", "inputs": 6, **CIRCUIT, "ansatz": "mirrored"}
    assert short({**spec, "start": "identity", "embedding": "RX"}) == spec
    assert start_of(spec) == "identity" and start_of({**spec, "ansatz": "strong"}) == "small"
    assert short({**spec, "embedding": "amplitude", "reupload": False}) == {**spec, "embedding": "amplitude"}


@pytest.mark.parametrize(
    "choice",
    [{}, {"qubits": 8}, {"layers": 1}, {"ansatz": "hardware"}, {"ansatz": "mirrored"}, {"embedding": "amplitude"}],
    ids=str,
)
def test_the_twin_has_nearly_as_many_parameters_as_the_model_that_was_chosen(choice):
    quantum, classical = (build(spec) for spec in chosen_specs("classification", 13, None, ModelChoice(**choice)))
    assert classical.n_parameters == pytest.approx(quantum.n_parameters, rel=0.15)
    assert classical.facts()["quantum"] is None


def test_the_ablation_is_the_model_without_entangling_gates():
    primary, baseline = chosen_specs("segmentation", 1, 16, ModelChoice("no_entanglement", qubits=5))
    assert baseline == {**primary, "entangling": False} and primary["qubits"] == 5
    config = {"models": {"primary": primary, "baseline": baseline}}
    assert [facts.label for facts in model_facts(config)] == ["Quantum model", "Ablation without entanglement"]


def test_a_logistic_regression_stands_beside_rows_of_a_table_alone():
    primary, baseline = chosen_specs("classification", 6, None, ModelChoice("logistic", qubits=5))
    assert primary == chosen_specs("classification", 6, None, ModelChoice(qubits=5))[0]
    assert baseline == {"kind": "logistic_regression", "inputs": 6} and build(baseline).n_parameters == 7
    config = {"models": {"primary": primary, "baseline": baseline}}
    assert [facts.label for facts in model_facts(config)] == ["Quantum model", "Logistic regression"]
    for task, side in (("classification", 32), ("segmentation", None), ("segmentation", 64)):
        with pytest.raises(SpecError, match="expected rows of a table for a logistic regression") as caught:
            chosen_specs(task, 1, side, ModelChoice("logistic"))
        assert caught.value.field == "compared"


def test_a_logistic_regression_learns_what_scikit_learns():
    data = patients("classification", (6,), n=200)
    data = replace(data, y=(data.x[:, 0] + data.x[:, 1] > data.x[:, 2] + 0.5).astype(np.int64))
    model = build({"kind": "logistic_regression", "inputs": 6}, seed=1)
    train_local(model, data, LocalConfig(epochs=300, batch_size=200, learning_rate=0.3), seed=1)
    theirs = LogisticRegression(C=np.inf, max_iter=5000).fit(data.x, data.y)
    with torch.inference_mode():
        ours = (model(torch.from_numpy(data.x)) >= 0).numpy()
    assert (ours == theirs.predict(data.x)).mean() > 0.97


NOISE = recorded(PRESETS["mild"])
WHOLE = {"kind": "vqc_classifier", "inputs": 6, **CIRCUIT}
IMAGES = {**default_specs("segmentation", 1)[0], "layers": 2}
CHEST = {**default_specs("classification", 1, 16)[0], "layers": 2}


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        ({**WHOLE, "qubits": 11}, "qubits", "from 4 to 10, got 11: each more doubles the memory"),
        ({**WHOLE, "qubits": 3}, "qubits", "from 4 to 10, got 3$"),
        ({**WHOLE, "layers": 13}, "layers", "from 1 to 12, got 13"),
        ({**WHOLE, "ansatz": "brick"}, "ansatz", "one of strong, hardware, mirrored, got 'brick'"),
        ({**WHOLE, "ansatz": ["strong"]}, "ansatz", "one of strong"),
        ({**WHOLE, "embedding": "RXX"}, "embedding", "one of RX, RY, RZ, amplitude, got 'RXX'"),
        ({**WHOLE, "reupload": 1}, "reupload", "true or false, got 1"),
        ({**WHOLE, "start": "random"}, "start", "one of small, identity, got 'random'"),
        ({**WHOLE, "start": "identity"}, "start", "only mirrored layers undo one another"),
        ({**WHOLE, "ansatz": "mirrored", "layers": 1}, "layers", "two layers at least"),
        ({**WHOLE, "embedding": "amplitude", "reupload": True}, "reupload", "expected amplitudes to be loaded once"),
        ({**WHOLE, "embedding": "amplitude", "qubits": 7}, "qubits", "at most 6 qubits with amplitudes"),
        ({**IMAGES, "embedding": "amplitude"}, "embedding", "expected an embedding of angles, RX, RY, RZ"),
        ({**WHOLE, "noise": {"preset": "mild"}}, "noise", "as it is recorded, with every rate and its digest"),
        ({**WHOLE, "noise": {**NOISE, "sha256": "0" * 64}}, "noise", "expected the digest of these rates"),
        ({**WHOLE, "noise": NOISE, "embedding": "amplitude"}, "noise", "a tree of gates"),
        ({**WHOLE, "noise": NOISE, "qubits": 7}, "qubits", "at most 6 qubits in training under noise"),
        ({**IMAGES, "noise": NOISE}, "noise", "this kind of model runs on no device here"),
        ({**CHEST, "noise": NOISE}, "noise", "this kind of model runs on no device here"),
        ({**WHOLE, "shots": 10}, "", r"unexpected \['shots'\]"),
        ({"kind": "mlp_classifier", "inputs": 6, "hidden": 3, "outputs": 4, "ansatz": "strong"}, "", "unexpected"),
        ({"kind": "hybrid_unet", "inputs": 2, "channels": [8, 16, 24], **CIRCUIT, "ansatz": "strong"}, "", "missing"),
    ],
)  # fmt: skip
def test_a_circuit_that_cannot_be_is_refused_with_what_was_expected(spec, field, message):
    with pytest.raises(SpecError, match=message) as caught:
        check(spec)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("choice", "field"),
    [
        ({"colour": 1}, ""), ({"compared": "luck"}, "compared"), ([1], ""), ({"qubits": "4"}, "qubits"),
        ({"compared": "no_entanglement", "entangling": False}, "entangling"),
    ],
)  # fmt: skip
def test_a_choice_that_is_none_is_refused(choice, field):
    with pytest.raises(SpecError, match="expected") as caught:
        chosen_specs("classification", 6, None, ModelChoice.from_dict(choice))
    assert caught.value.field == field


@pytest.mark.parametrize("dp", [None, DPConfig(0.01, 1.0, 1e-3)])
def test_noise_changes_what_is_learnt_and_not_how_it_is_used(dp):
    specs = [
        chosen_specs("classification", 6, None, ModelChoice(noise={"preset": name} if name else None))[0]
        for name in ("", "mild", "strong")
    ]
    data, config = patients("classification", (6,)), LocalConfig(1, 3, 0.05, dp=dp)
    learnt = []
    for spec in specs:
        model = build(spec, seed=1)
        first = model(torch.from_numpy(data.x))
        train_local(model, data, config, seed=0)
        learnt.append(first.detach())
        learnt.append(model.bottleneck.circuit.weights.detach())
    assert torch.equal(learnt[0], learnt[2]) and torch.equal(learnt[0], learnt[4])
    near, far = (learnt[n] - learnt[1] for n in (3, 5))
    assert near.norm() > 0 and far.norm() > 0


def test_under_noise_a_large_batch_is_taken_in_pieces_and_an_attack_sees_the_gradients_of_training():
    model, data = build({**WHOLE, "noise": NOISE}, seed=1), patients("classification", (6,), n=70)
    next(step_gradients(model, Rows.of(data), LocalConfig(1, 70, 0.1), seed=0, steps=1, weights=None))
    seen = patient_steps(model, data)
    for name, value in model.named_parameters():
        assert torch.allclose(seen[name].mean(dim=0), value.grad, atol=1e-5)


def test_the_sites_read_how_the_circuit_is_built():
    specs = chosen_specs("classification", 6, None, ModelChoice(ansatz="hardware", embedding="RZ", reupload=False))
    config = {
        "task": "classification", "models": dict(zip(("primary", "baseline"), specs, strict=True)), "rounds": 1,
        "seed": 1, "local": {"epochs": 1, "batch_size": 4, "learning_rate": 0.1, "dp": None}, "epsilon_budget": None,
        "data_digests": {}, "strategy": "fedavg",
    }  # fmt: skip
    said = dict(consent_words(config))
    assert said["Layers and inputs"].startswith("Hardware-efficient layers; RZ angles, loaded once; training starts")
    assert "entangled by CZ gates" in said["Circuit"]
