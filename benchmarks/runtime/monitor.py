"""Outcomes folded a second from memory, as the area `monitor` measures them."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.frame import Measure
from benchmarks.monitor import rate
from benchmarks.runtime.serving import Platform


def measure(platform: Platform, *, quick: bool) -> Iterator[Measure]:
    """Rows `runtime.monitor_rate` and its variants; the platform's processes run beside."""
    yield from rate.measure(quick=quick)
