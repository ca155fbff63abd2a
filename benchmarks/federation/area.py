"""Area `federation`: what coordination, security and compression of a round cost, without the training itself."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence

from benchmarks.frame import Measure, progress

PARTS = ("round", "simulated", "traffic")


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Measure each part; none needs a database. Words choose metrics: `federation round_s` runs what contains it."""
    for part in PARTS:
        progress(f"federation: {part}")
        yield from importlib.import_module(f"benchmarks.federation.{part}").measure(quick=quick, only=only)
