"""What the sites of a run consent to, in words and figures, from the frozen configuration alone.

Web processes never load torch, so parameters are counted here by arithmetic; a test builds every kind of model and
compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from federation.domain.quantum.circuits import CircuitShape

MODEL_WORDS = {"primary": "Quantum model", "baseline": "Classical twin"}
KIND_WORDS = {
    "vqc_classifier": "variational quantum classifier",
    "mlp_classifier": "multilayer perceptron",
    "hybrid_unet": "U-Net with a quantum core",
    "unet": "U-Net with a classical core",
}
NO_PRIVACY = "No differential privacy: the loss of privacy is not bounded."


@dataclass(frozen=True)
class CircuitFacts:
    """The quantum part of a model. Circuits of a run are simulated: analytic expectation values, no shots, no noise."""

    n_qubits: int
    layers: int
    depth: int
    n_parameters: int
    entangling: bool

    @property
    def words(self) -> str:
        entangled = "entangled by CNOT gates" if self.entangling else "without entanglement"
        return (
            f"{self.n_qubits} qubits, {self.layers} layers {entangled}, depth {self.depth}, {self.n_parameters} "
            "angles; simulated exactly, without shots or noise"
        )


@dataclass(frozen=True)
class ModelFacts:
    """One of the two models of a run."""

    name: str  # primary or baseline
    label: str
    kind: str  # in words
    n_parameters: int | None  # None for a kind that this page does not know
    circuit: CircuitFacts | None


def model_facts(config: Mapping[str, Any]) -> list[ModelFacts]:
    """The quantum model and its classical twin, as frozen."""
    found = []
    for name, label in MODEL_WORDS.items():
        spec = config["models"][name]
        kind = KIND_WORDS.get(spec["kind"], str(spec["kind"]))
        found.append(ModelFacts(name, label, kind, count_parameters(spec), _circuit(spec)))
    return found


def count_parameters(spec: Mapping[str, Any]) -> int | None:
    """Trained numbers of the network that the spec describes; None if the kind is unknown."""
    kind = spec["kind"]
    if kind in {"vqc_classifier", "mlp_classifier"}:
        core, outputs = _core(spec, spec["inputs"])
        return core + outputs + 1
    if kind in {"hybrid_unet", "unet"}:
        first, second, third = spec["channels"]
        core, outputs = _core(spec, third)
        blocks = ((spec["inputs"], first), (first, second), (second, third), (third + second, second),
                  (second + first, first))  # fmt: skip
        return sum(_block(*b) for b in blocks) + first + 1 + core + 2 * third * (outputs + 1)
    return None


def _block(n_in: int, n_out: int) -> int:
    """Two 3x3 convolutions without bias, each followed by a group normalisation."""
    return 9 * n_in * n_out + 9 * n_out * n_out + 4 * n_out


def _core(spec: Mapping[str, Any], features: int) -> tuple[int, int]:
    """Parameters and outputs of the exchangeable core."""
    if "qubits" in spec:
        shape = CircuitShape(spec["qubits"], spec["layers"], spec["entangling"])
        return (features + 1) * shape.n_qubits + shape.n_parameters, shape.n_qubits
    return (features + 1) * spec["hidden"] + (spec["hidden"] + 1) * spec["outputs"], spec["outputs"]


def _circuit(spec: Mapping[str, Any]) -> CircuitFacts | None:
    if "qubits" not in spec:
        return None
    shape = CircuitShape(spec["qubits"], spec["layers"], spec["entangling"])
    return CircuitFacts(shape.n_qubits, shape.layers, shape.depth, shape.n_parameters, shape.entangling)


def privacy_words(config: Mapping[str, Any]) -> str:
    """What the run may cost each patient in privacy, in one or two sentences."""
    dp = config["local"].get("dp")
    if dp is None or config["epsilon_budget"] is None:
        return NO_PRIVACY
    return (
        f"Differential privacy for each patient record: training stops when a site has spent ε = "
        f"{config['epsilon_budget']:g} at δ = {dp['delta']:g}, over both models together. Noise multiplier "
        f"{dp['noise_multiplier']:g}, gradients clipped at {dp['max_grad_norm']:g}."
    )


def consent_words(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The frozen configuration as terms and plain sentences, in the order in which a site would ask."""
    local, rounds = config["local"], config["rounds"]
    rows = [("Task", config["task"].capitalize())]
    for facts in model_facts(config):
        size = "size unknown" if facts.n_parameters is None else f"{facts.n_parameters:,} parameters"
        rows.append((facts.label, f"{facts.kind[0].upper()}{facts.kind[1:]}, {size}"))
        if facts.circuit is not None:
            rows.append(("Circuit", facts.circuit.words))
    rows += [
        ("Rounds", f"{rounds} round{'s' if rounds != 1 else ''}; updates are averaged, weighted by patients (FedAvg)"),
        (
            "Training at each site",
            f"{local['epochs']} pass{'es' if local['epochs'] != 1 else ''} over the patients a round, "
            f"{local['batch_size']} patients a step, learning rate {local['learning_rate']:g}",
        ),
        ("Privacy", privacy_words(config)),
        ("Seed", str(config["seed"])),
        ("What leaves a site", "Signed model weights, and sums of scores by group. No patient record and no path."),
    ]
    return rows
