import pytest

from federation.domain.privacy.accountant import Spend, composed_epsilon
from federation.domain.privacy.budget import Account

ONE = Spend(3.0, 0.2, 60)


def test_spent_reserved_and_left_are_composed_and_add_up_to_the_budget():
    account = Account(5.0, 1e-5, [ONE], [ONE])
    assert account.spent_epsilon == pytest.approx(composed_epsilon([ONE], 1e-5))
    assert account.reserved_epsilon < account.spent_epsilon  # composition costs less than a sum
    assert account.spent_epsilon + account.reserved_epsilon + account.left_epsilon == pytest.approx(5.0)


def test_an_untouched_budget_is_all_left_and_an_overdrawn_one_has_nothing():
    assert Account(2.0, 1e-5, [], []).left_epsilon == 2.0
    assert Account(0.1, 1e-5, [ONE], []).left_epsilon == 0.0
