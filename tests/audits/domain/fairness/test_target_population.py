from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from audits.domain.fairness.target_population import TargetError, compare, parse_target, verdict_of
from audits.domain.verdict import Verdict

HALF = {"sex": {"female": 0.5, "male": 0.5}}


def distances(counts, target=HALF, **options):
    return compare(counts, target, **({"confidence": 0.95, "draws": 500, "seed": 1} | options))


def test_a_declaration_is_read_with_spaces_in_groups():
    found = parse_target("sex: female 0.51, male 0.49; age_band: under 60 0.7, 60 and over 0.3")
    assert found == {"sex": {"female": 0.51, "male": 0.49}, "age_band": {"under 60": 0.7, "60 and over": 0.3}}
    assert sum(parse_target("race: a 0.333, b 0.333, c 0.333")["race"].values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "attribute: group share"),
        ("sex", "attribute: group share"),
        ("sex: female 0.5, male 0.5;", "attribute: group share"),
        ("sex: female 0.6, male 0.5", "sum to 1, got 1.1"),
        ("sex: female 1.5, male -0.5", "0 to 1"),
        ("sex: female nan, male 0.5", "0 to 1"),
        ("sex: female, male", "0 to 1"),
        ("sex: 0.5, male 0.5", "0 to 1"),
        ("sex: female 0.5, female 0.5", "twice"),
        ("sex: female 1; sex: male 1", "twice"),
        ("sex: unknown 0.5, male 0.5", "no group"),
    ],
)
def test_anything_else_is_refused_with_a_reason(text, complaint):
    with pytest.raises(TargetError, match=complaint):
        parse_target(text)


def test_distance_and_chi_square_equal_the_hand_calculation():
    (row,) = distances({"sex": {"female": 300, "male": 700}})
    assert row.distance == pytest.approx(0.2)
    assert row.p == pytest.approx(chisquare([300, 700], [500, 500]).pvalue)
    assert row.lower < 0.2 < row.upper
    assert [(s.share, s.target) for s in row.shares] == [(0.3, 0.5), (0.7, 0.5)]


def test_groups_that_nobody_declared_count_as_out_of_place():
    (row,) = distances({"sex": {"female": 400, "male": 400, "other": 200}})
    assert row.distance == pytest.approx(0.2) and row.p is None


def test_unknown_patients_widen_the_bounds_by_their_share():
    (known,) = distances({"sex": {"female": 5000, "male": 5000}})
    (some,) = distances({"sex": {"female": 5000, "male": 5000, "unknown": 2500}})
    assert some.upper - known.upper == pytest.approx(0.2)
    assert verdict_of((known,), 0.1) is Verdict.PASS
    assert verdict_of((some,), 0.1) is Verdict.INCONCLUSIVE


def test_an_attribute_that_nobody_records_keeps_the_audit_from_passing():
    target = {**HALF, "race": {"a": 1.0}}
    found = distances({"sex": {"female": 5000, "male": 5000}}, target)
    assert verdict_of(found, 0.1) is Verdict.INCONCLUSIVE
    assert verdict_of(distances({}, HALF), 0.1) is Verdict.NOT_ASSESSABLE
    assert verdict_of(distances({"sex": {"unknown": 50}}), 0.1) is Verdict.NOT_ASSESSABLE


def test_a_skewed_audit_fails_and_a_small_one_is_inconclusive():
    assert verdict_of(distances({"sex": {"female": 100, "male": 900}}), 0.1) is Verdict.FAIL
    assert verdict_of(distances({"sex": {"female": 10, "male": 12}}), 0.1) is Verdict.INCONCLUSIVE


def test_bounds_hold_for_all_attributes_and_shares_at_once():
    rng, wrong, wrong_shares = np.random.default_rng(2), 0, 0
    truth = {"sex": np.array([0.4, 0.6]), "race": np.array([0.7, 0.25, 0.05])}
    target = {"sex": {"a": 0.5, "b": 0.5}, "race": {"a": 0.5, "b": 0.3, "c": 0.2}}
    for number in range(500):
        drawn = {name: dict(zip("abc", rng.multinomial(150, p).tolist(), strict=False)) for name, p in truth.items()}
        found = distances(drawn, target, draws=300, seed=number)
        for_real = {"sex": 0.1, "race": 0.2}
        wrong += any(not row.lower <= for_real[row.attribute] <= row.upper for row in found)
        wrong_shares += any(
            not share.lower <= p <= share.upper
            for row in found
            for share, p in zip(row.shares, truth[row.attribute], strict=True)
        )
    assert max(wrong, wrong_shares) <= 40  # nominal 25; P(Binomial(500, 0.05) > 40) < 0.2 %
