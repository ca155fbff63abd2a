"""The arithmetic of a budget: what was spent of patients' privacy, what open runs may still spend, what is left.

Epsilons do not add up: what two runs cost together is less than the sum of what each costs alone. So every figure here
is composed anew by the accountant, from all that was spent on the same data at the delta of the budget.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from federation.domain.privacy.accountant import Spend, composed_epsilon


@dataclass(frozen=True)
class Account:
    """One institution's budget for one data set.

    Attributes
    ----------
    epsilon, delta : float
        The most that may be spent of each patient's privacy, over all runs.
    spent : what rounds that were opened have spent
    reserved : what the rounds to come of open runs may spend
    """

    epsilon: float
    delta: float
    spent: Sequence[Spend]
    reserved: Sequence[Spend]

    @cached_property
    def spent_epsilon(self) -> float:
        return composed_epsilon(self.spent, self.delta)

    @cached_property
    def bound_epsilon(self) -> float:
        """Spent, if every open run goes to its end."""
        return composed_epsilon([*self.spent, *self.reserved], self.delta)

    @property
    def reserved_epsilon(self) -> float:
        """What open runs would add to what is spent."""
        return max(0.0, self.bound_epsilon - self.spent_epsilon)

    @property
    def left_epsilon(self) -> float:
        return max(0.0, self.epsilon - self.bound_epsilon)

    def with_run(self, wanted: Sequence[Spend]) -> float:
        """Epsilon if every open run and this one go to their end."""
        return composed_epsilon([*self.spent, *self.reserved, *wanted], self.delta)
