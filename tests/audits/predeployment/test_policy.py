"""What a policy may say, and what an audit makes of it. No database."""

from __future__ import annotations

import json

import pytest

from audits.predeployment.policy import PolicyError, checked, plan, resolve, shipped

WITHOUT = {"task": "classification", "local": {"dp": None}, "epsilon_budget": None}
WITH = {
    "task": "classification",
    "local": {"dp": {"noise_multiplier": 1.0, "max_grad_norm": 1.0, "delta": 1e-5}},
    "epsilon_budget": 8.0,
}
BIAS = {"decides": "certifies", "tiers": ["quick"], "settings": {"threshold": 0.08}}


def resolved(config=WITHOUT, *, tier="quick", risk="limited", chosen=None):
    content = shipped(risk, threshold=0.1)
    return resolve(content, tier=tier, config=config, reference_groups={"sex": "male"}, chosen=chosen)


@pytest.mark.parametrize("risk", ["limited", "high"])
def test_what_we_ship_is_a_policy_that_would_be_accepted(risk):
    content = shipped(risk, threshold=0.1)
    assert checked(json.loads(json.dumps(content))) == content


@pytest.mark.parametrize(("config", "decides"), [(WITHOUT, "informs"), (WITH, "certifies")])
def test_epsilon_decides_only_where_a_budget_was_promised(config, decides):
    policy = resolved(config)
    assert policy["checks"]["epsilon"]["decides"] == decides
    assert policy["checks"]["bias_score"]["decides"] == "certifies"


def test_the_policy_of_an_audit_is_plain_json_and_of_one_seed():
    policy = resolved()
    assert json.loads(json.dumps(policy)) == policy
    assert policy["seed"] == resolved(WITH, tier="certification", risk="high")["seed"]


def test_a_choice_does_not_leak_into_the_next_audit():
    assert resolved(chosen={"bias_score.threshold": 0.05})["checks"]["bias_score"]["settings"]["threshold"] == 0.05
    assert resolved()["checks"]["bias_score"]["settings"]["threshold"] == 0.1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bias_score.threshold", 0.2),  # loosened
        ("bias_score.threshold", float("nan")),
        ("bias_score.threshold", "0.05"),
        ("bias_score.threshold", True),
        ("bias_score.confidence", 0.9),
        ("bias_score.min_count", 500),  # not for whoever starts an audit
        ("bias_score", 1),
        ("unheard_of.threshold", 0.1),
        ("seed", 1),  # who chooses the seed may audit until it passes
    ],
)
def test_a_limit_cannot_be_loosened_nor_the_seed_chosen(name, value):
    with pytest.raises(PolicyError, match="expected"):
        resolved(chosen={name: value})


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "an object"),
        ({"checks": []}, "an object"),
        ({"checks": {}}, "at least one check that must pass"),
        ({"checks": {"bias_score": {**BIAS, "decides": "informs"}}}, "at least one check that must pass"),
        ({"checks": {"bias_score": {**BIAS, "decides": "perhaps"}}}, "decides among"),
        ({"checks": {"bias_score": {**BIAS, "tiers": []}}}, "tiers among"),
        ({"checks": {"bias_score": {**BIAS, "tiers": "quick"}}}, "tiers among"),
        ({"checks": {"bias_score": {**BIAS, "settings": {"threshold": 0}}}}, "threshold from 0.001"),
        ({"checks": {"bias_score": {**BIAS, "settings": {"limit": 0.1}}}}, "settings among"),
        ({"checks": {"bias_score": {**BIAS, "settings": 3}}}, "settings to be an object"),
        ({"checks": {"bias_score": {**BIAS, "more": 1}}}, "decides, tiers and settings"),
        ({"checks": {"unheard_of": BIAS}}, "a check among"),
        ({"checks": {"bias_score": BIAS}, "seed": 5}, "the one seed"),
        ({"checks": {"bias_score": BIAS}, "note": "x"}, "got also note"),
    ],
)
def test_a_policy_that_is_none_is_refused_with_what_was_expected(content, complaint):
    with pytest.raises(PolicyError, match=complaint):
        checked(content)


def test_settings_that_are_left_out_are_written_out():
    content = checked({"checks": {"bias_score": BIAS}})
    assert content["checks"]["bias_score"]["settings"]["draws"] == 2000
    assert content["checks"]["bias_score"]["settings"]["threshold"] == 0.08


def test_a_tier_without_a_check_that_must_pass_cannot_be_audited():
    content = checked({"checks": {"bias_score": BIAS}})
    with pytest.raises(PolicyError, match="none there"):
        resolve(content, tier="certification", config=WITHOUT, reference_groups={})


def test_several_checks_share_what_a_site_measures_once():
    content = checked({"checks": {"aif360": {**BIAS, "settings": {}}, "bias_score": BIAS}})
    policy = resolve(content, tier="quick", config=WITHOUT, reference_groups={})
    assert plan(policy) == [("bias_score", 0)]


def test_what_only_others_conclude_from_is_measured_too():
    content = checked({"checks": {"bias_score_baseline": {**BIAS, "settings": {}}}})
    policy = resolve(content, tier="quick", config=WITHOUT, reference_groups={})
    assert plan(policy) == [("bias_score", 0)]


def test_a_site_is_not_asked_what_is_not_for_the_task():
    images = resolved({**WITHOUT, "task": "segmentation"})
    assert "shot_attack" in images["checks"] and ("shot_attack", 0) not in plan(images)
    assert ("shot_attack", 0) in plan(resolved())


def test_a_policy_of_an_earlier_release_takes_the_default_of_a_setting_it_does_not_know():
    content = checked({"checks": {"bias_score": BIAS}})
    del content["checks"]["bias_score"]["settings"]["draws"]
    policy = resolve(content, tier="quick", config=WITHOUT, reference_groups={})
    assert policy["checks"]["bias_score"]["settings"]["draws"] == 2000


def test_a_policy_that_names_a_check_which_is_gone_is_refused_in_words():
    content = {"seed": 1, "checks": {"bias_score": BIAS, "gone": BIAS}}
    with pytest.raises(PolicyError, match="that this release can follow"):
        resolve(content, tier="quick", config=WITHOUT, reference_groups={})
