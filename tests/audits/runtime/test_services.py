import pytest

from accounts.models import Institution, Membership, User
from audits.runtime import services
from audits.runtime.models import Halt, MonitorState, Reinstatement
from core.context import opened_reason
from core.errors import ApplicationError, Conflict, Forbidden
from core.models import Outbox
from core.roles import Role
from models_registry.models import Deployment
from tests.factories.people import make_user

pytestmark = pytest.mark.django_db

WHY = "Two patients were misread."
NOT_OFFICERS = [
    "administrator",
    "administrator2",
    "auditor",
    "operator_north",
    "operator_south",
    "clinician",
    "outsider",
]


@pytest.fixture
def halt(world, deployment):
    """A manual halt by north's officer."""
    return services.deployment_halt(deployment=deployment, reason=WHY, actor=world.people.officer_north)


@pytest.fixture
def automatic_halt(deployment):
    from audits.runtime.halting import halt_create

    return halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=7, alarm={"gap": 0.3})


@pytest.mark.parametrize("person", ["officer_north", "officer_south"])
def test_one_officer_halts_at_once(world, deployment, person):
    actor = getattr(world.people, person)
    halt = services.deployment_halt(deployment=deployment, reason=WHY, actor=actor)
    deployment.refresh_from_db()
    assert deployment.state == Deployment.State.HALTED
    assert (halt.automatic, halt.halted_by, halt.reason) == (False, actor, WHY)
    entry = Outbox.objects.get(table="audits_runtime_halt")
    assert (entry.said.actor, entry.said.action) == (actor.id, "deployment.halt")
    assert opened_reason(entry.said.actor, entry.said.reason) == WHY


@pytest.mark.parametrize("person", NOT_OFFICERS)
def test_nobody_else_halts(world, deployment, person):
    with pytest.raises(Forbidden, match="ethics officer"):
        services.deployment_halt(deployment=deployment, reason=WHY, actor=getattr(world.people, person))
    deployment.refresh_from_db()
    assert deployment.state == Deployment.State.ACTIVE


@pytest.mark.parametrize("person", NOT_OFFICERS)
def test_nobody_else_votes(world, automatic_halt, person, vote):
    with pytest.raises(Forbidden):
        vote(automatic_halt, getattr(world.people, person))
    assert not Reinstatement.objects.exists()


def test_a_halted_deployment_is_not_halted_again(world, deployment, halt):
    with pytest.raises(Conflict, match="halted"):
        services.deployment_halt(deployment=deployment, reason=WHY, actor=world.people.officer_south)
    assert Halt.objects.count() == 1


@pytest.mark.parametrize(
    "reason", ["", "   ", "short", "x" * 2001, "null\x00 byte in here", "surrogate \ud800 here", None]
)
def test_a_reason_must_be_readable(world, deployment, reason):
    with pytest.raises(ApplicationError):
        services.deployment_halt(deployment=deployment, reason=reason, actor=world.people.officer_north)
    assert not Halt.objects.exists()


def test_two_officers_of_two_institutions_reinstate(world, deployment, automatic_halt, reviewers, vote):
    vote(automatic_halt, reviewers[0])
    deployment.refresh_from_db()
    assert deployment.state == Deployment.State.HALTED
    vote(automatic_halt, reviewers[1])
    deployment.refresh_from_db()
    automatic_halt.refresh_from_db()
    assert deployment.state == Deployment.State.ACTIVE
    assert automatic_halt.closed_at is not None
    assert [epoch["halt"] for epoch in MonitorState.objects.get().summary["epochs"]] == [str(automatic_halt.id)]
    entry = Outbox.objects.filter(table="models_registry_deployment", operation="UPDATE").order_by("id").last()
    assert entry.said.action == "deployment.reinstate"
    assert "starts anew after outcome 0" in entry.said.reason


def test_who_halted_by_hand_does_not_vote(deployment, reviewers, vote):
    ordered = services.deployment_halt(deployment=deployment, reason=WHY, actor=reviewers[0])
    with pytest.raises(Forbidden, match="You ordered this halt"):
        vote(ordered, reviewers[0])
    assert reviewers[0] not in [member.user for member in services.voters(ordered)]


def test_a_colleague_of_who_halted_may_vote_for_the_institution(world, deployment, halt, reviewers, vote):
    colleague = make_user("second.north@test.example", Role.ETHICS_OFFICER, world.people.north)
    vote(halt, colleague)
    vote(halt, reviewers[1])
    deployment.refresh_from_db()
    assert deployment.state == Deployment.State.ACTIVE


def test_nobody_votes_twice(world, deployment, automatic_halt, reviewers, vote):
    vote(automatic_halt, reviewers[0])
    with pytest.raises(Conflict, match="You have voted"):
        vote(automatic_halt, reviewers[0])
    deployment.refresh_from_db()
    assert deployment.state == Deployment.State.HALTED


def test_an_institution_votes_once(world, deployment, automatic_halt, reviewers, vote):
    vote(automatic_halt, reviewers[0])
    colleague = make_user("second.north@test.example", Role.ETHICS_OFFICER, world.people.north)
    with pytest.raises(Conflict, match="another institution"):
        vote(automatic_halt, colleague)
    deployment.refresh_from_db()
    assert deployment.state == Deployment.State.HALTED


def test_one_person_at_two_institutions_is_still_one_vote(world, deployment, automatic_halt, reviewers, vote):
    officer = reviewers[0]
    Membership.objects.create(user=officer, institution=world.people.south, role=Role.ETHICS_OFFICER)
    officer = User.objects.get(id=officer.id)
    vote(automatic_halt, officer)
    with pytest.raises(Conflict):
        vote(automatic_halt, officer)


def test_a_former_officer_does_not_vote(world, automatic_halt, reviewers, vote):
    Membership.objects.filter(user=reviewers[1]).update(is_active=False)
    with pytest.raises(Forbidden):
        vote(automatic_halt, reviewers[1])


def test_an_institution_that_left_the_federation_does_not_vote(world, automatic_halt, reviewers, vote):
    world.participants["south"].is_active = False
    world.participants["south"].save()
    with pytest.raises(Forbidden):
        vote(automatic_halt, reviewers[1])


def test_a_closed_halt_is_not_voted_on(world, automatic_halt, reviewers, vote):
    for officer in reviewers:
        vote(automatic_halt, officer)
    late = make_user("late@test.example", Role.ETHICS_OFFICER, world.people.north)
    with pytest.raises(Conflict, match="closed"):
        vote(automatic_halt, late)


def test_a_revoked_deployment_is_not_reinstated(world, deployment, automatic_halt, reviewers, vote):
    Deployment.objects.filter(id=deployment.id).update(state=Deployment.State.REVOKED)
    with pytest.raises(Conflict, match="revoked"):
        vote(automatic_halt, reviewers[0])


def test_the_list_of_voters_is_who_the_service_lets_vote(world, halt, reviewers, vote):
    colleague = make_user("second.north@test.example", Role.ETHICS_OFFICER, world.people.north)
    assert {m.user for m in services.voters(halt)} == {*reviewers, colleague}
    vote(halt, reviewers[1])
    assert {m.user for m in services.voters(halt)} == {reviewers[0], colleague}
    assert Institution.objects.count() == 4
