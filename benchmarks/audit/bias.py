"""The bias score of a million predictions by patient-cluster bootstrap, beside the bootstrap of Fairlearn.

Fairlearn resamples rows and not patients, and has no simultaneous bounds, so it does less; its 2,000 resamples take
hours, so ten are timed, two in each run beside one of ours, and scaled, which its labels say.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.domain.fairness.bootstrap import bias_score_of_records
from benchmarks.frame import QUICK_RUNS, RUNS, Measure, compared, progress

DRAWS = 2000
FAIRLEARN_DRAWS = 2  # in each run
SIZES = {False: (100_000, 1_000_000), True: (10_000, 100_000)}


@dataclass(frozen=True)
class Rows:
    """Predictions of patients; 8 groups (4 ethnicities, 2 sexes, 2 age bands) and their 36 intersections."""

    truth: NDArray[np.bool_]
    flagged: NDArray[np.bool_]
    groups: dict[str, NDArray[np.str_]]
    patient: NDArray[np.int64]


def rows(n_patients: int, n: int, rng: np.random.Generator) -> Rows:
    """Draw n predictions; those of one patient go wrong together."""
    patient = np.concatenate([np.arange(n_patients), rng.integers(0, n_patients, n - n_patients)])
    frailty = rng.normal(0, 0.7, n_patients)[patient]
    truth = rng.random(n) < 0.4
    flagged = rng.random(n) < 1 / (1 + np.exp(-(np.where(truth, 1.7, -2.2) + frailty)))
    names: dict[str, NDArray[Any]] = {
        "ethnicity": np.array(["asian", "black", "hispanic", "white"]),
        "sex": np.array(["female", "male"]),
        "age_band": np.array(["under 60", "60 and over"]),
    }
    groups = {name: labels[rng.integers(0, len(labels), n_patients)[patient]] for name, labels in names.items()}
    return Rows(truth, flagged, groups, patient)


def ours(data: Rows, *, seed: int) -> float:
    """Seconds from arrays in memory to a verdict."""
    started = time.perf_counter()
    bias_score_of_records(data.truth, data.flagged, data.groups, data.patient, draws=DRAWS, seed=seed)
    return time.perf_counter() - started


def fairlearn(data: Rows, *, seed: int) -> float:
    """Seconds of `MetricFrame(n_boot=...)` on all crossed groups, with its resamples scaled to DRAWS.

    It gets whole numbers, which it handles faster than text.
    """
    from fairlearn.metrics import MetricFrame, false_positive_rate, true_positive_rate
    from sklearn.metrics import accuracy_score

    groups = {name: np.unique(own, return_inverse=True)[1] for name, own in data.groups.items()}
    truth, flagged = data.truth.astype(np.int64), data.flagged.astype(np.int64)
    metrics = {"tpr": true_positive_rate, "fpr": false_positive_rate, "accuracy": accuracy_score}

    def seconds(**resampled: Any) -> float:
        started = time.perf_counter()
        MetricFrame(metrics=metrics, y_true=truth, y_pred=flagged, sensitive_features=groups, **resampled)
        return time.perf_counter() - started

    once = seconds()
    many = seconds(n_boot=FAIRLEARN_DRAWS, ci_quantiles=[0.025, 0.975], random_state=seed)
    return once + (many - once) * DRAWS / FAIRLEARN_DRAWS


def measure(*, quick: bool) -> Iterator[Measure]:
    """Ours and Fairlearn's in turn, on the same rows."""
    n_patients, n = SIZES[quick]
    data = rows(n_patients, n, np.random.default_rng(0))
    runs = QUICK_RUNS if quick else RUNS
    mine: list[float] = []
    theirs: list[float] = []
    for number in range(runs):
        mine.append(ours(data, seed=number))
        theirs.append(fairlearn(data, seed=number))
        progress(f"run {number + 1} of {runs}: {mine[-1]:.1f} s, Fairlearn {theirs[-1]:.0f} s (scaled)")
    size = f"{n:,} predictions of {n_patients:,} patients, {DRAWS:,} resamples, 8 groups and 36 intersections"
    yield compared("audit.bias_s", mine, "s", better="lower", note=f"target <= 20 s; {size}, simultaneous bounds")
    peer = f"fairlearn {version('fairlearn')}: {FAIRLEARN_DRAWS * runs} resamples, scaled to {DRAWS:,}"
    scope = "Fairlearn: rows and not patients, the 16 crossed groups only, no simultaneous bounds"
    note = f"target >= 100x; {size}; {scope}"
    yield compared("audit.vs_fairlearn", mine, "s", better="lower", peer=peer, theirs=theirs, note=note)
