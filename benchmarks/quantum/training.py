"""Does it help to train under the device's noise, beside a model without noise and one without a circuit.

A `vqc_classifier` of 4 qubits and 2 layers on UCI heart, all sites pooled, half of the patients held out. All arms of a
seed have the same split, batches and number of steps, and start from the weights of that seed:

* blind: trained without noise, judged under it;
* refit: three quarters without noise, then the last linear layer alone under noise;
* aware: trained and judged under the noise;
* ideal: trained and judged without noise;
* twin: `mlp_classifier` of nearly the same size, which no noise of a device strikes.

The rate and the number of steps were set beforehand, the same for all, and no arm was tuned.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as log_loss

from benchmarks import paired
from benchmarks.frame import ROOT, Measure, progress
from benchmarks.paired import Scored
from benchmarks.quantum.notes import SHORT_DIGEST
from federation.domain.data.heart import HeartSource
from federation.domain.models.base import Model
from federation.domain.models.registry import build
from federation.domain.models.specs import matching_hidden_units
from federation.domain.quantum.circuits import CircuitShape
from federation.domain.quantum.noise import NoiseModel
from federation.domain.quantum.noise_choice import PRESETS
from federation.domain.quantum.noisy_simulator import NoisySimulator

FOLDER = ROOT.parent / "shared" / "data" / "heart"
SEEDS, QUICK_SEEDS = 10, 2
STEPS, BATCH, RATE = 120, 48, 0.03
REFIT = STEPS // 4
SHAPE = CircuitShape(4, 2)
PEERS = ("blind", "refit", "ideal", "twin")
FIGURES = {"loss": (paired.log_loss, -1), "auc": (paired.auc, 1), "accuracy": (paired.accuracy, 1)}
NOISE = tuple(PRESETS.values())


def measure(*, quick: bool) -> Iterator[Measure]:
    torch.set_num_threads(1)
    source = HeartSource(FOLDER)
    sites = [source.load(site.code) for site in source.sites()]
    x, y = np.concatenate([site.x for site in sites]), np.concatenate([site.y for site in sites])
    noises = NOISE[-1:] if quick else NOISE
    found: dict[str, list[Scored]] = {noise.name: [] for noise in noises}
    for seed in range(QUICK_SEEDS if quick else SEEDS):
        progress(f"quantum: training, seed {seed}")
        data = split(x, y, seed)
        for name, logits in run_arms(data, noises, seed).items():
            found[name].append(Scored(data.held_y.numpy() > 0.5, np.full(len(data.held), "all"), data.held, logits))
    for noise in noises:
        yield from _rows(noise, found[noise.name])


@dataclass(frozen=True)
class Split:
    """Half of the patients to learn from, half to judge by; features in units of the former."""

    x: Tensor
    y: Tensor
    held_x: Tensor
    held_y: Tensor
    held: np.ndarray  # who they are


def split(x: np.ndarray, y: np.ndarray, seed: int) -> Split:
    order = np.random.default_rng([seed, 1]).permutation(len(x))
    learn, held = order[: len(x) // 2], order[len(x) // 2 :]
    mean, sd = x[learn].mean(0), x[learn].std(0) + 1e-6
    parts = [torch.tensor((x[rows] - mean) / sd, dtype=torch.float32) for rows in (learn, held)]
    labels = [torch.tensor(y[rows], dtype=torch.float32) for rows in (learn, held)]
    return Split(parts[0], labels[0], parts[1], labels[1], held.astype(str))


def run_arms(data: Split, noises: tuple[NoiseModel, ...], seed: int) -> dict[str, dict[str, np.ndarray]]:
    """Logits of the held-out patients by noise and arm."""
    n_inputs = data.x.shape[1]
    circuit = {"qubits": SHAPE.n_qubits, "layers": SHAPE.layers, "entangling": SHAPE.entangling}
    start = build({"kind": "vqc_classifier", "inputs": n_inputs, **circuit}, seed=seed)
    hidden = matching_hidden_units(n_inputs, SHAPE)
    twin = build({"kind": "mlp_classifier", "inputs": n_inputs, "hidden": hidden, "outputs": SHAPE.n_qubits}, seed=seed)
    batches = np.random.default_rng([seed, 2]).integers(0, len(data.x), (STEPS, BATCH))
    train(twin, data, batches)
    ideal, most = copy.deepcopy(start), copy.deepcopy(start)
    train(ideal, data, batches)
    train(most, data, batches[:-REFIT])
    without = {"ideal": _logits(ideal, data), "twin": _logits(twin, data)}
    answers = {}
    for noise in noises:
        refit, aware = refitted(under(most, noise), data, batches[-REFIT:]), under(start, noise)
        train(aware, data, batches)
        struck = {"blind": under(ideal, noise), "refit": refit, "aware": aware}
        answers[noise.name] = {**{arm: _logits(model, data) for arm, model in struck.items()}, **without}
    return answers


def under(model: Model, noise: NoiseModel) -> Model:
    """A copy of the model whose circuit runs under the noise."""
    model = copy.deepcopy(model)
    circuit = model.bottleneck.circuit
    circuit.executor = NoisySimulator(circuit.shape, noise)
    return model


def train(model: nn.Module, data: Split, batches: np.ndarray) -> None:
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    for rows in batches:
        optimiser.zero_grad()
        log_loss(model(data.x[rows]), data.y[rows]).backward()
        optimiser.step()


def refitted(model: Model, data: Split, batches: np.ndarray) -> Model:
    """The model with its last layer trained on what its circuit answers, which stays the same."""
    with torch.no_grad():
        features = model.bottleneck(data.x)
    train(nn.Sequential(model.head, nn.Flatten(0)), replace(data, x=features), batches)
    return model


def _logits(model: Model, data: Split) -> np.ndarray:
    with torch.no_grad():
        return model(data.held_x).double().numpy()


def _rows(noise: NoiseModel, seeds: list[Scored]) -> Iterator[Measure]:
    """The aware arm beside each other, by figure."""
    facts = f"Pauli expectation values, exact, noise {noise.name} ({noise.digest[:SHORT_DIGEST]}), "
    facts += f"{SHAPE.n_qubits} qubits, {SHAPE.layers} layers, depth {SHAPE.depth}, {STEPS} steps, "
    facts += f"seeds 0 to {len(seeds) - 1}"
    for name, (figure, sign) in FIGURES.items():
        found = paired.compared(seeds, figure)
        for peer in PEERS:
            difference = found.difference("aware", peer)
            value, other = found.mean("aware"), found.mean(peer)
            yield Measure(
                f"quantum.training.{noise.name}.{name}.aware_vs_{peer}", value, name, peer, other,
                value / other if sign > 0 else other / value, len(seeds),
                note=f"{difference.words(better=sign)}: {difference} over patients and seeds, unadjusted; {facts}",
            )  # fmt: skip
