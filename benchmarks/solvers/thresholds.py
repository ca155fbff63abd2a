"""Thresholds by group on simulated patients of three groups, of whom two are scored worse: choice and outcome.

Chosen on 2,000 patients, judged on 40,000 others; the score is a logistic model's, fitted on yet others.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from audits.domain.fairness import thresholds as method
from audits.domain.fairness.fairlearn_thresholds import CONSTRAINTS, fairlearn_outcome
from audits.domain.fairness.thresholds import Outcome, Proposal
from benchmarks.frame import Measure
from benchmarks.solvers.tables import rows
from federation.domain.intervals import t_quantile

GRID = method.levels(5, 0.1)
MODELS, QUICK_MODELS = 10, 3


def measure(*, quick: bool) -> Iterator[Measure]:
    """Solvers and outcomes over all models."""
    found = [_one(seed) for seed in range(QUICK_MODELS if quick else MODELS)]
    yield from rows("solvers.thresholds", [proposal.solvers for proposal, _ in found])
    usual = [proposal.before for proposal, _ in found]
    named = {"proposed": [proposal.after for proposal, _ in found]}
    named |= {f"fairlearn_{name}": [beside[name] for _, beside in found] for name in CONSTRAINTS}
    for name, outcomes in named.items():
        yield _row(f"solvers.thresholds.gap_{name}", [o.gap for o in outcomes], [o.gap for o in usual], outcomes)


def _row(metric: str, ours: list[float], theirs: list[float], outcomes: list[Outcome]) -> Measure:
    value, other = float(np.mean(ours)), float(np.mean(theirs))
    change = np.subtract(ours, theirs)
    reach = t_quantile(0.95, len(change) - 1) * float(np.std(change, ddof=1)) / len(change) ** 0.5
    note = (
        f"larger of TPR and FPR gap on held-out simulated patients; change {change.mean():+.3f} ± {reach:.3f} over "
        f"models; TPR gap {np.mean([o.tpr_gap for o in outcomes]):.3f}, "
        f"FPR gap {np.mean([o.fpr_gap for o in outcomes]):.3f}, "
        f"accuracy {np.mean([o.accuracy for o in outcomes]):.3f}"
    )
    return Measure(metric, value, "gap", "0.5 for everybody", other, other / value, len(ours), None, note)


def _one(seed: int) -> tuple[Proposal, dict[str, Outcome]]:
    rng = np.random.default_rng(seed)
    x, y, _ = patients(2_000, rng)
    model = LogisticRegression(max_iter=500).fit(x, y)
    folds = []
    for n in (2_000, 40_000):
        x, y, group = patients(n, rng)
        folds.append(method.count_scores(model.predict_proba(x)[:, 1], y, group, GRID))
    found = method.propose("group", *folds, GRID)
    if isinstance(found, str):
        raise SystemExit(found)
    counts = [[fold[group] for group in found.groups] for fold in folds]
    beside = {name: fairlearn_outcome(*counts, constraint=name) for name in CONSTRAINTS}
    return found, {name: outcome for name, outcome in beside.items() if outcome is not None}


def patients(n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.str_]]:
    """Groups of 70, 20 and 10 %: rarer groups are ill less often, and their illness shows less."""
    group = rng.choice(3, n, p=[0.7, 0.2, 0.1])
    ill = rng.random(n) < np.array([0.5, 0.35, 0.25])[group]
    x = rng.normal(size=(n, 6))
    x[:, 0] += 1.1 * (2 * ill - 1) - np.array([0, 0.5, 0.9])[group]
    x[:, 1] += 0.8 * (2 * ill - 1) * np.array([1, 0.5, 0.2])[group]
    return x, ill, np.array(["first", "second", "third"])[group]
