"""Area `audit`: what it costs to judge a model before patients meet it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence

from benchmarks.frame import Measure, progress

PARTS = ("bias", "qmmd", "battery", "power", "power_images")


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Measure each part; none needs a database."""
    parts = [part for part in PARTS if not only or any(word in part for word in only)]
    if not parts:
        raise SystemExit(f"expected some of the parts {', '.join(PARTS)}, got {' '.join(only)}")
    for part in parts:
        progress(f"audit: {part}")
        yield from importlib.import_module(f"benchmarks.audit.{part}").measure(quick=quick)
