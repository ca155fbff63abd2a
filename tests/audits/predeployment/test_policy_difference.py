from __future__ import annotations

import copy

import pytest

from audits.predeployment.policy import checked
from audits.predeployment.policy_difference import difference


@pytest.fixture
def before():
    return checked(
        {"checks": {"bias_score": {"decides": "certifies"}, "aif360": {"decides": "informs", "tiers": ["quick"]}}}
    )


def changed(before, **parts):
    after = copy.deepcopy(before)
    for name, part in parts.items():
        if part is None:
            del after["checks"][name]
        else:
            after["checks"].setdefault(name, {"decides": "informs", "tiers": ["quick"], "settings": {}}).update(part)
    return [(c.check_id, c.what, c.before, c.after, c.effect.value) for c in difference(before, after)]


def test_the_same_policy_has_no_difference(before):
    assert changed(before) == []


@pytest.mark.parametrize(("value", "effect"), [(0.05, "tighter"), (0.2, "looser")])
def test_a_limit_that_moves_says_to_which_side(before, value, effect):
    settings = before["checks"]["bias_score"]["settings"] | {"threshold": value}
    assert changed(before, bias_score={"settings": settings}) == [("bias_score", "threshold", 0.1, value, effect)]


@pytest.mark.parametrize(
    ("check", "decides", "was", "now", "effect"),
    [
        ("bias_score", "informs", "must pass", "informs", "looser"),
        ("bias_score", "refutes", "must pass", "a fail decides", "looser"),
        ("aif360", "refutes", "informs", "a fail decides", "tighter"),
    ],
)
def test_deciding_more_is_tighter_and_less_is_looser(before, check, decides, was, now, effect):
    assert changed(before, **{check: {"decides": decides}}) == [(check, "Decides", was, now, effect)]


def test_a_check_that_is_added_or_left_out(before):
    assert changed(before, aif360=None) == [("aif360", "Decides", "informs", None, "looser")]
    assert changed(before, representation={}) == [("representation", "Decides", None, "informs", "tighter")]


def test_tiers(before):
    assert changed(before, aif360={"tiers": ["certification", "quick"]})[0][4] == "tighter"
    assert changed(before, bias_score={"tiers": ["quick"]})[0][4] == "looser"
    assert changed(before, aif360={"tiers": ["certification"]})[0][4] == "changed"


def test_a_setting_with_no_strict_side_and_a_check_that_is_not_installed(before):
    gone = {"decides": "informs", "tiers": ["quick"], "settings": {"depth": 3}}
    old = copy.deepcopy(before)
    old["checks"]["gone"] = gone
    new = copy.deepcopy(old)
    new["checks"]["gone"] = {**gone, "settings": {"depth": 4}}
    (line,) = difference(old, new)
    assert (line.title, line.what, line.before, line.after, line.effect.value) == ("gone", "depth", 3, 4, "changed")
