"""Why an account does not pay, in words and with the arithmetic."""

from __future__ import annotations

from django.utils import translation

from federation.budget_standings import refusal
from federation.domain.privacy.accountant import Spend, composed_epsilon
from federation.domain.privacy.budget import Account

ONE = Spend(3.0, 0.2, 60)


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


def test_it_is_said_in_the_readers_language():
    with translation.override("de"):
        said = refusal(Account(100.0, 1e-5, [], []), None, whose="North, heart")
    assert said.startswith("North, heart: Von einem Budget von ε 100") and said.endswith("also deckt es kein Budget.")
