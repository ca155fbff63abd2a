"""The classifier of radiographs on phantoms: is the tumour larger than the median? A toy, new patients for each seed.

The radiographs themselves need an agreement with PhysioNet that this study does not have.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks import grid
from benchmarks.classifiers.study import FRACTIONS, Study
from federation.domain.data.dataset import Splits, split
from federation.domain.data.phantom import PhantomSource

PATIENTS, SIDE = 600, 16


def hospitals(seed: int) -> list[Splits]:
    source = PhantomSource(patients=PATIENTS, px=SIDE, seed=1000 + seed)
    sites = [source.load(site.code) for site in source.sites()]
    areas = [site.y.reshape(len(site.y), -1).sum(axis=1) for site in sites]  # a phantom is one slice
    middle = np.median(np.concatenate(areas))
    return [
        split(
            replace(
                site, task="classification", y=(area > middle).astype(np.int64),
                record_ids=tuple(f"{seed}:{name}" for name in site.record_ids),
            ),
            seed=seed, fractions=FRACTIONS,
        )
        for site, area in zip(sites, areas, strict=True)
    ]  # fmt: skip


STUDY = Study("chest", hospitals, rounds=20, batch=16, side=SIDE, rates=grid.IMAGES)
