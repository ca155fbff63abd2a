"""The examples in the domain's own words, and the sentences of a restore that is not whole."""

from __future__ import annotations

import doctest

import pytest

from protection.domain import deadlines, duties, loss, schedule
from protection.domain.loss import Known, judge


@pytest.mark.parametrize("module", [deadlines, duties, loss, schedule])
def test_the_examples_hold(module):
    assert doctest.testmod(module) == (0, doctest.testmod(module).attempted)


def test_what_is_lost_is_said_for_each_who_knows_more():
    known = [Known("the chain", 10, "aa"), Known("the witness north", 12, "bb"), Known("this machine", 4, "cc")]
    told = judge(known, entries=8, roots={4: "cc"}, last_at="noon")
    assert told.missing == 4
    assert [line.split(" holds")[0] for line in told.problems] == ["the chain", "the witness north"]
    assert "What is lost: 4 entries, 8 to 11, all made after noon." in told.problems[1]
    assert (
        judge(known[2:], entries=8, roots={4: "dd"}, last_at="noon")
        .problems[0]
        .startswith("this machine holds 4 entries under another root")
    )
