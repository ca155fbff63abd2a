"""Every aggregation rule: by hand, against a naive reference, in any order, and with one liar among five."""

import itertools
import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.domain.data.dataset import LoadReport, SiteData
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.evaluation import evaluate
from federation.domain.learning.local import train_local
from federation.domain.learning.states import from_bytes, to_bytes
from federation.domain.learning.weights import load_state, state_of
from federation.domain.models.registry import build, default_specs
from federation.domain.strategies.base import AggregationError, Before, SumRule, Update
from federation.domain.strategies.registry import RULES, strategy

ROBUST = ("krum", "trimmed_mean", "median")


def state(**arrays):
    return {name: np.asarray(value, dtype=np.float32) for name, value in arrays.items()}


def update(key, weight, noise=0.0, **arrays):
    return Update(key, state(**arrays), weight, noise)


def five(rng, names=("w", "a")):
    return [Update(str(i), {n: rng.normal(size=(3, 2)).astype(np.float32) for n in names}, i + 1.0) for i in range(5)]


def before(**more):
    return Before(state(w=np.zeros((3, 2)), a=np.zeros((3, 2))), angles=frozenset({"a"}), sites=5, **more)


@pytest.mark.parametrize("name", RULES)
def test_the_order_of_arrival_changes_no_bit(name):
    updates = five(np.random.default_rng(1))
    found = {
        to_bytes(strategy(name).aggregate(list(order), before()).state)
        for order in itertools.islice(itertools.permutations(updates), 0, 120, 7)
    }
    assert len(found) == 1


@pytest.mark.parametrize("name", RULES)
def test_equal_updates_stay_as_they_are_up_to_full_turns(name):
    same = state(w=np.full((3, 2), 0.5), a=np.full((3, 2), 3.5))
    updates = [Update(str(i), same, 2.0) for i in range(5)]
    at = replace(before(), start=same)  # nobody moved, so no rule has a reason to
    for key, value in strategy(name).aggregate(updates, at).state.items():
        assert np.allclose(value, same[key], atol=1e-6), name


@pytest.mark.parametrize("name", RULES)
def test_what_is_remembered_survives_as_bytes_and_is_used(name):
    rule, updates = strategy(name), five(np.random.default_rng(2))
    first = rule.aggregate(updates, before())
    kept = from_bytes(to_bytes(first.memory)) if first.memory else {}
    again = rule.aggregate(updates, before(memory=kept)).state
    assert all(np.array_equal(again[n], rule.aggregate(updates, before(memory=first.memory)).state[n]) for n in again)
    forgets = all(np.array_equal(again[n], first.state[n]) for n in again)
    assert forgets == (name not in {"fedadam", "feddyn"})


@pytest.mark.parametrize("name", [n for n, rule in RULES.items() if not rule.needs_single_updates])
def test_a_sum_rule_needs_nothing_but_sums(name):
    """What secure aggregation does: sites weigh and add up, the rule sees the totals alone."""
    rule, at = strategy(name), before()
    assert isinstance(rule, SumRule)
    updates = [replace(u, noise=0.1 * i) for i, u in enumerate(five(np.random.default_rng(3)))]
    total = sum(rule.weight(u) for u in updates)
    parts = [(rule.weight(u), rule.contribution(u.state, at.angles)) for u in updates]
    mean = {n: sum(w * part[n] for w, part in parts) / total for n in parts[0][1]}
    masked, plain = rule.finish(mean, at, weight=total).state, rule.aggregate(updates, at).state
    assert all(np.allclose(masked[n], plain[n], atol=1e-6) for n in plain)


@pytest.mark.parametrize("name", RULES)
def test_defaults_are_valid_and_each_option_is_bounded(name):
    rule = strategy(name)
    assert strategy(name, rule.options()) == rule and rule.title and rule.words and rule.paper
    for option in fields(rule):
        for wrong in (option.metadata["high"] * 2 + 1, -1, True, "1", None, float("nan")):
            with pytest.raises(ValueError, match=f"expected {option.name} to be a"):
                strategy(name, {option.name: wrong})


def test_unknown_rules_and_options_are_refused_in_words():
    with pytest.raises(ValueError, match="expected a strategy among fedavg, fedprox"):
        strategy("average")
    with pytest.raises(ValueError, match="FedProx takes the options mu, got nu"):
        strategy("fedprox", {"nu": 1})
    with pytest.raises(ValueError, match="Median takes no options, got trim"):
        strategy("median", {"trim": 1})


# QIFA


def test_angles_are_averaged_on_the_circle_and_the_rest_plainly():
    rule, at = strategy("qifa"), Before(state(w=[0], a=[3.0]), angles=frozenset({"a"}))
    found = rule.aggregate([update("x", 1, w=[1], a=[3.1]), update("y", 1, w=[3], a=[-3.1])], at).state
    assert found["w"] == pytest.approx([2])
    assert found["a"] == pytest.approx([math.pi], abs=1e-6)  # FedAvg would say 0, the opposite


def test_the_circular_mean_takes_the_turn_nearest_to_the_start_and_the_start_where_there_is_none():
    rule = strategy("qifa")
    around = Before(state(a=[12.5]), angles=frozenset({"a"}))
    found = rule.aggregate([update("x", 1, a=[0.1]), update("y", 1, a=[0.1 + 2 * math.pi])], around).state["a"]
    assert found == pytest.approx([0.1 + 4 * math.pi], abs=1e-5)
    opposite = [update("x", 1, a=[0.0]), update("y", 1, a=[np.float32(math.pi)])]
    assert rule.aggregate(opposite, Before(state(a=[0.7]), angles=frozenset({"a"}))).state["a"] == pytest.approx([0.7])


def test_noise_lowers_the_weight_by_the_exponential():
    rule, at = strategy("qifa", {"gamma": 2.0}), Before(state(w=[0]))
    found = rule.aggregate([update("x", 1, w=[0]), update("y", 1, 0.5, w=[1])], at).state["w"]
    assert found == pytest.approx([math.exp(-1) / (1 + math.exp(-1))])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 10), st.floats(-0.4, 0.4)), min_size=1, max_size=6), st.floats(-20, 20))
def test_near_angles_average_as_numbers_do_to_third_order(sites, middle):
    updates = [update(str(i), w, a=[middle + d]) for i, (w, d) in enumerate(sites)]
    found = strategy("qifa").aggregate(updates, Before(state(a=[middle]), angles=frozenset({"a"}))).state["a"][0]
    plain = sum(w * (middle + d) for w, d in sites) / sum(w for w, _ in sites)
    assert found == pytest.approx(plain, abs=0.02)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 10), st.floats(-3, 3), st.integers(-3, 3)), min_size=1, max_size=6))
def test_full_turns_change_nothing(sites):
    at, rule = Before(state(a=[0.2]), angles=frozenset({"a"})), strategy("qifa")
    plain = rule.aggregate([update(str(i), w, a=[a]) for i, (w, a, _) in enumerate(sites)], at).state["a"]
    turned = [update(str(i), w, a=[a + 2 * math.pi * k]) for i, (w, a, k) in enumerate(sites)]
    vector = sum(w * np.exp(1j * a) for w, a, _ in sites) / sum(w for w, *_ in sites)
    if abs(vector) > 0.05:  # close to no mean at all, rounding decides
        apart = rule.aggregate(turned, at).state["a"] - plain
        assert abs((apart + math.pi) % (2 * math.pi) - math.pi) < 1e-3


# Server memory


def test_fedadam_steps_by_hand():
    rule = strategy("fedadam", {"server_rate": 0.5, "beta1": 0.5, "beta2": 0.5, "tau": 0.1})
    first = rule.aggregate([update("x", 1, w=[2.0])], Before(state(w=[1.0])))
    m, v = 0.5 * 1, 0.5 * 0.01 + 0.5 * 1
    assert first.state["w"] == pytest.approx([1 + 0.5 * m / (v**0.5 + 0.1)])
    second = rule.aggregate([update("x", 1, w=[2.0])], Before(first.state, first.memory))
    change = 2 - first.state["w"][0]
    m, v = 0.5 * m + 0.5 * change, 0.5 * v + 0.5 * change**2
    assert second.state["w"] == pytest.approx([first.state["w"][0] + 0.5 * m / (v**0.5 + 0.1)], rel=1e-5)


def test_feddyn_finds_the_common_optimum_of_unlike_sites_where_averaging_does_not():
    """Losses k/2 (w - t)², trained to the end at each site: by hand the optimum of the mean loss is 4."""
    sites, alpha = [(1.0, 0.0), (4.0, 5.0)], 0.5
    rule, at = strategy("feddyn", {"alpha": alpha}), Before(state(w=[0.0]), sites=2)
    own = [0.0, 0.0]
    for _ in range(150):
        start = float(at.start["w"][0])
        ended = [(k * t + alpha * start + own[i]) / (k + alpha) for i, (k, t) in enumerate(sites)]
        own = [own[i] - alpha * (w - start) for i, w in enumerate(ended)]
        done = rule.aggregate([update(str(i), 10, w=[w]) for i, w in enumerate(ended)], at)
        at = replace(at, start=done.state, memory=done.memory)
    assert at.start["w"] == pytest.approx([4.0], abs=1e-3)
    assert np.mean([t for _, t in sites]) == 2.5  # where averages of the sites' optima end


# Robust rules


def test_krum_by_hand_and_by_a_naive_reference():
    updates = [update(k, 1, w=[v]) for k, v in zip("abcde", (0.0, 1.0, 1.2, 3.0, 100.0), strict=True)]
    done = strategy("krum").aggregate(updates, Before(state(w=[0])))
    # With 5 sites and 1 liar each is scored by its 2 nearest: a 1+1.44, b .04+1, c .04+1.44, d 3.24+4, e huge.
    assert done.state["w"] == pytest.approx([1.0]) and sorted(done.notes) == ["a", "c", "d", "e"]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**20), st.integers(5, 9), st.integers(1, 3))
def test_robust_rules_equal_naive_ones(seed, n, keep):
    rows = np.random.default_rng(seed).normal(size=(n, 4)).astype(np.float32)
    updates, at = [update(str(i), 1, w=row) for i, row in enumerate(rows)], Before(state(w=np.zeros(4)))
    columns = [sorted(map(float, rows[:, j])) for j in range(4)]
    trimmed = strategy("trimmed_mean").aggregate(updates, at).state["w"]
    assert trimmed == pytest.approx([sum(c[1:-1]) / (n - 2) for c in columns], abs=1e-6)
    middle = [c[n // 2] if n % 2 else (c[n // 2 - 1] + c[n // 2]) / 2 for c in columns]
    assert strategy("median").aggregate(updates, at).state["w"] == pytest.approx(middle, abs=1e-6)
    scores = []
    for i in range(n):
        apart = sorted(sum((float(a) - float(b)) ** 2 for a, b in zip(rows[i], rows[j], strict=True))
                       for j in range(n) if j != i)  # fmt: skip
        scores.append((sum(apart[: n - 3]), i))
    best = [i for _, i in sorted(scores)[:keep]]
    found = strategy("krum", {"keep": keep}).aggregate(updates, at).state["w"]
    assert found == pytest.approx(rows[best].astype(float).mean(axis=0), abs=1e-6)


@pytest.mark.parametrize(("name", "fewest"), [("krum", 5), ("trimmed_mean", 3), ("median", 3)])
def test_too_few_sites_are_refused_with_the_number_that_it_takes(name, fewest):
    updates = [update(str(i), 1, w=[i]) for i in range(fewest)]
    assert strategy(name).fewest == fewest and strategy(name).needs_single_updates
    with pytest.raises(AggregationError, match=f"at least {fewest} sites"):
        strategy(name).aggregate([*updates[:-1], replace(updates[-1], weight=0)], Before(state(w=[0])))


def _hospitals():
    rng = np.random.default_rng(3)
    x = rng.random((300, 4)).astype(np.float32)
    y = (x[:, 0] > x[:, 1]).astype(np.int64)
    report = LoadReport(300, 300)
    whole = SiteData("all", "classification", tuple(map(str, range(300))), x, y, np.arange(300), {}, (), report)
    return whole, [whole.take(np.arange(i, 300, 5)) for i in range(5)]


@pytest.mark.parametrize("name", ["fedavg", *ROBUST])
def test_one_poisoned_site_of_five_ruins_the_average_and_no_robust_rule(name):
    """The liar sends what it should have learned, turned round and ten times as strong."""
    whole, sites = _hospitals()
    model = build(default_specs("classification", 4)[0], seed=1)
    common = state_of(model)
    for number in range(6):
        updates = []
        for i, data in enumerate(sites):
            load_state(model, common)
            learned = train_local(model, data, LocalConfig(3, 10, 0.05), seed=number).state
            if i == 2:
                learned = {n: common[n] - 10 * (value - common[n]) for n, value in learned.items()}
            updates.append(Update(str(i), learned, data.n_patients))
        common = strategy(name).aggregate(updates, Before(common, angles=model.angles, sites=5)).state
    load_state(model, common)
    accuracy = evaluate(model, whole).metrics["accuracy"].mean()
    assert accuracy > 0.85 if name in ROBUST else accuracy < 0.7
