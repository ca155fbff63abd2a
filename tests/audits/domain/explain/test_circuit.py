import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.domain.explain.circuit import Ablated, Ablation, core_of, encoded, gate_cases, mean_units, shapley
from federation.domain.data.phantom import PhantomSource
from federation.domain.learning.weights import state_of
from federation.domain.quantum.circuits import CircuitShape
from federation.domain.quantum.simulator import StatevectorSimulator
from tests.factories.benches import GivenScores
from tests.factories.stress import imaging_models, rows_of, tabular_models

WHOLE = CircuitShape(4, 3)


def values(shape, weights, angles):
    return StatevectorSimulator(shape)(angles, weights)


@pytest.fixture
def drawn():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(WHOLE.weight_shape, generator=generator), torch.randn(5, 4, generator=generator)


def test_cutting_nothing_is_the_whole_circuit_and_cutting_all_is_the_one_without_entanglers(drawn):
    weights, angles = drawn
    nothing = Ablated(4, 3, True, (0, 1, 2))
    assert torch.equal(values(nothing, weights, angles), values(WHOLE, weights, angles))
    bare = values(CircuitShape(4, 3, entangling=False), weights, angles)
    assert torch.allclose(values(gate_cases(WHOLE)["entanglers"], weights, angles), bare, atol=1e-6)


def test_a_circuit_without_some_gates_is_pennylanes(drawn):
    import pennylane as qml

    weights, angles = drawn
    part = gate_cases(WHOLE)["entangler/1/2"]

    @qml.qnode(qml.device("default.qubit", wires=4))
    def expected(row):
        for layer in range(3):
            qml.AngleEmbedding(row, wires=range(4), rotation="X")
            for wire in range(4):
                qml.Rot(*weights[layer, wire].tolist(), wires=wire)
            for control, target in WHOLE.cnots(layer):
                if (layer, control) != (1, 2):
                    qml.CNOT(wires=[control, target])
        return [qml.expval(qml.PauliZ(wire)) for wire in range(4)]

    by_hand = np.array([expected(row.tolist()) for row in angles])
    assert np.allclose(values(part, weights, angles), by_hand, atol=1e-5)


def test_a_layer_that_is_left_out_leaves_the_reach_of_the_others(drawn):
    weights, angles = drawn
    part = gate_cases(WHOLE)["layer/0"]
    assert (part.layers, part.kept) == (2, (1, 2))
    assert [part.reach(layer) for layer in range(2)] == [WHOLE.reach(1), WHOLE.reach(2)]
    assert not torch.allclose(values(part, weights[[1, 2]], angles), values(WHOLE, weights, angles))


def test_every_part_has_a_name_and_large_circuits_lose_their_gates_by_layer():
    assert len(gate_cases(WHOLE)) == 1 + 3 + 12 + 3
    by_layer = {f"{kind}/{layer}" for kind in ("entanglers", "layer") for layer in range(3)}
    assert set(gate_cases(CircuitShape(10, 3))) == {"entanglers", *by_layer}
    assert set(gate_cases(CircuitShape(4, 2, entangling=False))) == {"layer/0", "layer/1"}
    assert set(gate_cases(CircuitShape(4, 1))) == {"entanglers", *(f"entangler/0/{c}" for c in range(4))}


@pytest.mark.parametrize("name", ["primary", "baseline"])
def test_silencing_gives_each_unit_its_mean_and_leaves_the_model_alone(name):
    model, data = tabular_models()[name], rows_of("north", 60)
    before = state_of(model)
    ablation = Ablation(model, data, rows_of("south", 60).x)
    whole, silent = ablation.whole(), ablation.of_units(frozenset())
    assert not whole.moved.any() and whole.score.mean() > 0.9
    right = data.y.mean()
    assert any(silent.score.mean() == pytest.approx(share) for share in (right, 1 - right))  # one answer for all
    assert all(np.array_equal(before[key], value) for key, value in state_of(model).items())
    again = Ablation(model, data, rows_of("south", 60).x).whole()
    assert np.array_equal(again.score, whole.score)


def test_a_circuit_part_is_taken_away_and_put_back():
    model = imaging_models()["primary"]
    data = PhantomSource(patients=20, n_sites=1, px=16).load("phantom-1")
    ablation = Ablation(model, data, data.x)
    circuit = core_of(model).circuit
    found = ablation.of_circuit(gate_cases(circuit.shape)["entanglers"])
    assert core_of(model).circuit is circuit
    assert ((found.moved >= 0) & (found.moved <= 1)).all() and ((found.score >= 0) & (found.score <= 1)).all()


def test_what_does_not_fit_is_refused():
    data = rows_of("north", 20)
    assert core_of(GivenScores()) is None
    with pytest.raises(ValueError, match="core"):
        mean_units(GivenScores(), data.x)
    with pytest.raises(ValueError, match="core"):
        Ablation(GivenScores(), data, data.x)
    with pytest.raises(ValueError, match="circuit"):
        Ablation(tabular_models()["baseline"], data, data.x).of_circuit(gate_cases(WHOLE)["entanglers"])


def test_shapley_values_by_hand():
    """The glove game: unit 0 holds the left glove, 1 and 2 the right ones; a pair is worth 1: 2/3, 1/6, 1/6."""

    def pair(kept):
        return np.array([float(0 in kept and bool(kept & {1, 2}))])

    found, exact = shapley(pair, 3, most=8, rng=np.random.default_rng(0))
    assert exact and found[:, 0] == pytest.approx([2 / 3, 1 / 6, 1 / 6])


@settings(max_examples=20)
@given(st.lists(st.floats(-1, 1), min_size=16, max_size=16), st.sampled_from([8, 12, 16]))
def test_shapley_values_add_up_whether_exact_or_sampled(table, most):
    def value(kept):
        return np.array([table[sum(1 << unit for unit in kept)]])

    found, exact = shapley(value, 4, most=most, rng=np.random.default_rng(0))
    assert exact is (most == 16)
    assert found.sum() == pytest.approx(table[15] - table[0])


def test_the_same_seed_samples_the_same_orders():
    def value(kept):
        return np.array([len(kept) ** 2 + (3 in kept) * (7 in kept)])

    one, two = (shapley(value, 8, most=64, rng=np.random.default_rng(1))[0] for _ in range(2))
    assert np.array_equal(one, two)


def test_a_wire_is_fed_by_the_columns_with_weight_and_spread():
    core = core_of(tabular_models()["primary"])
    shares = encoded(core, np.array([0.3, 0, 0.3, 0, 0, 0, 0]), ("a", "b", "c", "d", "e", "f", "g"))
    assert all(sum(row.values()) == pytest.approx(1, abs=1e-3) and row["b"] == 0 for row in shares)
    assert len(shares) == 4
