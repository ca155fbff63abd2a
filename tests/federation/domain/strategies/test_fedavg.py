import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.domain.data.dataset import LoadReport, SiteData
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.evaluation import evaluate
from federation.domain.learning.local import train_local
from federation.domain.learning.weights import load_state, state_of
from federation.domain.models.registry import build, default_specs
from federation.domain.strategies.base import AggregationError, Update
from federation.domain.strategies.fedavg import aggregate

REPORT = LoadReport(80, 80)


def update(key, weight, **arrays):
    return Update(key, {name: np.asarray(value, dtype=np.float32) for name, value in arrays.items()}, weight)


def test_the_mean_is_weighted_by_records():
    state = aggregate([update("a", 1, w=[0, 4], b=[[2]]), update("b", 3, w=[4, 0], b=[[6]])])
    assert state["w"].tolist() == [3, 1]
    assert state["b"].tolist() == [[5]]
    assert state["w"].dtype == np.float32


def test_a_site_without_records_changes_nothing():
    assert aggregate([update("a", 5, w=[1, 2]), update("b", 0, w=[9, 9])])["w"].tolist() == [1, 2]


def test_the_result_is_bit_equal_for_every_order_of_arrival():
    rng = np.random.default_rng(0)
    updates = [update(str(i), float(rng.random()), w=rng.normal(size=50) * 10.0**i) for i in range(4)]
    results = {aggregate(order)["w"].tobytes() for order in itertools.permutations(updates)}
    assert len(results) == 1


def test_an_update_is_not_modified():
    first = update("a", 1, w=[1, 2])
    aggregate([first, update("b", 1, w=[3, 4])])
    assert first.state["w"].tolist() == [1, 2]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 100), st.floats(-100, 100)), min_size=1, max_size=6))
def test_the_mean_lies_between_the_smallest_and_the_largest(sites):
    updates = [update(str(i), weight, w=[value]) for i, (weight, value) in enumerate(sites)]
    values = [float(u.state["w"][0]) for u in updates]
    assert min(values) - 1e-4 <= aggregate(updates)["w"][0] <= max(values) + 1e-4


def test_rounds_of_local_training_and_averaging_learn_a_toy_problem():
    rng = np.random.default_rng(3)
    x = rng.random((80, 4)).astype(np.float32)
    label = (x[:, 0] > x[:, 1]).astype(np.int64)
    everyone = SiteData("all", "classification", tuple(map(str, range(80))), x, label, np.arange(80), {}, (), REPORT)
    sites = [everyone.take(np.flatnonzero(half)) for half in (x[:, 2] < 0.6, x[:, 2] >= 0.6)]
    model = build(default_specs("classification", 4)[0], seed=1)
    state = state_of(model)
    for number in range(12):
        updates = []
        for index, data in enumerate(sites):
            load_state(model, state)
            result = train_local(model, data, LocalConfig(2, 10, 0.05), seed=number)
            updates.append(Update(str(index), result.state, result.n_records))
        state = aggregate(updates)
    load_state(model, state)
    assert evaluate(model, everyone).metrics["accuracy"].mean() > 0.85


@pytest.mark.parametrize(
    ("updates", "message"),
    [
        ([], "at least one update"),
        ([update("a", 0, w=[1])], "total weight over 0"),
        ([update("a", -1, w=[1]), update("b", 3, w=[1])], "a: expected a finite weight"),
        ([update("a", float("nan"), w=[1])], "a: expected a finite weight"),
        ([update("a", 1, w=[1]), update("a", 1, w=[2])], "one update a site"),
        ([update("a", 1, w=[1]), update("b", 1, v=[1])], r"b: .*missing \['w'\], unexpected \['v'\]"),
        ([update("a", 1, w=[1]), update("b", 1, w=[1, 2])], r"b: w: expected float32 of shape \(1,\)"),
        ([update("a", 1, w=[1]), update("b", 1, w=[np.inf])], "b: w: expected finite values"),
        ([Update("a", {"w": np.ones(2)}, 1)], "got float64"),  # type: ignore[dict-item]
    ],
)
def test_updates_that_cannot_be_averaged_are_refused_by_name(updates, message):
    with pytest.raises(AggregationError, match=message):
        aggregate(updates)
