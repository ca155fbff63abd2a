"""Who may vote to reinstate, and on what evidence; and what the database refuses by itself."""

import hashlib
import uuid

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from accounts.models import Membership, User
from audits.runtime import reinstating, services, withdrawing
from audits.runtime.halting import halt_create
from audits.runtime.models import Halt, Reinstatement
from core import artefacts
from core.errors import ApplicationError, Conflict, Forbidden
from core.models import Outbox
from core.roles import Role
from tests.factories.registry import make_evidence

pytestmark = pytest.mark.django_db
WHY = "The scanner was repaired."


@pytest.fixture
def halt(deployment):
    return halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=3)


@pytest.mark.parametrize(("person", "did"), [("officer_north", "approved"), ("officer_south", "approved")])
def test_who_approved_it_does_not_vote(world, halt, vote, person, did):
    with pytest.raises(Forbidden, match=f"You {did} this deployment"):
        vote(halt, getattr(world.people, person))


def test_who_deployed_or_requested_it_does_not_vote_though_made_an_officer_since(world, halt, vote):
    for name, did in (("administrator", "deployed"), ("administrator2", "approved")):
        Membership.objects.create(
            user=getattr(world.people, name), institution=world.people.north, role=Role.ETHICS_OFFICER
        )
        person = User.objects.get(id=getattr(world.people, name).id)
        with pytest.raises(Forbidden, match=f"You {did}"):
            vote(halt, person)
        assert person not in [member.user for member in services.voters(halt)]


def test_who_administers_does_not_vote(halt, vote, reviewers):
    Membership.objects.create(user=reviewers[0], institution=None, role=Role.ADMINISTRATOR)
    with pytest.raises(Forbidden, match="You administer"):
        vote(halt, User.objects.get(id=reviewers[0].id))
    assert reviewers[0] not in [member.user for member in services.voters(halt)]


@pytest.mark.parametrize("verdict", ["pass", "inconclusive", "not_assessable"])
def test_an_audit_since_the_halt_is_evidence_by_its_digest(halt, deployment, verdict):
    found = make_evidence(deployment.version, verdict)
    named = reinstating.evidence_from_audit(halt=halt, audit=found.source_id)
    assert (named.kind, named.digest, named.source) == ("audit", found.digest, found.source_id)
    assert list(reinstating.audits_since(halt)) == [found]


def test_an_old_a_failed_and_an_unknown_audit_are_no_evidence(halt, deployment):
    old = deployment.version.evidence.get()
    failed = make_evidence(deployment.version, "fail")
    for audit, words in ((old.source_id, "before the halt"), (failed.source_id, "fail"), (uuid.uuid4(), "none")):
        with pytest.raises(ApplicationError, match=words):
            reinstating.evidence_from_audit(halt=halt, audit=audit)
    assert not reinstating.audits_since(halt).exists()


@pytest.mark.parametrize(("data", "name"), [(b"", "Report"), (b"x", ""), (b"x", "a" * 121), (b"x", "a\nb")])
def test_a_document_needs_bytes_and_a_name(data, name):
    with pytest.raises(ApplicationError):
        reinstating.evidence_from_document(data=data, name=name)


def test_a_document_is_kept_under_its_digest():
    named = reinstating.evidence_from_document(data=b"Coil replaced.", name=" Report ")
    assert (named.digest, named.name) == (hashlib.sha256(b"Coil replaced.").hexdigest(), "Report")
    assert artefacts.get(named.digest) == b"Coil replaced."


def test_all_votes_name_the_same_evidence(halt, deployment, reviewers, vote):
    first = vote(halt, reviewers[0])
    other = reinstating.evidence_from_document(data=b"Something else.", name="Report")
    with pytest.raises(Conflict, match=first.evidence_digest):
        services.reinstatement_vote(halt=halt, reason=WHY, actor=reviewers[1], evidence=other)
    deployment.refresh_from_db()
    assert deployment.state == "halted"


def test_the_database_refuses_votes_of_deployers_on_other_or_no_evidence(world, halt, reviewers):
    north, south = world.people.north, world.people.south

    def insert(officer, institution, digest):
        with transaction.atomic():
            Reinstatement.objects.create(
                halt=halt, officer=officer, institution=institution, reason=WHY, evidence_digest=digest
            )

    with pytest.raises(IntegrityError, match="who deployed it"):
        insert(world.people.officer_north, north, "a" * 64)
    with pytest.raises(IntegrityError, match="SHA-256"):
        insert(reviewers[0], north, "")
    insert(reviewers[0], north, "a" * 64)
    with pytest.raises(IntegrityError, match="the same evidence"):
        insert(reviewers[1], south, "b" * 64)
    insert(reviewers[1], south, "a" * 64)


# --- a vote taken back ---------------------------------------------------------------------------------------------


def test_a_vote_on_the_wrong_evidence_is_withdrawn_and_the_officers_go_on_with_the_right_one(halt, reviewers, vote):
    wrong = reinstating.evidence_from_document(data=b"The wrong report.", name="Report")
    first = services.reinstatement_vote(halt=halt, reason=WHY, actor=reviewers[0], evidence=wrong)
    with pytest.raises(Conflict, match="is withdrawn by its officer"):
        vote(halt, reviewers[1])
    withdrawing.vote_withdraw(vote=first, reason="It names the wrong report.", actor=reviewers[0])
    assert halt.votes == [] and reviewers[0] in [member.user for member in services.voters(halt)]
    vote(halt, reviewers[1])
    vote(halt, reviewers[0])
    halt.refresh_from_db()
    assert halt.closed_at is not None
    assert [v.evidence_digest == wrong.digest for v in halt.reinstatements.all()] == [True, False, False]
    entries = Outbox.objects.filter(object_id=str(first.id)).order_by("id")
    assert [entry.said.action for entry in entries] == ["deployment.reinstate", "deployment.withdraw_vote"]


def test_a_withdrawn_vote_does_not_count_towards_the_quorum(halt, deployment, reviewers, vote):
    first = vote(halt, reviewers[0])
    withdrawing.vote_withdraw(vote=first, reason="The repair was not finished.", actor=reviewers[0])
    vote(halt, reviewers[1])
    deployment.refresh_from_db()
    assert deployment.state == "halted"


def test_only_whoever_cast_it_withdraws_a_vote_and_only_once(halt, reviewers, vote, world):
    first = vote(halt, reviewers[0])
    for person in (reviewers[1], world.people.officer_north, world.people.clinician, world.people.administrator):
        with pytest.raises(Forbidden):
            withdrawing.vote_withdraw(vote=first, reason="It names the wrong report.", actor=person)
    withdrawing.vote_withdraw(vote=first, reason="It names the wrong report.", actor=reviewers[0])
    with pytest.raises(Conflict, match="already"):
        withdrawing.vote_withdraw(vote=first, reason="It names the wrong report.", actor=reviewers[0])


def test_another_officer_of_the_hospital_withdraws_the_vote_of_one_who_has_left(halt, reviewers, vote, world):
    first = vote(halt, reviewers[0])
    colleague = next(
        p for p in (world.people.officer_north, world.people.officer_south)
        if p.memberships.filter(institution=first.institution).exists()
    )  # fmt: skip
    stranger = reviewers[1]
    Membership.objects.filter(user=reviewers[0]).update(is_active=False)
    with pytest.raises(Forbidden):
        withdrawing.vote_withdraw(vote=first, reason="Nobody can ask them.", actor=stranger)
    done = withdrawing.vote_withdraw(vote=first, reason="Nobody can ask them.", actor=colleague)
    assert done.withdrawn_by == colleague


def test_the_votes_of_a_closed_halt_stand(halt, reviewers, vote):
    votes = [vote(halt, reviewer) for reviewer in reviewers]
    with pytest.raises(Conflict, match="closed"):
        withdrawing.vote_withdraw(vote=votes[0], reason="It names the wrong report.", actor=reviewers[0])


def test_the_database_lets_a_vote_be_withdrawn_and_nothing_else(halt, reviewers, vote):
    first = vote(halt, reviewers[0])
    rows, now = Reinstatement.objects.filter(id=first.id), timezone.now()

    def refused(words, **changes):
        with pytest.raises(DatabaseError, match=words), transaction.atomic():
            rows.update(**changes)

    refused("a vote does not change", evidence_digest="b" * 64)
    refused("a vote does not change", officer=reviewers[1])
    refused("vote_withdrawn_by_somebody", withdrawn_at=now)
    rows.update(withdrawn_at=now, withdrawn_by=reviewers[0])
    refused("withdrawn once", withdrawn_at=None, withdrawn_by=None)
    with pytest.raises(DatabaseError, match="delete"), transaction.atomic():
        rows.delete()
    with pytest.raises(DatabaseError, match="before it is withdrawn"), transaction.atomic():
        Reinstatement.objects.create(
            halt=halt, officer=reviewers[0], institution=first.institution, reason=WHY, evidence_digest="a" * 64,
            withdrawn_at=now, withdrawn_by=reviewers[0],
        )  # fmt: skip
    again = vote(halt, reviewers[0])  # the constraints on officer and institution count standing votes
    with pytest.raises(IntegrityError, match="one_vote"), transaction.atomic():
        Reinstatement.objects.create(
            halt=halt, officer=reviewers[0], institution=first.institution, reason=WHY,
            evidence_digest=again.evidence_digest,
        )  # fmt: skip
    Halt.objects.filter(id=halt.id).update(closed_at=now)
    with pytest.raises(DatabaseError, match="its votes stand"), transaction.atomic():
        Reinstatement.objects.filter(id=again.id).update(withdrawn_at=now, withdrawn_by=reviewers[0])


def test_a_vote_is_withdrawn_on_the_page_and_by_the_api(halt, deployment, reviewers, vote, client_of):
    first = vote(halt, reviewers[0])
    client, url = client_of(reviewers[0]), f"/deployments/{deployment.id}/"
    assert "Withdraw the vote of" in client.get(url).content.decode()
    assert "Withdraw the vote of" not in client_of(reviewers[1]).get(url).content.decode()
    given = {"vote": str(first.id), "reason": "It names the wrong report."}
    assert client_of(reviewers[1]).post(f"{url}reinstate/withdraw/", given).status_code == 403
    page = client.post(f"{url}reinstate/withdraw/", given, follow=True).content.decode()
    assert "is withdrawn and counts no more" in page and "So far 0 of 2" in page
    second = vote(halt, reviewers[0])
    api = f"/api/v1/deployments/{deployment.id}/reinstatements"
    answer = client.post(f"{api}/{second.id}/withdraw", {"reason": "Wrong again, I fear."}, "application/json")
    assert answer.status_code == 200 and answer.json()["withdrawn_at"]
    assert client.post(f"{api}/{uuid.uuid4()}/withdraw", {"reason": "x" * 20}, "application/json").status_code == 404
    assert client.post(f"{url}reinstate/withdraw/", {"vote": "x", "reason": "x" * 20}).status_code == 404
