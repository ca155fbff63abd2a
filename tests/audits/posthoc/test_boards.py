"""Board reviews: who sits, what is on the agenda, what blocks, and who may close it."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import InternalError, transaction
from django.db.models import ProtectedError
from django.urls import reverse

from audits.posthoc import agenda, boards
from audits.posthoc.models import BoardFinding, BoardReview
from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role
from federation.domain.messages import digest
from models_registry import binding, services
from models_registry.models import Evidence
from models_registry.presentation.links import evidence_link
from tests.factories.people import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def review(day, today) -> BoardReview:
    """Two have declared that they have no conflict."""
    people = day.people
    made = boards.review_convene(
        month=today, board="Independent board", members=[people.auditor, people.officer_north], actor=people.auditor
    )
    for member in (people.auditor, people.officer_north):
        boards.conflict_declare(review=made, conflict="", actor=member)
    return made


def find(review: BoardReview, day, today, **values) -> BoardFinding:
    given = {
        "severity": "critical", "text": "Thresholds differ by site.", "owner": day.people.administrator,
        "due_on": today, "version": day.version, "blocking": True, "actor": day.people.auditor,
    }  # fmt: skip
    return boards.finding_add(review=review, **given | values)


# --- convening -----------------------------------------------------------------------------------------------------


def test_the_agenda_has_what_is_open_and_not_what_ended(day, today):
    found = {(row["kind"], row["object"]) for row in agenda.matters(today=today)}
    assert ("Halt", str(day.standing.id)) in found
    assert ("Halt", str(day.ended.id)) not in found
    assert ("Incident", str(day.standing.incident.id)) in found


def test_an_audit_that_failed_is_on_the_agenda_until_it_is_answered(day, today):
    services.evidence_record(
        version=day.version, kind="predeployment_audit", source_id=day.standing.id, verdict="fail",
        digest="d" * 64, summary={"tier": "quick"},
    )  # fmt: skip
    assert ("Failed audit", str(day.version.id)) in {
        (row["kind"], row["object"]) for row in agenda.matters(today=today)
    }


def test_every_matter_leads_to_a_page(day, today, client_of):
    client = client_of(day.people.auditor)
    for row in agenda.matters(today=today):
        assert client.get(row["url"]).status_code == 200, row


@pytest.mark.parametrize(
    ("members", "board", "said"),
    [
        (["auditor"], "Board", "at least two members"),
        (["auditor", "auditor"], "Board", "at least two members"),
        (["officer_north", "officer_south"], "Board", "at least one auditor"),
        (["auditor", "officer_north"], " ", "Name the board"),
        (["auditor", "administrator", "officer_north"], "Board", "does not sit on it"),
        (["auditor", "auditor2"], "Board", "all members are of one house"),
    ],
)
def test_who_sits_can_sign_and_is_independent(day, today, members, board, said):
    day.people.auditor2 = make_user("auditor2@test.example", Role.AUDITOR)
    with pytest.raises(ApplicationError, match=f"(?i){said}"):
        boards.review_convene(
            month=today, board=board, members=[getattr(day.people, m) for m in members], actor=day.people.auditor
        )


@pytest.mark.parametrize("who", ["officer_north", "administrator", "external"])
def test_only_an_auditor_convenes(day, today, who):
    with pytest.raises(Forbidden, match="An auditor convenes"):
        boards.review_convene(
            month=today, board="Board", members=[day.people.auditor, day.people.officer_north],
            actor=getattr(day.people, who),
        )  # fmt: skip


def test_a_third_party_sits_and_finds_and_the_chair_is_a_member(day, today, client_of):
    people = day.people
    with pytest.raises(ApplicationError, match="among the members"):
        boards.review_convene(
            month=today, board="Board", members=[people.auditor, people.external], chair=people.officer_north,
            actor=people.auditor,
        )  # fmt: skip
    made = boards.review_convene(
        month=today, board="Board", members=[people.auditor, people.external], chair=people.external,
        actor=people.auditor,
    )  # fmt: skip
    client, page = client_of(people.external), reverse("board_review", args=[made.id])
    assert "in the chair" in client.get(page).content.decode()
    client.post(reverse("board_declare", args=[made.id]), {"conflict": ""})
    assert find(made, day, today, actor=people.external).author == people.external
    with pytest.raises(InternalError), transaction.atomic():
        BoardReview.objects.filter(id=made.id).update(chair=people.auditor)


def test_who_decided_on_a_version_finds_nothing_about_it(review, day, today):
    with pytest.raises(Forbidden, match="You decided on a request"):
        find(review, day, today, actor=day.people.officer_north)
    assert find(review, day, today, actor=day.people.officer_north, version=None, blocking=False)


def test_a_board_meets_once_a_month(review, day, today):
    with pytest.raises(Conflict):
        boards.review_convene(
            month=today, board=review.board, members=[day.people.auditor, day.people.officer_north],
            actor=day.people.auditor,
        )  # fmt: skip


# --- conflicts and sign-off ----------------------------------------------------------------------------------------


def test_nothing_is_found_or_signed_before_conflicts_are_declared(day, today):
    people = day.people
    review = boards.review_convene(
        month=today, board="Board", members=[people.auditor, people.officer_north], actor=people.auditor
    )
    with pytest.raises(Forbidden, match="Declare first"):
        find(review, day, today)
    boards.conflict_declare(review=review, conflict="", actor=people.auditor)
    with pytest.raises(Conflict, match="1 of the members have not declared"):
        boards.review_sign(review=review, actor=people.auditor)
    with pytest.raises(Conflict, match="never changes"):
        boards.conflict_declare(review=review, conflict="", actor=people.auditor)


def test_who_has_a_conflict_neither_finds_nor_signs(day, today):
    people = day.people
    review = boards.review_convene(
        month=today, board="Board", members=[people.auditor, people.officer_north], actor=people.auditor
    )
    boards.conflict_declare(review=review, conflict="I advised the vendor.", actor=people.auditor)
    boards.conflict_declare(review=review, conflict="", actor=people.officer_north)
    with pytest.raises(Forbidden, match="You declared a conflict"):
        find(review, day, today)
    with pytest.raises(Forbidden, match="You declared a conflict"):
        boards.review_sign(review=review, actor=people.auditor)
    with pytest.raises(Forbidden, match="An auditor signs"):
        boards.review_sign(review=review, actor=people.officer_north)


def test_a_signed_review_takes_no_more_findings_and_stays(review, day, today):
    boards.review_sign(review=review, actor=day.people.auditor)
    with pytest.raises(Conflict, match="signed off"):
        find(review, day, today)
    with pytest.raises(InternalError), transaction.atomic():
        BoardReview.objects.filter(id=review.id).update(board="Another")
    with pytest.raises(ProtectedError):
        BoardReview.objects.filter(id=review.id).delete()


# --- findings and the gate -----------------------------------------------------------------------------------------


def test_a_blocking_finding_stands_in_the_way_until_it_is_verified(review, day, today):
    assert binding.blocked_by_board(day.version) == ""
    finding = find(review, day, today)
    assert "critical finding of Independent board" in binding.refusal(day.version, "shadow")
    owner, auditor = day.people.administrator, day.people.auditor
    boards.finding_follow(finding=finding, state="in_progress", text="Looking into it.", actor=owner)
    boards.finding_follow(finding=finding, state="done", text="One threshold for all.", actor=owner)
    assert binding.blocked_by_board(day.version)
    boards.finding_follow(finding=finding, state="open", text="Not at south.", actor=auditor)
    boards.finding_follow(finding=finding, state="done", text="At south too.", actor=owner)
    boards.finding_follow(finding=finding, state="closed", text="Seen at both.", actor=auditor)
    assert binding.blocked_by_board(day.version) == ""
    assert [step.state for step in finding.steps.all()] == ["in_progress", "done", "open", "done", "closed"]
    rows = Evidence.objects.filter(kind=binding.BOARD).order_by("created_at")
    assert [row.verdict for row in rows] == ["fail", "pass"]
    assert evidence_link(rows[0]) == reverse("board_review", args=[review.id])


def test_closing_one_finding_leaves_another_in_the_way(review, day, today):
    first, _ = find(review, day, today), find(review, day, today, severity="major")
    boards.finding_follow(finding=first, state="done", text="Mended.", actor=day.people.administrator)
    boards.finding_follow(finding=first, state="closed", text="Seen.", actor=day.people.auditor)
    assert "A major finding" in binding.blocked_by_board(day.version)


def test_an_approved_request_is_not_deployed_while_a_finding_blocks(review, day, today):
    request = day.deployment.approval
    request.version = day.version
    find(review, day, today)
    with pytest.raises(Conflict, match="blocks this version"):
        services._deploy(request, "Ward B", day.people.administrator)


def test_a_finding_that_does_not_block_leaves_the_gate_alone(review, day, today):
    find(review, day, today, blocking=False)
    assert not Evidence.objects.filter(kind=binding.BOARD).exists()
    assert binding.blocked_by_board(day.version) == ""


def test_a_blocking_finding_voids_nothing_that_people_are_deciding(review, day, today):
    before = digest(binding.content_of(day.version, {}))
    find(review, day, today)
    assert digest(binding.content_of(day.version, {})) == before


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"severity": "dreadful"}, "Expected a severity"),
        ({"text": " "}, "Say what was found"),
        ({"version": None}, "Name the version"),
        ({"due_on": dt.date(2020, 1, 1)}, "has passed"),
    ],
)
def test_a_wrong_finding_is_explained(review, day, today, values, said):
    with pytest.raises(ApplicationError, match=said):
        find(review, day, today, **values)
    assert not BoardFinding.objects.exists()


@pytest.mark.parametrize(
    ("state", "who", "error", "said"),
    [
        ("done", "officer_south", Forbidden, "The owner of the finding"),
        ("closed", "administrator", Conflict, "cannot become"),
        ("nonsense", "administrator", Conflict, "cannot become"),
    ],
)
def test_a_step_is_of_its_person_and_order(review, day, today, state, who, error, said):
    with pytest.raises(error, match=said):
        boards.finding_follow(finding=find(review, day, today), state=state, text="So.", actor=getattr(day.people, who))


def test_an_owner_does_not_verify_their_own_finding(review, day, today):
    owner = day.people.auditor
    finding = find(review, day, today, owner=owner)
    boards.finding_follow(finding=finding, state="done", text="Mended.", actor=owner)
    with pytest.raises(Forbidden, match="does not own"):
        boards.finding_follow(finding=finding, state="closed", text="Seen.", actor=owner)
    with pytest.raises(InternalError), transaction.atomic():
        BoardFinding.objects.filter(id=finding.id).update(owner=day.people.officer_north)


# --- pages ---------------------------------------------------------------------------------------------------------


def test_the_pages_walk_from_convening_to_sign_off(day, today, client_of):
    people = day.people
    auditor, officer, owner = (client_of(p) for p in (people.auditor, people.officer_north, people.administrator))
    values = {
        "board": "Independent board",
        "month": str(today),
        "members": [people.auditor.id, people.officer_north.id],
    }
    answer = auditor.post(reverse("board_convene"), values)
    review = BoardReview.objects.get()
    page = reverse("board_review", args=[review.id])
    assert answer.url == page
    assert "Declare" in officer.get(page).content.decode()
    for client in (auditor, officer):
        assert client.post(reverse("board_declare", args=[review.id]), {"conflict": ""}).url == page
    bad = auditor.post(reverse("board_find", args=[review.id]), {"severity": "major", "text": "Kept words"})
    assert bad.status_code == 400 and "Kept words" in bad.content.decode()
    values = {
        "severity": "major", "text": "Drift at north.", "owner": people.administrator.id, "due_on": str(today),
        "version": day.version.id, "blocking": "on",
    }  # fmt: skip
    assert auditor.post(reverse("board_find", args=[review.id]), values).url == page
    shown = owner.get(page).content.decode()
    assert "Drift at north." in shown and "Blocks deployments" in shown and "Record the step" in shown
    finding = BoardFinding.objects.get()
    follow = reverse("board_follow", args=[finding.id])
    assert owner.post(follow, {"state": "done", "text": "Mended."}).url == page
    assert auditor.post(follow, {"state": "closed", "text": "Seen."}).url == page
    assert "Sign off" in auditor.get(page).content.decode()
    auditor.post(reverse("board_sign", args=[review.id]))
    review.refresh_from_db()
    assert review.state == "signed"


def test_others_see_only_what_they_own(review, day, today, client_of):
    stranger, owner = day.people.outsider, day.people.operator_north
    find(review, day, today, text="For the operator.", owner=owner, blocking=False, version=None)
    find(review, day, today, text="For somebody else.")
    page = reverse("board_review", args=[review.id])
    assert client_of(stranger).get(page).status_code == 404
    assert str(review) not in client_of(stranger).get(reverse("board_reviews")).content.decode()
    shown = client_of(owner).get(page).content.decode()
    assert "For the operator." in shown
    assert "For somebody else." not in shown and "Open matters" not in shown
    told = client_of(owner).get(reverse("api_board_review", args=[review.id])).json()
    assert [row["text"] for row in told["findings"]] == ["For the operator."]
    assert told["agenda"] == []


def test_an_empty_list_says_what_belongs_there(world, client_of):
    page = client_of(world.people.auditor).get(reverse("board_reviews")).content.decode()
    assert "No review here" in page and "Convene the review" in page
    assert (
        "Convene the review"
        not in client_of(world.people.operator_north).get(reverse("board_reviews")).content.decode()
    )
