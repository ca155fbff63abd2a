"""UCI heart: an encoder of Cleveland and Budapest, handed to Switzerland and Long Beach, where patients differ."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from benchmarks import grid
from benchmarks.frame import ROOT
from benchmarks.transfer.arms import Seed, run_arms, some_patients
from federation.domain.data.dataset import Splits, split
from federation.domain.data.heart import HeartSource
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.transfer import train_federated
from federation.domain.models.registry import build

FOLDER = ROOT.parent / "shared" / "data" / "heart"
RICH, POOR = ("cleveland", "hungarian"), ("switzerland", "va")
SOURCE = {"kind": "mlp_classifier", "inputs": 26, "hidden": 8, "outputs": 4}  # favours neither head
SOURCE_CONFIG, SOURCE_ROUNDS = LocalConfig(2, 32, 0.01), 30
DRAWN = 20_000  # with a seed it decides which patients a poor site has, apart from every other draw of that seed


@dataclass(frozen=True)
class Heart:
    """`most` patients a poor site to learn from, drawn anew for each seed; None for two fifths of its patients."""

    name: str
    most: int | None
    rates: tuple[float, ...] = grid.TABLES

    def run(self, seed: int) -> Seed:
        source = HeartSource(FOLDER)
        rich = [split(source.load(site), seed=seed, fractions=(0.8, 0.15, 0.05)) for site in RICH]
        model = train_federated(
            build(SOURCE, seed=seed), [s.train for s in rich], [s.validation for s in rich], SOURCE_CONFIG,
            rounds=SOURCE_ROUNDS, seed=seed,
        ).model  # fmt: skip
        return run_arms(model, self.poor(source, seed), rates=self.rates, batch=16, seed=seed)

    def poor(self, source: HeartSource, seed: int) -> list[Splits]:
        """The poor sites' patients; their splits are the same whatever `most` is."""
        rng = np.random.default_rng([seed, DRAWN])
        sites = [split(source.load(site), seed=seed, fractions=(0.4, 0.15, 0.45)) for site in POOR]
        return [replace(site, train=some_patients(site.train, self.most, rng)) for site in sites]


STUDIES = (Heart("15_patients", 15), Heart("all_patients", None))
