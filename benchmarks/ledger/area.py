"""Area `ledger`: what following every change costs, how fast it becomes proof, how fast proof is checked."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence

from benchmarks.frame import Measure, progress
from benchmarks.platform import private_platform

# In this order: `proof` reads the log of a million entries that `sequence` has filled, and `verify` exports it.
PARTS = ("overhead", "peers", "e2e", "sequence", "proof", "verify")


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Measure each part on one private platform."""
    parts = [part for part in PARTS if not only or any(word in part for word in only)]
    if not parts:
        raise SystemExit(f"expected some of the parts {', '.join(PARTS)}, got {' '.join(only)}")
    with private_platform():
        for part in parts:
            progress(f"ledger: {part}")
            yield from importlib.import_module(f"benchmarks.ledger.{part}").measure(quick=quick)
