"""Who may vote to reinstate, and on what evidence; and what the database refuses by itself."""

import hashlib
import uuid

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Membership, User
from audits.runtime import reinstating, services
from audits.runtime.halting import halt_create
from audits.runtime.models import Reinstatement
from core import artefacts
from core.errors import ApplicationError, Conflict, Forbidden
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
