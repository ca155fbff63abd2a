"""Type-I error, coverage and power of the leakage adversaries: ``python -m benchmarks.audit.studies.leakage``.

Two sites, 110 patients to learn from and 80 held out at each, as in the heart data. Prints the rows of the tables in
docs/design/audit-quantum.md.
"""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
import torch
from scipy.stats import norm

from audits.domain.quantum.adversaries import NAMES, AdversarySettings, train
from audits.domain.quantum.leakage import Patients, auc_interval, combine, site_leakage

FAIR_MODELS, UNFAIR_MODELS, PERMUTATIONS, ALPHA = 600, 100, 199, 0.05
LEARN, HELD = 110, 80
SETTINGS = AdversarySettings()


def patients(kind: str, n: int, rng: np.random.Generator) -> Patients:
    """N patients of one site; the group follows the label, and the representation if `kind` is a leak."""
    label = rng.integers(0, 2, n)
    x = rng.normal(size=(n, 4))
    x[:, 0] += 1.5 * (2 * label - 1)
    logit = {"none": 0.8 * label - 0.8, "linear": 1.2 * x[:, 1], "exclusive or": 3 * np.tanh(x[:, 1] * x[:, 2])}[kind]
    member = rng.random(n) < 1 / (1 + np.exp(-logit))
    return Patients(x, label, np.where(member, "a", "b"))


def leaks(kind: str, models: int):
    """For each model, what each adversary reads over both sites."""
    rng = np.random.default_rng(np.random.SeedSequence([7, *kind.encode()]))
    for model in range(models):
        adversaries = {name: partial(train, name, settings=SETTINGS, seed=model) for name in NAMES}
        sites = [
            site_leakage(
                patients(kind, LEARN, rng), patients(kind, HELD, rng), adversaries, site=site, reference_group="a",
                permutations=PERMUTATIONS, rng=rng,
            )
            for site in ("north", "south")
        ]  # fmt: skip
        yield {name: combine(sites, name) for name in NAMES}


def adversaries(kind: str, models: int) -> None:
    found = list(leaks(kind, models))
    for name in NAMES:
        rows = [row[name] for row in found]
        flagged = np.mean([row.p <= ALPHA for row in rows])
        auc, bits = np.mean([row.auc for row in rows]), np.mean([row.bits for row in rows])
        held = np.mean([row.lower <= 0.5 <= row.upper for row in rows])
        coverage = f"{held:.3f}" if kind == "none" else "–"
        sys.stdout.write(f"| {kind} | {name} | {flagged:.3f} | {auc:.3f} | {bits:+.3f} | {coverage} |\n")
        sys.stdout.flush()


def coverage(auc: float, sizes: list[tuple[int, int]], *, spread: float = 1.0, runs: int = 4000) -> float:
    """Share of runs whose 95 % interval holds the true AUC of two normal groups, one of another `spread`."""
    rng = np.random.default_rng(1)
    shift = norm.ppf(auc) * np.sqrt(1 + spread**2)
    hits = 0
    for _ in range(runs):
        concordant = sum((rng.normal(shift, spread, m)[:, None] > rng.normal(0, 1, n)[None, :]).sum() for m, n in sizes)
        lower, upper = auc_interval(float(concordant) / sum(m * n for m, n in sizes), sizes, 0.95)
        hits += lower <= auc <= upper
    return hits / runs


def main() -> None:
    torch.set_num_threads(1)
    for auc in (0.5, 0.7, 0.9):
        few, more, wider = [(6, 9), (5, 12)], [(20, 25), (30, 15), (12, 18)], [(30, 15), (15, 30)]
        cells = coverage(auc, few), coverage(auc, more), coverage(auc, wider, spread=2.0)
        sys.stdout.write(f"| {auc} | " + " | ".join(f"{cell:.3f}" for cell in cells) + " |\n")
        sys.stdout.flush()
    adversaries("none", FAIR_MODELS)
    for kind in ("linear", "exclusive or"):
        adversaries(kind, UNFAIR_MODELS)


if __name__ == "__main__":
    main()
