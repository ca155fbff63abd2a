"""Rows of the table: AUC of each arm beside its peer, the difference with its interval, what becomes of the claim.

The AUC counts pairs within a site only; `paired` draws the intervals.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.frame import Measure
from benchmarks.paired import Compared, compared
from benchmarks.transfer.arms import FROZEN, SCRATCH, STARTS, TUNED, Seed

CLAIM = 0.1
Arm = tuple[str, str]


def rows(name: str, seeds: Sequence[Seed]) -> Iterator[Measure]:
    """Transfer against scratch for each head, then the quantum head against its twin for each start."""
    found = compared(seeds)
    for head in ("quantum", "classical"):
        for start in (FROZEN, TUNED):
            yield _row(f"{name}.{start}_{head}", found, (start, head), (SCRATCH, head), seeds[0], claim=True)
    for start in STARTS:
        yield _row(f"{name}.heads_{start}", found, (start, "quantum"), (start, "classical"), seeds[0])


def _row(metric: str, found: Compared, ours: Arm, peer: Arm, seed: Seed, *, claim: bool = False) -> Measure:
    difference, value, other = found.difference(ours, peer), found.mean(ours), found.mean(peer)
    told = f"AUC difference {difference}"
    if claim:
        told += f"; the claim of {CLAIM:+} is {verdict(difference.lower, difference.upper)}"
        told += f"; a site sends {seed.sent[ours]:,} bytes a round, from scratch {seed.sent[peer]:,}"
    each = found.found[ours]
    spread = float(np.ptp(each) / np.median(each))
    return Measure(
        metric, value, "AUC", " ".join((peer[0], peer[1], "head")), other, value / other, len(each), spread, told
    )


def verdict(lower: float, upper: float) -> str:
    """What an interval says about the claimed gain."""
    if lower >= CLAIM:
        return "SUPPORTED"
    return "NOT SUPPORTED" if upper < CLAIM else "INCONCLUSIVE"
