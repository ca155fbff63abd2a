"""How many labelled cases it takes when one group is small: real pairing, with the bounded queue."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from audits.domain.monitor.pairing import pair
from audits.domain.monitor.planning import expected_pairs, pairs_per_case
from benchmarks.frame import Measure, progress
from benchmarks.monitor import detectors
from benchmarks.monitor.cases import BASE, RUNS, SEED, policy

SHARES = (0.5, 0.3, 0.15, 0.1, 0.05)
GAPS = (0.2, 0.3)
MOST_PAIRS = 1500


def measure(*, quick: bool) -> Iterator[Measure]:
    """Cases of the stratum (for the true positive rate: ill patients with a known outcome) until the halt."""
    runs = RUNS[quick] // 8
    for gap in GAPS:
        for share in SHARES:
            first = cases_until_halt(gap, share, runs)
            middle = float(np.median(first))
            planned = expected_pairs(policy(), "tpr", BASE - gap, BASE).pairs / pairs_per_case(share, 1 - share)
            progress(f"gap {gap}, minority {share}: {middle:.0f}, planned {planned:.0f}")
            late = float(np.quantile(first, 0.9, method="higher"))
            yield Measure(
                f"monitor.minority.gap_{gap:.2f}.share_{share:.2f}", middle if np.isfinite(middle) else None, "cases",
                "the plan of audits.domain.monitor.planning", planned, None, runs,
                note=f"labelled positives until the betting detector halts; ninth decile {late:.0f}; one stream",
            )  # fmt: skip


def cases_until_halt(gap: float, share: float, runs: int) -> NDArray[np.float64]:
    """Cases told until the halt in each run; the minority has the lower rate."""
    count, chosen = int(MOST_PAIRS / share), policy()
    differences, told = np.zeros((MOST_PAIRS, runs)), np.full((MOST_PAIRS, runs), np.inf)
    for run in range(runs):
        rng = np.random.default_rng([SEED, 5, int(gap * 100), int(share * 100), run])
        side = (rng.random(count) >= share).astype(np.int8)  # 0: the minority
        values = (rng.random(count) < np.where(side == 0, BASE - gap, BASE)).astype(np.float64)
        found = pair(side, values, None, chosen.queue)
        kept = min(MOST_PAIRS, len(found.differences))
        differences[:kept, run] = found.differences[:kept]
        told[:kept, run] = np.flatnonzero(found.completes)[:kept] + 1
    first, _ = detectors.ours(differences, chosen)
    out = np.full(runs, np.inf)
    halted = np.isfinite(first)
    out[halted] = told[first[halted].astype(int) - 1, np.flatnonzero(halted)]
    return out
