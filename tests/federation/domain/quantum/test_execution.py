"""Which circuits the batched executor runs, which are left to PennyLane, and what neither may answer."""

import logging
import math
import os

import pennylane as qml
import pytest
import torch

from federation.domain.quantum import input_checks
from federation.domain.quantum.circuits import CircuitShape
from federation.domain.quantum.errors import NotFinite, TooLarge, Unsupported, WrongShape
from federation.domain.quantum.execution import PennyLaneExecutor, executor
from federation.domain.quantum.noise import NoiseModel
from federation.domain.quantum.noisy_simulator import NoisySimulator
from federation.domain.quantum.plan import Angle, Gate, Observable, Plan, Readout
from federation.domain.quantum.simulator import StatevectorSimulator
from federation.domain.quantum.tape import compile_tape


def both(function, **changes):
    return executor(function, **{"n_qubits": 2, "n_inputs": 1, "weight_shape": (1,), **changes})


def pair(inputs, weights):
    qml.RX(inputs[..., 0], wires=0)
    qml.RY(weights[0], wires=1)
    qml.CNOT(wires=[0, 1])
    return qml.expval(qml.PauliZ(0)), qml.expval(qml.PauliZ(1))


def squared(inputs, weights):
    qml.RX(inputs[..., 0] ** 2, wires=0)
    return qml.expval(qml.PauliZ(0))


def matrix_observable(inputs, weights):
    qml.RX(inputs[..., 0] + weights[0], wires=0)
    return qml.expval(qml.Hermitian(torch.tensor([[1.0, 0], [0, -1]], dtype=torch.complex128), wires=0))


def foreign_gate(inputs, weights):
    qml.RX(inputs[..., 0], wires=0)
    qml.QubitChannel([torch.eye(2)], wires=0)
    return qml.expval(qml.PauliZ(0))


@pytest.mark.parametrize("function", [squared, matrix_observable])
def test_what_the_executor_cannot_run_goes_through_pennylane_and_one_line_says_so(function, caplog):
    with caplog.at_level(logging.WARNING):
        module = both(function)
    assert isinstance(module, PennyLaneExecutor)
    (line,) = caplog.records
    assert function.__name__ in line.getMessage() and "through PennyLane" in line.getMessage()
    out = module(torch.tensor([[0.5], [1.0]]), torch.tensor([0.25]))
    angles = torch.tensor([0.25, 1.0]) if function is squared else torch.tensor([0.75, 1.25])
    assert torch.allclose(out[:, 0], torch.cos(angles), atol=1e-6)


def shots_alone(inputs, weights):
    qml.RX(inputs[..., 0] ** 2, wires=0)
    return qml.sample()


def far_wire(inputs, weights):
    qml.RX(inputs[..., 0] ** 2, wires=7)
    return qml.expval(qml.PauliZ(0))


@pytest.mark.parametrize(
    ("function", "named"), [(foreign_gate, "QubitChannel"), (shots_alone, "sample"), (far_wire, "7")]
)
def test_what_neither_can_run_is_refused_by_name_before_any_number(function, named, caplog):
    with pytest.raises(Unsupported, match=named) as refusal:
        both(function)
    assert "device" in refusal.value.remedy and not caplog.records


def test_a_foreign_gate_has_no_plan():
    with pytest.raises(Unsupported, match="QubitChannel"):
        compile_tape(foreign_gate, n_qubits=1, n_inputs=1, weight_shape=(1,))


def root(inputs, weights):
    qml.RX(inputs[..., 0] ** 0.5 + weights[0], wires=0)
    return qml.expval(qml.PauliZ(0))


@pytest.mark.parametrize("function", [pair, root], ids=["batched", "PennyLane"])
@pytest.mark.parametrize(
    ("inputs", "weights", "error", "text"),
    [
        (torch.zeros(2, 3), torch.zeros(1), WrongShape, r"\(batch, 1\), got \(2, 3\)"),
        (torch.zeros(1), torch.zeros(1), WrongShape, r"\(batch, 1\), got \(1,\)"),
        (torch.zeros(2, 1), torch.zeros(2), WrongShape, r"\(1,\), got \(2,\)"),
        (torch.tensor([[0.0], [math.nan]]), torch.zeros(1), NotFinite, "inputs.*1 of 2 places"),
        (torch.zeros(2, 1), torch.tensor([math.inf]), NotFinite, "weights"),
        (torch.zeros(1, 1).expand(10_000_000, 1), torch.zeros(1), TooLarge, "2 qubits for 10000000 samples"),
    ],
)
def test_both_ways_refuse_bad_numbers_alike(function, inputs, weights, error, text, monkeypatch):
    monkeypatch.setattr(input_checks, "free_memory", lambda: 2**28)
    module = both(function)
    assert isinstance(module, PennyLaneExecutor) == (function is root)
    with pytest.raises(error, match=text):
        module(inputs, weights)


def test_a_state_too_large_is_refused_before_the_circuit_is_read():
    for function in (pair, root):
        with pytest.raises(TooLarge, match="at most 26 qubits, got 40"):
            both(function, n_qubits=40)


def test_an_answer_that_is_no_number_is_refused():
    with pytest.raises(NotFinite, match="answers"):
        both(root)(torch.tensor([[-1.0]]), torch.zeros(1))


def test_caches_that_can_be_dropped_count_as_free(monkeypatch):
    """Free pages alone would refuse what fits."""
    monkeypatch.setattr(os, "sysconf", lambda name: 1)
    input_checks.require_memory(input_checks.SMALL, n_qubits=2, batch=2**21, device=torch.device("cpu"))


# --- circuits that do otherwise with other numbers ------------------------------------------------------------------


def turned(angle):
    """RX by ``angle(x) + w`` on wire 0: <Z0> is its cosine."""

    def function(inputs, weights):
        qml.RX(angle(inputs[..., 0]) + weights[0], wires=0)
        return qml.expval(qml.Z(0))

    return function, lambda x, w: torch.cos(angle(x) + w)


def branching(inputs, weights):
    if inputs[0] < 0:
        qml.X(0)
    qml.RX(weights[0], wires=0)
    return qml.expval(qml.Z(0))


def other_wire(inputs, weights):
    qml.RX(inputs[0] + weights[0], wires=0)
    return qml.expval(qml.Z(0 if inputs[0] < 0.5 else 1))


def other_observable(inputs, weights):
    qml.RX(weights[0], wires=0)
    return qml.expval(float(inputs[0].detach()) * qml.Z(0))


def other_probabilities(inputs, weights):
    qml.RX(inputs[0] + weights[0], wires=0)
    return qml.probs(wires=[0 if inputs[0] > -1 else 1])


def rounded(inputs, weights):
    qml.RX(torch.round(inputs[0].detach()) + weights[0], wires=0)
    return qml.expval(qml.Z(0))


def absolute_amplitudes(inputs, weights):
    qml.AmplitudeEmbedding(torch.stack([torch.tensor(1.0), abs(inputs[0])]), wires=[1], normalize=True)
    qml.RX(weights[0], wires=0)
    return qml.expval(qml.X(1))


CHANGING = {
    "relu": turned(torch.relu),
    "abs": turned(torch.abs),
    "clamp": turned(lambda x: torch.clamp(x, -1.5, 1.5)),
    "far clamp": turned(lambda x: torch.clamp(x, -40, 40)),
    "remainder": turned(lambda x: torch.remainder(x, math.pi)),
    "branch": (branching, lambda x, w: torch.sign(x) * torch.cos(w)),
    "round": (rounded, lambda x, w: torch.cos(torch.round(x) + w)),
    "wire": (other_wire, lambda x, w: torch.where(x < 0.5, torch.cos(x + w), 1.0)),
    "observable": (other_observable, lambda x, w: x * torch.cos(w)),
    "probabilities": (other_probabilities, lambda x, w: torch.where(x > -1, torch.cos((x + w) / 2) ** 2, 1.0)),
    "amplitudes": (absolute_amplitudes, lambda x, w: 2 * x.abs() / (1 + x**2)),
}


@pytest.mark.parametrize(("function", "by_hand"), CHANGING.values(), ids=CHANGING)
def test_a_circuit_that_does_otherwise_with_other_numbers_is_left_to_pennylane(function, by_hand, caplog):
    with caplog.at_level(logging.WARNING):
        module = both(function)
    assert isinstance(module, PennyLaneExecutor) and len(caplog.records) == 1
    x, w = torch.tensor([-50.0, -1.2, -0.3, 0.4, 2.0, 4.0]), torch.tensor([0.25])
    assert torch.allclose(module(x[:, None], w)[:, 0], by_hand(x, w), atol=1e-5)


def test_numbers_that_the_circuits_own_code_refuses_are_left_to_pennylane():
    def arcsine(inputs, weights):
        qml.RX(math.asin(float(inputs[0].detach())) + weights[0], wires=0)
        return qml.expval(qml.Z(0))

    module = both(arcsine)
    assert module(torch.tensor([[1.0]]), torch.zeros(1)).tolist() == [[pytest.approx(0, abs=1e-6)]]
    with pytest.raises(ValueError, match="math domain"):
        module(torch.tensor([[2.0]]), torch.zeros(1))


def test_a_gate_by_several_angles_at_once_has_no_plan():
    def broadcast(inputs, weights):
        qml.RX(inputs, wires=0)
        return qml.expval(qml.Z(0))

    with pytest.raises(Unsupported, match=r"one number an angle, got numbers of shape \(2,\)"):
        compile_tape(broadcast, n_qubits=1, n_inputs=2, weight_shape=(1,))


# --- what is no real number -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("measured", [qml.state, lambda: qml.density_matrix([0])])
def test_states_are_refused_before_any_number(measured):
    def function(inputs, weights):
        qml.RX(inputs[..., 0], wires=0)
        return measured()

    with pytest.raises(Unsupported, match="real numbers"):
        both(function)


def test_an_observable_that_is_not_hermitian_does_not_lose_its_imaginary_part():
    def function(inputs, weights):
        qml.RX(inputs[..., 0], wires=0)
        return qml.expval((1 + 1j) * qml.Z(0))

    with pytest.raises(Unsupported, match="not Hermitian"):
        both(function)(torch.zeros(1, 1), torch.zeros(1))


def runners():
    shape = CircuitShape(2, 1)
    return {
        "batched": (StatevectorSimulator(shape), 2, (1, 2, 3)),
        "noisy": (NoisySimulator(shape, NoiseModel("none")), 2, (1, 2, 3)),
        "PennyLane": (both(root), 1, (1,)),
    }


@pytest.mark.parametrize("name", runners())
def test_complex_inputs_are_refused_by_whoever_runs(name):
    module, n_inputs, weight_shape = runners()[name]
    for dtypes in ((torch.complex64, torch.float32), (torch.float64, torch.complex128)):
        inputs, weights = (torch.zeros(s, dtype=d) for s, d in zip(((1, n_inputs), weight_shape), dtypes, strict=True))
        with pytest.raises(WrongShape, match="real numbers, got torch"):
            module(inputs, weights)


# --- nothing asked --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", runners())
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_empty_batch_has_no_answers_and_gradients_of_zero(name, dtype):
    module, n_inputs, weight_shape = runners()[name]
    inputs, weights = (torch.zeros(s, dtype=dtype, requires_grad=True) for s in ((0, n_inputs), weight_shape))
    out = module(inputs, weights)
    assert out.shape == (0, 1 if name == "PennyLane" else 2) and out.dtype == dtype
    by_inputs, by_weights = torch.autograd.grad(out.sum(), [inputs, weights])
    assert by_inputs.shape == inputs.shape and torch.equal(by_weights, torch.zeros(weight_shape, dtype=dtype))


def test_an_empty_batch_has_no_probabilities_samples_or_estimates():
    simulator, numbers = StatevectorSimulator(CircuitShape(3, 1)), (torch.zeros(0, 3), torch.zeros(1, 3, 3))
    assert simulator.probabilities(*numbers).shape == (0, 8)
    assert simulator.samples(*numbers, shots=5).shape == (0, 5, 3)
    assert simulator.estimates(*numbers, shots=5).shape == (0, 3)


def test_weights_may_be_a_single_number():
    plan = Plan(
        1, 1, 1, (Gate("RY", (0,), (Angle(weights=((0, 1.0),)),)),), Readout("expval", (Observable(((1.0, "Z"),)),))
    )
    module, weights = StatevectorSimulator(plan, ()), torch.tensor(0.4, requires_grad=True)
    out = module(torch.zeros(1, 1), weights)
    out.sum().backward()
    assert (out.item(), weights.grad.item()) == pytest.approx((math.cos(0.4), -math.sin(0.4)))
