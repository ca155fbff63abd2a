"""The most memory that any one process has held since it was started."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.frame import Measure
from benchmarks.runtime.serving import Platform


def measure(platform: Platform, *, quick: bool) -> Iterator[Measure]:
    held = platform.memory()
    note = ", ".join(f"{name} {value:.2f}" for name, value in sorted(held.items()))
    yield Measure("runtime.rss_gib", max(held.values()), "GiB", note=f"target <= 1; peaks: {note}")
