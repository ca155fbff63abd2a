"""Area `transfer`: what an encoder of hospitals with many patients is worth to hospitals with few.

The claim under test is an AUC gain of 0.1 by federated quantum transfer learning. Each row is the mean over seeds: the
split of the patients, the source model and the heads are drawn anew for each seed, and arms are paired by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from benchmarks.frame import Measure, progress
from benchmarks.transfer import comparing, heart, lgg

PARTS = {"heart": heart.STUDIES, "lgg": lgg.STUDIES}
SEEDS, QUICK_SEEDS = 20, 3


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Measure each part; none needs a database. QUICK has too few seeds for a conclusion."""
    chosen = {name: studies for name, studies in PARTS.items() if not only or any(word in name for word in only)}
    if not chosen:
        raise SystemExit(f"expected some of the parts {', '.join(PARTS)}, got {' '.join(only)}")
    torch.set_num_threads(1)
    for name, studies in chosen.items():
        for study in studies:
            seeds = []
            for seed in range(QUICK_SEEDS if quick else SEEDS):
                progress(f"transfer: {name}, {study.name}, seed {seed}")
                seeds.append(study.run(seed))
            yield from comparing.rows(f"transfer.{name}.{study.name}", study.rates, seeds)
