"""Two proposals at once: the second one waits, and sees what the first one reserved."""

from __future__ import annotations

import pytest
from django.db import transaction

from federation import budgets, services
from federation.domain.privacy.accountant import Spend, composed_epsilon
from federation.models import TrainingRun
from tests.factories.federation import World, make_federation
from tests.factories.people import make_people
from tests.models_registry.test_races import Other

pytestmark = pytest.mark.django_db(transaction=True)


def propose(world: World) -> TrainingRun:
    return services.run_propose(
        federation=world.federation, name="Run", rounds=3, seed=1, actor=world.people.administrator
    )


def test_two_proposals_cannot_both_take_what_is_left():
    world = make_federation(make_people())
    one = composed_epsilon([Spend(3.0, 32 / 5000, 3 * 2 * 3 * 157)], 1e-5)
    budgets.budget_set(
        participant=world.participants["north"], epsilon=one * 1.01, delta=1e-5, reason="board",
        actor=world.people.officer_north,
    )  # fmt: skip
    with transaction.atomic():
        propose(world)
        other = Other(lambda: propose(world))
        other.wait_until_blocked()
    with pytest.raises(budgets.BudgetExceeded):
        other.finish()
    assert TrainingRun.objects.count() == 1
