"""What every aggregation rule takes, and what it refuses before it looks at a number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from federation.domain.learning.weights import State, WeightsError, check_state


class AggregationError(ValueError):
    """Updates that cannot be put together. The message names the one at fault."""


@dataclass(frozen=True)
class Update:
    """One site's contribution to a round."""

    key: str  # unique in the round, e.g. the site's code; fixes the order of summation
    state: State
    weight: float  # >= 0, e.g. the number of patients


def checked(updates: Sequence[Update]) -> list[Update]:
    """The updates sorted by key, so that floating-point sums do not depend on the order of arrival.

    Raises
    ------
    AggregationError
        If there is none, a key comes twice, a weight is negative or not finite, all weights are 0, or states differ in
        names or shapes or hold values that are not finite.
    """
    if not updates:
        raise AggregationError("expected at least one update, got none; the round has no quorum")
    ordered = sorted(updates, key=lambda update: update.key)
    if len({update.key for update in ordered}) < len(ordered):
        raise AggregationError(f"expected one update a site, got {[update.key for update in ordered]}")
    for update in ordered:
        if not (math.isfinite(update.weight) and update.weight >= 0):
            raise AggregationError(f"{update.key}: expected a finite weight of 0 or more, got {update.weight}")
        try:
            check_state(update.state, like=ordered[0].state)
        except WeightsError as error:
            raise AggregationError(f"{update.key}: {error}") from error
    if sum(update.weight for update in ordered) == 0:
        raise AggregationError("expected a total weight over 0, got 0; no site has a record")
    return ordered
