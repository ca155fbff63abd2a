"""What pages and API say of privacy budgets: spent, reserved and left, by institution."""

from __future__ import annotations

import math
from dataclasses import dataclass

from accounts.models import User
from federation import budget_standings
from federation.domain.privacy.accountant import composed_epsilon, epsilon_pld
from federation.models import Federation, TrainingRun
from federation.models_budget import PrivacyBudget


@dataclass(frozen=True)
class BudgetRow:
    """One site's account; every epsilon is composed over all runs on the data set, at `delta`."""

    site: str
    institution: str
    data_set: str
    budget: PrivacyBudget | None  # the newest; None: nobody has set one
    epsilon: float | None  # of the budget
    delta: float
    spent: float  # the bound that is enforced
    spent_pld: float  # nearly exact, for display
    reserved: float  # what open runs would add
    left: float | None  # None without a budget
    unbounded_rounds: int  # of training without differential privacy, which no figure covers

    @property
    def exhausted(self) -> bool:
        return self.left is not None and self.left <= 0


@dataclass(frozen=True)
class RunBudgetRow:
    """What one run takes from a site's account."""

    row: BudgetRow
    rounds_charged: int
    spent: float | None  # by this run alone; None without differential privacy
    planned: float | None  # by this run alone if it goes to its end
    released: bool  # what was not spent is free again


def of_federation(federation: Federation) -> list[BudgetRow]:
    """The account of each site that has said what data it holds."""
    holders = budget_standings.holders_of(federation.participants.select_related("institution"))
    return [_row(standing) for standing in budget_standings.standings_of(holders)]


def of_run(run: TrainingRun) -> list[RunBudgetRow]:
    """Sites of a run with what it reserved; empty for runs of before there were budgets."""
    found = []
    reservations = list(run.reservations.select_related("participant__institution").prefetch_related("charges"))
    standings = budget_standings.standings_of([(one.participant, one.data_set) for one in reservations])
    for reservation, standing in zip(reservations, standings, strict=True):
        charges = list(reservation.charges.all())
        delta = standing.account.delta
        spent = planned = None
        if reservation.round_spends is not None:
            used = [spend for charge in charges for spend in charge.counted]
            rest = reservation.of_rounds(run.rounds_planned - len(charges))
            spent = composed_epsilon(used, delta)
            planned = composed_epsilon([*used, *rest], delta)
        found.append(RunBudgetRow(_row(standing), len(charges), spent, planned, reservation.released_at is not None))
    return found


def may_set(federation: Federation, user: User) -> bool:
    """Whether this person sets the budget of a site of the federation."""
    own = [one for one in user.institution_ids if user.may_at("budget.set", one)]
    return bool(own) and federation.participants.filter(institution__in=own).exists()


def _row(standing: budget_standings.Standing) -> BudgetRow:
    account, budget = standing.account, standing.budget
    return BudgetRow(
        site=standing.participant.site,
        institution=standing.participant.institution.name,
        data_set=standing.data_set,
        budget=budget,
        epsilon=None if budget is None else budget.epsilon,
        delta=account.delta,
        spent=account.spent_epsilon,
        spent_pld=epsilon_pld(account.spent, account.delta),
        reserved=account.reserved_epsilon,
        left=None if math.isinf(account.epsilon) else account.left_epsilon,
        unbounded_rounds=standing.unbounded_rounds,
    )
