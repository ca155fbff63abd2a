"""Harm that begins late: fair for 1,000 pairs, then a gap. Halted before, and how long after."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.frame import Measure, progress
from benchmarks.monitor import detectors
from benchmarks.monitor.cases import RUNS, pairs, policy, portions
from benchmarks.monitor.delay import median

BEFORE = 1000
AFTER = {False: 3000, True: 800}
GAPS = (0.2, 0.3)


def measure(*, quick: bool) -> Iterator[Measure]:
    """For each rule the share halted before the change, and of the others the median delay."""
    after, runs = AFTER[quick], RUNS[quick] // 4
    for gap in GAPS:
        found: dict[str, list[np.ndarray]] = {}
        for size, rng in portions(runs, 4, int(gap * 100)):
            live = np.concatenate([pairs(0.0, BEFORE, size, rng), pairs(gap, after, size, rng)])
            betting, e_sr = detectors.ours(live, policy())
            others = detectors.peers(live, pairs(0.0, detectors.REFERENCE, size, rng))
            either = np.minimum(betting, e_sr)
            for name, first in {"either": either, "betting": betting, "e_sr": e_sr, **others}.items():
                found.setdefault(name, []).append(first)
        told = {name: _told(np.concatenate(parts)) for name, parts in found.items()}
        progress(f"change to {gap}: {told}")
        for name, suffix in {"either": "", "betting": ".betting", "e_sr": ".e_sr"}.items():
            value, words, _ = told[name]
            yield Measure(f"monitor.change.gap_{gap:.2f}{suffix}", value, "pairs", runs=runs, note=words)
        for peer in [name for name in told if name not in {"either", "betting", "e_sr"}]:
            value, words, early = told[peer]
            ours = told["either"][0]
            ratio = value / ours if ours and value and early < 0.5 else None
            yield Measure(f"monitor.change.gap_{gap:.2f}", ours, "pairs", peer, value, ratio, runs, note=words)


def _told(first: np.ndarray) -> tuple[float | None, str, float]:
    early = float((first <= BEFORE).mean())
    late = first[first > BEFORE] - BEFORE
    delay = median(late) if len(late) else None
    found = float(np.isfinite(late).mean()) if len(late) else 0.0
    words = f"halted before the change {early:.1%}; of the rest found {found:.1%}"
    return delay, words, early
