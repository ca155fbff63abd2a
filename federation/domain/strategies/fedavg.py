"""Federated averaging: the mean of the sites' weights, weighted by their records.

References
----------
.. [1] McMahan et al., "Communication-efficient learning of deep networks from decentralized data", AISTATS 2017,
   arXiv:1602.05629.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from federation.domain.learning.states import State
from federation.domain.strategies.base import Aggregate, Before, SumRule, Update, Vector, as_state, checked


@dataclass(frozen=True)
class FedAvg(SumRule):
    name = "fedavg"
    title = "FedAvg"
    words = "updates are averaged, weighted by patients"
    paper = "McMahan et al., AISTATS 2017, arXiv:1602.05629"

    def finish(self, mean: Vector, before: Before, *, weight: float) -> Aggregate:
        return Aggregate(as_state(mean))


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
    return FedAvg().aggregate(ordered, Before(ordered[0].state)).state
