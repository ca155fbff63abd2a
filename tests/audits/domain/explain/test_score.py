import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.domain.explain.score import faithfulness, lesion_mass, rcf, stability


def test_rcf_is_the_geometric_mean_and_any_missing_part_makes_it_zero():
    assert rcf(1, 1, 1) == 100
    assert rcf(0.5, 0.5, 0.5) == pytest.approx(50)
    assert rcf(1, 1, 0) == 0
    assert rcf(-0.3, 1, 1) == 0


def test_stability_by_hand():
    assert stability(np.array([[1.0, 0.0], [1.0, 0.0]])) == 1.0
    assert stability(np.array([[1.0, 0.0], [0.0, 1.0]])) == 0.0
    assert stability(np.array([[1.0, 1.0], [1.0, -5.0]])) == pytest.approx(1 / np.sqrt(2))
    assert stability(np.zeros((3, 4))) == 0.0
    with pytest.raises(ValueError, match="at least two"):
        stability(np.ones((1, 3)))


def test_faithfulness_by_hand():
    assert faithfulness(0.9, 0.1, 0.9, 0.1) == pytest.approx(1.0)
    assert faithfulness(0.9, 0.5, 0.7, 0.1) == pytest.approx(0.25)
    assert faithfulness(0.9, 0.8, 0.7, 0.1) == 0.0  # random parts mattered more
    assert faithfulness(0.55, 0.4, 0.5, 0.5) == 0.0  # nothing to explain


def test_lesion_mass_is_corrected_for_area():
    lesion = np.zeros((4, 4), dtype=bool)
    lesion[:2] = True
    assert lesion_mass(lesion.astype(float), lesion) == 1.0
    assert lesion_mass(np.ones((4, 4)), lesion) == 0.0
    assert lesion_mass(-np.ones((4, 4)), lesion) == 0.0
    assert lesion_mass(np.where(lesion, 3.0, 1.0), lesion) == pytest.approx(0.5)
    assert lesion_mass(np.ones((4, 4)), np.zeros((4, 4), dtype=bool)) is None


@given(st.lists(st.floats(-1, 1), min_size=16, max_size=16), st.integers(1, 15))
def test_lesion_mass_stays_in_range(weights, area):
    lesion = np.arange(16).reshape(4, 4) < area
    assert 0 <= lesion_mass(np.array(weights).reshape(4, 4), lesion) <= 1
