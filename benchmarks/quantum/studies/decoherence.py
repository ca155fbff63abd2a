"""Does it help to train under the device's noise: ``python -m benchmarks.quantum.studies.decoherence HEART_FOLDER``.

A `vqc_classifier` of 4 qubits and 2 layers on UCI heart, all sites pooled, 10 paired seeds. Three ways to spend the
same steps on the same batches from the same initial weights, all judged on held-out patients under the noise:

* blind: trained without noise;
* refit: three quarters without noise, then the last linear layer alone under noise;
* aware: trained under the noise.

Prints the rows of the table in docs/design/quantum-devices.md, and one JSON object a seed on standard error.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as log_loss

from federation.domain.data.registry import open_source
from federation.domain.models.base import Model
from federation.domain.models.registry import build
from federation.domain.quantum.noise import GateNoise, NoiseModel, Readout
from federation.domain.quantum.noisy_layer import NoisyQuantumLayer

SEEDS, STEPS, BATCH, RATE = 10, 160, 48, 0.03
REFIT = STEPS // 4
ARMS = ("blind", "refit", "aware")
NOISE = (
    NoiseModel("mild", GateNoise(0.0005), GateNoise(0.005), {"RZ": GateNoise()}, Readout(0.01, 0.02)),
    NoiseModel(
        "decaying", GateNoise(0.001, 0.01, 0.01), GateNoise(0.01, 0.04, 0.04), {"RZ": GateNoise()}, Readout(0.02, 0.06)
    ),
    NoiseModel(
        "strong", GateNoise(0.005, 0.03, 0.03), GateNoise(0.03, 0.10, 0.10), {"RZ": GateNoise()}, Readout(0.03, 0.12)
    ),
)


@dataclass(frozen=True)
class Split:
    """Half of the patients to learn from, half to judge by; features in units of the former."""

    x: Tensor
    y: Tensor
    held_x: Tensor
    held_y: Tensor


def split(x: np.ndarray, y: np.ndarray, seed: int) -> Split:
    order = np.random.default_rng([seed, 1]).permutation(len(x))
    learn, held = order[: len(x) // 2], order[len(x) // 2 :]
    mean, sd = x[learn].mean(0), x[learn].std(0) + 1e-6
    parts = [torch.tensor((x[rows] - mean) / sd, dtype=torch.float32) for rows in (learn, held)]
    labels = [torch.tensor(y[rows], dtype=torch.float32) for rows in (learn, held)]
    return Split(parts[0], labels[0], parts[1], labels[1])


def under(model: Model, noise: NoiseModel) -> Model:
    """Let the model's circuit run under the noise, with the weights that it has."""
    circuit = model.bottleneck.circuit
    model.bottleneck.circuit = NoisyQuantumLayer(circuit.shape, noise, circuit.weights)
    return model


def train(model: Model, data: Split, batches: np.ndarray, *, head_only: bool = False) -> None:
    parameters = model.head.parameters() if head_only else model.parameters()
    optimiser = torch.optim.Adam(parameters, lr=RATE)
    for rows in batches:
        optimiser.zero_grad()
        log_loss(model(data.x[rows]), data.y[rows]).backward()
        optimiser.step()


def trained(arm: str, data: Split, noise: NoiseModel, seed: int) -> Model:
    """A model after STEPS steps; it stands under the noise when it is returned."""
    spec = {"kind": "vqc_classifier", "inputs": data.x.shape[1], "qubits": 4, "layers": 2, "entangling": True}
    model = build(spec, seed=seed)
    batches = np.random.default_rng([seed, 2]).integers(0, len(data.x), (STEPS, BATCH))
    if arm == "aware":
        train(under(model, noise), data, batches)
        return model
    blind = batches if arm == "blind" else batches[:-REFIT]
    train(model, data, blind)
    under(model, noise)
    if arm == "refit":
        train(model, data, batches[-REFIT:], head_only=True)
    return model


def judged(model: Callable[[Tensor], Tensor], data: Split) -> dict[str, float]:
    with torch.no_grad():
        logits = model(data.held_x)
    return {
        "loss": float(log_loss(logits, data.held_y)),
        "auc": float(roc_auc_score(data.held_y, logits)),
        "accuracy": float(((logits > 0) == (data.held_y > 0.5)).float().mean()),
    }


def difference(found: list[dict], metric: str, one: str, other: str) -> str:
    """Mean paired difference over the seeds with its 95 % interval (Student)."""
    values = np.array([row[one][metric] - row[other][metric] for row in found])
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():+.3f} ({values.mean() - half:+.3f} to {values.mean() + half:+.3f})"


def main(folder: str, seeds: int = SEEDS) -> None:
    torch.set_num_threads(1)
    source = open_source(f"heart:{folder}")
    sites = [source.load(site.code) for site in source.sites()]
    x, y = np.concatenate([site.x for site in sites]), np.concatenate([site.y for site in sites])
    for noise in NOISE:
        found = []
        for seed in range(seeds):
            data, row, started = split(x, y, seed), {}, time.perf_counter()
            for arm in ARMS:
                row[arm] = judged(trained(arm, data, noise, seed), data)
            found.append(row)
            facts = {"noise": noise.facts, "seed": seed, "seconds": round(time.perf_counter() - started, 1)}
            sys.stderr.write(json.dumps({**facts, **row}) + "\n")
            sys.stderr.flush()
        for metric in ("loss", "auc", "accuracy"):
            means = " | ".join(f"{np.mean([row[arm][metric] for row in found]):.3f}" for arm in ARMS)
            gains = f"{difference(found, metric, 'aware', 'blind')} | {difference(found, metric, 'aware', 'refit')}"
            sys.stdout.write(f"| {noise.name} | {metric} | {means} | {gains} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], *(int(word) for word in sys.argv[2:3]))
