from dataclasses import replace

import pytest

from federation.domain.learning.config import DPConfig
from federation.domain.privacy.accountant import Spend, composed_epsilon
from federation.domain.privacy.config import Plan, PrivacyConfig, with_noise_for

PER_SITE = PrivacyConfig("per_site", epsilon=3.0, delta=1e-4, clip=0.5, noise_multiplier=3.0)
DISTRIBUTED = PrivacyConfig(
    "distributed", epsilon=1.0, delta=1e-4, clip=0.5, noise_multiplier=3.0, sample_rate=0.25, quorum=3, colluding=1,
    levels=2**16, parameters=79,
)  # fmt: skip


@pytest.mark.parametrize("config", [PrivacyConfig("none"), PER_SITE, DISTRIBUTED])
def test_what_is_written_is_read_again(config):
    assert PrivacyConfig.from_dict(config.as_dict()) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"regime": "most"}, "among none, per_site, distributed, got 'most'"),
        ({"regime": "none"}, "expected no epsilon, delta, clip, noise_multiplier"),
        ({"regime": "per_site"}, "expected no sample_rate, quorum, levels, parameters"),
        ({"epsilon": None}, "expected a epsilon"),
        ({"epsilon": 0}, "epsilon over 0"),
        ({"delta": 1.0}, "delta over 0 and under 1"),
        ({"sample_rate": 1.1}, "sample_rate over 0 and at most 1"),
        ({"quorum": 1}, "quorum to be a whole number of 2 or more"),
        ({"colluding": 3}, "fewer colluding sites than the quorum 3, got 3"),
        ({"levels": 2.5}, "levels to be a whole number"),
    ],
)
def test_what_makes_no_sense_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(DISTRIBUTED, **change)


def test_keys_are_exactly_known():
    with pytest.raises(ValueError, match=r"unexpected \['x'\]"):
        PrivacyConfig.from_dict({**PER_SITE.as_dict(), "x": 1})
    with pytest.raises(ValueError, match=r"missing \['quorum'\]"):
        PrivacyConfig.from_dict({k: v for k, v in PER_SITE.as_dict().items() if k != "quorum"})


def test_local_training_must_say_the_same():
    PER_SITE.require_agreement(dp=DPConfig(3.0, 0.5, 1e-4), epsilon_budget=3.0)
    PrivacyConfig("none").require_agreement(dp=None, epsilon_budget=None)
    for dp, budget in ((DPConfig(2.0, 0.5, 1e-4), 3.0), (None, 3.0), (DPConfig(3.0, 0.5, 1e-4), 4.0)):
        with pytest.raises(ValueError, match="agree"):
            PER_SITE.require_agreement(dp=dp, epsilon_budget=budget)


def test_a_plan_counts_the_steps_of_both_models():
    plan = Plan(rounds=5, epochs=3, batch_size=32, n_train=100)
    assert plan.spends(PER_SITE) == [Spend(3.0, 0.32, 2 * 5 * 3 * 4)]
    assert plan.spends(PER_SITE, rounds=2) == [Spend(3.0, 0.32, 2 * 2 * 3 * 4)]
    assert plan.spends(DISTRIBUTED) == [Spend(3.0, 0.25, 2 * 5, 2**16, 79)]
    assert replace(plan, n_train=0).spends(PER_SITE) == []


@pytest.mark.parametrize("regime", [PER_SITE, DISTRIBUTED])
def test_the_noise_is_the_least_that_keeps_every_site_within_epsilon(regime):
    plans = {"large": Plan(5, 3, 32, 150), "small": Plan(5, 3, 32, 60), "empty": Plan(5, 3, 32, 0)}
    solved = with_noise_for(regime, plans)
    costs = {site: composed_epsilon(plan.spends(solved), 1e-4) for site, plan in plans.items()}
    assert 0.99 * regime.epsilon < max(costs.values()) <= regime.epsilon
    assert costs["small"] >= costs["large"] and costs["empty"] == 0
