import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.domain.explain.conclusion import CONTROLS, Interval, Rules, SiteExplanation, combine, sums_of
from audits.domain.explain.score import RecordScore
from audits.domain.verdict import Verdict

GOOD = (90, 92, 91, 89)
LOW = (5, 8, 6, 7)
SPREAD = {"age": 0.4, "chol": 0.3, "ca": 0.3}


def scores(values, mass=None):
    return [RecordScore(0.9, 0.9, 0.9, value, mass) for value in values]


def explanation(values, control, mass=0.5, kind="image", weights=None, only=tuple(CONTROLS)):
    controls = {name: scores(control) for name in only}
    return SiteExplanation.of(kind, scores(values, mass), controls, weights)


@pytest.mark.parametrize(
    ("values", "control", "mass", "verdict"),
    [
        (GOOD, LOW, 0.5, Verdict.PASS),
        (GOOD, (85, 80, 82, 84), 0.5, Verdict.INCONCLUSIVE),  # the controls score nearly as high
        (GOOD, LOW, 0.0, Verdict.INCONCLUSIVE),  # a shortcut
        (GOOD, LOW, None, Verdict.INCONCLUSIVE),  # no outline to look at
        (GOOD, (), 0.5, Verdict.INCONCLUSIVE),
        ((95, 60, 99, 70), LOW, 0.5, Verdict.INCONCLUSIVE),  # bounds on both sides of 80
        ((90,), LOW, 0.5, Verdict.INCONCLUSIVE),
        ((10, 12, 8, 11), LOW, 0.5, Verdict.FAIL),
    ],
)
def test_a_high_score_passes_only_with_low_controls_and_weight_on_the_lesion(values, control, mass, verdict):
    found = combine({"a": explanation(values, control, mass)})
    assert found.verdict is verdict
    assert "nan" not in " ".join(found.sentences)


@pytest.mark.parametrize("only", [("weights",), ("labels",)])
def test_both_controls_are_required(only):
    found = combine({"a": explanation(GOOD, LOW, only=only)})
    assert found.verdict is Verdict.INCONCLUSIVE
    assert len(found.doubts) == 1 and "control is missing" in found.doubts[0]


def test_one_control_that_scores_as_well_is_enough_to_take_the_pass_away():
    rows = SiteExplanation.of("image", scores(GOOD, 0.5), {"weights": scores(LOW), "labels": scores(GOOD)})
    found = combine({"a": rows})
    assert found.verdict is Verdict.INCONCLUSIVE and found.control == found.controls["labels"]


def test_a_column_that_carries_most_of_the_weight_takes_the_pass_away():
    leaking = {"leak": 0.8, "age": 0.2}
    found = combine({"a": explanation(GOOD, LOW, None, "tabular", leaking)})
    assert found.verdict is Verdict.INCONCLUSIVE and "leak carries 80%" in found.doubts[0]
    assert combine({"a": explanation(GOOD, LOW, None, "tabular", SPREAD)}).verdict is Verdict.PASS
    assert combine({"a": explanation(GOOD, LOW, None, "tabular", leaking)}, Rules(most_on_one=0.9)).verdict is (
        Verdict.PASS
    )


def test_nothing_explained_is_not_assessable():
    for sites in ({}, {"a": explanation((), ())}):
        found = combine(sites)
        assert found.verdict is Verdict.NOT_ASSESSABLE and found.rcf is None


def test_sites_are_weighted_by_their_records():
    a = explanation((90, 90, 90), LOW, None, "tabular", {"age": 1.0, "chol": 0.0})
    b = explanation((90,), LOW, None, "tabular", {"age": 0.0, "chol": 1.0})
    found = combine({"a": a, "b": b})
    assert found.weights == pytest.approx({"age": 0.75, "chol": 0.25}) and found.rcf.n == 4
    with pytest.raises(ValueError, match="same kind"):
        combine({"a": a, "c": explanation(GOOD, LOW)})


def test_the_interval_is_students_over_the_records():
    found = Interval.of(sums_of([0.9, 0.92, 0.91, 0.89]), highest=100.0)
    # sd = 0.0129, t(3) = 3.182: reach 2.05
    assert (found.mean, found.lower, found.upper) == pytest.approx((90.5, 88.446, 92.554), abs=1e-3)
    assert Interval.of(sums_of([0.5])).lower is None
    assert Interval.of(sums_of([])) is None
    assert Interval.of(sums_of([0.9, 1.0, 0.5])).upper == 1.0


@given(st.lists(st.floats(0, 100), min_size=2, max_size=6))
def test_what_a_site_sends_survives_json(values):
    sent = explanation(values, LOW, 0.5)
    assert SiteExplanation.from_dict(json.loads(json.dumps(sent.as_dict())), most=6) == sent


def _changed(path, value):
    raw = json.loads(json.dumps(explanation(GOOD, LOW, None, "tabular", SPREAD).as_dict()))
    place = raw
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return raw


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (["parts", "rcf", "n"], 99, "0 to 4"),
        (["parts", "rcf", "n"], True, "0 to 4"),
        (["parts", "rcf", "total"], 4.1, "values in"),
        (["parts", "rcf", "total"], float("nan"), "values in"),
        (["parts", "fit", "total_sq"], 9.0, "values in"),
        (["parts", "fit", "n"], 3, "values in|same records"),
        (["controls", "weights", "total"], -1.0, "values in"),
        (["controls", "other"], {"n": 0, "total": 0, "total_sq": 0}, "expected the sums"),
        (["weights", "age"], 0.9, "sum to 1"),
        (["weights", "age"], float("nan"), "sum to 1"),
    ],
)
def test_sums_that_cannot_be_are_refused(path, value, complaint):
    with pytest.raises(ValueError, match=complaint):
        SiteExplanation.from_dict(_changed(path, value), most=4)
