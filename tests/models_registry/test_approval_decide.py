from __future__ import annotations

import pytest
from django.utils import translation

from accounts.models import Membership
from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role
from federation.domain.messages import digest
from models_registry import services
from models_registry.approvals import may_decide
from models_registry.models import ApprovalDecision, ApprovalRequest, Version
from tests.database import rewrite_version
from tests.factories.federation import World
from tests.factories.people import make_user

State = ApprovalRequest.State


def decide(request: ApprovalRequest, actor, decision: str = "approve", reason: str = "Reviewed.") -> ApprovalDecision:
    return services.approval_decide(request=request, decision=decision, reason=reason, actor=actor)


def state_of(request: ApprovalRequest) -> str:
    request.refresh_from_db()
    return request.state


def test_two_officers_and_then_an_administrator_approve(world: World, approval: ApprovalRequest) -> None:
    people = world.people
    first = decide(approval, people.officer_north)
    assert (first.capacity, first.institution) == (Role.ETHICS_OFFICER, people.north)
    decide(approval, people.officer_south)
    assert state_of(approval) == State.UNDER_REVIEW

    last = decide(approval, people.administrator2)

    assert (last.capacity, last.institution) == (Role.ADMINISTRATOR, None)
    assert state_of(approval) == State.APPROVED
    assert approval.closed_at is not None


def test_the_administrator_waits_for_the_officers_and_is_told_what_is_missing(
    world: World, approval: ApprovalRequest
) -> None:
    decide(approval, world.people.officer_north)

    with pytest.raises(Conflict, match=r"1 more ethics officer; officers of 2 different institutions \(so far 1\)"):
        decide(approval, world.people.administrator2)


def test_refusals_are_in_the_readers_language(world: World, approval: ApprovalRequest) -> None:
    people = world.people
    decide(approval, people.officer_north)
    for actor, english, german in (
        (people.officer_north, "already decided on this request", "schon entschieden (Antrag)"),
        (people.administrator, "You made this request", "selbst vorgelegt haben (Antrag)"),
        (people.administrator2, "The officers decide first", "Zuerst entscheiden die Ethikbeauftragten"),
        (people.auditor, "the federation's institutions decide", "(aus den Einrichtungen des Verbunds)"),
    ):
        for language, words in (("en", english), ("de", german)):
            with translation.override(language), pytest.raises(ApplicationError) as refused:
                decide(approval, actor)
            assert words in refused.value.message


def test_two_officers_of_one_institution_are_not_enough(world: World, approval: ApprovalRequest) -> None:
    second = make_user("officer.north2@test.example", Role.ETHICS_OFFICER, world.people.north)
    decide(approval, world.people.officer_north)
    decide(approval, second)

    with pytest.raises(Conflict, match=r"missing: officers of 2 different institutions"):
        decide(approval, world.people.administrator2)


def test_the_requester_never_decides(world: World, approval: ApprovalRequest) -> None:
    Membership.objects.create(user=world.people.administrator, institution=world.people.north, role=Role.ETHICS_OFFICER)

    for decision in ("approve", "reject"):
        with pytest.raises(Forbidden, match="You made this request"):
            decide(approval, world.people.administrator, decision)


@pytest.mark.parametrize("who", ["auditor", "operator_north", "clinician", "outsider"])
@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_nobody_else_decides(world: World, approval: ApprovalRequest, who: str, decision: str) -> None:
    with pytest.raises(Forbidden):
        decide(approval, getattr(world.people, who), decision)

    assert not approval.decisions.exists()


@pytest.mark.parametrize("who", ["officer_north", "administrator2"])
def test_any_rejection_closes_the_request(world: World, approval: ApprovalRequest, who: str) -> None:
    decide(approval, getattr(world.people, who), "reject", "The gap is too near the limit.")

    assert state_of(approval) == State.REJECTED
    with pytest.raises(Conflict, match="rejected"):
        decide(approval, world.people.officer_south)


def test_nobody_decides_twice(world: World, approval: ApprovalRequest) -> None:
    decide(approval, world.people.officer_north)

    with pytest.raises(Conflict, match="already decided"):
        decide(approval, world.people.officer_north, "reject")


def test_a_past_officer_does_not_decide(world: World, approval: ApprovalRequest) -> None:
    world.people.officer_north.memberships.update(is_active=False)

    with pytest.raises(Forbidden):
        decide(approval, world.people.officer_north)


def test_who_is_officer_and_administrator_acts_as_officer_first(world: World, approval: ApprovalRequest) -> None:
    both = world.people.administrator2
    Membership.objects.create(user=both, institution=world.people.north, role=Role.ETHICS_OFFICER)

    assert decide(approval, both).capacity == Role.ETHICS_OFFICER


def test_who_is_both_completes_the_quorum_as_administrator(world: World, approval: ApprovalRequest) -> None:
    both = world.people.administrator2
    Membership.objects.create(user=both, institution=world.people.north, role=Role.ETHICS_OFFICER)
    decide(approval, world.people.officer_north)
    decide(approval, world.people.officer_south)

    assert decide(approval, both).capacity == Role.ADMINISTRATOR
    assert state_of(approval) == State.APPROVED


@pytest.mark.parametrize("fields", [{"decision": "maybe"}, {"reason": " "}])
def test_bad_input_is_refused(world: World, approval: ApprovalRequest, fields: dict) -> None:
    with pytest.raises(ApplicationError):
        decide(approval, world.people.officer_north, **fields)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("field", "value", "said"),
    [("weights_digest", "f" * 64, "weights of the quantum model"), ("manifests", {}, "data manifests"),
     ("config_hash", "f" * 64, "configuration")],
)  # fmt: skip
def test_a_decision_on_changed_content_voids_the_request(
    world: World, approval: ApprovalRequest, field: str, value: object, said: str
) -> None:
    rewrite_version(approval.version_id, field, value)

    with pytest.raises(Conflict, match=f"content has changed.*{said}"):
        decide(approval, world.people.officer_north)

    assert state_of(approval) == State.VOIDED
    assert not approval.decisions.exists()


@pytest.mark.django_db(transaction=True)
def test_the_voiding_is_recorded_under_its_own_action(world: World, approval: ApprovalRequest) -> None:
    from core.models import Outbox

    rewrite_version(approval.version_id, "weights_digest", "f" * 64)
    with pytest.raises(Conflict):
        decide(approval, world.people.officer_north)

    entry = Outbox.objects.filter(table="models_registry_approvalrequest").latest("id")
    assert (entry.said.action, entry.said.reason) == ("approval.void", "changed: the weights of the quantum model")


def test_a_request_waits_for_the_right_people(world: World, approval: ApprovalRequest) -> None:
    people = world.people
    waits = {
        name: may_decide(approval, getattr(people, name)) for name in vars(people) if name not in {"north", "south"}
    }

    assert {name for name, may in waits.items() if may} == {"officer_north", "officer_south"}
    decide(approval, people.officer_north)
    decide(approval, people.officer_south)
    assert may_decide(approval, people.administrator2)
    assert not may_decide(approval, people.administrator)


def test_a_request_that_binds_nothing_cannot_be_approved(world: World, audited: Version) -> None:
    request = ApprovalRequest.objects.create(
        version=audited, kind="clinical", content={}, content_digest=digest({}), policy={}, justification="raw",
        requested_by=world.people.administrator,
    )  # fmt: skip

    with pytest.raises(Conflict, match="content has changed"):
        decide(request, world.people.officer_north)

    assert state_of(request) == State.VOIDED
