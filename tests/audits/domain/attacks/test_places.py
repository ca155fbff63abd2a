"""The worst place decides: a leak that others hide is found, and no number of hospitals makes a good model fail."""

from __future__ import annotations

import numpy as np
import pytest

from audits.domain.attacks.membership import ScoreCounts
from audits.domain.attacks.places import EVERYONE, SMALL, places_of, separations, verdict_over
from audits.domain.verdict import Verdict

LIMITS = {"max_advantage": 0.2, "max_tpr": 0.1}
# Far lower limits, so that a fair model is nearly at them and a bound that misses shows.
TIGHT = {"max_advantage": 0.0, "max_tpr": 0.01}


def site(members: int, others: int, rng: np.random.Generator, *, leak: float = 0.0) -> ScoreCounts:
    scores = rng.normal(size=members + others)
    member = np.arange(members + others) < members
    scores[member] += leak
    return ScoreCounts.of(scores, member, rng.permutation(members + others) % 2)


def judged(tables: dict[str, ScoreCounts], *, error: float = 0.05 / 2, limits: dict = LIMITS) -> Verdict:
    """Of one attack that can fail a model in two ways, which share the error."""
    places = places_of({name: (table.n_members, table.n_others) for name, table in tables.items()})
    shown = separations(tables, places, delta=0.0, error=error)
    return verdict_over([one for one in shown.values() if one is not None], **limits)


def test_a_leak_at_one_site_is_not_hidden_by_the_fair_ones_beside_it():
    rng = np.random.default_rng(0)
    tables = {f"fair-{i}": site(2500, 1750, rng) for i in range(4)} | {"leaky": site(200, 140, rng, leak=2.0)}
    together = separations({EVERYONE: sum_of(tables)}, places_of({EVERYONE: (10_200, 7140)}), delta=0.0, error=0.05)
    assert verdict_over([together[EVERYONE]], **LIMITS) is Verdict.PASS  # what pooling alone would say
    assert judged(tables) is Verdict.FAIL
    del tables["leaky"]
    assert judged(tables) is Verdict.PASS


def sum_of(tables: dict[str, ScoreCounts]) -> ScoreCounts:
    total = ScoreCounts.empty()
    for table in tables.values():
        total = total + table
    return total


def test_a_middling_site_makes_a_pass_inconclusive_and_a_tiny_one_is_named_and_does_not():
    rng = np.random.default_rng(1)
    large = {"one": site(3000, 2000, rng), "two": site(3000, 2000, rng)}
    assert judged(large | {"middling": site(60, 40, rng)}) is Verdict.INCONCLUSIVE
    assert judged(large | {"tiny": site(12, 8, rng)}) is Verdict.PASS
    assert places_of({"one": (3000, 2000), "tiny": (12, 8)}).untestable == ("tiny",)


@pytest.mark.parametrize(
    ("sizes", "judged", "small", "untestable"),
    [
        ({"a": (30, 30), "b": (29, 500)}, {"a": ("a",)}, (), ("b",)),
        ({"a": (40, 35), "b": (20, 20), "c": (10, 10)}, {"a": ("a",), SMALL: ("b", "c")}, ("b", "c"), ()),
        ({"b": (20, 20), "c": (5, 5)}, {}, (), ("b", "c")),
        ({}, {}, (), ()),
    ],
    ids=["just enough", "together", "too few together", "nobody"],
)
def test_small_sites_are_one_place_if_they_come_to_that(sizes, judged, small, untestable):
    found = places_of(sizes)
    assert (found.judged, found.small, found.untestable) == (judged, small, untestable)


def test_a_leak_shared_by_small_sites_is_found_among_them():
    rng = np.random.default_rng(2)
    tables = {f"small-{i:02}": site(20, 14, rng, leak=3.0) for i in range(10)}
    assert judged(tables) is Verdict.FAIL
    assert judged({"large": site(6000, 4000, rng)} | tables) is Verdict.FAIL


def test_a_single_site_spends_the_whole_error_once():
    rng = np.random.default_rng(3)
    table = site(100, 70, rng)
    alone = separations({"a": table}, places_of({"a": (100, 70)}), delta=0.0, error=0.05)
    assert alone[EVERYONE] == alone["a"]


def test_nobody_is_not_assessable():
    assert verdict_over([], **LIMITS) is Verdict.NOT_ASSESSABLE


@pytest.mark.parametrize("sizes", [[(60, 42)] * 3, [(500, 30), (30, 500)]], ids=["three", "lopsided"])
def test_however_many_sites_a_fair_model_fails_as_rarely_as_stated(sizes):
    """500 models that tell nothing, at limits they touch; at 5 % no more than 25 + 4 SD may fail."""
    rng = np.random.default_rng(4)
    failed = sum(
        judged({str(i): site(*size, rng) for i, size in enumerate(sizes)}, limits=TIGHT) is Verdict.FAIL
        for _ in range(500)
    )
    assert failed <= 25 + 4 * np.sqrt(500 * 0.05 * 0.95), failed
