"""Area `monitor`: how often the monitor halts what it should not, how soon what it should, how fast it folds."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence

from benchmarks.frame import Measure, progress

PARTS = ("rate", "false_halts", "delay", "change", "minority", "plan")


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Measure each part; none needs a database."""
    parts = [part for part in PARTS if not only or any(word in part for word in only)]
    if not parts:
        raise SystemExit(f"expected some of the parts {', '.join(PARTS)}, got {' '.join(only)}")
    for part in parts:
        progress(f"monitor: {part}")
        yield from importlib.import_module(f"benchmarks.monitor.{part}").measure(quick=quick)
