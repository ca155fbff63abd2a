"""Area `vqc`: how fast circuits are simulated, trained in a round and answered with."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence

from benchmarks.frame import Measure, progress

PARTS = ("simulation", "noise", "round", "infer")


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Measure each part; none needs a database. Words choose metrics: `vqc 6q256` runs those that contain it."""
    for part in PARTS:
        progress(f"vqc: {part}")
        yield from importlib.import_module(f"benchmarks.vqc.{part}").measure(quick=quick, only=only)
