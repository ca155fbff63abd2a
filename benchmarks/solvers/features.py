"""Columns of UCI heart for an encoder: solvers on the choice, and what the choice is worth to a classifier.

Screened to 16 columns by what they tell of the label, on training patients of all four hospitals; the AUC is that of a
logistic model and of the platform's circuit on patients that neither saw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np
import torch
from sklearn.feature_selection import SelectKBest, mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from benchmarks.frame import ROOT, Measure, progress
from benchmarks.solvers.tables import rows
from federation.domain.data.dataset import SiteData, Splits, split
from federation.domain.data.heart import SITES, HeartSource
from federation.domain.intervals import t_quantile
from federation.domain.learning import feature_selection as method
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.transfer import scores, train_federated
from federation.domain.models.registry import build, default_specs
from federation.domain.quantum.solvers import annealing, exact, qaoa
from federation.domain.quantum.solvers.comparison import Comparison, compare

FOLDER = ROOT.parent / "shared" / "data" / "heart"
K = 6
SEEDS, QUICK_SEEDS = 10, 3
SOLVED = 3  # splits on which every solver runs: a circuit of 16 qubits takes seconds for each of five seeds


def measure(*, quick: bool) -> Iterator[Measure]:
    torch.set_num_threads(1)
    chosen: dict[str, list[dict[str, float]]] = {}
    solved: list[Comparison] = []
    for seed in range(QUICK_SEEDS if quick else SEEDS):
        progress(f"features, seed {seed}")
        sites = [split(HeartSource(FOLDER).load(site.code), seed=seed) for site in SITES]
        counts = reduce(add, (method.pair_counts(site.train) for site in sites))
        if seed < SOLVED:
            solved.append(compare(method.selection_qubo(method.screened(counts), K)))
        for name, columns in _choices(counts, sites, seed).items():
            chosen.setdefault(name, []).append(_worth(sites, columns, seed))
    yield from rows("solvers.features", solved)
    for head in ("logistic", "circuit"):
        peer = [worth[head] for worth in chosen["sklearn_top_k"]]
        for name, found in chosen.items():
            yield _row(f"solvers.features.auc_{head}.{name}", [worth[head] for worth in found], peer)


def _choices(counts: method.PairCounts, sites: Sequence[Splits], seed: int) -> dict[str, tuple[str, ...]]:
    few = method.screened(counts)
    problem, whole = method.selection_qubo(few, K), method.selection_qubo(counts, K)
    x = np.concatenate([site.train.x for site in sites])
    y = np.concatenate([site.train.y for site in sites])
    theirs = SelectKBest(lambda a, b: mutual_info_classif(a, b, random_state=seed), k=K).fit(x, y).get_support()
    return {
        "sklearn_top_k": method.chosen(counts, theirs),
        "our_top_k": method.top_k(counts, K),
        "exact_of_16": method.chosen(few, exact.solve(problem).bits),
        "qaoa_of_16": method.chosen(few, qaoa.solve(problem, seed=seed).bits),
        "annealing_of_26": method.chosen(counts, annealing.solve(whole, seed=seed).bits),
        "all_columns": counts.names,
    }


def _worth(sites: Sequence[Splits], columns: Sequence[str], seed: int) -> dict[str, float]:
    parts = [Splits(*(_only(part, columns) for part in (s.train, s.validation, s.audit))) for s in sites]
    x, y = (np.concatenate([getattr(s.train, name) for s in parts]) for name in ("x", "y"))
    held = np.concatenate([s.audit.y for s in parts])
    linear = LogisticRegression(max_iter=1000).fit(x, y)
    model = train_federated(
        build(default_specs("classification", len(columns))[0], seed=seed), [s.train for s in parts],
        [s.validation for s in parts], LocalConfig(2, 32, 0.03), rounds=15, seed=seed,
    ).model  # fmt: skip
    guess = np.concatenate([linear.decision_function(s.audit.x) for s in parts])
    return {
        "logistic": float(roc_auc_score(held, guess)),
        "circuit": float(roc_auc_score(held, np.concatenate([scores(model, s.audit) for s in parts]))),
    }


def _only(data: SiteData, columns: Sequence[str]) -> SiteData:
    kept = [data.feature_names.index(name) for name in columns]
    return replace(data, x=np.ascontiguousarray(data.x[:, kept]), feature_names=tuple(columns))


def _row(metric: str, ours: Sequence[float], theirs: Sequence[float]) -> Measure:
    value, other, change = float(np.mean(ours)), float(np.mean(theirs)), np.subtract(ours, theirs)
    # Over splits alone, which share their patients: other patients would differ by more.
    reach = t_quantile(0.95, len(change) - 1) * float(np.std(change, ddof=1)) / len(change) ** 0.5
    note = f"difference {change.mean():+.3f} ± {reach:.3f}, paired over splits of the patients"
    return Measure(metric, value, "AUC", "sklearn's top k", other, value / other, len(ours), None, note)
