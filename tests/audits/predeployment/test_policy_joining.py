"""Two people's changes of one policy in one; what both changed is shown, and nothing is lost."""

from __future__ import annotations

import pytest
from django.urls import reverse

from audits.predeployment import policies
from audits.predeployment.policy_joining import joined
from core.errors import ApplicationError
from tests.audits.predeployment.test_policy_pages import rows_of, text_of


def policy(**thresholds) -> dict:
    checks = {
        name: {"decides": "informs", "tiers": ["quick"], "settings": {"threshold": value}}
        for name, value in thresholds.items() if value is not None
    }  # fmt: skip
    return {"format": 1, "seed": 1, "checks": checks}


@pytest.mark.parametrize(
    ("base", "theirs", "mine", "result", "taken", "clashes"),
    [
        ({"mdss": 1}, {"mdss": 1}, {"mdss": 2}, {"mdss": 2}, (), []),
        ({"mdss": 1}, {"mdss": 2}, {"mdss": 1}, {"mdss": 2}, ("Subgroups that nobody named",), []),
        ({"mdss": 1}, {"mdss": 2}, {"mdss": 2}, {"mdss": 2}, (), []),
        ({"mdss": 1}, {"mdss": 2}, {"mdss": 3}, {"mdss": 3}, (), ["mdss"]),
        ({"mdss": 1, "lime": 1}, {"mdss": 2, "lime": 1}, {"mdss": 1, "lime": 2}, {"mdss": 2, "lime": 2},
         ("Subgroups that nobody named",), []),
        ({"mdss": 1}, {}, {"mdss": 1}, {}, ("Subgroups that nobody named",), []),
        ({"mdss": 1}, {}, {"mdss": 2}, {"mdss": 2}, (), ["mdss"]),
        ({}, {"lime": 1}, {"mdss": 1}, {"lime": 1, "mdss": 1}, ("Explanations by LIME",), []),
    ],
)  # fmt: skip
def test_both_changes_are_joined_check_by_check(base, theirs, mine, result, taken, clashes):
    both = joined(policy(**base), policy(**theirs), policy(**mine))
    assert both.content == policy(**result) and both.taken == taken
    assert [clash.check_id for clash in both.clashes] == clashes


def put_into_force(people, content) -> None:
    made = policies.policy_propose(
        risk_class="limited", content=content, justification="First.", actor=people.administrator
    )
    for actor in (people.officer_north, people.officer_south, people.administrator2):
        policies.policy_decide(policy=made, decision="approve", reason="Read.", actor=actor)


def test_the_page_keeps_what_came_into_force_meanwhile_and_shows_a_clash(world, people, signed_in):
    first = policies.in_force("limited")
    client, path = signed_in(people.officer_north), reverse("policy_new", args=["limited"])
    page = client.get(path).content.decode()
    assert f'name="base" value="{first.number}"' in page
    theirs = policies.in_force("limited").content
    theirs["checks"]["bias_score"]["settings"]["threshold"] = 0.05
    theirs["checks"].pop("aif360")
    put_into_force(people, theirs)
    mine = rows_of(first.content, **{"bias_score.threshold": 0.08, "base": first.number})
    text = text_of(client.post(path, mine), 409)
    assert "In force now" in text and "0.050" in text and "0.080" in text and "Smaller gaps." in text
    assert f'name="base" value="{policies.in_force("limited").number}"' in text
    only = rows_of(first.content, **{"lime.required": 90, "base": first.number})
    made = client.post(path, only)
    assert made.status_code == 302
    proposed = policies.AuditPolicy.objects.get(state="under_review").content
    assert proposed["checks"]["bias_score"]["settings"]["threshold"] == 0.05 and "aif360" not in proposed["checks"]
    assert proposed["checks"]["lime"]["settings"]["required"] == 90


def test_a_base_that_never_was_is_refused(people):
    content = policies.in_force("limited").content
    content["checks"].pop("aif360")
    with pytest.raises(ApplicationError, match="no policy 99"):
        policies.policy_propose(
            risk_class="limited", content=content, justification="x", actor=people.administrator, base=99
        )
