from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse
from django.utils import timezone

from accounts.invitations import membership_end
from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role
from models_registry import services
from models_registry.approvals import expire_due, may_decide
from models_registry.delegations import delegate, delegation_revoke, stands_in
from models_registry.models import ApprovalComment, ApprovalDecision, ApprovalRequest, Delegation
from tests.factories.federation import World
from tests.factories.people import PASSWORD, make_user
from tests.factories.registry import make_request

State = ApprovalRequest.State


def decide(request: ApprovalRequest, actor, decision: str = "approve") -> ApprovalDecision:
    return services.approval_decide(request=request, decision=decision, reason="Reviewed.", actor=actor)


def absent(world: World, deputy=None, *, officer=None, days: float = 3, since: float = 0) -> Delegation:
    now = timezone.now()
    return delegate(
        officer=officer or world.people.officer_north, deputy=deputy or world.people.clinician, reason="On leave.",
        starts_at=now + timedelta(days=since, seconds=-1), ends_at=now + timedelta(days=since + days),
    )  # fmt: skip


def state_of(request: ApprovalRequest) -> str:
    request.refresh_from_db()
    return request.state


# --- abstention, change, expiry ------------------------------------------------------------------------------------


def test_who_abstains_counts_neither_way(world: World, approval: ApprovalRequest) -> None:
    second = make_user("officer.north2@test.example", Role.ETHICS_OFFICER, world.people.north)
    decide(approval, world.people.officer_north, "abstain")
    decide(approval, world.people.officer_south)

    with pytest.raises(Conflict, match="1 more ethics officer"):
        decide(approval, world.people.administrator2)
    with pytest.raises(Conflict, match="already decided"):
        decide(approval, world.people.officer_north)
    decide(approval, second)
    decide(approval, world.people.administrator2)
    assert state_of(approval) == State.APPROVED


@pytest.mark.parametrize("who", ["officer_north", "administrator2"])
def test_a_wish_for_a_change_closes_the_request_and_a_new_one_may_be_made(world, approval, who: str) -> None:
    decide(approval, getattr(world.people, who), "request_change")

    assert state_of(approval) == State.CHANGE_REQUESTED and approval.closed_at is not None
    with pytest.raises(Conflict, match="change requested"):
        decide(approval, world.people.officer_south)
    assert make_request(world, version=approval.version).state == State.UNDER_REVIEW


@pytest.fixture
def old(world: World, audited, settings) -> ApprovalRequest:
    settings.APPROVAL_REVIEW_DAYS = -1
    return make_request(world, version=audited)


def test_an_old_request_expires_when_somebody_decides(world: World, old: ApprovalRequest) -> None:
    with pytest.raises(Conflict, match="expired on"):
        decide(old, world.people.officer_north)

    assert state_of(old) == State.EXPIRED and not old.decisions.exists()


def test_old_requests_are_closed_by_the_clock(world: World, old: ApprovalRequest) -> None:
    assert (expire_due(), expire_due()) == (1, 0)
    assert state_of(old) == State.EXPIRED


def test_a_request_in_time_stays(approval: ApprovalRequest) -> None:
    assert approval.expires_at > timezone.now() + timedelta(days=29)
    assert expire_due() == 0


def test_the_database_takes_no_decision_on_an_old_request(world: World, old: ApprovalRequest) -> None:
    with pytest.raises(DatabaseError, match="has expired"), transaction.atomic():
        raw(old, world.people.officer_north)


def raw(request: ApprovalRequest, user, **fields) -> ApprovalDecision:
    values = {
        "request": request, "decided_by": user, "requested_by": request.requested_by,
        "capacity": Role.ETHICS_OFFICER, "institution": user.institution, "decision": "approve", "reason": "raw",
        "content_digest": request.content_digest, **fields,
    }  # fmt: skip
    return ApprovalDecision.objects.create(**values)


# --- absence -------------------------------------------------------------------------------------------------------


def test_a_deputy_decides_for_the_institution_and_is_named_as_one(world: World, approval: ApprovalRequest) -> None:
    given = absent(world)

    made = decide(approval, world.people.clinician)

    assert (made.capacity, made.institution, made.delegation) == (Role.ETHICS_OFFICER, world.people.north, given)
    decide(approval, world.people.officer_south)
    decide(approval, world.people.administrator2)
    assert state_of(approval) == State.APPROVED


@pytest.mark.parametrize("first", ["officer_north", "clinician"])
def test_an_officer_and_their_deputy_decide_once(world: World, approval: ApprovalRequest, first: str) -> None:
    absent(world)
    people = world.people
    second = people.clinician if first == "officer_north" else people.officer_north
    decide(approval, getattr(people, first))

    with pytest.raises(Conflict, match="decide once between them"):
        decide(approval, second)


@pytest.mark.parametrize("when", ["before", "ended", "officer left", "deputy left"])
def test_outside_of_the_absence_the_deputy_is_nobody(world: World, approval: ApprovalRequest, when: str) -> None:
    people = world.people
    given = absent(world, since=2 if when == "before" else 0)
    if when == "ended":
        delegation_revoke(delegation=given, actor=people.officer_north)
    elif when == "officer left":
        people.officer_north.memberships.update(is_active=False)
    elif when == "deputy left":
        people.clinician.memberships.update(is_active=False)

    with pytest.raises((Forbidden, Conflict)):
        decide(approval, people.clinician)
    assert not approval.decisions.exists()


def test_an_absence_ends_by_itself(world: World, monkeypatch) -> None:
    absent(world)
    assert stands_in(world.people.clinician)

    later = timezone.now() + timedelta(days=4)
    monkeypatch.setattr("models_registry.delegations.timezone.now", lambda: later)
    assert not stands_in(world.people.clinician)


@pytest.mark.parametrize("who", ["officer_north", "clinician"])
def test_nobody_stands_in_once_either_has_lost_the_role(world: World, who: str) -> None:
    absent(world)
    held = getattr(world.people, who).memberships.get()
    membership_end(actor=world.people.administrator, membership_id=held.pk)
    assert not stands_in(world.people.clinician)


@pytest.mark.parametrize(
    "who", ["officer_south", "operator_north", "auditor", "administrator", "outsider", "officer_north"]
)
def test_only_a_colleague_without_another_part_stands_in(world: World, who: str) -> None:
    with pytest.raises(ApplicationError, match="cannot stand in"):
        absent(world, getattr(world.people, who))


@pytest.mark.parametrize(("days", "since"), [(61, 0), (-1, 0), (1, -5)])
def test_an_absence_has_a_sane_length(world: World, days: float, since: float) -> None:
    with pytest.raises(ApplicationError):
        absent(world, days=days, since=since)


def test_one_deputy_at_a_time(world: World) -> None:
    absent(world)
    other = make_user("second@test.example", Role.CLINICIAN, world.people.north)

    with pytest.raises(Conflict, match="stands in for you then already"):
        absent(world, other, since=1)


@pytest.mark.parametrize("who", ["administrator", "auditor", "clinician", "operator_north"])
def test_only_an_officer_delegates(world: World, who: str) -> None:
    other = make_user("second@test.example", Role.CLINICIAN, world.people.north)
    with pytest.raises(Forbidden):
        absent(world, other, officer=getattr(world.people, who))


def test_the_database_refuses_a_deputy_of_elsewhere(world: World) -> None:
    people, now = world.people, timezone.now()
    south = make_user("doctor.south@test.example", Role.CLINICIAN, people.south)
    common = {"starts_at": now, "reason": "x", "institution": people.north}
    for officer, deputy, days, words in (
        (people.officer_north, south, 3, "clinician or an auditor of the same institution"),
        (people.officer_north, people.operator_north, 3, "clinician or an auditor of the same institution"),
        (people.operator_north, people.clinician, 3, "only an ethics officer"),
        (people.officer_north, people.clinician, 61, "60 days at most"),
        (people.officer_north, people.clinician, -1, "delegation_has_length"),
    ):
        with pytest.raises(DatabaseError, match=words), transaction.atomic():
            Delegation.objects.create(officer=officer, deputy=deputy, ends_at=now + timedelta(days=days), **common)
    given = absent(world)
    with pytest.raises(DatabaseError, match="only revoked"), transaction.atomic():
        Delegation.objects.filter(id=given.id).update(ends_at=now + timedelta(days=30))


def test_the_database_takes_no_decision_under_another_ones_absence(world: World, approval: ApprovalRequest) -> None:
    given = absent(world)
    for user, fields in (
        (world.people.operator_north, {"delegation": given}),
        (world.people.clinician, {"delegation": None}),
        (world.people.clinician, {"delegation": given, "institution": world.people.south}),
    ):
        with pytest.raises(DatabaseError, match="does not hold the role"), transaction.atomic():
            raw(approval, user, **fields)


def test_a_deputy_reaches_the_pages_and_the_api_only_meanwhile(world: World, approval, page, api) -> None:
    deputy = world.people.clinician
    url = reverse("approval", args=[approval.id])
    given = {"decision": "approve", "reason": "Reviewed.", "password": PASSWORD}
    assert page(deputy).get(url).status_code == 403
    held = absent(world)
    assert may_decide(approval, deputy)
    body = page(deputy).get(url).content.decode()
    assert "Your decision" in body
    assert page(deputy).get(reverse("approvals")).status_code == 200
    assert (
        api(deputy).post(f"/api/v1/approval-requests/{approval.id}/decisions", given, format="json").status_code == 201
    )
    assert "in the place of" in page(world.people.auditor).get(url).content.decode()

    delegation_revoke(delegation=held, actor=world.people.officer_north)
    assert page(deputy).get(url).status_code == 403
    assert page(deputy).post(reverse("approval_decide", args=[approval.id]), given).status_code == 403
    assert api(deputy).get(f"/api/v1/approval-requests/{approval.id}").status_code == 403


def test_an_absence_is_entered_and_ended_on_its_page(world: World, page, api) -> None:
    client, url = page(world.people.officer_north), reverse("approval_absence")
    sent = {"deputy": str(world.people.clinician.id), "starts_at": "2026-01-01T08:00", "reason": "Leave."}
    assert client.post(url, {**sent, "ends_at": "2025-01-01T08:00"}).status_code == 400
    end = (timezone.now() + timedelta(days=5)).strftime("%Y-%m-%dT%H:%M")
    start = timezone.now().strftime("%Y-%m-%dT%H:%M")
    assert client.post(url, {**sent, "starts_at": start, "ends_at": end}).status_code == 302
    made = Delegation.objects.get()
    assert "End it now" in client.get(url).content.decode()
    assert page(world.people.officer_south).post(reverse("approval_absence_end", args=[made.id])).status_code == 404
    assert client.post(reverse("approval_absence_end", args=[made.id])).status_code == 302

    body = {"deputy": str(world.people.clinician.id), "starts_at": start, "ends_at": end, "reason": "Again."}
    answer = api(world.people.officer_north).post("/api/v1/approval-delegations", body, format="json")
    assert answer.status_code == 201
    ended = api(world.people.officer_north).post(f"/api/v1/approval-delegations/{answer.json()['id']}/end")
    assert ended.json()["revoked_at"] is not None
    foreign = {**body, "deputy": str(world.people.officer_south.id)}
    assert (
        api(world.people.officer_north).post("/api/v1/approval-delegations", foreign, format="json").status_code == 404
    )


# --- password, comments --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["", "wrong"])
def test_without_the_password_nothing_is_decided_and_the_reason_is_kept(world, approval, page, api, password) -> None:
    officer = world.people.officer_north
    given = {"decision": "approve", "reason": "Wide margins.", "password": password}

    answer = page(officer).post(reverse("approval_decide", args=[approval.id]), given)

    assert answer.status_code == 400 and "Wide margins." in answer.content.decode()
    refused = api(officer).post(f"/api/v1/approval-requests/{approval.id}/decisions", given, format="json")
    assert refused.status_code == 400 and not approval.decisions.exists()


def test_a_refused_decision_keeps_what_was_written(world, approval, page) -> None:
    given = {"decision": "approve", "reason": "Too early.", "password": PASSWORD}

    answer = page(world.people.administrator2).post(reverse("approval_decide", args=[approval.id]), given)

    assert answer.status_code == 409 and "Too early." in answer.content.decode()


def test_comments_are_said_and_stay(world, approval, page, api) -> None:
    url = reverse("approval_comment", args=[approval.id])
    assert page(world.people.auditor).post(url, {"text": "See <b>section 3</b>."}).status_code == 302
    assert page(world.people.auditor).post(url, {"text": " "}).status_code == 400
    assert page(world.people.clinician).post(url, {"text": "x"}).status_code == 403
    assert page(world.people.outsider).post(url, {"text": "x"}).status_code == 404

    body = page(world.people.officer_north).get(reverse("approval", args=[approval.id])).content.decode()
    assert "See &lt;b&gt;section 3&lt;/b&gt;." in body
    told = api(world.people.auditor).get(f"/api/v1/approval-requests/{approval.id}/comments").json()["results"]
    assert [c["text"] for c in told] == ["See <b>section 3</b>."]
    with pytest.raises(DatabaseError, match="permission denied|append-only"), transaction.atomic():
        ApprovalComment.objects.update(created_at=timezone.now())
