"""The ledger brought up to date, as the sequencer would."""

from __future__ import annotations

from provenance import sequencing


def sequence_all() -> None:
    """Take in every change that waits."""
    frontier = sequencing.load_frontier()
    while sequencing.sequence(frontier):
        pass
