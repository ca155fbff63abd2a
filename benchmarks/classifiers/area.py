"""Area `classifiers`: the circuit as a classifier, beside its ablation, its classical twin and logistic regression.

Each row is the mean over paired seeds: the split of the patients and the initial weights are drawn anew for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from benchmarks.classifiers import chest, heart
from benchmarks.classifiers.comparing import rows
from benchmarks.frame import Measure, progress

STUDIES = (heart.STUDY, chest.STUDY)
SEEDS, QUICK_SEEDS = 10, 2


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Measure each study; none needs a database. QUICK has too few seeds for a conclusion."""
    chosen = [study for study in STUDIES if not only or any(word in study.name for word in only)]
    if not chosen:
        raise SystemExit(f"expected some of {', '.join(study.name for study in STUDIES)}, got {' '.join(only)}")
    torch.set_num_threads(1)
    for study in chosen:
        seeds = []
        for seed in range(QUICK_SEEDS if quick else SEEDS):
            progress(f"classifiers: {study.name}, seed {seed}")
            seeds.append(study.run(seed))
        yield from rows(study, seeds)
