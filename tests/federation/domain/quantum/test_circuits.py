import pennylane as qml
import pytest
import torch

from federation.domain.quantum.circuits import CircuitShape, qnode

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
