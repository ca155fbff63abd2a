import json

import pytest

from audits.predeployment.policy import PolicyError, kernel_order, policy_for

WITHOUT = {"local": {"dp": None}, "epsilon_budget": None}
WITH = {"local": {"dp": {"noise_multiplier": 1.0, "max_grad_norm": 1.0, "delta": 1e-5}}, "epsilon_budget": 8.0}


def test_only_the_bias_score_gates_without_differential_privacy():
    assert policy_for(WITHOUT, threshold=0.1)["gating"] == ["bias_score"]


def test_epsilon_gates_against_the_consented_budget_where_privacy_was_declared():
    policy = policy_for(WITH, threshold=0.1)
    assert policy["gating"] == ["bias_score", "epsilon"]
    assert policy["privacy"] == {"budget": 8.0, "declared": True}


def test_the_policy_is_plain_json_and_of_one_seed():
    policy = policy_for(WITHOUT, threshold=0.1)
    assert json.loads(json.dumps(policy)) == policy
    assert policy["seed"] == policy_for(WITH, threshold=0.1)["seed"]


def test_a_choice_does_not_leak_into_the_next_audit():
    assert policy_for(WITHOUT, {"bias.threshold": 0.05}, threshold=0.1)["bias"]["threshold"] == 0.05
    assert policy_for(WITHOUT, threshold=0.1)["bias"]["threshold"] == 0.1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bias.threshold", 0.2),  # loosened
        ("bias.threshold", float("nan")),
        ("bias.min_count", 5),
        ("bias.draws", 2500.5),
        ("bias.confidence", True),
        ("lime.required", 60),
        ("seed", 1),  # who chooses the seed may audit until it passes
        ("gating", 0),
    ],
)
def test_a_gate_cannot_be_loosened_nor_the_seed_chosen(name, value):
    with pytest.raises(PolicyError):
        policy_for(WITHOUT, {name: value}, threshold=0.1)


def test_the_kernel_learns_nothing_from_the_data_under_test():
    order = kernel_order(policy_for(WITHOUT, threshold=0.1))
    assert order.centre is None and order.scale is None and order.bandwidth == 0.45
