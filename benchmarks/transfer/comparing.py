"""Rows of the table: AUC of each arm beside its peer, the difference with its interval, what becomes of the claim.

The AUC counts pairs within a site only. The interval resamples seeds *and* patients: a patient drawn twice counts twice
in every arm and every seed whose test set holds him, because test sets of different seeds share patients.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.frame import Measure
from benchmarks.transfer.arms import FROZEN, SCRATCH, STARTS, TUNED, Seed

CLAIM = 0.1
DRAWS, LEVEL = 2000, 0.95
Floats = NDArray[np.float64]
Arm = tuple[str, str]


def rows(name: str, seeds: Sequence[Seed]) -> Iterator[Measure]:
    """Transfer against scratch for each head, then the quantum head against its twin for each start."""
    found, draws = areas(seeds)
    for head in ("quantum", "classical"):
        for start in (FROZEN, TUNED):
            yield _row(f"{name}.{start}_{head}", found, draws, (start, head), (SCRATCH, head), seeds[0], claim=True)
    for start in STARTS:
        yield _row(f"{name}.heads_{start}", found, draws, (start, "quantum"), (start, "classical"), seeds[0])


def areas(seeds: Sequence[Seed], *, rng_seed: int = 0) -> tuple[dict[Arm, Floats], dict[Arm, Floats]]:
    """AUC of each arm by seed, shape (seeds,), and its resampled mean over seeds, shape (`DRAWS`,)."""
    rng = np.random.default_rng(rng_seed)
    everybody = np.unique(np.concatenate([seed.patient for seed in seeds]))
    weights = _counts(seeds, everybody, rng)
    picked = rng.integers(0, len(seeds), size=(DRAWS, len(seeds)))
    found, draws = {}, {}
    for arm in seeds[0].arms:
        each = [_auc(seed, seed.arms[arm], weights[:, np.searchsorted(everybody, seed.patient)]) for seed in seeds]
        found[arm] = np.array([row[0] for row in each])
        resampled = np.stack([row[1:] for row in each], axis=1)  # (draws, seeds)
        draws[arm] = np.take_along_axis(resampled, picked, axis=1).mean(axis=1)
    return found, draws


def _counts(seeds: Sequence[Seed], everybody: NDArray[np.str_], rng: np.random.Generator) -> Floats:
    """How often each patient counts: once in the first row, as drawn within his site in the others."""
    place = {p: s for seed in seeds for p, s in zip(seed.patient.tolist(), seed.site.tolist(), strict=True)}
    site = np.array([place[p] for p in everybody.tolist()])
    weights = np.ones((DRAWS + 1, len(everybody)))
    for name in np.unique(site):
        members = np.flatnonzero(site == name)
        weights[1:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=DRAWS)
    return weights


def _auc(seed: Seed, score: Floats, weights: Floats) -> Floats:
    """Area for each row of weights, shape (draws + 1,): concordant pairs over pairs, within sites."""
    concordant, pairs = np.zeros(len(weights)), np.zeros(len(weights))
    for site in np.unique(seed.site):
        ill, healthy = (seed.site == site) & seed.label, (seed.site == site) & ~seed.label
        difference = score[ill][:, None] - score[healthy][None, :]
        above = (difference > 0) + 0.5 * (difference == 0)
        concordant += ((weights[:, ill] @ above) * weights[:, healthy]).sum(axis=1)
        pairs += weights[:, ill].sum(axis=1) * weights[:, healthy].sum(axis=1)
    return np.divide(concordant, pairs, out=np.full(len(weights), 0.5), where=pairs > 0)


def _row(
    metric: str, found: dict[Arm, Floats], draws: dict[Arm, Floats], ours: Arm, peer: Arm, seed: Seed, *,
    claim: bool = False,
) -> Measure:  # fmt: skip
    tail = (1 - LEVEL) / 2
    lower, upper = (float(v) for v in np.quantile(draws[ours] - draws[peer], [tail, 1 - tail]))
    value, other = float(found[ours].mean()), float(found[peer].mean())
    told = f"AUC difference {value - other:+.3f}, 95 % {lower:+.3f} to {upper:+.3f}"
    if claim:
        told += f"; the claim of {CLAIM:+} is {verdict(lower, upper)}"
        told += f"; a site sends {seed.sent[ours]:,} bytes a round, from scratch {seed.sent[peer]:,}"
    spread = float(np.ptp(found[ours]) / np.median(found[ours]))
    return Measure(
        metric, value, "AUC", " ".join((peer[0], peer[1], "head")), other, value / other, len(found[ours]), spread, told
    )


def verdict(lower: float, upper: float) -> str:
    """What an interval says about the claimed gain."""
    if lower >= CLAIM:
        return "SUPPORTED"
    return "NOT SUPPORTED" if upper < CLAIM else "INCONCLUSIVE"
