"""Counts and words of the run's page agree with the networks themselves."""

from __future__ import annotations

import subprocess
import sys

import pytest

from federation.domain.models.registry import build, default_specs, transferred_specs
from federation.presentation import facts

CIRCUIT = {"qubits": 5, "layers": 2, "entangling": False}
SPECS = [
    *default_specs("classification", 13),
    *default_specs("segmentation", 3),
    *default_specs("segmentation", 9, 64),
    *transferred_specs(default_specs("segmentation", 3)),
    {"kind": "vqc_classifier", "inputs": 7, **CIRCUIT},
    {"kind": "mlp_classifier", "inputs": 7, "hidden": 6, "outputs": 5},
    {"kind": "hybrid_unet", "inputs": 1, "channels": [4, 8, 12], **CIRCUIT},
    {"kind": "unet", "inputs": 2, "channels": [4, 12, 20], "hidden": 9, "outputs": 4},
    {"kind": "logistic_regression", "inputs": 7},
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: f"{s['kind']}-{s['inputs']}")
def test_counts_the_parameters_that_the_network_has(spec):
    assert facts.count_parameters(spec) == build(spec).n_parameters


def test_says_nothing_about_the_size_of_a_kind_it_does_not_know():
    assert facts.count_parameters({"kind": "transformer", "inputs": 4}) is None


@pytest.mark.parametrize("spec", [SPECS[0], SPECS[2], SPECS[4], SPECS[6]], ids=lambda s: s["kind"])
def test_circuit_facts_are_those_of_the_quantum_layer(spec):
    layer = build(spec).facts()["quantum"]
    circuit = facts._circuit(spec)
    assert circuit is not None
    assert (circuit.n_qubits, circuit.layers, circuit.depth, circuit.n_parameters, circuit.entangling) == (
        layer["n_qubits"], layer["layers"], layer["depth"], layer["n_parameters"], layer["entangling"],
    )  # fmt: skip


def config(**changes):
    primary, baseline = default_specs("classification", 4)
    local = {"epochs": 1, "batch_size": 16, "learning_rate": 0.01, "dp": None}
    whole = {
        "task": "classification", "models": {"primary": primary, "baseline": baseline}, "rounds": 3, "seed": 5,
        "local": local, "epsilon_budget": None, "data_digests": {}, "strategy": "fedavg",
    }  # fmt: skip
    return {**whole, **changes}


def test_without_differential_privacy_the_words_say_that_nothing_is_bounded():
    assert dict(facts.consent_words(config()))["Privacy"] == facts.NO_PRIVACY


def test_with_differential_privacy_the_words_name_budget_delta_noise_and_clipping():
    dp = {"noise_multiplier": 3.0, "max_grad_norm": 0.5, "delta": 1e-4}
    local = {"epochs": 3, "batch_size": 32, "learning_rate": 0.03, "dp": dp}
    words = facts.privacy_words(config(local=local, epsilon_budget=10.0))
    assert "ε = 10 at δ = 0.0001" in words and "multiplier 3" in words and "clipped at 0.5" in words


def test_pages_load_neither_torch_nor_scipy():
    code = (
        "import django, sys; django.setup(); import qflethics.urls, qflethics.live.urls;"
        "sys.exit(' '.join({'torch', 'pennylane', 'scipy'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
