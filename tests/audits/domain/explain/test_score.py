import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.domain.explain.score import (
    RecordScore,
    SiteExplanation,
    combine,
    faithfulness,
    interval,
    lesion_mass,
    permuted_parameters,
    rcf,
    stability,
)
from audits.domain.verdict import Verdict


def explanation(values, control, mass=0.5, site="a", kind="image", weights=None):
    scores = tuple(RecordScore(0.9, 0.9, 0.9, v, mass) for v in values)
    return SiteExplanation(site, kind, scores, tuple(control), weights or {})


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


def test_permuted_parameters_keep_the_values_and_leave_the_model_alone():
    given_ = {"w": np.arange(12.0).reshape(3, 4)}
    shuffled = permuted_parameters(given_, np.random.default_rng(0))
    assert sorted(shuffled["w"].ravel()) == list(range(12))
    assert shuffled["w"].shape == (3, 4)
    assert not np.array_equal(shuffled["w"], given_["w"])
    assert np.array_equal(given_["w"], np.arange(12.0).reshape(3, 4))


GOOD = (90, 92, 91, 89)
LOW = (5, 8, 6, 7)


@pytest.mark.parametrize(
    ("values", "control", "mass", "verdict"),
    [
        (GOOD, LOW, 0.5, Verdict.PASS),
        (GOOD, (85, 80, 82, 84), 0.5, Verdict.INCONCLUSIVE),  # the control scores nearly as high
        (GOOD, LOW, 0.0, Verdict.INCONCLUSIVE),  # a shortcut
        (GOOD, LOW, None, Verdict.INCONCLUSIVE),  # no outline to look at
        (GOOD, (), 0.5, Verdict.INCONCLUSIVE),
        ((95, 60, 99, 70), LOW, 0.5, Verdict.INCONCLUSIVE),  # bounds on both sides of 80
        ((90,), LOW, 0.5, Verdict.INCONCLUSIVE),
        ((10, 12, 8, 11), LOW, 0.5, Verdict.FAIL),
    ],
)
def test_a_high_score_passes_only_with_a_low_control_and_weight_on_the_lesion(values, control, mass, verdict):
    assert combine([explanation(values, control, mass)]).verdict is verdict


def test_nothing_explained_is_not_assessable():
    for sites in ([], [explanation((), ())]):
        result = combine(sites)
        assert result.verdict is Verdict.NOT_ASSESSABLE
        assert result.rcf is None


def test_sites_are_weighted_by_their_records():
    a = explanation((90, 90, 90), LOW, None, "a", "tabular", {"age": 1.0, "chol": 0.0})
    b = explanation((90,), LOW, None, "b", "tabular", {"age": 0.0, "chol": 1.0})
    result = combine([a, b])
    assert result.weights == pytest.approx({"age": 0.75, "chol": 0.25})
    assert result.rcf.n == 4
    with pytest.raises(ValueError, match="once"):
        combine([a, a])
    with pytest.raises(ValueError, match="settings"):
        combine([a, explanation(GOOD, LOW, site="c")])


def test_an_interval_of_one_record_has_no_bounds():
    assert interval([0.5]).lower is None
    assert interval([]) is None
    assert interval([0.9, 1.0, 0.5]).upper == 1.0


def test_what_a_site_sends_survives_json():
    sent = explanation(GOOD, LOW)
    assert SiteExplanation.from_dict(json.loads(json.dumps(sent.as_dict()))) == sent
    json.dumps(combine([sent]).as_dict())
