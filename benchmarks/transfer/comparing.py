"""Rows of the table: AUC of each arm beside its peer, the difference with its interval, what becomes of the claim.

The AUC counts pairs within a site only; `paired` draws the intervals. Where an arm mostly chose an end of the grid of
learning rates, the claim gets no verdict: beyond it that arm might do better.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.frame import Measure
from benchmarks.grid import at_the_end
from benchmarks.paired import Compared, compared
from benchmarks.transfer.arms import FROZEN, SCRATCH, STARTS, TUNED, Arm, Seed

CLAIM = 0.1


def rows(name: str, rates: Sequence[float], seeds: Sequence[Seed]) -> Iterator[Measure]:
    """Transfer against scratch for each head, then the quantum head against its twin for each start."""
    found = compared(seeds)
    for head in ("quantum", "classical"):
        for start in (FROZEN, TUNED):
            ours, peer = (start, head), (SCRATCH, head)
            difference, ends = found.difference(ours, peer), _ends(rates, seeds, ours, peer)
            judged = f"given no verdict, since {ends}" if ends else verdict(difference.lower, difference.upper)
            told = f"the claim of {CLAIM:+} is {judged}; a site sends {seeds[0].sent[ours]:,} bytes a round, "
            told += f"from scratch {seeds[0].sent[peer]:,}"
            yield _row(f"{name}.{start}_{head}", found, seeds, ours, peer, told)
    for start in STARTS:
        ours, peer = (start, "quantum"), (start, "classical")
        yield _row(f"{name}.heads_{start}", found, seeds, ours, peer, _ends(rates, seeds, ours, peer))


def _row(metric: str, found: Compared, seeds: Sequence[Seed], ours: Arm, peer: Arm, told: str) -> Measure:
    value, other, each = found.mean(ours), found.mean(peer), found.found[ours]
    parts = [f"AUC difference {found.difference(ours, peer)}", told, _chosen(seeds, ours, peer)]
    spread = float(np.ptp(each) / np.median(each))
    return Measure(
        metric, value, "AUC", f"{_words(peer)} head", other, value / other, len(each), spread,
        "; ".join(part for part in parts if part),
    )  # fmt: skip


def _words(arm: Arm) -> str:
    return " ".join(arm)


def _ends(rates: Sequence[float], seeds: Sequence[Seed], *arms: Arm) -> str:
    return at_the_end(rates, {_words(arm): [seed.chosen[arm] for seed in seeds] for arm in arms})


def _chosen(seeds: Sequence[Seed], *arms: Arm) -> str:
    """How often each rate was chosen."""
    counts = {_words(arm): sorted(Counter(seed.chosen[arm] for seed in seeds).items()) for arm in arms}
    told = (f"{arm} " + ", ".join(f"{rate:g} ({count})" for rate, count in each) for arm, each in counts.items())
    return "rates chosen: " + ", ".join(told)


def verdict(lower: float, upper: float) -> str:
    """What an interval says about the claimed gain."""
    if lower >= CLAIM:
        return "SUPPORTED"
    return "NOT SUPPORTED" if upper < CLAIM else "INCONCLUSIVE"
