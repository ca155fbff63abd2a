"""UCI heart: four hospitals, 920 patients, federated over all four."""

from __future__ import annotations

from benchmarks import grid
from benchmarks.classifiers.study import FRACTIONS, Study
from benchmarks.frame import ROOT
from federation.domain.data.dataset import Splits, split
from federation.domain.data.heart import HeartSource

FOLDER = ROOT.parent / "shared" / "data" / "heart"


def hospitals(seed: int) -> list[Splits]:
    source = HeartSource(FOLDER)
    return [split(source.load(site.code), seed=seed, fractions=FRACTIONS) for site in source.sites()]


STUDY = Study("heart", hospitals, rounds=20, batch=32, rates=grid.TABLES)
