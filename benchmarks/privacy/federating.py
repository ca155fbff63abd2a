"""One training of one model over the four heart hospitals in one regime of privacy, and how it scores.

per_site: the platform's own local training with DP-SGD at each site and federated averaging after each pass over the
patients. distributed and distributed_colluding: what a run of this regime does, with the same functions: a site draws,
clips, rounds and adds its share in the field of 32 bits; the sums are added modulo its prime, as secure aggregation
reveals them; the server takes a step against the mean gradient and FedAdam (its own defaults) makes of it what it does.
The shares are enough with 3 of 4 sites; with `colluding` also if one of these knows its own, which is what runs freeze
by default. All take each patient with probability 0.25 in a step and take 100 steps, so all cost the same epsilon at
the same noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.frame import ROOT
from federation.domain.data.dataset import SiteData, Splits, split
from federation.domain.data.heart import HeartSource
from federation.domain.learning.config import DPConfig, LocalConfig
from federation.domain.learning.gradients import Rows, drawn_sum
from federation.domain.learning.local import train_local
from federation.domain.learning.shared_step import noised_sum
from federation.domain.learning.states import State
from federation.domain.learning.weights import load_state, state_of
from federation.domain.models.base import Model, as_batch
from federation.domain.models.registry import build, default_specs
from federation.domain.privacy.accountant import Spend, solve_noise
from federation.domain.privacy.config import LEVELS, PrivacyConfig
from federation.domain.privacy.distributed import mean_gradient, require_quorum, require_room
from federation.domain.privacy.stream import KeyedStream
from federation.domain.secure.field import Field
from federation.domain.secure.update import Layout
from federation.domain.strategies import fedavg
from federation.domain.strategies.base import Before, Update
from federation.domain.strategies.fedadam import FedAdam

FOLDER = ROOT.parent / "shared" / "data" / "heart"
FRACTIONS = (0.6, 0.05, 0.35)
STEPS, STEPS_A_ROUND, RATE = 100, 4, 0.25
LEARNING_RATE, CLIP, DELTA = 0.03, 0.5, 1e-4
UNCLIPPED = 1e6
QUORUM = 3  # of four sites: one may drop out
MODULUS = Field(32).modulus
MODELS = ("vqc", "mlp", "logistic")
COLLUDING = {"distributed": 0, "distributed_colluding": 1}
REGIMES = (*COLLUDING, "per_site")


class Logistic(Model):
    """A weighted sum of the features: what everything else must beat."""

    task = "classification"

    def __init__(self, inputs: int) -> None:
        super().__init__({"kind": "logistic", "inputs": inputs})
        self.linear = nn.Linear(inputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.flatten(1))[:, 0]


@dataclass(frozen=True)
class Score:
    """On patients who were not trained on, over all sites."""

    auc: float  # of pairs within a site
    accuracy: float


def hospitals(seed: int) -> list[Splits]:
    source = HeartSource(FOLDER)
    return [split(source.load(info.code), seed=seed, fractions=FRACTIONS) for info in source.sites()]


def fresh(model: str, inputs: int, seed: int) -> Model:
    if model == "logistic":
        torch.manual_seed(seed)
        return Logistic(inputs)
    return build(default_specs("classification", inputs)[model == "mlp"], seed=seed)


def run(model: str, regime: str, epsilon: float, sites: list[Splits], *, seed: int) -> Score:
    """Train and score; `epsilon` may be infinite."""
    trained = fresh(model, sites[0].train.x.shape[1], seed)
    train = [site.train for site in sites]
    if regime == "per_site":
        _per_site(trained, train, epsilon, seed)
    else:
        _distributed(trained, train, epsilon, seed, colluding=COLLUDING[regime])
    return score(trained, [site.audit for site in sites])


def _per_site(model: Model, sites: list[SiteData], epsilon: float, seed: int) -> None:
    configs = []
    for data in sites:
        batch = math.ceil(RATE * data.n_patients)
        noise = noise_for(epsilon, batch / data.n_patients)
        dp = DPConfig(noise, CLIP, DELTA) if noise else None
        configs.append(LocalConfig(epochs=1, batch_size=batch, learning_rate=LEARNING_RATE, dp=dp))
    rows = [Rows.of(data) for data in sites]
    start = state_of(model)
    for number in range(STEPS // STEPS_A_ROUND):
        updates = []
        for place, (data, config) in enumerate(zip(sites, configs, strict=True)):
            load_state(model, start)
            key = _key(seed, number, place)
            result = train_local(model, data, config, seed=key, rows=rows[place])
            if result.steps != STEPS_A_ROUND:
                raise ValueError(f"expected {STEPS_A_ROUND} steps a round, which are paid for, got {result.steps}")
            updates.append(Update(data.site, result.state, result.n_records))
        start = fedavg.aggregate(updates)
    load_state(model, start)


def _distributed(model: Model, sites: list[SiteData], epsilon: float, seed: int, *, colluding: int) -> None:
    size = model.n_parameters
    noise = noise_for(epsilon, RATE, LEVELS, size)
    patients = sum(data.n_patients for data in sites)
    config = None
    if noise:
        config = PrivacyConfig(
            "distributed", epsilon=epsilon, delta=DELTA, clip=CLIP, noise_multiplier=noise, sample_rate=RATE,
            quorum=QUORUM, colluding=colluding, levels=LEVELS, parameters=size,
        )  # fmt: skip
        require_room(config, patients=patients, sites=len(sites), modulus=MODULUS)
        require_quorum(len(sites), config)
    rule, memory, start = FedAdam(), State(), state_of(model)
    layout = Layout.of({"model": start})
    rows = [Rows.of(data) for data in sites]
    for number in range(STEPS):
        streams = [KeyedStream(_key(seed, number, place)) for place in range(len(sites))]
        if config:
            sent = [
                noised_sum(model, own, config, modulus=MODULUS, stream=stream)
                for own, stream in zip(rows, streams, strict=True)
            ]
            gradient = mean_gradient(np.sum(sent, axis=0) % MODULUS, config, modulus=MODULUS, patients=patients)
        else:
            gradient = _plain_gradient(model, rows, streams, patients)
        stepped = layout.unflatten(layout.flatten({"model": start}) - LEARNING_RATE * gradient)["model"]
        mean = {name: value.astype(np.float64) for name, value in stepped.items()}
        done = rule.finish(mean, Before(start, memory, sites=len(sites)), weight=patients)
        start, memory = done.state, done.memory
        load_state(model, start)


def _plain_gradient(model: Model, rows: list[Rows], streams: list[KeyedStream], patients: int) -> NDArray[np.float64]:
    """The mean gradient without clipping or noise."""
    sums = [
        drawn_sum(model, own, sample_rate=RATE, max_grad_norm=UNCLIPPED, stream=stream)
        for own, stream in zip(rows, streams, strict=True)
    ]
    flat = [np.concatenate([one[name].numpy().ravel() for name in sorted(one)]) for one in sums]
    return np.sum(flat, axis=0, dtype=np.float64) / (RATE * patients)


@cache
def noise_for(epsilon: float, rate: float, levels: int = 0, parameters: int = 0) -> float | None:
    """Noise multiplier of 100 steps; None without privacy."""
    if math.isinf(epsilon):
        return None
    return solve_noise(lambda noise: [Spend(noise, rate, STEPS, levels, parameters)], epsilon=epsilon, delta=DELTA)


def score(model: Model, sites: list[SiteData]) -> Score:
    concordant = pairs = right = everybody = 0.0
    model.eval()
    for data in sites:
        with torch.no_grad():
            logits = model(as_batch(data.x)).numpy()
        ill, healthy = logits[data.y == 1], logits[data.y == 0]
        difference = ill[:, None] - healthy[None, :]
        concordant += float(((difference > 0) + 0.5 * (difference == 0)).sum())
        pairs += difference.size
        right += float(((logits > 0) == (data.y == 1)).sum())
        everybody += len(logits)
    return Score(concordant / pairs, right / everybody)


def _key(seed: int, number: int, place: int) -> int:
    """Of a benchmark that can be repeated; a site draws its own from the operating system."""
    return (seed * 10_000 + number) * 10 + place
