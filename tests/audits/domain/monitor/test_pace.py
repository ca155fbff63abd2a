import math

import numpy as np
import pytest

from audits.domain.monitor.pace import FEWEST, RECENT, Pace, pace


def walk(gains, step=25):
    return [(step * i, value) for i, value in enumerate(np.concatenate([[0.0], np.cumsum(gains)]))]


def test_a_steady_growth_reaches_the_limit_when_arithmetic_says_so():
    found = pace(walk([0.1] * 10), 2.0)  # at 1.0 after 250 outcomes: another 1.0 takes another 250
    assert found.growth == pytest.approx(0.004)
    assert found.outcomes == pytest.approx(250) == pytest.approx(found.soonest) == pytest.approx(found.latest)


def test_an_uneven_growth_has_an_interval_around_it():
    found = pace(walk([0.05, 0.15] * 6), 2.0)
    assert found.outcomes == pytest.approx((2.0 - 1.2) / 0.004)
    assert found.soonest < found.outcomes < found.latest


@pytest.mark.parametrize(
    ("why", "history"),
    [
        ("nothing yet", []),
        ("too few steps", walk([0.1] * (FEWEST - 1))),
        ("flat", walk([0.0] * 20)),
        ("falling", walk([-0.1] * 20)),
        ("growth that chance explains", walk([0.5, -0.45] * 10)),
        ("all is lost", [*walk([0.1] * 10), (300, None)]),
        ("the same position again and again", [(5, 0.1 * i) for i in range(20)]),
    ],
)
def test_what_does_not_grow_has_no_time_to_decision(why, history):
    assert not pace(history, 2.0).estimable, why


def test_what_has_reached_its_limit_is_decided():
    assert pace(walk([0.5] * 10), 2.0) == Pace(outcomes=0.0, soonest=0.0, latest=0.0)


def test_only_the_latest_steps_count():
    old, new = [-0.2] * 30, [0.1] * RECENT
    assert pace(walk(old + new), 2.0).growth == pytest.approx(0.004)


def test_steps_of_different_widths_weigh_as_the_outcomes_they_hold():
    history = [(0, 0.0), *[(25 * i, 0.1 * i) for i in range(1, 9)], (400, 1.6), (800, 3.2)]
    assert pace(history, 4.0).growth == pytest.approx(0.004)


def test_the_estimate_is_right_on_average_for_a_walk_with_a_drift():
    rng = np.random.default_rng(1)
    estimates = [pace(walk(rng.normal(0.1, 0.03, RECENT)), 5.0).growth for _ in range(200)]
    assert math.isclose(float(np.mean(estimates)), 0.004, rel_tol=0.02)
