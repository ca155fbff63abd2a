"""TCGA glioma: the convolutions of a segmentation model of two larger sites, for "is a tumour in this slice?" at two
small ones. Eight slices a patient at 32 px, a declared subsample.
"""  # noqa: D205

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import grid
from benchmarks.frame import ROOT
from benchmarks.transfer.arms import Seed, run_arms
from federation.domain.data.dataset import Splits, split
from federation.domain.data.lgg import LggSource
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.transfer import presence, train_federated
from federation.domain.models.registry import build

FOLDER = ROOT.parent / "shared" / "data" / "lgg"
RICH, POOR = ("du", "ht"), ("cs", "fg")
# A classical U-Net, which favours neither head, of the size that the circuit would have had.
PLAIN = {"kind": "unet", "inputs": 3, "channels": [8, 16, 24], "hidden": 5, "outputs": 4}
SOURCE_CONFIG, SOURCE_ROUNDS = LocalConfig(1, 8, 0.005), 20


@dataclass(frozen=True)
class Glioma:
    name: str
    rates: tuple[float, ...] = grid.IMAGES

    def run(self, seed: int) -> Seed:
        source = LggSource(FOLDER, px=32, slices=8)
        rich = [split(source.load(site), seed=seed, fractions=(0.8, 0.15, 0.05)) for site in RICH]
        model = train_federated(
            build(PLAIN, seed=seed), [s.train for s in rich], [s.validation for s in rich], SOURCE_CONFIG,
            rounds=SOURCE_ROUNDS, seed=seed,
        ).model  # fmt: skip
        poor = [split(source.load(site), seed=seed, fractions=(0.4, 0.2, 0.4)) for site in POOR]
        slices = [Splits(presence(s.train), presence(s.validation), presence(s.audit)) for s in poor]
        return run_arms(model, slices, rates=self.rates, batch=4, seed=seed)


STUDIES = (Glioma("slices"),)
