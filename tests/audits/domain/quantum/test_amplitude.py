import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from audits.domain.quantum.amplitude import estimate, grover_law, rounds_at_most
from audits.domain.quantum.circuit import counting_circuit
from audits.domain.quantum.cost import cost_of


def law(rate, k):
    return math.sin((2 * k + 1) * math.asin(math.sqrt(rate))) ** 2


@pytest.mark.parametrize("flagged", [0, 19, 32, 64])
def test_the_circuit_over_64_records_follows_the_law(flagged):
    flags = np.random.default_rng(flagged).permutation(np.arange(64) < flagged)
    circuit = counting_circuit(flags)
    for k in (0, 1, 2, 5):
        assert circuit.probability(k) == pytest.approx(law(flagged / 64, k), abs=1e-5)
    assert circuit.qubits == 7


def test_a_number_of_records_that_fills_no_register_is_refused():
    with pytest.raises(ValueError, match="power of two"):
        counting_circuit(np.ones(6, dtype=bool))


@pytest.mark.parametrize(("rate", "epsilon"), [(0.1, 0.05), (0.3, 0.02), (0.5, 0.05), (0.85, 0.02), (0.97, 0.01)])
def test_the_interval_holds_the_rate_as_often_as_it_says_wherever_it_stops(rate, epsilon):
    rng = np.random.default_rng(1)
    runs = [estimate(grover_law(rate, rng), epsilon=epsilon, confidence=0.9) for _ in range(600)]
    missed = sum(not row.lower <= rate <= row.upper for row in runs)
    assert missed <= binom.ppf(0.999, 600, 0.1)
    assert all(row.upper - row.lower <= 2 * epsilon + 1e-12 for row in runs)
    assert all(row.lower <= row.rate <= row.upper for row in runs)


def test_the_rerun_takes_the_bias_of_stopping_away():
    rate, n = 0.1, 3000
    with_rerun, without = (
        np.array([estimate(grover_law(rate, rng), epsilon=0.05, rerun=rerun).rate for _ in range(n)])
        for rerun, rng in ((True, np.random.default_rng(2)), (False, np.random.default_rng(2)))
    )
    assert abs(without.mean() - rate) > 4 * without.std() / math.sqrt(n)  # the published fault
    assert abs(with_rerun.mean() - rate) < abs(without.mean() - rate) / 2


def test_queries_are_counted_by_hand():
    asked = []

    def sample(k, shots):
        asked.append((k, shots))
        return round(shots * law(0.3, k))

    found = estimate(sample, epsilon=0.02, shots=30)
    assert found.queries == sum(shots * (2 * k + 1) for k, shots in asked)
    assert asked[-1][0] == found.largest_k == max(k for k, _ in asked)
    assert found.lower <= 0.3 <= found.upper


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0, 1), st.floats(0.004, 0.3), st.integers(1, 60), st.integers(0, 10**6), st.booleans()
)  # fmt: skip
def test_it_ends_within_its_bounds_for_any_rate(rate, epsilon, shots, seed, rerun):
    sample = grover_law(rate, np.random.default_rng(seed))
    found = estimate(sample, epsilon=epsilon, shots=shots, rerun=rerun)
    assert 0 <= found.lower <= found.rate <= found.upper <= 1
    assert found.rounds <= rounds_at_most(epsilon)
    assert 4 * found.largest_k + 2 <= max(2, math.pi / (2 * epsilon) + 1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1), st.integers(0, 3))
def test_a_liar_that_contradicts_itself_gets_an_interval_and_no_crash(answers, shift):
    turn = iter(range(10**9))
    found = estimate(lambda k, shots: answers[(next(turn) + shift) % len(answers)] % (shots + 1), epsilon=0.05)
    assert 0 <= found.lower <= found.upper <= 1


@pytest.mark.parametrize("wrong", [{"epsilon": 0}, {"epsilon": 0.5}, {"confidence": 1.0}, {"shots": 0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="expected epsilon"):
        estimate(grover_law(0.5, np.random.default_rng(0)), **({"epsilon": 0.1} | wrong))


def test_a_small_archive_is_cheaper_to_read_than_to_estimate():
    cost = cost_of(30, 100, epsilon=0.01, confidence=0.95, shots=20, runs=11, rng=np.random.default_rng(0))
    assert cost.best_classical <= cost.exact == 100 < cost.iqae < cost.with_replacement
    assert cost.lower <= 0.3 <= cost.upper and cost.inside >= 0.8
