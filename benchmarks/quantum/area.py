"""Area `quantum`: what noise does to circuits, and what can be done about it, on simulators of noise.

The four tables of docs/design/quantum-devices.md. Every row's note has the backend, its shots, the seed, the noise
model's digest and an interval. None is from hardware.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence

from benchmarks.frame import Measure, progress

PARTS = ("health", "mitigation", "codes", "training")


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Measure each part; none needs a database. QUICK has too few circuits and seeds for a conclusion."""
    parts = [part for part in PARTS if not only or any(word in part for word in only)]
    if not parts:
        raise SystemExit(f"expected some of the parts {', '.join(PARTS)}, got {' '.join(only)}")
    for part in parts:
        progress(f"quantum: {part}")
        yield from importlib.import_module(f"benchmarks.quantum.{part}").measure(quick=quick)
