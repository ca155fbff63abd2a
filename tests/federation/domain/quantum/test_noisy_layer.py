import math

import pytest
import torch
from torch import nn

from federation.domain.models.registry import build
from federation.domain.quantum import device_errors as errors
from federation.domain.quantum.circuits import CircuitShape
from federation.domain.quantum.layer import QuantumLayer
from federation.domain.quantum.noise import GateNoise, NoiseModel, Readout
from federation.domain.quantum.noisy_layer import NoisyQuantumLayer

DAMPED = NoiseModel("damped", GateNoise(amplitude_damping=0.2), GateNoise(amplitude_damping=0.2))


def test_without_noise_it_is_the_layer_itself_in_values_and_gradients():
    layer = QuantumLayer(CircuitShape(3, 2))
    noisy = NoisyQuantumLayer(layer.shape, NoiseModel("none"), layer.weights)
    angles = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    slopes = [torch.autograd.grad(part(angles).square().sum(), layer.weights)[0] for part in (layer, noisy)]
    assert torch.allclose(layer(angles), noisy(angles), atol=1e-6)
    assert torch.allclose(*slopes, atol=1e-5)
    assert set(noisy.state_dict()) == set(layer.state_dict())


def test_it_stands_in_a_model_of_the_registry_and_shrinks_what_the_circuit_says():
    model = build({"kind": "vqc_classifier", "inputs": 3, "qubits": 4, "layers": 1, "entangling": True}, seed=1)
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(2))
    circuit = model.bottleneck.circuit
    clear = model.bottleneck(x)
    model.bottleneck.circuit = NoisyQuantumLayer(
        circuit.shape, NoiseModel("r", readout=Readout(0.1, 0.1)), circuit.weights
    )
    assert torch.allclose(model.bottleneck(x), 0.8 * clear, atol=1e-6)


def test_training_under_noise_reaches_what_training_without_it_misses_there():
    """Two qubits should read -1. Damping holds them up; only who trains under it learns to make up for the bias."""

    def trained(under_noise: bool) -> float:
        layer = QuantumLayer(CircuitShape(2, 1, entangling=False))
        noisy = NoisyQuantumLayer(layer.shape, DAMPED, layer.weights)
        with torch.no_grad():
            layer.weights.copy_(torch.full(layer.shape.weight_shape, 0.5))
        scale = nn.Parameter(torch.ones(2))
        optimiser = torch.optim.Adam([layer.weights, scale], lr=0.1)
        angles = torch.tensor([[0.2, 0.4]])
        for _ in range(60):
            optimiser.zero_grad()
            part = noisy if under_noise else layer
            (scale * part(angles) + 1).square().mean().backward()
            optimiser.step()
        return (scale * noisy(angles) + 1).square().mean().item()

    blind, aware = trained(False), trained(True)
    assert aware < 0.2 * blind and math.isfinite(aware)


def test_a_circuit_too_wide_for_a_density_matrix_is_refused(monkeypatch):
    from federation.domain.quantum import devices

    monkeypatch.setattr(devices, "free_memory", lambda: 2**20)
    layer = QuantumLayer(CircuitShape(8, 1))
    with pytest.raises(errors.TooManyQubits, match="8 qubits"):
        NoisyQuantumLayer(layer.shape, DAMPED, layer.weights)
