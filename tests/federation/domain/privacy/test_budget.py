import pytest

from federation.domain.privacy.accountant import Spend, composed_epsilon
from federation.domain.privacy.budget import Account, refusal

ONE = Spend(3.0, 0.2, 60)


def test_spent_reserved_and_left_are_composed_and_add_up_to_the_budget():
    account = Account(5.0, 1e-5, [ONE], [ONE])
    assert account.spent_epsilon == pytest.approx(composed_epsilon([ONE], 1e-5))
    assert account.reserved_epsilon < account.spent_epsilon  # composition costs less than a sum
    assert account.spent_epsilon + account.reserved_epsilon + account.left_epsilon == pytest.approx(5.0)


def test_an_untouched_budget_is_all_left_and_an_overdrawn_one_has_nothing():
    assert Account(2.0, 1e-5, [], []).left_epsilon == 2.0
    assert Account(0.1, 1e-5, [ONE], []).left_epsilon == 0.0


def test_a_run_that_fits_is_not_refused_and_one_that_does_not_is_with_its_arithmetic():
    alone = composed_epsilon([ONE], 1e-5)
    assert refusal(Account(alone, 1e-5, [], []), [ONE], whose="North, heart") == ""
    said = refusal(Account(alone, 1e-5, [ONE], []), [ONE], whose="North, heart")
    total = composed_epsilon([ONE, ONE], 1e-5)
    for figure in (f"{alone:.3f} is spent", f"costs {alone:.3f} alone", f"{total:.3f}", f"{total - alone:.3f} over"):
        assert figure in said
    assert said.startswith("North, heart: of a budget of") and "ethics officer" in said


def test_no_budget_covers_a_run_without_privacy():
    said = refusal(Account(100.0, 1e-5, [], []), None, whose="North, heart")
    assert "no budget covers it" in said and "leaves 100.000" in said
