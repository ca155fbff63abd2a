"""Area `solvers`: quantum solvers beside listing and annealing on the two problems that they are used for."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence

from benchmarks.frame import Measure, progress

PARTS = ("thresholds", "features")


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Measure each part; none needs a database."""
    parts = [part for part in PARTS if not only or any(word in part for word in only)]
    if not parts:
        raise SystemExit(f"expected some of the parts {', '.join(PARTS)}, got {' '.join(only)}")
    for part in parts:
        progress(f"solvers: {part}")
        yield from importlib.import_module(f"benchmarks.solvers.{part}").measure(quick=quick)
