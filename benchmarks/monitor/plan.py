"""The plan that an approval shows, against what was simulated: mean pairs until the betting detector halts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audits.domain.monitor.planning import expected_pairs
from benchmarks.frame import Measure, progress
from benchmarks.monitor import detectors
from benchmarks.monitor.cases import BASE, RUNS, pairs, policy, portions

PAIRS = {0.15: 6000, 0.2: 2500, 0.3: 1000}


def measure(*, quick: bool) -> Iterator[Measure]:
    """For 1 stream and for 9; who is not halted counts with all pairs simulated, which the note tells."""
    runs = RUNS[quick] // 4
    for streams in (1, 9):
        chosen = policy(streams)
        for gap, count in PAIRS.items():
            parts = [
                detectors.ours(pairs(gap, count, size, rng), chosen)[0]
                for size, rng in portions(runs, 6, int(gap * 100), streams)
            ]
            first = np.concatenate(parts)
            simulated = float(np.minimum(first, count).mean())
            plan = expected_pairs(chosen, "tpr", BASE - gap, BASE).pairs
            progress(f"{streams} streams, gap {gap}: simulated {simulated:.0f}, planned {plan:.0f}")
            note = f"{np.isfinite(first).mean():.1%} were halted within {count:,} pairs"
            yield Measure(
                f"monitor.plan.gap_{gap:.2f}.streams_{streams}", plan, "pairs", "simulated mean", simulated,
                None, runs, note=note,
            )  # fmt: skip
