"""UCI heart: an encoder of Cleveland and Budapest, handed to Switzerland and Long Beach, where patients differ."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.frame import ROOT
from benchmarks.transfer.arms import Seed, first_patients, run_arms
from federation.domain.data.dataset import split
from federation.domain.data.heart import HeartSource
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.transfer import train_federated
from federation.domain.models.registry import build

FOLDER = ROOT.parent / "shared" / "data" / "heart"
RICH, POOR = ("cleveland", "hungarian"), ("switzerland", "va")
SOURCE = {"kind": "mlp_classifier", "inputs": 26, "hidden": 8, "outputs": 4}  # favours neither head
SOURCE_CONFIG, SOURCE_ROUNDS = LocalConfig(2, 32, 0.01), 30


@dataclass(frozen=True)
class Heart:
    """`most` patients a poor site to learn from; None for two fifths of its patients."""

    name: str
    most: int | None

    def run(self, seed: int) -> Seed:
        source = HeartSource(FOLDER)
        rich = [split(source.load(site), seed=seed, fractions=(0.8, 0.15, 0.05)) for site in RICH]
        model = train_federated(
            build(SOURCE, seed=seed), [s.train for s in rich], [s.validation for s in rich], SOURCE_CONFIG,
            rounds=SOURCE_ROUNDS, seed=seed,
        ).model  # fmt: skip
        poor = [split(source.load(site), seed=seed, fractions=(0.4, 0.15, 0.45)) for site in POOR]
        poor = [replace(s, train=first_patients(s.train, self.most)) for s in poor]
        return run_arms(model, poor, batch=16, seed=seed)


STUDIES = (Heart("15_patients", 15), Heart("all_patients", None))
