from __future__ import annotations

import numpy as np
import pytest

from federation.domain.influence import leave_one_out
from federation.domain.strategies.base import AggregationError, Update

START = {"w": np.zeros(2, np.float32)}


def update(site: str, values: list[float], weight: float = 1) -> Update:
    return Update(site, {"w": np.array(values, np.float32)}, weight)


def test_the_shift_without_a_site_by_hand():
    """Changes (2, 0) and (0, 2): mean (1, 1); without a: (0, 2), away by sqrt 2 of sqrt 2."""
    a, b = leave_one_out(START, [update("b", [0, 2]), update("a", [2, 0])])
    assert (a.site, b.site) == ("a", "b")
    assert a.shift == pytest.approx(1) and a.alignment == pytest.approx(0) and a.weight == 0.5


def test_weights_count_and_a_site_against_the_others_shows():
    one, two, against = leave_one_out(
        START, [update("1", [1, 0], 45), update("2", [1, 0], 45), update("3", [-1, 0], 10)]
    )
    assert one.weight == 0.45 and two.alignment == pytest.approx((45 - 10) / 55 / abs((45 - 10) / 55))
    assert against.alignment == pytest.approx(-1)
    assert against.shift == pytest.approx(abs(0.8 - 1) / 0.8)


def test_where_nothing_is_left_or_nothing_moved_there_is_no_figure():
    (alone,) = leave_one_out(START, [update("a", [1, 1])])
    assert alone.shift is None and alone.alignment is None and alone.weight == 1
    full, empty = leave_one_out(START, [update("a", [1, 1]), update("b", [5, 5], 0)])
    assert full.shift is None and empty.shift == 0
    assert [one.shift for one in leave_one_out(START, [update("a", [0, 0]), update("b", [0, 0])])] == [None, None]
    with pytest.raises(AggregationError):
        leave_one_out(START, [])
