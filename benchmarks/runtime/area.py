"""Area `runtime`: what hospitals send, how fast it is stored, watched and stopped, over HTTP on the whole platform."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence

from benchmarks.frame import Measure, progress
from benchmarks.platform import private_platform

# In this order: memory is read when all else has been done, and the page is looked at over what the others stored too.
PARTS = ("monitor", "ingest", "single", "predict", "halt", "page", "rss")
BY_NAME = ("soak",)  # twenty minutes, and only if it is asked for


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Measure each part against one running platform: PostgreSQL with fsync, web, sequencer and monitor processes."""
    wanted = [part for part in PARTS if not only or any(word in part for word in only)]
    wanted += [part for part in BY_NAME if part in only]
    if not wanted:
        raise SystemExit(f"expected some of the parts {', '.join((*PARTS, *BY_NAME))}, got {' '.join(only)}")
    with private_platform("qflethics.settings.dev"):
        from benchmarks.runtime.serving import serving  # needs Django

        with serving() as platform:
            for part in wanted:
                progress(f"runtime: {part}")
                yield from importlib.import_module(f"benchmarks.runtime.{part}").measure(platform, quick=quick)
