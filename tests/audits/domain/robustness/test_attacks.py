"""Attacks: gradients against PennyLane, hand-checked steps, and which attack is the stronger."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from audits.domain.robustness.attacks import Box, attack, measured_columns, probe
from audits.domain.robustness.scores import some_slices
from audits.domain.robustness.shot_gradients import agreement, quantum_core, shot_gradient
from federation.domain.data.phantom import PhantomSource
from federation.domain.quantum.circuits import qnode
from tests.factories.stress import imaging_models, rows_of, tabular_models

DATA = rows_of("north", 60)


def attacked(model="primary", data=DATA, **settings):
    chosen = {"epsilon": 0.1, "steps": 8, "starts": 2} | settings
    return attack(tabular_models()[model], data, rng=np.random.default_rng(1), **chosen)


def pennylane_gradient(x, y):
    """The same loss with the circuit run and differentiated by PennyLane itself."""
    model = tabular_models()["primary"]
    core = quantum_core(model)
    node = qnode(core.circuit.shape, diff_method="backprop")
    rows = torch.from_numpy(x).double().requires_grad_(True)
    angles = torch.pi / 2 * torch.tanh(rows @ core.to_angles.weight.double().T + core.to_angles.bias.double())
    measured = torch.stack(list(node(angles, core.circuit.weights.detach().double())), dim=-1)
    logits = measured @ model.head.weight.double()[0] + model.head.bias.double()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(y).double(), reduction="sum")
    return torch.autograd.grad(loss, rows)[0].numpy()


def test_the_gradient_is_that_of_pennylane():
    few = DATA.take(np.arange(6))
    ours = probe(tabular_models()["primary"], few, few.x).gradient
    assert ours == pytest.approx(pennylane_gradient(few.x, few.y), abs=2e-5)


def test_the_parameter_shift_rule_without_shot_noise_gives_the_same_gradient():
    few = DATA.take(np.arange(3))
    exact = probe(tabular_models()["primary"], few, few.x).gradient
    shifted = shot_gradient(tabular_models()["primary"], few.x, few.y, shots=None, seed=1)
    assert shifted.gradient == pytest.approx(exact, abs=2e-5)
    shape = quantum_core(tabular_models()["primary"]).circuit.shape
    assert shifted.circuits == 3 * (1 + 2 * shape.layers * shape.n_qubits)


def test_finite_shots_point_roughly_the_same_way_and_repeat_by_their_seed():
    few = DATA.take(np.arange(4))
    exact = probe(tabular_models()["primary"], few, few.x).gradient
    one, two = (shot_gradient(tabular_models()["primary"], few.x, few.y, shots=400, seed=5) for _ in range(2))
    assert np.array_equal(one.gradient, two.gradient)
    cosine, signs = agreement(exact, one.gradient)
    assert 0.6 < cosine < 1 and signs > 0.6


def test_agreement_by_hand():
    one, two = np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[1.0, 1.0], [1.0, 0.0]])
    cosine, signs = agreement(one, two)
    assert cosine == pytest.approx(np.sqrt(0.5) / 2) and signs == 0.5


def test_a_classical_model_has_no_circuit_to_shift():
    assert quantum_core(tabular_models()["baseline"]) is None
    with pytest.raises(ValueError, match="quantum bottleneck"):
        shot_gradient(tabular_models()["baseline"], DATA.x[:1], DATA.y[:1], shots=10, seed=1)


@pytest.mark.parametrize("model", ["primary", "baseline"])
def test_pgd_harms_every_patient_at_least_as_much_as_fgsm(model):
    found = attacked(model)
    fast, slow = (probe(tabular_models()[model], DATA, found.inputs[way]) for way in ("fgsm", "pgd"))
    assert (slow.harm >= fast.harm - 1e-6).all()
    assert found.scores["pgd"].mean() <= found.scores["fgsm"].mean() <= found.clean.mean()


def test_the_scores_are_those_of_the_inputs_that_are_returned():
    found = attacked()
    for way, x in found.inputs.items():
        assert np.array_equal(probe(tabular_models()["primary"], DATA, x).scores, found.scores[way])


def test_inputs_stay_within_epsilon_and_within_their_range():
    beyond = replace(DATA, x=DATA.x * 1.3 - 0.1)  # some values lie outside [0, 1] already
    for x in attacked(data=beyond).inputs.values():
        assert np.abs(x - beyond.x).max() <= 0.1 + 1e-6
        assert (x >= np.minimum(beyond.x, 0) - 1e-6).all() and (x <= np.maximum(beyond.x, 1) + 1e-6).all()


def test_the_box_by_hand():
    box = Box.around(np.array([[0.05, 0.5, 1.2]], dtype=np.float32), 0.1, np.array([True, False, True]))
    assert box.low == pytest.approx(np.array([[0.0, 0.5, 1.1]])) and box.high == pytest.approx(
        np.array([[0.15, 0.5, 1.2]])
    )


def test_columns_that_must_not_move_do_not():
    movable = measured_columns(DATA.x)
    assert movable.tolist() == [True, False, True, False, False, False, False]
    moved = attacked(movable=movable).inputs["pgd"] != DATA.x
    assert moved[:, movable].any() and not moved[:, ~movable].any()


def test_random_signs_are_the_weaker_control():
    found = attacked(epsilon=0.15)
    assert found.scores["random"].mean() > found.scores["pgd"].mean()


def test_a_patient_without_gradient_is_counted():
    model = tabular_models()["baseline"]
    far = replace(DATA, x=np.where(np.arange(60)[:, None] < 7, 1e6, DATA.x).astype(np.float32))  # tanh is saturated
    assert attack(model, far, epsilon=0.1, rng=np.random.default_rng(0), steps=1, starts=1).flat == 7


def test_segmentation_keeps_the_worst_input_of_each_patient():
    data = PhantomSource(patients=12, n_sites=1, px=16).load("phantom-1")
    twice = replace(  # two slices a patient
        data, x=np.repeat(data.x, 2, 0), y=np.repeat(data.y, 2, 0), patient_index=np.repeat(data.patient_index, 2)
    )
    found = attack(imaging_models()["primary"], twice, epsilon=0.1, rng=np.random.default_rng(0), steps=4, starts=1)
    assert (found.scores["pgd"] <= found.scores["fgsm"]).all() and found.scores["pgd"].mean() < found.clean.mean()
    assert len(some_slices(twice, 1).x) == 12
