"""Numbers and times as written in the report."""

import datetime as dt

import pytest

from audits.typesetting import formats as f


def test_numbers_use_fixed_decimals_and_a_true_minus() -> None:
    assert f.number(0.1) == "0.100"
    assert f.number(-0.0214) == "\u22120.021"
    assert f.number(None) == "not assessed"


def test_counts_are_grouped_by_thin_spaces() -> None:
    assert f.count(1234567) == "1\u2009234\u2009567"
    assert f.count(None) == "not assessed"


@pytest.mark.parametrize(("value", "shown"), [(0.0004, "p < 0.001"), (0.001, "p = 0.001"), (1.0, "p = 1.000")])
def test_small_p_values_show_only_their_bound(value: float, shown: str) -> None:
    assert f.p_value(value) == shown


def test_an_interval_needs_both_bounds() -> None:
    assert f.interval(0.0, 0.25) == "0.000 to 0.250"
    assert f.interval(None, 0.25) == "no interval"


def test_times_are_shown_in_utc() -> None:
    local = dt.datetime(2026, 7, 2, 10, 30, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    assert f.instant(local) == "2026-07-02 08:30:00 UTC"
    assert f.day(local.date()) == "2 July 2026"


def test_huge_wealth_is_written_in_powers_of_ten() -> None:
    assert f.wealth(24.6) == "24.6"
    assert f.wealth(1.5e12) == "1.5e+12"


@pytest.mark.parametrize(("n", "shown"), [(0, "no sites"), (1, "1 site"), (3, "3 sites")])
def test_plurals(n: int, shown: str) -> None:
    assert f.plural(n, "site") == shown
