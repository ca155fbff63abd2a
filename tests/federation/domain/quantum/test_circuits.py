import functools
import math
from xml.etree import ElementTree

import pennylane as qml
import pytest
import torch

from federation.domain.quantum.circuits import CircuitShape, circuit, plan_of, qnode
from federation.domain.quantum.drawing import listing, svg, text
from federation.domain.quantum.initial import initial_weights
from federation.domain.quantum.plan import Plan
from federation.domain.quantum.recorder import Recorder
from federation.domain.quantum.simulator import StatevectorSimulator
from federation.domain.quantum.tape import compile_tape

SHAPES = [CircuitShape(2, 1), CircuitShape(3, 2), CircuitShape(4, 3), CircuitShape(5, 6, entangling=False)]


@pytest.mark.parametrize("shape", SHAPES)
def test_depth_and_parameters_are_those_that_pennylane_counts(shape):
    weights = torch.zeros(shape.weight_shape)
    tape = qml.workflow.construct_tape(qnode(shape), level="device")(torch.zeros(shape.n_qubits), weights)
    loaded_or_entangled = sum(gate.name in ("RX", "CNOT") for gate in tape.operations)
    cnots = sum(len(shape.cnots(layer)) for layer in range(shape.layers))
    assert shape.depth == tape.graph.get_depth()
    assert loaded_or_entangled == shape.layers * shape.n_qubits + cnots
    assert shape.n_parameters == weights.numel() == 3 * sum(gate.name == "Rot" for gate in tape.operations)


def test_without_rotation_the_circuit_answers_plus_one_everywhere():
    shape = CircuitShape(4, 3)
    out = torch.stack(qnode(shape)(torch.zeros(4), torch.zeros(shape.weight_shape)))
    assert out.tolist() == pytest.approx([1, 1, 1, 1])


@pytest.mark.parametrize(("qubits", "layers"), [(1, 3), (11, 3), (4, 0), (4, 13)])
def test_a_circuit_out_of_range_is_refused(qubits, layers):
    with pytest.raises(ValueError, match="expected"):
        CircuitShape(qubits, layers)


KINDS = [
    CircuitShape(4, 3),
    CircuitShape(4, 3, entangling=False),
    CircuitShape(3, 2, embedding="RY", reupload=False),
    CircuitShape(3, 2, embedding="RZ"),
    CircuitShape(3, 2, embedding="amplitude"),
    CircuitShape(4, 2, ansatz="hardware"),
    CircuitShape(5, 4, ansatz="mirrored"),
]


@pytest.mark.parametrize("shape", KINDS, ids=str)
def test_the_plan_that_is_taken_down_is_what_pennylanes_tape_compiles_to(shape):
    function = functools.partial(circuit, shape=shape)
    plan = compile_tape(function, n_qubits=shape.n_qubits, n_inputs=shape.n_inputs, weight_shape=shape.weight_shape)
    assert plan == plan_of(shape) == Plan.from_json(plan_of(shape).to_json())


@pytest.mark.parametrize("shape", [*KINDS, CircuitShape(7, 2, embedding="amplitude")], ids=str)
def test_every_kind_of_circuit_equals_pennylanes(shape):
    node = qnode(shape, diff_method="backprop")
    source = torch.Generator().manual_seed(0)
    ends = []
    numbers = (
        torch.randn(3, shape.n_inputs, generator=source, dtype=torch.float64),
        torch.randn(shape.weight_shape, generator=source, dtype=torch.float64),
    )
    for run in (StatevectorSimulator(shape), lambda a, w: torch.stack(node(a, w), 1)):
        angles, weights = (value.clone().requires_grad_() for value in numbers)
        out = run(angles, weights)
        ends.append((out, *torch.autograd.grad(out.square().mean(), [angles, weights])))
    assert all(torch.allclose(mine, theirs, atol=1e-12) for mine, theirs in zip(*ends, strict=True))


def test_strong_layers_are_pennylanes_template():
    def template(angles, weights):
        qml.AngleEmbedding(angles, wires=range(5))
        qml.StronglyEntanglingLayers(weights, wires=range(5))
        return [qml.expval(qml.PauliZ(wire)) for wire in range(5)]

    shape = CircuitShape(5, 6, reupload=False)
    assert compile_tape(template, n_qubits=5, n_inputs=5, weight_shape=shape.weight_shape) == plan_of(shape)


@pytest.mark.parametrize("reupload", [True, False])
def test_mirrored_layers_start_as_the_identity(reupload):
    shape = CircuitShape(4, 4, ansatz="mirrored", reupload=reupload)
    weights = initial_weights(shape, torch.Generator().manual_seed(2))
    angles = torch.tensor([[0.3, -0.5, 0.7, 0.1]])
    out = StatevectorSimulator(shape)(angles, weights)
    assert torch.allclose(out, torch.cos((2 if reupload else 1) * angles), atol=1e-5)
    assert weights.abs().max() > 1


def test_a_mirrored_start_has_larger_gradients_than_any_start():
    """Eight qubits, eight layers, mean square of the gradient of a local observable by the first layer's rotations."""
    shape, source = CircuitShape(8, 8, ansatz="mirrored", reupload=False), torch.Generator().manual_seed(0)

    def mean_square(draw):
        found = []
        for _ in range(8):
            weights = draw().requires_grad_()
            StatevectorSimulator(shape)(torch.randn(1, 8, generator=source), weights)[0, 0].backward()
            found.append(weights.grad.square().mean())
        return float(torch.stack(found).mean())

    mirrored = mean_square(lambda: initial_weights(shape, source))
    anywhere = mean_square(lambda: 2 * math.pi * torch.rand(shape.weight_shape, generator=source))
    assert mirrored > 4 * anywhere


@pytest.mark.parametrize("words", [{"embedding": "RQ"}, {"ansatz": "weak"}])
def test_an_unknown_kind_is_refused_with_those_that_exist(words):
    with pytest.raises(ValueError, match="one of"):
        CircuitShape(4, 2, **words)


def test_the_recorder_knows_gates_alone():
    with pytest.raises(AttributeError, match="RX"):
        Recorder(2).QubitUnitary()
    with pytest.raises(TypeError, match="1 angles"):
        Recorder(2).RX(wires=0)


def test_a_drawing_as_text_by_hand():
    shape = CircuitShape(2, 1)
    assert text(plan_of(shape)) == ("0: ─RX(x0)──Rot(w0, w1, w2)──●──X──┤ Z\n1: ─RX(x1)──Rot(w3, w4, w5)──X──●──┤ Z")


def test_an_svg_is_well_formed_and_names_every_gate():
    for shape in KINDS:
        root = ElementTree.fromstring(svg(plan_of(shape)))
        words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
        controls = list(root.iter("{http://www.w3.org/2000/svg}circle"))
        assert len(controls) == sum(len(shape.cnots(layer)) for layer in range(shape.layers))
        rotations = "RY(" if shape.ansatz == "hardware" else "Rot("
        assert sum(word.startswith(rotations) for word in words) >= shape.layers * shape.n_qubits
        assert words.count("Z") >= shape.n_qubits


def test_the_gates_in_words_by_hand():
    assert listing(plan_of(CircuitShape(2, 1))) == [
        (1, "RX", "0", "x0"), (1, "RX", "1", "x1"), (2, "Rot", "0", "w0, w1, w2"), (2, "Rot", "1", "w3, w4, w5"),
        (3, "CNOT", "0, 1", ""), (4, "CNOT", "1, 0", ""), (5, "measured", "0", "Z"), (5, "measured", "1", "Z"),
    ]  # fmt: skip
