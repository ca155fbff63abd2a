from __future__ import annotations

import pytest

from federation.domain.heterogeneity import POOLED, against_the_rest, hellinger, jensen_shannon, pool_small


@pytest.mark.parametrize(
    ("p", "q", "js", "h"),
    [
        ([0.5, 0.5], [0.5, 0.5], 0.0, 0.0),
        ([1.0, 0.0], [0.0, 1.0], 1.0, 1.0),
        ([1.0, 0.0], [0.5, 0.5], 0.5579, 0.5412),  # sqrt((log2(4/3) + 0.5 log2(2/3) + 0.5) / 2), sqrt(1 - sqrt(1/2))
    ],
)
def test_distances_by_hand(p, q, js, h):
    assert jensen_shannon(p, q) == pytest.approx(js, abs=1e-4) == pytest.approx(jensen_shannon(q, p), abs=1e-4)
    assert hellinger(p, q) == pytest.approx(h, abs=1e-4)


def test_each_site_stands_against_all_the_others_together():
    rows = against_the_rest({"a": {"x": 50, "y": 50}, "b": {"x": 80, "y": 20}, "c": {"x": 20, "y": 80}})
    assert [row.site for row in rows] == ["a", "b", "c"] and rows[0].n == 100
    assert rows[0].jensen_shannon == pytest.approx(0)  # b and c together are even
    assert rows[1].jensen_shannon == pytest.approx(rows[2].jensen_shannon)
    assert rows[1].jensen_shannon == pytest.approx(jensen_shannon([0.8, 0.2], [0.35, 0.65]))


def test_small_groups_are_pooled_and_a_cell_that_stays_small_is_not_described():
    counts = {"a": {"x": 50, "y": 4, "z": 3}, "b": {"x": 50, "y": 10, "z": 9}, "c": {"x": 9, "y": 1}}
    assert pool_small(counts)["a"] == {"x": 50, POOLED: 7} and pool_small(counts)["b"] == {"x": 50, POOLED: 19}
    rows = {row.site: row for row in against_the_rest(counts)}
    assert rows["a"].jensen_shannon is not None
    assert rows["c"].jensen_shannon is None and rows["c"].hellinger is None  # one patient is left over


@pytest.mark.parametrize("counts", [{"a": {"x": 50}}, {"a": {"x": 50}, "b": {}}, {}])
def test_nothing_to_compare_with_gives_no_figure(counts):
    assert all(row.jensen_shannon is None for row in against_the_rest(counts))
