"""The second wall: the database itself refuses, whoever goes around the services."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import User
from core.errors import Conflict
from core.roles import Role
from models_registry import services
from models_registry.assessments import assessment_record
from models_registry.binding import BOARD
from models_registry.models import ApprovalDecision, ApprovalRequest, Assessment, Deployment, Version
from tests.factories.federation import World
from tests.factories.people import make_user
from tests.factories.registry import make_approved_request, make_assessment, make_evidence

State = ApprovalRequest.State


def refused(words: str):
    return pytest.raises(DatabaseError, match=words)


def insert(request: ApprovalRequest, user: User, **fields) -> ApprovalDecision:
    values = {
        "request": request, "decided_by": user, "requested_by": request.requested_by,
        "capacity": Role.ETHICS_OFFICER, "institution": user.institution, "decision": "approve", "reason": "raw",
        "content_digest": request.content_digest, **fields,
    }  # fmt: skip
    with transaction.atomic():
        return ApprovalDecision.objects.create(**values)


def set_state(request: ApprovalRequest, state: str) -> None:
    with transaction.atomic():
        ApprovalRequest.objects.filter(id=request.id).update(state=state)


def raw_request(version: Version, actor: User, kind: str = "clinical") -> ApprovalRequest:
    with transaction.atomic():
        return ApprovalRequest.objects.create(
            version=version, kind=kind, content={}, content_digest="a" * 64, policy={}, requested_by=actor,
            justification="raw",
        )  # fmt: skip


def test_the_requester_cannot_decide(world: World, approval: ApprovalRequest) -> None:
    with refused("the requester must not decide"):
        insert(approval, world.people.administrator, capacity=Role.ADMINISTRATOR, institution=None)


def test_the_requester_cannot_be_misnamed_to_decide(world: World, approval: ApprovalRequest) -> None:
    with refused("the requester must not decide"):
        insert(
            approval, world.people.administrator, capacity=Role.ADMINISTRATOR, institution=None,
            requested_by=world.people.administrator2,
        )  # fmt: skip


def test_a_role_that_is_not_held_gives_no_capacity(world: World, approval: ApprovalRequest) -> None:
    people = world.people
    with refused("does not hold the role ethics_officer there"):
        insert(approval, people.officer_north, institution=people.south)
    with refused("does not hold the role administrator there"):
        insert(approval, people.auditor, capacity=Role.ADMINISTRATOR, institution=None)
    with refused("does not hold the role ethics_officer there"):
        insert(approval, people.clinician)


def test_an_officer_without_institution_is_refused(world: World, approval: ApprovalRequest) -> None:
    with refused("does not hold the role|officer_has_institution"):
        insert(approval, world.people.officer_north, institution=None)


def test_a_decision_on_other_content_is_refused(world: World, approval: ApprovalRequest) -> None:
    with refused("the decision is on other content"):
        insert(approval, world.people.officer_north, content_digest="f" * 64)


def test_a_second_decision_of_one_person_is_refused(world: World, approval: ApprovalRequest) -> None:
    insert(approval, world.people.officer_north)
    with refused("one_decision_each"):
        insert(approval, world.people.officer_north)


def test_a_decision_is_never_changed_nor_removed(world: World, approval: ApprovalRequest) -> None:
    decision = insert(approval, world.people.officer_north)
    with refused("Cannot update"), transaction.atomic():
        ApprovalDecision.objects.filter(id=decision.id).update(decision="reject")
    with refused("Cannot update or delete"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM models_registry_approvaldecision")


def test_a_closed_request_takes_no_decision(world: World, approval: ApprovalRequest) -> None:
    set_state(approval, State.WITHDRAWN)
    with refused("the request is withdrawn"):
        insert(approval, world.people.officer_north)


def test_nothing_is_approved_without_anybody(approval: ApprovalRequest) -> None:
    with refused("has 0 of 0 and 0"):
        set_state(approval, State.APPROVED)


def test_officers_of_one_institution_do_not_approve(world: World, approval: ApprovalRequest) -> None:
    second = make_user("officer.north2@test.example", Role.ETHICS_OFFICER, world.people.north)
    insert(approval, world.people.officer_north)
    insert(approval, second)
    insert(approval, world.people.administrator2, capacity=Role.ADMINISTRATOR, institution=None)

    with refused("has 2 of 1 and 1"):
        set_state(approval, State.APPROVED)


def test_officers_without_an_administrator_do_not_approve(world: World, approval: ApprovalRequest) -> None:
    insert(approval, world.people.officer_north)
    insert(approval, world.people.officer_south)

    with refused("has 2 of 2 and 0"):
        set_state(approval, State.APPROVED)


def test_a_rejection_is_no_vote_for_approval(world: World, approval: ApprovalRequest) -> None:
    insert(approval, world.people.officer_north)
    insert(approval, world.people.officer_south, decision="reject")
    insert(approval, world.people.administrator2, capacity=Role.ADMINISTRATOR, institution=None)

    with refused("has 1 of 1 and 1"):
        set_state(approval, State.APPROVED)


@pytest.mark.parametrize(
    "change",
    [{"content": {"weights": "other"}}, {"content_digest": "f" * 64}, {"policy": {"threshold": 1}}, {"kind": "shadow"}],
)
def test_the_content_of_a_request_cannot_be_changed(approval: ApprovalRequest, change: dict) -> None:
    with refused("bound to its content"), transaction.atomic():
        ApprovalRequest.objects.filter(id=approval.id).update(**change)


def test_a_closed_request_does_not_come_back(world: World, approval: ApprovalRequest) -> None:
    set_state(approval, State.WITHDRAWN)
    with refused("a request that is withdrawn cannot become under_review"):
        set_state(approval, State.UNDER_REVIEW)


@pytest.mark.parametrize("state", [State.REJECTED, State.CHANGE_REQUESTED])
def test_nothing_is_rejected_or_sent_back_without_a_decision(approval: ApprovalRequest, state: str) -> None:
    with refused(f"nobody decided that the request becomes {state}"):
        set_state(approval, state)


def test_nothing_expires_before_its_time(approval: ApprovalRequest) -> None:
    with refused("has not expired"):
        set_state(approval, State.EXPIRED)


def test_an_approval_can_only_become_void(world: World) -> None:
    request = make_approved_request(world)
    with refused("a request that is approved cannot become withdrawn"):
        set_state(request, State.WITHDRAWN)
    set_state(request, State.VOIDED)


def test_a_version_without_audit_cannot_be_requested(world: World, version: Version) -> None:
    with refused("never audited"):
        raw_request(version, world.people.administrator)


@pytest.mark.parametrize(
    ("verdict", "kind", "allowed"),
    [("fail", "clinical", False), ("fail", "shadow", False), ("inconclusive", "clinical", False),
     ("not_assessable", "clinical", False), ("inconclusive", "shadow", True), ("not_assessable", "shadow", True),
     ("pass", "clinical", True)],
)  # fmt: skip
def test_the_verdict_decides_what_can_be_requested(
    world: World, version: Version, verdict: str, kind: str, allowed: bool
) -> None:
    make_evidence(version, verdict)

    if allowed:
        assert raw_request(version, world.people.administrator, kind).state == State.UNDER_REVIEW
    else:
        with refused(f"the audit says {verdict}"):
            raw_request(version, world.people.administrator, kind)


@pytest.mark.parametrize("fields", [{}, {"kind": "shadow"}])
def test_nothing_is_deployed_without_an_approval_of_its_kind(
    world: World, approval: ApprovalRequest, fields: dict
) -> None:
    request = make_approved_request(world) if fields else approval
    values = {"version": request.version, "approval": request, "kind": request.kind, **fields}

    with refused("needs an approved request of its own kind and version"), transaction.atomic():
        Deployment.objects.create(name="raw", policy={}, deployed_by=world.people.administrator, **values)


def test_an_approval_of_one_version_deploys_no_other(world: World) -> None:
    request, other = make_approved_request(world), make_approved_request(world)

    with refused("needs an approved request of its own kind and version"), transaction.atomic():
        Deployment.objects.create(
            version=other.version, approval=request, kind="clinical", name="raw", policy={},
            deployed_by=world.people.administrator,
        )  # fmt: skip


def raw_deployment(request: ApprovalRequest, actor: User) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO models_registry_deployment (id, created_at, version_id, approval_id, kind, name, policy, "
            "state, deployed_by_id) VALUES (gen_random_uuid(), now(), %s, %s, %s, 'raw', '{}', 'active', %s)",
            [request.version_id, request.id, request.kind, actor.id],
        )


def test_nothing_is_deployed_past_a_boards_finding_that_blocks(world: World) -> None:
    request, actor = make_approved_request(world), world.people.administrator
    for verdict, finding in (("fail", "one"), ("fail", "two"), ("pass", "one")):
        services.evidence_record(
            version=request.version, kind=BOARD, source_id=uuid.uuid4(), verdict=verdict, digest="d" * 64,
            summary={"finding": finding, "severity": "critical", "board": "Independent board", "told": []},
        )  # fmt: skip

    with refused("a critical finding of Independent board blocks the version"):
        raw_deployment(request, actor)
    for change in ("UPDATE models_registry_evidence SET verdict = 'pass'", "DELETE FROM models_registry_evidence"):
        with refused("Cannot"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)
    services.evidence_record(
        version=request.version, kind=BOARD, source_id=uuid.uuid4(), verdict="pass", digest="d" * 64,
        summary={"finding": "two", "severity": "critical", "board": "Independent board", "told": []},
    )  # fmt: skip
    raw_deployment(request, actor)
    assert Deployment.objects.filter(name="raw").exists()


def test_nothing_is_deployed_without_an_impact_assessment_in_force(world: World) -> None:
    request, actor = make_approved_request(world, assessed=False), world.people.administrator

    with refused("no data protection impact assessment of the model is in force"):
        raw_deployment(request, actor)
    today = timezone.now().date()
    old = make_assessment(request.version, until=today - timedelta(days=1))
    with refused("is in force"):
        raw_deployment(request, actor)
    with refused("Cannot update"), transaction.atomic():
        Assessment.objects.filter(id=old.id).update(in_force_until=today)
    assessment_record(
        model=request.version.model, source_id=uuid.uuid4(), edition=2, digest="d" * 64, in_force_until=today
    )
    raw_deployment(request, actor)


def test_a_refusal_of_the_database_reaches_people_in_words(
    world: World, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models_registry.binding.refusal", lambda version, kind: "")  # as if the services had a gap

    with pytest.raises(Conflict, match="The database refused this: the version was never audited") as caught:
        services.approval_request(version=version, kind="clinical", justification="x", actor=world.people.administrator)
    assert isinstance(caught.value.__cause__, IntegrityError)
