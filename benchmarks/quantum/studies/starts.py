"""Which start trains best: ``python -m benchmarks.quantum.studies.starts HEART_FOLDER``.

`vqc_classifier` on UCI heart, four hospitals, federated averaging, 5 paired seeds: each draws the split and the first
weights. Three arms of the same layers and rounds:

* small: strongly entangling layers from small angles, as runs start without a choice;
* identity: mirrored layers, each pair the identity;
* mirrored: the same mirrored layers from small angles, which parts the start from the layers.

Mirrored layers have twice the angles, so `identity` against `small` is no comparison of starts alone. Rates are one and
the same, chosen by nobody. AUC is on each seed's validation patients, of which no setting was chosen. First gradients:
mean square of the training loss's derivative by an angle of the circuit, over all angles and 40 draws of the weights.

The rows are kept in benchmarks/results and stand in docs/design/quantum-executor.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import torch
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score
from torch.nn.functional import binary_cross_entropy_with_logits as log_loss

from benchmarks.frame import Measure, progress, publish
from federation.domain.data.dataset import SiteData, split
from federation.domain.data.registry import open_source
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.local import train_local
from federation.domain.learning.weights import load_state, state_of
from federation.domain.models.base import Model, as_batch
from federation.domain.models.choice import ModelChoice
from federation.domain.models.registry import build
from federation.domain.models.specs import chosen_specs
from federation.domain.strategies import fedavg
from federation.domain.strategies.base import Update

SEEDS, DRAWS = 5, 40
QUBITS, LAYERS = (4, 8), 4
MARKS = (1, 3, 10)  # rounds after which is scored
LOCAL = LocalConfig(epochs=1, batch_size=32, learning_rate=0.01)
ARMS = {"small": ("strong", "small"), "identity": ("mirrored", "identity"), "mirrored": ("mirrored", "small")}


def spec_of(arm: str, qubits: int, inputs: int) -> dict:
    ansatz, start = ARMS[arm]
    return chosen_specs("classification", inputs, None, ModelChoice("twin", qubits, LAYERS, True, ansatz, start=start))[
        0
    ]


def first_gradients(spec: dict, train: list[SiteData]) -> float:
    """Mean square of the loss's derivative by the circuit's angles, before the first step."""
    x, y = np.concatenate([site.x for site in train]), np.concatenate([site.y for site in train])
    found = []
    for draw in range(DRAWS):
        model = build(spec, seed=1000 + draw)
        log_loss(model(as_batch(x)), torch.tensor(y, dtype=torch.float32)).backward()
        found.append(float(model.bottleneck.circuit.weights.grad.square().mean()))  # type: ignore[union-attr, operator]
    return float(np.mean(found))


def courses(spec: dict, train: list[SiteData], held: list[SiteData], seed: int) -> dict[int, float]:
    """Validation AUC after the rounds that are marked."""
    model = build(spec, seed=seed)
    start, found = state_of(model), {}
    for number in range(1, max(MARKS) + 1):
        updates = []
        for place, data in enumerate(train):
            load_state(model, start)
            key = int(np.random.SeedSequence([seed, number, place]).generate_state(1)[0])
            result = train_local(model, data, LOCAL, seed=key)
            updates.append(Update(data.site, result.state, result.n_records))
        start = fedavg.aggregate(updates)
        if number in MARKS:
            load_state(model, start)
            found[number] = auc(model, held)
    return found


def auc(model: Model, held: list[SiteData]) -> float:
    with torch.no_grad():
        logits = [model(as_batch(site.x)).numpy() for site in held]
    return float(roc_auc_score(np.concatenate([site.y for site in held]), np.concatenate(logits)))


def interval(values: np.ndarray) -> str:
    """Half the width of the 95 % interval of a mean over seeds (Student)."""
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():+.3f} ({values.mean() - half:+.3f} to {values.mean() + half:+.3f})"


def measure(folder: str) -> Iterator[Measure]:
    torch.set_num_threads(1)
    source = open_source(f"heart:{folder}")
    sites = [source.load(site.code) for site in source.sites()]
    inputs = sites[0].x.shape[1]
    for qubits in QUBITS:
        found: dict[str, list[dict[int, float]]] = {arm: [] for arm in ARMS}
        for seed in range(SEEDS):
            parts = [split(site, seed=seed) for site in sites]
            train, held = [part.train for part in parts], [part.validation for part in parts]
            for arm in ARMS:
                progress(f"starts: {qubits} qubits, {arm}, seed {seed}")
                found[arm].append(courses(spec_of(arm, qubits, inputs), train, held, seed))
        everybody = [split(site, seed=0).train for site in sites]
        for arm in ARMS:
            spec = spec_of(arm, qubits, inputs)
            note = f"{build(spec).n_parameters} parameters, {LAYERS} layers, mean over {DRAWS} draws of the weights"
            yield Measure(
                f"starts.{qubits}.{arm}.gradient", first_gradients(spec, everybody), "1", runs=DRAWS, note=note
            )
            for mark in MARKS:
                yield _row(qubits, arm, mark, found)


def _row(qubits: int, arm: str, mark: int, found: dict[str, list[dict[int, float]]]) -> Measure:
    own, usual = (np.array([course[mark] for course in found[name]]) for name in (arm, "small"))
    note = f"rounds: {mark}; {SEEDS} seeds, each: {' '.join(f'{value:.3f}' for value in own)}"
    if arm != "small":
        note += f"; minus small, paired: {interval(own - usual)}"
    return Measure(
        f"starts.{qubits}.{arm}.auc.{mark}", float(own.mean()), "AUC", peer="small", peer_value=float(usual.mean()),
        runs=SEEDS, spread=float(np.ptp(own) / np.median(own)), note=note,
    )  # fmt: skip


if __name__ == "__main__":
    for line in publish("starts", measure(sys.argv[1]), quick=False):
        print(line)
