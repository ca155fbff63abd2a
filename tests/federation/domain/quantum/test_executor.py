"""Random circuits of every supported gate, run by the executor and by PennyLane."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.domain.quantum import outline
from federation.domain.quantum.circuits import CircuitShape
from federation.domain.quantum.execution import executor
from federation.domain.quantum.layer import QuantumLayer
from federation.domain.quantum.plan import GATES, Plan
from federation.domain.quantum.simulator import StatevectorSimulator
from federation.domain.quantum.tape import compile_tape

INPUTS, WEIGHTS, BATCH = 3, 5, 3
ADJOINT = {"Adjoint(S)": qml.S, "Adjoint(T)": qml.T, "Adjoint(SX)": qml.SX}


@dataclass(frozen=True)
class Drawn:
    """A gate with angles ``constant + factor * (an input, a weight, or nothing)``."""

    name: str
    wires: tuple[int, ...]
    angles: tuple[tuple[float, float, str, int], ...]

    def __call__(self, inputs: Any, weights: Any) -> None:
        values = []
        for constant, factor, source, index in self.angles:
            one = {"input": inputs[..., index % INPUTS], "weight": weights[index % WEIGHTS], "none": 0.0}[source]
            values.append(torch.as_tensor(constant + factor * one, dtype=torch.float64))
        if self.name in ADJOINT:
            qml.adjoint(ADJOINT[self.name](wires=self.wires))
        else:
            getattr(qml, self.name)(*values, wires=self.wires)


def gates(qubits: int, names: list[str]) -> st.SearchStrategy[Drawn]:
    angle = st.tuples(
        st.sampled_from([0.0, 0.3, -1.2]), st.sampled_from([1.0, -0.7]), st.sampled_from(["input", "weight", "none"]),
        st.integers(0, 4),
    )  # fmt: skip

    def of(name: str) -> st.SearchStrategy[Drawn]:
        wires, count = GATES[name]
        on = st.permutations(range(qubits)).map(lambda order: tuple(order[: wires or 2]))
        return st.builds(Drawn, st.just(name), on, st.tuples(*[angle] * count))

    return st.sampled_from(names).flatmap(of)


@st.composite
def circuits(draw) -> tuple[int, list[Drawn], list[tuple[float, str]]]:
    qubits = draw(st.sampled_from([2, 3, 4, 2, 3, 4, 5, 6, 7, 8]))  # wide circuits are seldom drawn: they take longer
    names = [name for name, (wires, _) in GATES.items() if wires <= qubits]
    drawn = draw(st.lists(gates(qubits, names), min_size=3, max_size=14))
    word = st.text("IXYZ", min_size=qubits, max_size=qubits)
    return qubits, drawn, draw(st.lists(st.tuples(st.sampled_from([1.0, -0.5]), word), min_size=1, max_size=4))


def function_of(drawn: list[Drawn], words: list[tuple[float, str]]) -> Callable[..., Any]:
    def function(inputs: Any, weights: Any) -> Any:
        for gate in drawn:
            gate(inputs, weights)
        return [
            qml.expval(factor * qml.prod(*[getattr(qml, letter)(wire) for wire, letter in enumerate(word)]))
            for factor, word in words
        ]

    return function


# Values and gradients. The promise in complex128 is 1e-6 and 1e-5. Complex64 keeps 7 digits; the largest differences of
# 400 drawn circuits were 1.4e-6 and 3.2e-6.
TOLERANCES = {torch.float64: (1e-10, 1e-10), torch.float32: (1e-5, 1e-5)}


def given_numbers(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """The same numbers in both precisions: those of float32."""
    source = torch.Generator().manual_seed(3)
    inputs, weights = 2 * torch.randn(BATCH, INPUTS, generator=source), torch.randn(WEIGHTS, generator=source)
    return inputs.to(dtype).requires_grad_(), weights.to(dtype).requires_grad_()


def outputs_and_gradients(run: Callable[..., Any], dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, ...]:
    inputs, weights = given_numbers(dtype)
    out = run(inputs, weights) + 0 * (inputs.sum() + weights.sum())  # a circuit may depend on neither
    scale = torch.linspace(0.5, 1.5, out.numel(), dtype=out.dtype).reshape(out.shape)
    found = torch.autograd.grad((out * scale).sum(), [inputs, weights], materialize_grads=True)
    return out.detach(), *found


def pennylane(qubits: int, function: Callable[..., Any]) -> Callable[..., Any]:
    node = qml.QNode(function, qml.device("default.qubit", wires=qubits), interface="torch", diff_method="backprop")

    def run(inputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        return torch.stack([torch.stack(node(sample, weights)) for sample in inputs])

    return run


def compare(qubits: int, function: Callable[..., Any]) -> None:
    plan = compile_tape(function, n_qubits=qubits, n_inputs=INPUTS, weight_shape=(WEIGHTS,))
    assert Plan.from_json(plan.to_json()) == plan
    expected = outputs_and_gradients(pennylane(qubits, function))
    for dtype, (values, gradients) in TOLERANCES.items():
        found = outputs_and_gradients(StatevectorSimulator(plan), dtype)
        for name, mine, theirs in zip(("values", "by inputs", "by weights"), found, expected, strict=True):
            assert mine.dtype == dtype
            assert (mine - theirs).abs().max() < (values if name == "values" else gradients), f"{name} in {dtype}"


@pytest.fixture(params=["fused", "split"])
def way(request, monkeypatch):
    monkeypatch.setattr(outline, "MAX_FUSED_QUBITS", 6 if request.param == "fused" else 0)


@settings(max_examples=60, deadline=None)
@given(circuits(), st.booleans())
def test_any_circuit_equals_pennylanes(drawn, fused):
    qubits, gates, words = drawn
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outline, "MAX_FUSED_QUBITS", 6 if fused else 0)
        compare(qubits, function_of(gates, words))


@settings(max_examples=25, deadline=None)
@given(circuits(), st.data())
def test_any_circuits_probabilities_equal_pennylanes_and_samples_follow_them(drawn, data):
    qubits, gates, _ = drawn
    wires = data.draw(st.permutations(range(qubits)))[: data.draw(st.integers(1, min(qubits, 4)))]

    def function(inputs: Any, weights: Any) -> Any:
        for gate in gates:
            gate(inputs, weights)
        return qml.probs(wires=wires)

    simulator = executor(function, n_qubits=qubits, n_inputs=INPUTS, weight_shape=(WEIGHTS,))
    inputs, weights = (value.detach() for value in given_numbers(torch.float64))
    node = qml.QNode(function, qml.device("default.qubit", wires=qubits), interface="torch")
    expected = torch.stack([node(sample, weights) for sample in inputs])
    assert torch.allclose(simulator(inputs, weights), expected, atol=1e-10)
    one, two = (
        simulator.samples(inputs, weights, shots=500, generator=torch.Generator().manual_seed(7)) for _ in range(2)
    )
    assert torch.equal(one, two) and one.shape == (BATCH, 500, len(wires))
    outcome = (one.long() << torch.arange(len(wires) - 1, -1, -1)).sum(-1)
    counts = torch.stack([torch.bincount(row, minlength=2 ** len(wires)) for row in outcome])
    assert (counts[expected < 1e-12] == 0).all()  # what cannot be is never drawn
    # Each count is binomial: within 6 standard deviations, and 5 more for the long tail of rare outcomes.
    spread = (500 * expected * (1 - expected)).clamp(min=0).sqrt()  # a certain outcome has 1 + 1e-16
    assert ((counts - 500 * expected).abs() <= 5 + 6 * spread).all()


@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("source", ["input", "weight"])
def test_every_gate_equals_pennylanes(name, source, way):
    wires, count = GATES[name]
    on = (2, 0, 1)[: wires or 3]
    angles = tuple((0.2 * k, 1.0 + k, source, k) for k in range(count))
    load = ((0.4, 1.0, "input", 0), (1.1, 0.5, "weight", 1), (-0.3, 0.0, "none", 0))
    before = [Drawn("Rot", (wire,), load) for wire in range(3)]
    after = [Drawn("IsingXY", (0, 1), ((0.7, 0.0, "none", 0),)), Drawn("CRY", (1, 2), ((0.9, 0.0, "none", 0),))]
    words = [(1.0, "ZII"), (1.0, "IXY"), (-0.5, "YZI"), (1.0, "IIZ")]
    compare(3, function_of([*before, Drawn(name, on, angles), *after], words))


def test_one_qubit_alone(way):
    gate = Drawn("RX", (0,), ((0.0, 1.0, "input", 0),)), Drawn("RZ", (0,), ((0.0, 1.0, "weight", 0),))
    if outline.MAX_FUSED_QUBITS:
        compare(1, function_of([*gate, gate[0]], [(1.0, "Z"), (1.0, "Y")]))
    else:
        compare(2, function_of([*gate, gate[0]], [(1.0, "ZI"), (1.0, "YI")]))


def entangle(inputs, weights):
    qml.RX(inputs[..., 0], wires=0)
    qml.RY(weights[0], wires=1)
    qml.CNOT(wires=[0, 1])


def pair(inputs, weights):
    entangle(inputs, weights)
    return qml.expval(qml.PauliZ(0)), qml.expval(0.5 * qml.PauliX(0) @ qml.PauliX(1) + 2 * qml.PauliZ(1))


def both(function, **changes):
    return executor(function, **{"n_qubits": 2, "n_inputs": 1, "weight_shape": (1,), **changes})


def test_the_values_of_a_small_circuit_by_hand():
    """RX(x) on 0, RY(w) on 1, CNOT: <Z0> = cos x, <Z1> = cos x cos w, <X0 X1> = <X0> before the CNOT = 0."""
    found = both(pair)(torch.tensor([[0.4]]), torch.tensor([0.9]))
    expected = [math.cos(0.4), 2 * math.cos(0.4) * math.cos(0.9)]
    assert found[0].tolist() == pytest.approx(expected, abs=1e-6)


def probabilities(inputs, weights):
    qml.RX(inputs[..., 0], wires=0)
    qml.RY(weights[0], wires=2)
    qml.CNOT(wires=[2, 1])
    return qml.probs(wires=[2, 0])


def test_probabilities_of_some_wires_are_pennylanes_in_their_order_and_have_gradients():
    simulator = both(probabilities, n_qubits=3)
    node = qml.QNode(probabilities, qml.device("default.qubit", wires=3), interface="torch")
    ends = []
    for run in (simulator, lambda x, w: torch.stack([node(sample, w) for sample in x])):
        inputs = torch.tensor([[0.4], [2.0]], dtype=torch.float64, requires_grad=True)
        weights = torch.tensor([0.9], dtype=torch.float64, requires_grad=True)
        out = run(inputs, weights)
        ends.append((out, *torch.autograd.grad((out * torch.arange(4)).sum(), [inputs, weights])))
    assert all(torch.allclose(mine, theirs, atol=1e-12) for mine, theirs in zip(*ends, strict=True))


def sampled(inputs, weights):
    entangle(inputs, weights)
    return qml.sample()


def test_samples_follow_the_probabilities_and_the_seed():
    simulator = both(sampled)
    inputs, weights = torch.tensor([[math.pi / 2]]), torch.tensor([0.0])

    def draw(seed):
        return simulator.samples(inputs, weights, shots=4000, generator=torch.Generator().manual_seed(seed))

    bits = draw(1)
    assert bits.shape == (1, 4000, 2) and torch.equal(bits, draw(1)) and not torch.equal(bits, draw(2))
    assert torch.equal(bits[..., 0], bits[..., 1])  # a Bell pair
    assert float(bits[..., 0].double().mean()) == pytest.approx(0.5, abs=5 * 0.5 / math.sqrt(4000))
    with pytest.raises(ValueError, match="samples"):
        simulator(inputs, weights)


def zs(inputs, weights):
    entangle(inputs, weights)
    return [qml.expval(qml.PauliZ(0)), qml.expval(3 * qml.PauliZ(0) @ qml.PauliZ(1))]


def test_estimates_from_shots_lie_around_the_exact_values():
    simulator, numbers = both(zs), (torch.tensor([[0.7], [1.9]]), torch.tensor([0.8]))
    exact = simulator(*numbers)
    found = simulator.estimates(*numbers, shots=10_000, generator=torch.Generator().manual_seed(0))
    assert found.shape == exact.shape and not torch.equal(found, exact)
    assert ((found - exact).abs() < 5 * torch.tensor([1.0, 3.0]) / 100).all()
    with pytest.raises(ValueError, match="X or Y"):
        both(pair).estimates(*numbers, shots=10)


def test_the_models_circuit_is_run_by_the_same_entry():
    assert isinstance(QuantumLayer(CircuitShape(3, 2)).executor, StatevectorSimulator)


def test_a_second_derivative_is_that_of_the_derivative(way):
    simulator = both(pair, n_qubits=2)
    inputs = torch.tensor([[0.4], [1.0]], dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([0.9], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(simulator, (inputs, weights))
    assert torch.autograd.gradgradcheck(simulator, (inputs, weights))


@pytest.mark.parametrize("shape", [CircuitShape(3, 2), CircuitShape(3, 2, embedding="amplitude"), CircuitShape(7, 2)])
def test_derivatives_are_the_same_whoever_asks_for_them(shape):
    """Also those that are to be derived again, by autograd or by `torch.func`, backwards or forwards."""
    source = torch.Generator().manual_seed(4)
    inputs = torch.randn(2, shape.n_inputs, dtype=torch.float64, generator=source, requires_grad=True)
    weights = torch.randn(shape.weight_shape, dtype=torch.float64, generator=source, requires_grad=True)
    along = torch.randn(shape.weight_shape, dtype=torch.float64, generator=source)
    simulator = StatevectorSimulator(shape)

    def loss(inputs, weights):
        return simulator(inputs, weights).square().sum()

    once, again = (
        torch.autograd.grad(loss(inputs, weights), [inputs, weights], create_graph=more) for more in (False, True)
    )
    assert all(torch.allclose(one, two, atol=1e-12) for one, two in zip(once, again, strict=True))
    x, w = inputs.detach(), weights.detach()
    _, forwards = torch.func.jvp(lambda w: loss(x, w), (w,), (along,))
    assert forwards == pytest.approx(float((once[1] * along).sum()), abs=1e-12)
    second = torch.autograd.functional.hessian(lambda w: loss(x, w), w)
    assert torch.allclose(torch.func.hessian(loss, argnums=1)(x, w), second, atol=1e-12)


def test_something_else_than_a_plan_is_refused():
    for text in ("{}", "[]", '{"readout": 1}'):
        with pytest.raises(ValueError, match="plan"):
            Plan.from_json(text)
