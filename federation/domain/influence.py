"""How far each site moved the model of a round, found by averaging without it.

It is computed from updates that have been sent already and releases nothing else, so it spends no privacy beyond what
the updates did. It says how much a site *moved* the model, not how much better the model became by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from federation.domain.learning.weights import State
from federation.domain.strategies.base import Update, checked


@dataclass(frozen=True)
class Influence:
    """One site in one round.

    Attributes
    ----------
    site : str
    weight : float
        Its share of the average, 0 to 1.
    shift : float or None
        Distance between the average with and without it, relative to how far the round moved; None if nothing is left
        without it or the round did not move.
    alignment : float or None
        Cosine of its own change with that of the others: 1 the same way, 0 unrelated, -1 against them.
    """

    site: str
    weight: float
    shift: float | None
    alignment: float | None


def leave_one_out(start: State, updates: Sequence[Update]) -> list[Influence]:
    """The influence of each update on the average by weight.

    Parameters
    ----------
    start : State
        What the sites began the round with.
    updates : sequence of Update

    Returns
    -------
    list of Influence
        In the order of the sites' codes.

    Raises
    ------
    AggregationError
        See `strategies.base.checked`.
    """
    ordered = checked(updates)
    total = sum(update.weight for update in ordered)
    shares = [update.weight / total for update in ordered]
    changes = [_flat(update.state) - _flat(start) for update in ordered]
    mean = sum(share * change for share, change in zip(shares, changes, strict=True))
    moved = float(np.linalg.norm(mean))
    out = []
    for update, share, change in zip(ordered, shares, changes, strict=True):
        if share == 1 or len(ordered) == 1:
            out.append(Influence(update.key, share, None, None))
            continue
        rest = (mean - share * change) / (1 - share)
        shift = float(np.linalg.norm(mean - rest)) / moved if moved > 0 else None
        out.append(Influence(update.key, share, shift, _cosine(change, rest)))
    return out


def _flat(state: State) -> np.ndarray:
    return np.concatenate([state[name].astype(np.float64).ravel() for name in sorted(state)])


def _cosine(a: np.ndarray, b: np.ndarray) -> float | None:
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size > 0 else None
