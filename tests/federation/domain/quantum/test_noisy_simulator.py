"""The circuit under a noise model equals PennyLane's, and training can make use of it."""

import copy
import math

import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call, grad, vmap

from federation.domain.models.registry import build
from federation.domain.quantum import errors
from federation.domain.quantum.circuits import ANGLES, EMBEDDINGS, CircuitShape, qnode
from federation.domain.quantum.layer import QuantumLayer, as_trained
from federation.domain.quantum.noise import GateNoise, NoiseModel, Readout, noisy_qnode
from federation.domain.quantum.noise_choice import PRESETS, recorded
from federation.domain.quantum.noisy_simulator import NoisySimulator, error_matrix

DAMPED = NoiseModel("damped", GateNoise(amplitude_damping=0.2), GateNoise(amplitude_damping=0.2))
SPEC = {"kind": "vqc_classifier", "inputs": 3, "qubits": 4, "layers": 2, "entangling": True}


def rates(most: float):
    return st.floats(0, most)


gates = st.builds(GateNoise, rates(0.7), rates(0.9), rates(0.9))
models = st.builds(
    lambda one, two, z, readout: NoiseModel("drawn", one, two, {"RZ": z}, readout),
    gates, gates, gates, st.builds(Readout, rates(0.5), rates(0.5)),
)  # fmt: skip
shapes = st.builds(
    lambda qubits, layers, entangling, embedding, reupload, ansatz: CircuitShape(
        qubits, layers, entangling, embedding=embedding, reupload=reupload, ansatz=ansatz
    ),
    st.integers(2, 3), st.integers(1, 3), st.booleans(), st.sampled_from(EMBEDDINGS[:3]), st.booleans(),
    st.sampled_from(list(ANGLES)),
)  # fmt: skip


@pytest.mark.parametrize("qubits", [4, 6])
def test_wide_circuits_of_runs_are_those_of_default_mixed(qubits):
    shape, source = CircuitShape(qubits, 2), torch.Generator().manual_seed(qubits)
    x = torch.randn(2, qubits, dtype=torch.float64, generator=source)
    weights = torch.randn(shape.weight_shape, dtype=torch.float64, generator=source)
    node = noisy_qnode(qnode(shape, device=qml.device("default.mixed", wires=qubits)), PRESETS["strong"])
    theirs = torch.stack(list(node(x, weights)), -1)
    assert torch.allclose(NoisySimulator(shape, PRESETS["strong"])(x, weights), theirs, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(shapes, models, st.integers(0, 99))
def test_values_and_gradients_are_those_of_default_mixed(shape, noise, seed):
    source = torch.Generator().manual_seed(seed)
    x = torch.randn(2, shape.n_inputs, dtype=torch.float64, generator=source).requires_grad_()
    weights = torch.randn(shape.weight_shape, dtype=torch.float64, generator=source).requires_grad_()
    device = qml.device("default.mixed", wires=shape.n_qubits)
    node = noisy_qnode(qnode(shape, device=device, diff_method="backprop"), noise)
    theirs, ours = torch.stack(list(node(x, weights)), -1), NoisySimulator(shape, noise)(x, weights)
    assert torch.allclose(ours, theirs, atol=1e-6)
    slopes = (torch.autograd.grad(out.square().sum(), (x, weights)) for out in (ours, theirs))
    for one, two in zip(*slopes, strict=True):
        assert torch.allclose(one, two, atol=1e-5)


def test_what_errors_do_to_one_qubit_by_hand():
    matrix = error_matrix(GateNoise(depolarising=0.3, amplitude_damping=0.36, dephasing=0.19))
    kept = 1 - 4 * 0.3 / 3
    assert matrix[1, 1] == pytest.approx(kept * 0.9 * 0.8)  # a coherence shrinks by both roots
    assert matrix[3, 3] == pytest.approx(kept * 0.64) and matrix[3, 0] == pytest.approx(kept * 0.36)  # 1 decays to 0
    assert matrix[0].tolist() == [1, 0, 0, 0]  # nothing is lost


def test_without_noise_it_is_the_layer_itself_in_both_precisions():
    layer = QuantumLayer(CircuitShape(3, 2))
    clear = NoisySimulator(layer.shape, NoiseModel("none"))
    for dtype in (torch.float32, torch.float64):
        angles = torch.randn(5, 3, generator=torch.Generator().manual_seed(1)).to(dtype)
        assert clear(angles, layer.weights).dtype == dtype
        assert torch.allclose(layer(angles), clear(angles, layer.weights), atol=1e-6)


def test_noise_strikes_in_training_alone_and_the_weights_have_the_same_names():
    noisy, clear = build({**SPEC, "noise": recorded(PRESETS["strong"])}, seed=1), build(SPEC, seed=1)
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(2))
    assert list(noisy.state_dict()) == list(clear.state_dict()) and noisy.angles == clear.angles
    assert torch.equal(noisy(x), clear(x))
    with as_trained(noisy):
        struck = noisy(x)
    assert (struck - noisy(x)).abs().max() > 1e-3
    with pytest.raises(errors.NotFinite), as_trained(noisy):
        noisy(x * math.nan)
    assert torch.equal(noisy(x), clear(x))  # whatever went wrong in between
    assert noisy.facts()["quantum"]["trained_under"] == PRESETS["strong"].facts
    assert "trained_under" not in clear.facts()["quantum"]


def test_gradients_of_each_sample_pass_through():
    model = build({**SPEC, "noise": recorded(PRESETS["mild"])}, seed=1)
    x = torch.randn(3, 3, generator=torch.Generator().manual_seed(3))
    weights = {name: value.detach() for name, value in model.named_parameters()}
    with as_trained(model):
        with as_trained(model):
            pass  # the inner one leaves the outer one as it was
        each = vmap(grad(lambda w, row: functional_call(model, w, (row[None],))[0]), in_dims=(None, 0))(weights, x)
        for row, sample in enumerate(x):
            model.zero_grad()
            model(sample[None])[0].backward()
            for name, value in model.named_parameters():
                assert torch.allclose(each[name][row], value.grad, atol=1e-5)
    assert torch.equal(copy.deepcopy(model)(x), model(x))  # also of what a first call under `torch.func` has made


def test_training_under_noise_reaches_what_training_without_it_misses_there():
    """Two qubits should read -1. Damping holds them up; only who trains under it learns to make up for the bias."""

    def trained(under_noise: bool) -> float:
        layer = QuantumLayer(CircuitShape(2, 1, entangling=False), noise=DAMPED)
        with torch.no_grad():
            layer.weights.fill_(0.5)
        scale = nn.Parameter(torch.ones(2))
        optimiser = torch.optim.Adam([layer.weights, scale], lr=0.1)
        angles = torch.tensor([[0.2, 0.4]])
        for _ in range(60):
            optimiser.zero_grad()
            layer.is_struck = under_noise
            (scale * layer(angles) + 1).square().mean().backward()
            optimiser.step()
        layer.is_struck = True
        return (scale * layer(angles) + 1).square().mean().item()

    blind, aware = trained(False), trained(True)
    assert aware < 0.2 * blind and math.isfinite(aware)


@pytest.mark.parametrize(
    ("shape", "native"),
    [(CircuitShape(2, 1, embedding="amplitude"), ("RX", "RY", "RZ", "CNOT")), (CircuitShape(2, 1), ("RX", "CNOT"))],
)
def test_what_it_cannot_run_is_refused_before_any_number(shape, native):
    with pytest.raises(errors.Unsupported, match=r"default\.mixed"):
        NoisySimulator(shape, NoiseModel("other", native=native))


def test_bad_inputs_are_refused_as_everywhere(monkeypatch):
    from federation.domain.quantum import input_checks

    simulator, weights = NoisySimulator(CircuitShape(2, 1), DAMPED), torch.zeros(1, 2, 3)
    with pytest.raises(errors.WrongShape):
        simulator(torch.zeros(1, 3), weights)
    with pytest.raises(errors.NotFinite):
        simulator(torch.full((1, 2), math.nan), weights)
    monkeypatch.setattr(input_checks, "SMALL", 0)
    monkeypatch.setattr(input_checks, "free_memory", lambda: 0)
    with pytest.raises(errors.TooLarge):
        simulator(torch.zeros(1, 2), weights)
