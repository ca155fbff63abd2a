"""Area `privacy`: what differential privacy costs in accuracy, by epsilon, model and who makes the noise.

Each row is the mean AUC (of pairs within a hospital) over seeds, each with its own split, initial weights and noise, on
patients who were not trained on. Intervals are Student's over seeds; splits of different seeds share patients, so they
are too narrow for what other patients would show. Differences are paired by seed. Learning rate and clipping norm are
the same for all and tuned for none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from scipy import stats

from benchmarks.frame import Measure, progress
from benchmarks.privacy.federating import DELTA, MODELS, REGIMES, STEPS, Score, hospitals, run

EPSILONS = (0.5, 1.0, 3.0, 8.0, math.inf)
SEEDS, QUICK_SEEDS = 10, 2
Cell = tuple[str, str, float]  # model, regime, epsilon


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Measure every cell, then yield the rows; no database is needed. QUICK has too few seeds to say much."""
    torch.set_num_threads(1)
    epsilons = [e for e in EPSILONS if not only or _name(e) in only]
    if not epsilons:
        raise SystemExit(f"expected some of the epsilons {', '.join(map(_name, EPSILONS))}, got {' '.join(only)}")
    found: dict[Cell, list[Score]] = {}
    for seed in range(QUICK_SEEDS if quick else SEEDS):
        sites = hospitals(seed)
        for epsilon in epsilons:
            progress(f"privacy: seed {seed}, epsilon {_name(epsilon)}")
            for regime in REGIMES:
                for model in MODELS:
                    cell = (model, regime, epsilon)
                    found.setdefault(cell, []).append(run(model, regime, epsilon, sites, seed=seed))
    yield from rows(found)


def rows(found: dict[Cell, list[Score]]) -> Iterator[Measure]:
    """A row for each cell, beside the same model in the other regime; then the quantum model beside its twins."""
    for model, regime, epsilon in found:
        ours = found[model, regime, epsilon]
        peer = None if regime == "per_site" else "per_site"
        theirs = found[model, "per_site", epsilon] if peer else None
        yield _row(f"privacy.{model}.{regime}.eps{_name(epsilon)}", ours, peer, theirs)
    for model, regime, epsilon in found:
        if model != "vqc":
            name = f"privacy.vqc_against_{model}.{regime}.eps{_name(epsilon)}"
            yield _row(name, found["vqc", regime, epsilon], model, found[model, regime, epsilon])


def _row(metric: str, ours: list[Score], peer: str | None, theirs: list[Score] | None) -> Measure:
    areas = np.array([score.auc for score in ours])
    accuracy = np.array([score.accuracy for score in ours])
    note = f"AUC {_interval(areas)}; accuracy {accuracy.mean():.3f} {_interval(accuracy)}"
    other = None
    if theirs is not None:
        others = np.array([score.auc for score in theirs])
        other = float(others.mean())
        right = accuracy - np.array([score.accuracy for score in theirs])
        note += f"; paired difference of AUC {(areas - others).mean():+.3f} {_interval(areas - others)}"
        note += f", of accuracy {right.mean():+.3f} {_interval(right)}"
    note += f"; delta {DELTA:g}, {STEPS} steps, one model"
    value = float(areas.mean())
    spread = float(np.ptp(areas) / np.median(areas))
    ratio = value / other if other else None
    return Measure(metric, value, "AUC", peer, other, ratio, len(areas), spread, note)


def _interval(values: np.ndarray) -> str:
    """95 % for the mean over seeds."""
    half = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
    return f"95 % {values.mean() - half:.3f} to {values.mean() + half:.3f}"


def _name(epsilon: float) -> str:
    return "inf" if math.isinf(epsilon) else f"{epsilon:g}"
