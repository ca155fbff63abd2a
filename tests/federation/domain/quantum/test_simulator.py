import copy
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import grad, vmap

from federation.domain.quantum.circuits import CircuitShape, plan_of, qnode
from federation.domain.quantum.errors import NotFinite, TooLarge, ZeroNorm
from federation.domain.quantum.layer import QuantumLayer
from federation.domain.quantum.simulator import StatevectorSimulator

# Fused up to 6 qubits, split over; an odd and an even split; one layer and many; with and without entanglement.
SHAPES = [
    CircuitShape(2, 3),
    CircuitShape(3, 1),
    CircuitShape(4, 3),
    CircuitShape(4, 3, entangling=False),
    CircuitShape(5, 5),
    CircuitShape(6, 3),
    CircuitShape(7, 3),
    CircuitShape(8, 2),
    CircuitShape(8, 2, entangling=False),
]


def outputs_and_gradients(run, shape, dtype) -> tuple[Any, Any, Any]:
    """Outputs and both gradients of a mean square, on inputs that are the same in every precision."""
    source = torch.Generator().manual_seed(5)
    angles = 2 * torch.randn(5, shape.n_qubits, generator=source, dtype=torch.float64)
    weights = 3 * torch.randn(shape.weight_shape, generator=source, dtype=torch.float64)
    angles, weights = (value.to(dtype).clone().requires_grad_() for value in (angles, weights))
    out = run(angles, weights)
    by_angles, by_weights = torch.autograd.grad(out.square().mean(), [angles, weights])
    return out.detach().double(), by_angles.double(), by_weights.double()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_outputs_and_gradients_equal_those_of_pennylane(shape):
    node = qnode(shape, diff_method="backprop")
    expected = outputs_and_gradients(lambda a, w: torch.stack(node(a, w), 1), shape, torch.float64)
    for dtype, tolerance in ((torch.float32, 1e-6), (torch.float64, 1e-12)):
        got = outputs_and_gradients(StatevectorSimulator(shape), shape, dtype)
        for name, mine, theirs in zip(("outputs", "angles", "weights"), got, expected, strict=True):
            assert (mine - theirs).abs().max() < tolerance, f"{name} in {dtype}"


KINDS = [
    CircuitShape(4, 3), CircuitShape(7, 2), CircuitShape(4, 2, embedding="RZ", ansatz="hardware"),
    CircuitShape(4, 2, embedding="RY", reupload=False, ansatz="mirrored"), CircuitShape(3, 2, embedding="amplitude"),
]  # fmt: skip


@pytest.mark.parametrize("shape", KINDS, ids=str)
def test_gradients_by_sample_equal_a_loop_over_samples(shape):
    simulator = StatevectorSimulator(shape)
    angles, weights = torch.randn(6, shape.n_inputs), torch.randn(shape.weight_shape)
    turned = weights.clone().requires_grad_()

    def loss(weights, angles):
        return simulator(angles[None], weights).square().sum()

    batched = vmap(grad(loss), in_dims=(None, 0))(weights, angles)
    looped = torch.stack([torch.autograd.grad(loss(turned, row), turned)[0] for row in angles])
    assert torch.allclose(batched, looped, atol=1e-5)  # the hand-written derivative, sample by sample


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 8), st.integers(1, 4), st.booleans(), st.integers(0, 2**31))
def test_expectation_values_stay_between_minus_one_and_one(qubits, layers, entangling, seed):
    shape = CircuitShape(qubits, layers, entangling)
    source = torch.Generator().manual_seed(seed)
    angles = 9 * torch.randn(3, qubits, generator=source)
    out = StatevectorSimulator(shape)(angles, 9 * torch.randn(shape.weight_shape, generator=source))
    assert out.abs().max() <= 1 + 1e-5


def test_one_qubit_alone_answers_the_cosine_of_its_summed_angles():
    shape = CircuitShape(2, 3, entangling=False)
    out = StatevectorSimulator(shape)(torch.tensor([[0.3, -0.5]]), torch.zeros(shape.weight_shape))
    assert out[0].tolist() == pytest.approx([math.cos(0.9), math.cos(-1.5)], abs=1e-6)


def test_angles_of_the_wrong_shape_are_refused():
    simulator = StatevectorSimulator(CircuitShape(4, 3))
    with pytest.raises(ValueError, match=r"\(batch, 4\), got \(2, 3\)"):
        simulator(torch.zeros(2, 3), torch.zeros(3, 4, 3))
    with pytest.raises(ValueError, match=r"\(3, 4, 3\), got \(2, 4, 3\)"):
        simulator(torch.zeros(2, 4), torch.zeros(2, 4, 3))


def test_the_layer_keeps_its_angles_alone_and_says_how_it_was_run():
    layer = QuantumLayer(CircuitShape(4, 3))
    assert {name: tuple(value.shape) for name, value in layer.state_dict().items()} == {"weights": (3, 4, 3)}
    facts = layer.facts()
    assert (facts["shots"], facts["n_qubits"], facts["layers"], facts["n_parameters"]) == (None, 4, 3, 36)
    assert facts["depth"] == CircuitShape(4, 3).depth
    assert layer.double()(torch.zeros(1, 4, dtype=torch.float64)).dtype == torch.float64


def test_angles_that_are_not_numbers_are_refused_with_what_to_do():
    simulator, weights = StatevectorSimulator(CircuitShape(2, 1)), torch.zeros(1, 2, 3)
    with pytest.raises(NotFinite, match="1 of 4 places. Look for"):
        simulator(torch.tensor([[0.0, float("nan")], [0.0, 0.0]]), weights)
    with pytest.raises(NotFinite, match="weights"):
        simulator(torch.zeros(1, 2), weights + float("inf"))


def test_a_sample_of_zeros_has_no_amplitudes():
    simulator = StatevectorSimulator(CircuitShape(2, 1, embedding="amplitude"))
    with pytest.raises(ZeroNorm, match="zeros"):
        simulator(torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 0]]), torch.zeros(1, 2, 3))


@pytest.mark.parametrize("size", [1e30, 1e-30, 1e-44, 3e38])
def test_amplitudes_of_any_size_are_normalised(size):
    shape = CircuitShape(2, 1, embedding="amplitude")
    model, weights = StatevectorSimulator(shape), torch.randn(shape.weight_shape)
    inputs = torch.tensor([[size, size, 0, 0], [1, 2, 3, 4]], requires_grad=True)
    out = model(inputs, weights)
    plain = torch.tensor([[1.0, 1, 0, 0], [1, 2, 3, 4]])
    assert torch.allclose(out, model(plain, weights), atol=1e-6)
    by_row = vmap(lambda row: model(row[None], weights)[0])(inputs.detach())
    assert torch.allclose(by_row, out, atol=1e-6)
    assert torch.isfinite(torch.autograd.grad(out[1].sum(), inputs)[0][1]).all()


def test_states_that_do_not_fit_are_refused_before_they_are_made():
    plan = plan_of(CircuitShape(2, 1))
    with pytest.raises(TooLarge, match="at most 26 qubits, got 30, which is 16 GiB"):
        StatevectorSimulator(replace(plan, n_qubits=30))
    with pytest.raises(TooLarge, match="10 qubits for 1000000 samples.*smaller batches"):
        StatevectorSimulator(CircuitShape(10, 2))(torch.zeros(1, 1).expand(1_000_000, 10), torch.zeros(2, 10, 3))


def test_half_precision_is_answered_in_single():
    layer = QuantumLayer(CircuitShape(2, 1))
    assert layer(torch.zeros(1, 2, dtype=torch.bfloat16)).dtype == torch.float32


def test_a_layer_can_be_copied_and_moved():
    layer = QuantumLayer(CircuitShape(3, 2))
    angles = torch.randn(2, 3)
    out = layer(angles)
    twin = copy.deepcopy(layer)
    assert torch.equal(twin(angles), out)
    assert torch.allclose(twin.double()(angles.double()).float(), out, atol=1e-6)
