"""How often a model whose true gap is within the limit of 0.1 is ever halted. The promise is at most alpha = 5 %.

The reference of the library-like rules has the same gap, so nothing has changed since approval: the kindest case.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audits.domain.monitor.policy import MonitorPolicy
from benchmarks.frame import Measure, progress
from benchmarks.monitor import detectors
from benchmarks.monitor.cases import RUNS, pairs, policy, portions, residual_pairs

PAIRS = {False: 5000, True: 1000}
GAPS = (0.0, 0.05, 0.1)
FAMILY = 9


def measure(*, quick: bool) -> Iterator[Measure]:
    """One stream at each gap, of rates and of Dice; then nine streams, all at the limit."""
    count, runs = PAIRS[quick], RUNS[quick]
    for kind in ("tpr", "dice"):
        for gap in GAPS:
            halts: dict[str, list[np.ndarray]] = {}
            for size, rng in portions(runs, 1, int(gap * 100), kind == "dice"):
                live = pairs(gap, count, size, rng, kind=kind)
                betting, e_sr = detectors.ours(live, policy())
                others = detectors.peers(live, pairs(gap, detectors.REFERENCE, size, rng, kind=kind))
                for name, found in {"betting": betting, "e_sr": e_sr, **others}.items():
                    halts.setdefault(name, []).append(np.isfinite(found))
            shares = {name: float(np.concatenate(found).mean()) for name, found in halts.items()}
            progress(f"{kind} gap {gap}: {shares}")
            yield from _rows(f"{kind}.gap_{gap:.2f}", shares, runs, count)
    yield from _calibration(count, runs)
    yield from _family(count, runs)


def _rows(name: str, shares: dict[str, float], runs: int, count: int) -> Iterator[Measure]:
    ours = shares.pop("betting")
    error = np.sqrt(max(ours * (1 - ours), 1e-6) / runs)
    note = f"promise: at most 0.05, ever; within {count:,} pairs, {runs:,} deployments, standard error {error:.4f}"
    e_sr = shares.pop("e_sr")
    yield Measure(f"monitor.false_halts.{name}", ours, "share", runs=runs, note=f"betting; {note}")
    bound = count / (2 * policy().arl)
    yield Measure(f"monitor.false_halts.{name}.e_sr", e_sr, "share", runs=runs, note=f"e-SR; bound {bound:.2f}; {note}")
    for peer, share in shares.items():
        ratio = share / ours if ours else None
        yield Measure(f"monitor.false_halts.{name}", ours, "share", peer, share, ratio, runs, note=note)


def _calibration(count: int, runs: int) -> Iterator[Measure]:
    """Residuals that differ by the limit and no more."""
    chosen = MonitorPolicy(metrics=("calibration",), groups={"sex": ("f", "m")})
    for gap in GAPS:
        found = [detectors.ours(residual_pairs(gap, count, size, rng), chosen) for size, rng in portions(runs, 7)]
        betting, e_sr = (np.isfinite(np.concatenate(first)).mean() for first in zip(*found, strict=True))
        note = f"betting; promise: at most 0.05; {count:,} pairs of one fifth of the score; e-SR {e_sr:.4f}"
        yield Measure(f"monitor.false_halts.calibration.gap_{gap:.2f}", float(betting), "share", runs=runs, note=note)


def _family(count: int, runs: int) -> Iterator[Measure]:
    """Nine streams, each with a gap at the limit: the probability that any of them ever halts."""
    chosen, halted = policy(FAMILY), []
    for size, rng in portions(runs // 4, 2):
        first, _ = detectors.ours(pairs(0.1, count, FAMILY * size, rng), chosen)
        halted.append(np.isfinite(first).reshape(size, FAMILY).any(axis=1))
    share = float(np.concatenate(halted).mean())
    note = f"betting; promise: at most 0.05; {FAMILY} independent streams, all at gap 0.10, {count:,} pairs each"
    yield Measure("monitor.false_halts.nine_streams", share, "share", runs=runs // 4, note=note)
