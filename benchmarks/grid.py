"""The learning rates that studies choose from, and what a choice at an end of them leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

TABLES = (0.003, 0.01, 0.03, 0.1)
IMAGES = (0.001, *TABLES)  # convolutions learn at smaller rates


def at_the_end(rates: Sequence[float], chosen: Mapping[str, Sequence[float]]) -> str:
    """Arms that mostly chose the least or the largest rate, and so might do better beyond; empty if none.

    Parameters
    ----------
    rates : the grid, ascending
    chosen : of each arm, its rate in each seed
    """
    ends = {rates[0], rates[-1]}
    counts = {arm: sum(rate in ends for rate in each) for arm, each in chosen.items()}
    return " and ".join(
        f"{arm} chose an end of the grid in {count} of {len(chosen[arm])} seeds"
        for arm, count in counts.items()
        if 2 * count > len(chosen[arm])
    )
