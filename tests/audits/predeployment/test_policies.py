"""Policies of audits are approved as models are: by independent people, in services and in the database."""

from __future__ import annotations

import copy

import pytest
from django.db import DatabaseError, transaction

from audits.predeployment import policies, services
from audits.predeployment.models import AuditPolicy, PolicyDecision
from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role
from federation.domain.messages import digest
from federation.models import Participant
from tests.factories.people import make_user

State = AuditPolicy.State


@pytest.fixture
def stricter(world):
    content = copy.deepcopy(policies.in_force("limited").content)
    content["checks"]["bias_score"]["settings"]["threshold"] = 0.05
    return content


@pytest.fixture
def proposal(people, stricter) -> AuditPolicy:
    return policies.policy_propose(
        risk_class="limited", content=stricter, justification="Smaller gaps.", actor=people.administrator
    )


def decide(policy, actor, decision="approve"):
    return policies.policy_decide(policy=policy, decision=decision, reason="Reviewed.", actor=actor)


def approve(policy, people):
    for actor in (people.officer_north, people.officer_south, people.administrator2):
        decide(policy, actor)
    policy.refresh_from_db()


def refused(words: str):
    return pytest.raises(DatabaseError, match=words)


def test_without_any_decision_the_shipped_policy_is_in_force_and_written_once(world):
    first = policies.in_force("high")
    assert first.shipped and first.state == State.APPROVED and policies.in_force("high") == first
    assert first.content_digest == digest(first.content)
    with pytest.raises(ApplicationError, match="Expected a class of risk"):
        policies.in_force("none")


def test_an_approved_policy_is_in_force_for_the_next_audit_and_running_ones_keep_theirs(version, people, proposal):
    shipped = policies.in_force("limited")
    running = services.audit_start(version=version, actor=people.administrator)
    approve(proposal, people)
    running.refresh_from_db()
    assert proposal.state == State.APPROVED and proposal.closed_at and policies.in_force("limited") == proposal
    assert running.approved_policy == shipped and running.policy["checks"]["bias_score"]["settings"]["threshold"] == 0.1
    services.audit_stop(audit=running, reason="again", actor=people.administrator)
    following = services.audit_start(version=version, actor=people.administrator)
    assert following.approved_policy == proposal
    assert following.policy["checks"]["bias_score"]["settings"]["threshold"] == 0.05


def test_what_people_approved_outlives_a_release_that_ships_another(people, proposal, settings):
    approve(proposal, people)
    settings.AUDIT_CHECKS = ("bias_score",)
    assert policies.in_force("limited") == proposal
    assert policies.in_force("high").content["checks"].keys() == {"bias_score"}


def test_a_proposal_is_written_out_in_full(people):
    made = policies.policy_propose(
        risk_class="high", content={"checks": {"bias_score": {"decides": "certifies"}}}, justification="Only this.",
        actor=people.officer_north,
    )  # fmt: skip
    assert made.content["checks"]["bias_score"]["settings"]["threshold"] == 0.1
    assert made.state == State.UNDER_REVIEW and not made.shipped and made.content_digest == digest(made.content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "expected an object"),
        ([], "expected an object"),
        ("all", "expected an object"),
        ({"checks": {}}, "at least one check that must pass"),
        ({"checks": {"aif360": {"decides": "informs"}}}, "at least one check that must pass"),
        ({"checks": {"horoscope": {"decides": "certifies"}}}, "expected a check among"),
        ({"checks": {"bias_score": {"decides": "maybe"}}}, "expected decides among"),
        ({"checks": {"bias_score": {"decides": ["certifies"]}}}, "expected decides among"),
        ({"checks": {"bias_score": {"decides": "certifies", "tiers": ["slow"]}}}, "expected tiers among"),
        ({"checks": {"bias_score": {"decides": "certifies", "tiers": [["quick"]]}}}, "expected tiers among"),
        ({"checks": {"bias_score": {"decides": "certifies", "settings": {"threshold": 7}}}}, "from 0"),
        ({"checks": {"bias_score": {"decides": "certifies", "settings": {"threshold": "low"}}}}, "to be a number"),
        ({"checks": {"bias_score": {"decides": "certifies", "settings": {"luck": 1}}}}, "expected settings among"),
        ({"checks": {"bias_score": {"decides": "certifies", "settings": {"threshold": 10**400}}}}, "too large"),
        ({"checks": {"bias_score": {"decides": "certifies", "settings": {"threshold": float("nan")}}}}, "from 0"),
        ({"seed": 4, "checks": {"bias_score": {"decides": "certifies"}}}, "the one seed"),
    ],
)
def test_a_content_that_is_not_allowed_is_refused_in_words(people, content, words):
    with pytest.raises(ApplicationError, match=words):
        policies.policy_propose(risk_class="limited", content=content, justification="x", actor=people.administrator)
    assert not AuditPolicy.objects.filter(shipped=False).exists()


def test_a_proposal_needs_a_justification_a_class_and_a_change(people, stricter):
    given = {"content": stricter, "justification": "why", "risk_class": "limited", "actor": people.administrator}
    for wrong, error, words in (
        ({"justification": "  "}, ApplicationError, "Give a justification"),
        ({"risk_class": "none"}, ApplicationError, "Expected a class"),
        ({"content": policies.in_force("limited").content}, Conflict, "Nothing would change"),
    ):
        with pytest.raises(error, match=words):
            policies.policy_propose(**{**given, **wrong})


def test_one_proposal_of_a_class_at_a_time(people, proposal, stricter):
    with pytest.raises(Conflict, match="under review"):
        policies.policy_propose(risk_class="limited", content=stricter, justification="x", actor=people.officer_north)
    policies.policy_withdraw(policy=proposal, actor=people.administrator)
    again = policies.policy_propose(
        risk_class="limited", content=stricter, justification="x", actor=people.officer_north
    )
    assert again.number == proposal.number + 1


def test_the_requester_does_not_decide_neither_for_nor_against(people, proposal):
    for decision in ("approve", "reject"):
        with pytest.raises(Forbidden, match="other people decide"):
            decide(proposal, people.administrator, decision)


@pytest.mark.parametrize("decision", ["approve", "reject"])
@pytest.mark.parametrize("who", ["auditor", "operator_north", "clinician", "outsider"])
def test_who_has_no_say_decides_nothing(people, proposal, who, decision):
    with pytest.raises(Forbidden, match="Ethics officers of institutions that take part"):
        decide(proposal, getattr(people, who), decision)
    assert not proposal.decisions.exists()


def test_an_officer_whose_institution_left_every_federation_has_no_say(people, proposal):
    Participant.objects.filter(institution=people.south).update(is_active=False)
    with pytest.raises(Forbidden):
        decide(proposal, people.officer_south)


def test_an_administrator_approves_after_the_officers_and_rejects_at_any_time(people, proposal):
    with pytest.raises(Conflict, match="officers decide first"):
        decide(proposal, people.administrator2)
    assert not policies.awaits(proposal, people.administrator2) and policies.awaits(proposal, people.officer_north)
    decide(proposal, people.administrator2, "reject")
    proposal.refresh_from_db()
    assert proposal.state == State.REJECTED and policies.in_force("limited").shipped


def test_two_officers_of_one_institution_are_not_enough(people, proposal):
    second = make_user("officer.north2@test.example", Role.ETHICS_OFFICER, people.north)
    decide(proposal, people.officer_north)
    decide(proposal, second)
    with pytest.raises(Conflict, match="2 different institutions"):
        decide(proposal, people.administrator2)


def test_nobody_decides_twice_and_nobody_on_a_closed_proposal(people, proposal):
    decide(proposal, people.officer_north)
    with pytest.raises(Conflict, match="already decided"):
        decide(proposal, people.officer_north, "reject")
    decide(proposal, people.officer_south, "reject")
    for act in (lambda: decide(proposal, people.administrator2), lambda: policies.policy_withdraw(
        policy=proposal, actor=people.administrator)):  # fmt: skip
        with pytest.raises(Conflict, match="is rejected"):
            act()


@pytest.mark.parametrize(("decision", "reason", "words"), [("maybe", "r", "among"), ("approve", " ", "reason")])
def test_a_decision_is_one_of_two_and_has_a_reason(people, proposal, decision, reason, words):
    with pytest.raises(ApplicationError, match=words):
        policies.policy_decide(policy=proposal, decision=decision, reason=reason, actor=people.officer_north)


# --- the second wall: the database, whoever goes around the services ---------------------------------------------


def insert(policy, user, **fields):
    values = {
        "policy": policy, "decided_by": user, "requested_by": policy.requested_by, "capacity": Role.ETHICS_OFFICER,
        "institution": user.institution, "decision": "approve", "reason": "raw",
        "content_digest": policy.content_digest, **fields,
    }  # fmt: skip
    with transaction.atomic():
        return PolicyDecision.objects.create(**values)


def update(policy, **values):
    with transaction.atomic():
        AuditPolicy.objects.filter(id=policy.id).update(**values)


@pytest.mark.parametrize(
    "change", [{"content": {}}, {"content_digest": "0" * 64}, {"risk_class": "high"}, {"number": 9}, {"shipped": True}]
)
def test_a_policy_never_changes(proposal, change):
    with refused("a policy never changes"):
        update(proposal, **change)


def test_no_policy_is_deleted(proposal):
    with refused("Cannot delete"), transaction.atomic():
        AuditPolicy.objects.filter(id=proposal.id).delete()


def test_a_policy_does_not_begin_approved(people, stricter):
    with refused("begins under review"), transaction.atomic():
        AuditPolicy.objects.create(
            risk_class="limited", number=9, content=stricter, content_digest="0" * 64, state=State.APPROVED,
            requested_by=people.administrator, justification="raw",
        )  # fmt: skip


def test_a_row_that_says_it_was_shipped_is_not_in_force_unless_the_platform_ships_it(world, stricter):
    AuditPolicy.objects.create(
        risk_class="limited", number=9, content=stricter, content_digest=digest(stricter), state=State.APPROVED,
        shipped=True,
    )  # fmt: skip
    assert policies.in_force("limited").number == 1


def test_nothing_is_approved_without_the_quorum(people, proposal):
    with refused("has 0 of 0 and 0"):
        update(proposal, state=State.APPROVED)
    insert(proposal, people.officer_north)
    insert(proposal, people.officer_south)
    with refused("has 2 of 2 and 0"):
        update(proposal, state=State.APPROVED)


def test_a_closed_policy_stays_closed_and_takes_no_decision(people, proposal):
    update(proposal, state=State.WITHDRAWN)
    with refused("that is withdrawn cannot become"):
        update(proposal, state=State.UNDER_REVIEW)
    with refused("the policy is withdrawn"):
        insert(proposal, people.officer_north)


def test_a_decision_is_independent_bound_and_of_somebody_who_holds_the_role(people, proposal):
    for user, fields, words in (
        (people.administrator, {"capacity": Role.ADMINISTRATOR}, "requester must not decide"),
        (people.officer_north, {"requested_by": people.officer_south}, "requester must not decide"),
        (people.officer_north, {"content_digest": "f" * 64}, "on other content"),
        (people.officer_north, {"institution": people.south}, "does not hold the role"),
        (people.officer_north, {"institution": None}, "does not hold the role|policy_officer_has_institution"),
        (people.auditor, {"capacity": Role.ADMINISTRATOR}, "does not hold the role"),
        (people.outsider, {}, "takes part in no federation"),
    ):
        with refused(words):
            insert(proposal, user, **fields)


def test_a_decision_is_never_changed_nor_removed_nor_doubled(people, proposal):
    made = insert(proposal, people.officer_north)
    with refused("Cannot update"), transaction.atomic():
        PolicyDecision.objects.filter(id=made.id).update(decision="reject")
    with refused("Cannot update or delete"), transaction.atomic():
        PolicyDecision.objects.filter(id=made.id).delete()
    with refused("one_policy_decision_each"):
        insert(proposal, people.officer_north)
