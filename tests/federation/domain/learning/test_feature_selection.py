from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from federation.domain.data.dataset import LoadReport, SiteData
from federation.domain.learning import feature_selection as method
from federation.domain.quantum.solvers import exact
from federation.domain.quantum.solvers.comparison import compare


def rows(x: np.ndarray, y: np.ndarray, name: str = "a") -> SiteData:
    n, names = len(y), tuple(f"c{i}" for i in range(x.shape[1]))
    return SiteData(
        name, "classification", tuple(map(str, range(n))), x.astype(np.float32), y, np.arange(n), {}, names,
        LoadReport(n, n),
    )  # fmt: skip


def twins(n: int, seed: int) -> SiteData:
    """c0 tells most of the label and c1 repeats it; c2 tells something of its own; c3 nothing."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    first = np.where(rng.random(n) < 0.1, 1 - y, y)
    second = np.where(rng.random(n) < 0.25, 1 - y, y)
    return rows(np.column_stack([first, first, second, rng.integers(0, 2, n)]), y)


def test_mutual_information_by_hand():
    # A copy of a fair coin tells log 2; an independent one nothing; an empty table nothing.
    tables = np.array([[[5, 0], [0, 5]], [[5, 5], [5, 5]], [[0, 0], [0, 0]]])
    assert method.mutual_information(tables) == pytest.approx([np.log(2), 0, 0])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_it_is_that_of_sklearn_and_adds_up_over_sites(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.random((40, 3)), rng.integers(0, 2, 40)
    counts = method.pair_counts(rows(x[:15], y[:15])) + method.pair_counts(rows(x[15:], y[15:]))
    binned = np.searchsorted(method.EDGES, x.astype(np.float32))
    assert counts.n == 40
    assert method.relevance(counts) == pytest.approx([mutual_info_score(y, b) for b in binned.T], abs=1e-9)
    between = method.mutual_information(counts.together)
    assert between[0, 2] == pytest.approx(mutual_info_score(binned[:, 0], binned[:, 2]), abs=1e-9)


def test_a_repeated_column_is_not_chosen_twice_as_the_common_way_does():
    counts = method.pair_counts(twins(2000, 0))
    assert method.top_k(counts, 2) == ("c0", "c1")
    found = exact.solve(method.selection_qubo(counts, 2))
    names = method.chosen(counts, found.bits)
    assert "c2" in names and len({"c0", "c1"} & set(names)) == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.sampled_from([0.0, 0.5, 1.0, 4.0]))
def test_the_optimum_has_k_columns_and_is_the_best_of_all_such_sets(seed, k, redundancy):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 60)
    x = np.where(rng.random((60, 6)) < rng.random(6), y[:, None], rng.integers(0, 2, (60, 6)))
    x[:, 5] = x[:, 4]
    counts = method.pair_counts(rows(x, y))
    problem = method.selection_qubo(counts, k, redundancy=redundancy)
    found = exact.solve(problem)
    gain, shared = method.relevance(counts), method.mutual_information(counts.together)

    def cost(some):
        pairs = sum(shared[i, j] for i, j in combinations(some, 2))
        return -sum(gain[i] for i in some) + redundancy * pairs / max(k - 1, 1)

    assert sum(found.bits) == k and problem.n_choices == comb(6, k) and found.p_uniform * problem.n_choices >= 1
    assert problem.extremes.highest == pytest.approx(max(cost(some) for some in combinations(range(6), k)), abs=1e-5)
    assert found.energy == pytest.approx(min(cost(some) for some in combinations(range(6), k)), abs=1e-5)


def test_every_solver_stands_beside_the_exact_answer():
    counts = method.screened(method.pair_counts(twins(500, 1)), 3)
    assert counts.names == ("c0", "c1", "c2")
    table = compare(method.selection_qubo(counts, 2), seeds=[0, 1])
    assert all(row.found == 1 for row in table.rows)


@pytest.mark.parametrize("k", [0, 4])
def test_as_many_columns_as_there_are_is_no_choice(k):
    with pytest.raises(method.SelectionError, match="from 1 to 3 of 4"):
        method.selection_qubo(method.pair_counts(twins(20, 0)), k)


def test_images_and_missing_values_are_refused():
    data = twins(10, 0)
    with pytest.raises(method.SelectionError, match="finite"):
        method.pair_counts(rows(np.full((4, 2), np.nan), np.zeros(4, dtype=int)))
    with pytest.raises(method.SelectionError, match="same columns"):
        method.pair_counts(data) + method.pair_counts(rows(np.zeros((3, 2)), np.zeros(3, dtype=int)))
    images = SiteData("a", "segmentation", (), np.zeros((2, 1, 4, 4)), data.y, data.patient_index, {}, (), data.report)
    with pytest.raises(method.SelectionError, match="expected rows"):
        method.pair_counts(images)
