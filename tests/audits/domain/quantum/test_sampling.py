import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, hypergeom

from audits.domain.quantum.sampling import (
    clopper_pearson,
    hypergeometric,
    reads_with_replacement,
    reads_without_replacement,
)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 300), st.data(), st.sampled_from([0.9, 0.95, 0.999]))
def test_clopper_pearson_is_scipys(drawn, data, confidence):
    found = data.draw(st.integers(0, drawn))
    expected = binomtest(found, drawn).proportion_ci(confidence, method="exact")
    assert clopper_pearson(found, drawn, confidence) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize(("records", "drawn", "found"), [(20, 7, 0), (20, 7, 3), (50, 40, 40), (50, 40, 21)])
def test_the_hypergeometric_interval_is_the_set_of_totals_that_are_not_rejected(records, drawn, found):
    tail = 0.025
    kept = [
        total
        for total in range(records + 1)
        if found <= total <= records - (drawn - found)
        and hypergeom.sf(found - 1, records, total, drawn) > tail
        and hypergeom.cdf(found, records, total, drawn) > tail
    ]
    assert hypergeometric(found, drawn, records, 0.95) == (min(kept) / records, max(kept) / records)


def test_its_coverage_is_at_least_nominal():
    records, total, drawn = 60, 18, 25
    misses = 0.0
    for found in range(drawn + 1):
        low, high = hypergeometric(found, drawn, records, 0.95) if drawn - found <= records - total else (0, 1)
        if not low <= total / records <= high:
            misses += hypergeom.pmf(found, records, total, drawn)
    assert misses <= 0.05


def test_reading_everything_gives_the_rate_itself():
    assert hypergeometric(13, 40, 40, 0.95) == (13 / 40, 13 / 40)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.85, 1.0])
def test_the_reads_are_enough_and_a_few_fewer_are_not(rate):
    n = reads_with_replacement(rate, epsilon=0.05, confidence=0.95)
    low, high = clopper_pearson(round(rate * n), n, 0.95)
    assert (high - low) / 2 <= 0.05
    low, high = clopper_pearson(round(rate * (n - 3)), n - 3, 0.95)
    assert (high - low) / 2 > 0.05


def test_without_replacement_never_takes_more_than_all_nor_than_with():
    for found in np.arange(0, 401, 50):
        without = reads_without_replacement(int(found), 400, epsilon=0.02, confidence=0.95)
        assert without <= min(400, reads_with_replacement(found / 400, epsilon=0.02, confidence=0.95))
