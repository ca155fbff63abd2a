"""How many pairs it takes until a model that is unfair from the first patient is halted.

The reference of the library-like rules is a fair period (gap 0), as at approval.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.frame import Measure, progress
from benchmarks.monitor import detectors
from benchmarks.monitor.cases import RUNS, pairs, policy, portions

PAIRS = {False: 4000, True: 1000}
GAPS = (0.15, 0.2, 0.25, 0.3)


def measure(*, quick: bool) -> Iterator[Measure]:
    """Medians over deployments; who is not halted counts as infinite."""
    count, runs = PAIRS[quick], RUNS[quick] // 2
    for gap in GAPS:
        found: dict[str, list[NDArray[np.float64]]] = {}
        for size, rng in portions(runs, 3, int(gap * 100)):
            live = pairs(gap, count, size, rng)
            betting, e_sr = detectors.ours(live, policy())
            nine, _ = detectors.ours(live, policy(9))
            others = detectors.peers(live, pairs(0.0, detectors.REFERENCE, size, rng))
            for name, first in {"betting": betting, "e_sr": e_sr, "nine": nine, **others}.items():
                found.setdefault(name, []).append(first)
        yield from _rows(gap, {name: np.concatenate(parts) for name, parts in found.items()}, count, runs)


def _rows(gap: float, found: dict[str, NDArray[np.float64]], count: int, runs: int) -> Iterator[Measure]:
    told = {name: spread(first) for name, first in found.items()}
    progress(f"gap {gap}: {told}")
    names = {"betting": "", "e_sr": ".e_sr", "nine": ".nine_streams"}
    for name, suffix in names.items():
        note = f"{told[name]}; of {count:,} pairs, {runs:,} deployments"
        yield Measure(f"monitor.delay.gap_{gap:.2f}{suffix}", median(found[name]), "pairs", runs=runs, note=note)
    ours = median(found["betting"])
    for peer in [name for name in found if name not in names]:
        theirs = median(found[peer])
        ratio = theirs / ours if ours and theirs else None
        yield Measure(f"monitor.delay.gap_{gap:.2f}", ours, "pairs", peer, theirs, ratio, runs, note=told[peer])


def median(first: NDArray[np.float64]) -> float | None:
    """None if more than half were never halted."""
    middle = float(np.quantile(first, 0.5, method="higher"))
    return middle if np.isfinite(middle) else None


def spread(first: NDArray[np.float64]) -> str:
    """Ninth decile and the share that was found, in words."""
    late = float(np.quantile(first, 0.9, method="higher"))
    ninth = f"{late:.0f}" if np.isfinite(late) else "not reached"
    return f"found {np.isfinite(first).mean():.1%}, median {median(first) or np.inf:.0f}, ninth decile {ninth}"
