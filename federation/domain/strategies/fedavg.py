"""Federated averaging: the mean of the sites' weights, weighted by their records.

References
----------
.. [1] McMahan et al., "Communication-efficient learning of deep networks from decentralized data", AISTATS 2017,
   arXiv:1602.05629.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from federation.domain.learning.weights import State
from federation.domain.strategies.base import Update, checked


def aggregate(updates: Sequence[Update]) -> State:
    """Weighted mean of the states, summed in float64; bit-equal for any order of the updates.

    Parameters
    ----------
    updates : sequence of Update
        At least one, keys unique, weights >= 0 with a total over 0.

    Returns
    -------
    State
        float32, names and shapes of the updates.

    Raises
    ------
    AggregationError
        See `base.checked`.
    """
    ordered = checked(updates)
    total = sum(update.weight for update in ordered)
    mean = {}
    for name in sorted(ordered[0].state):
        terms = (update.weight / total * update.state[name].astype(np.float64) for update in ordered)
        mean[name] = np.asarray(sum(terms), dtype=np.float32)
    return mean
