import math
import warnings

import numpy as np
import pytest
from scipy import stats

from federation.domain.privacy.accountant import (
    Spend,
    composed_epsilon,
    epsilon_pld,
    sampled_divergence,
    solve_noise,
    spent_epsilon,
)
from federation.domain.privacy.discrete import skellam_divergence

SETTINGS = [(1.0, 0.1, 100), (4.3, 0.1, 100), (3.0, 0.5, 30), (3.0, 0.25, 200), (2.0, 1.0, 10)]


@pytest.mark.parametrize(("noise", "rate", "steps"), SETTINGS)
def test_epsilon_agrees_with_the_accountant_of_opacus(noise, rate, steps):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # opacus warns that its own orders are few
        from opacus.accountants import RDPAccountant

        accountant = RDPAccountant()
        accountant.history = [(noise, rate, steps)]
        theirs = accountant.get_epsilon(delta=1e-5)
    assert spent_epsilon(noise, rate, steps, 1e-5) == pytest.approx(theirs, rel=0.01)


@pytest.mark.parametrize(("noise", "rate", "steps"), SETTINGS[:3])
def test_the_enforced_epsilon_is_never_below_the_nearly_exact_one(noise, rate, steps):
    rdp, pld = spent_epsilon(noise, rate, steps, 1e-5), epsilon_pld([Spend(noise, rate, steps)], 1e-5)
    assert 0.8 * rdp < pld <= rdp


def test_rounds_compose_like_one_long_run():
    rounds = [Spend(2.0, 0.2, 10)] * 5
    assert composed_epsilon(rounds, 1e-5) == pytest.approx(spent_epsilon(2.0, 0.2, 50, 1e-5))
    assert composed_epsilon([*rounds, Spend(1.0, 0.2, 10)], 1e-5) > composed_epsilon(rounds, 1e-5)


def test_no_step_has_spent_nothing():
    assert composed_epsilon([], 1e-5) == spent_epsilon(1.0, 0.1, 0, 1e-5) == epsilon_pld([], 1e-5) == 0


@pytest.mark.parametrize(
    ("noise", "rate", "steps", "delta"), [(0, 0.1, 1, 1e-5), (1, 0, 1, 1e-5), (1, 1.1, 1, 1e-5), (1, 1, 1, 0)]
)
def test_spends_out_of_range_are_refused(noise, rate, steps, delta):
    with pytest.raises(ValueError, match="expected"):
        spent_epsilon(noise, rate, steps, delta)


def test_the_figures_of_the_reference_setting_come_out():
    # 1000 patients, 100 a step, 100 steps, delta 1e-5: noise 3.98 costs 1.087 (Renyi) and 0.987 (nearly exact).
    assert spent_epsilon(3.98, 0.1, 100, 1e-5) == pytest.approx(1.087, abs=0.002)
    assert epsilon_pld([Spend(3.98, 0.1, 100)], 1e-5) == pytest.approx(0.987, abs=0.002)
    needed = solve_noise(lambda noise: [Spend(noise, 0.1, 100)], epsilon=1.0, delta=1e-5)
    assert 4.25 < needed < 4.30  # the reference's search stopped a hundredth of epsilon short
    assert 0.99 < spent_epsilon(needed, 0.1, 100, 1e-5) <= 1.0


def test_an_epsilon_that_no_noise_reaches_is_refused():
    with pytest.raises(ValueError, match="plan fewer steps"):
        solve_noise(lambda noise: [Spend(noise, 1.0, 10**9)], epsilon=0.01, delta=1e-9)


@pytest.mark.parametrize("rate", [0.1, 0.5, 1.0])
def test_fine_discrete_noise_costs_what_continuous_noise_costs(rate):
    continuous = composed_epsilon([Spend(3.0, rate, 50)], 1e-5)
    fine = composed_epsilon([Spend(3.0, rate, 50, levels=2**16, parameters=79)], 1e-5)
    coarse = composed_epsilon([Spend(3.0, rate, 50, levels=2**6, parameters=79)], 1e-5)
    assert continuous <= fine * 1.001
    assert fine == pytest.approx(continuous, rel=0.02)
    assert coarse > 1.1 * continuous  # what rounding adds to the sensitivity is paid for


def test_discrete_and_continuous_spends_compose():
    both = [Spend(3.0, 0.1, 50), Spend(3.0, 0.1, 50, levels=2**16, parameters=79)]
    assert composed_epsilon(both, 1e-5) == pytest.approx(spent_epsilon(3.0, 0.1, 100, 1e-5), rel=0.02)


def skellam_laws(variance, moved, reach=100):
    at = np.arange(-reach, reach + 1)
    return [stats.skellam.pmf(at - shift, variance / 2, variance / 2) for shift in (0, moved)]


def renyi(p, q, order):
    kept = (p > 1e-200) & (q > 1e-200)
    return math.log(np.exp(order * np.log(p[kept]) + (1 - order) * np.log(q[kept])).sum()) / (order - 1)


@pytest.mark.parametrize("variance", [20.0, 80.0])
@pytest.mark.parametrize("moved", [1, 3])
@pytest.mark.parametrize("order", [2, 4, 8])
def test_the_bound_of_skellam_noise_holds_and_is_tight(variance, moved, order):
    p, q = skellam_laws(variance, moved)
    exact, bound = renyi(p, q, order), skellam_divergence(order, variance=variance, l2=moved, l1=moved)
    assert exact <= bound < 1.5 * exact


@pytest.mark.parametrize("rate", [0.05, 0.5])
@pytest.mark.parametrize("order", [2, 5, 8])
def test_sampling_is_amplified_in_both_directions(rate, order):
    # One coordinate, one level: the bound allows for a move of levels + 1 = 2.
    spend = Spend(4.0, rate, 1, levels=1, parameters=1)
    p, q = skellam_laws(16.0, 2)
    mixed = (1 - rate) * p + rate * q
    worst = max(renyi(mixed, p, order), renyi(p, mixed, order))
    assert worst <= sampled_divergence(spend, order) < 2 * worst
