"""Rows of the table: AUC of each arm with its interval, and the circuit less each other arm, with a verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.classifiers.study import CIRCUIT, PEERS, Seed, Study
from benchmarks.frame import Measure
from benchmarks.grid import at_the_end
from benchmarks.paired import Compared, compared


def rows(study: Study, seeds: Sequence[Seed]) -> Iterator[Measure]:
    found = compared(seeds)
    for arm in (CIRCUIT, *PEERS):
        yield _arm(study, seeds, found, arm)
    for peer in PEERS:
        difference = found.difference(CIRCUIT, peer)
        value, other = found.mean(CIRCUIT), found.mean(peer)
        rates = {arm: [seed.chosen[arm][0] for seed in seeds] for arm in (CIRCUIT, peer)}
        ends = at_the_end(study.rates, rates)
        verdict = f"given no verdict, since {ends}" if ends else difference.words()
        yield Measure(
            f"classifiers.{study.name}.circuit_vs_{peer}", value, "AUC", peer, other, value / other, len(seeds),
            note=f"the circuit is {verdict}: AUC difference {difference}, unadjusted",
        )  # fmt: skip


def _arm(study: Study, seeds: Sequence[Seed], found: Compared, arm: str) -> Measure:
    lower, upper = found.interval(arm)
    chosen = Counter(seed.chosen[arm] for seed in seeds).most_common()
    settings = ", ".join(f"{rate:g} x {epochs} ({count})" for (rate, epochs), count in chosen)
    each = found.found[arm]
    note = f"95 % {lower:.3f} to {upper:.3f} over patients and seeds; {seeds[0].parameters[arm]:,} weights, "
    note += f"{study.rounds} rounds, seeds 0 to {len(seeds) - 1}, exact state vector; rate x epochs chosen: {settings}"
    spread = float(np.ptp(each) / np.median(each))
    return Measure(f"classifiers.{study.name}.{arm}", found.mean(arm), "AUC", runs=len(seeds), spread=spread, note=note)
