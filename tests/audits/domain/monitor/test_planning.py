import math

import numpy as np
import pytest

from audits.domain.monitor.betting import OutcomeEvent, begin, fold
from audits.domain.monitor.calibration import SCALE, calibration_case
from audits.domain.monitor.planning import CaseMix, expected_pairs, exposure, forecast
from audits.domain.monitor.policy import MonitorPolicy, PolicyError

POLICY = MonitorPolicy(metrics=("tpr", "fpr"), groups={"sex": ("f", "m")}, detectors=("betting",))
MIX = CaseMix(0.2, {"sex": {"f": 0.3, "m": 0.7}}, {"tpr": 0.85, "fpr": 0.1})


def test_pairs_of_one_bet_by_hand():
    policy = MonitorPolicy(metrics=("tpr",), groups={"sex": ("f", "m")}, bets=(0.5,))
    # always d = 1: the wealth grows by 1 + 0.5 * 0.9 / 1.1 a pair, up to 2 / 0.05
    assert expected_pairs(policy, "tpr", 1.0, 0.0).pairs == pytest.approx(math.log(40) / math.log(1 + 0.45 / 1.1))
    assert expected_pairs(policy, "tpr", 0.9, 0.85).pairs == math.inf  # within the limit: no bet gains


def test_the_plan_is_near_what_the_monitor_does():
    policy = MonitorPolicy(metrics=("tpr",), groups={"sex": ("f", "m")}, detectors=("betting",))
    rng, halts = np.random.default_rng(0), []
    for _ in range(40):
        state, number = begin(policy), 0
        while not state.halted:
            for sex, rate in (("f", 0.55), ("m", 0.85)):
                number += 1
                state = fold(
                    state, OutcomeEvent(number, {"sex": sex}, {"tpr": float(rng.random() < rate)}, "1"), policy
                )
        halts.append(state.streams[0].pairs)
    assert np.mean(halts) == pytest.approx(expected_pairs(policy, "tpr", 0.55, 0.85).pairs, rel=0.25)


def test_the_slowest_stream_sets_the_forecast_and_prevalence_group_share_and_delay_count():
    (found,) = forecast(POLICY, MIX, (0.3,))
    assert found.metric == "tpr"  # a fifth of the patients are ill
    growth = expected_pairs(POLICY, "tpr", 0.55, 0.85)
    assert found.patients == math.ceil(growth.pairs / (0.2 * 0.3))
    later = CaseMix(0.2, MIX.shares, MIX.rates, delay_days=10, patients_per_day=50)
    (waited,) = forecast(POLICY, later, (0.3,))
    assert waited.patients - found.patients == 500
    assert waited.days == pytest.approx(waited.patients / 50, rel=1e-3)


def test_what_cannot_be_found_is_said_and_does_not_loosen_the_exposure():
    (nobody,) = forecast(POLICY, CaseMix(0.2, {"sex": {"m": 1.0}}, MIX.rates), (0.15,))
    assert nobody.patients is None
    assert exposure([nobody], most=5000) == 5000
    assert exposure(forecast(POLICY, MIX), most=100_000_000) == forecast(POLICY, MIX)[0].patients
    assert exposure(forecast(POLICY, MIX), most=300) == 300


def test_an_intersection_is_as_large_as_its_parts_make_it():
    groups = {"age": ("a", "b"), "sex": ("f", "m"), "age × sex": ("a × f", "b × m")}
    policy = MonitorPolicy(metrics=("tpr",), groups=groups)
    mix = CaseMix(0.5, {"age": {"a": 0.2, "b": 0.8}, **MIX.shares}, MIX.rates)
    (found,) = forecast(policy, mix, (0.2,))
    assert (found.attribute, found.first) == ("age × sex", "a × f")
    assert found.patients == math.ceil(expected_pairs(policy, "tpr", 0.65, 0.85).pairs / (0.5 * 0.2 * 0.3))


def test_advisory_streams_are_no_part_of_the_forecast():
    policy = MonitorPolicy(metrics=("tpr", "fpr"), groups={"sex": ("f", "m")}, advisory=("tpr",))
    assert forecast(policy, MIX, (0.2,))[0].metric == "fpr"
    with pytest.raises(PolicyError, match="advisory"):
        MonitorPolicy(metrics=("tpr",), groups={"sex": ("f", "m")}, advisory=("fpr",))


def test_an_old_policy_keeps_its_digest():
    raw = MonitorPolicy(metrics=("tpr",), groups={"sex": ("f", "m")}).as_dict()
    assert "advisory" not in raw


@pytest.mark.parametrize("score", [0.0, 0.05, 0.2, 0.5, 0.99, 1.0])
def test_calibration_values_lie_in_the_unit_interval_and_differ_by_the_residual(score):
    (ill, part), (healthy, same) = calibration_case(score, 1), calibration_case(score, 0)
    assert part == same
    assert 0 <= healthy <= ill <= 1
    assert ill - healthy == pytest.approx(SCALE)  # residuals that differ by 1


def test_a_gap_of_residuals_at_the_limit_is_fair_to_the_bets_and_more_is_found():
    policy = MonitorPolicy(metrics=("calibration",), groups={"sex": ("f", "m")}, detectors=("betting",))
    base, slope = policy.steps[0][-1]
    assert base + slope * 0.1 * SCALE == pytest.approx(1.0)
    rng = np.random.default_rng(1)

    def halted(gap: float) -> bool:
        state = begin(policy)
        for number in range(4000):
            sex, score = "fm"[number % 2], 0.5 + 0.1 * rng.random()
            value, part = calibration_case(score, float(rng.random() < score - gap * (sex == "f")))
            state = fold(state, OutcomeEvent(number + 1, {"sex": sex}, {"calibration": value}, None, part), policy)
        return state.halted

    assert not halted(0.05)
    assert halted(0.3)
