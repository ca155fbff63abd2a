"""Stratified samples: how many of each stratum, which ones, and the rate that findings give. Checked by hand."""

from __future__ import annotations

import pytest
from scipy.stats import beta

from audits.domain.controls.sampling import Item, Stratum, allocate, draw, seed_of, success_rate

POPULATION = [Item("a" if n < 80 else "b", f"ref-{n}", f"Item {n}") for n in range(100)]


@pytest.mark.parametrize(
    ("sizes", "wanted", "given"),
    [
        ({"a": 80, "b": 20}, 10, {"a": 8, "b": 2}),
        ({"a": 99, "b": 1}, 3, {"a": 2, "b": 1}),
        ({"a": 2, "b": 2, "none": 0}, 4, {"a": 2, "b": 2}),
        ({"a": 1}, 1, {"a": 1}),
    ],
)
def test_each_stratum_gives_in_proportion_and_at_least_one(sizes, wanted, given):
    assert allocate(sizes, wanted) == given


@pytest.mark.parametrize(("sizes", "wanted"), [({"a": 5, "b": 5}, 1), ({"a": 5}, 6), ({}, 1), ({"a": 0}, 0)])
def test_a_size_that_cannot_be_is_refused(sizes, wanted):
    with pytest.raises(ValueError, match="expected a sample of"):
        allocate(sizes, wanted)


def test_the_draw_follows_from_the_seed_alone_and_another_seed_draws_others():
    seed = seed_of("three sixes", "a" * 64, "b" * 64)
    first = draw(POPULATION, 20, seed)
    assert first == draw(list(reversed(POPULATION)), 20, seed)  # the order of the list has no say
    assert len({item.ref for item in first}) == 20
    assert [item.stratum for item in first].count("b") == 4
    for other in (seed_of("three fives", "a" * 64, "b" * 64), seed_of("three sixes", "c" * 64, "b" * 64)):
        assert draw(POPULATION, 20, other) != first


def test_the_rate_weighs_strata_by_their_part_and_its_interval_is_exact():
    whole = success_rate([Stratum("all", 500, 20, 19)])
    assert (whole.value, whole.assessed) == (0.95, 20)
    assert whole.low == pytest.approx(beta.ppf(0.025, 19, 2)) and whole.high == pytest.approx(beta.ppf(0.975, 20, 1))
    # 90 of 100 weigh 0.9 with 9 of 9, 10 of 100 weigh 0.1 with 0 of 1: 0.9, and n = 1 / (0.81/9 + 0.01/1) = 10.
    split = success_rate([Stratum("a", 90, 9, 9), Stratum("b", 10, 1, 0)])
    assert split.value == pytest.approx(0.9)
    assert split.low == pytest.approx(beta.ppf(0.025, 9, 2))


def test_all_conform_gives_no_certainty_and_nothing_assessed_gives_no_rate():
    all_conform = success_rate([Stratum("a", 50, 10, 10)])
    assert (all_conform.value, all_conform.high) == (1.0, 1.0)
    assert all_conform.low == pytest.approx(0.025 ** (1 / 10))  # the rule of Clopper and Pearson at n of n
    assert success_rate([Stratum("a", 50, 10, 0)]).low == 0.0
    assert success_rate([Stratum("a", 50, 0, 0)]) is None
    assert success_rate([]) is None
