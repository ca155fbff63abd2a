import pytest

from audits.runtime import monitoring, services
from audits.runtime.models import Halt
from models_registry.models import Deployment

pytestmark = pytest.mark.django_db

WHY = {"reason": "Two patients were misread."}
EVERYBODY = [
    "administrator", "auditor", "officer_north", "officer_south", "operator_north", "clinician", "outsider",
]  # fmt: skip
OFFICERS = {"officer_north", "officer_south"}


def address(deployment, what: str) -> str:
    return f"/api/v1/deployments/{deployment.id}/{what}"


@pytest.mark.parametrize("person", EVERYBODY)
def test_only_officers_of_the_federation_halt(world, deployment, client_of, person):
    answer = client_of(getattr(world.people, person)).post(
        address(deployment, "halt"), WHY, content_type="application/json"
    )
    expected = 201 if person in OFFICERS else 404 if person == "outsider" else 403
    assert answer.status_code == expected, answer.content
    assert Halt.objects.count() == (expected == 201)


@pytest.mark.parametrize("person", EVERYBODY)
def test_only_officers_of_the_federation_vote(world, deployment, client_of, person):
    from audits.runtime.halting import halt_create

    halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=0)
    answer = client_of(getattr(world.people, person)).post(
        address(deployment, "reinstatements"), WHY, content_type="application/json"
    )
    assert answer.status_code == (201 if person in OFFICERS else 404 if person == "outsider" else 403), answer.content


@pytest.mark.parametrize("person", EVERYBODY)
@pytest.mark.parametrize("what", ["monitor", "halts"])
def test_everyone_of_the_federation_may_look(world, deployment, client_of, person, what):
    answer = client_of(getattr(world.people, person)).get(address(deployment, what))
    assert answer.status_code == (404 if person == "outsider" else 200)


def test_a_machines_key_never_halts_or_votes(world, deployment, caller_class):
    eager = caller_class(
        world.people.north, world.people.administrator, actions=["deployment.halt", "deployment.reinstate"]
    )
    assert eager.post(deployment, "halt", WHY).status_code == 403
    services.deployment_halt(deployment=deployment, actor=world.people.officer_south, **WHY)
    assert eager.post(deployment, "reinstatements", WHY).status_code == 403


@pytest.mark.parametrize(
    "body", [{}, {"reason": ""}, {"reason": "no"}, {"reason": 5}, {"reason": "a\u0000bcdefghijkl"}, [], "x"]
)
@pytest.mark.parametrize("what", ["halt", "reinstatements"])
def test_a_bad_reason_is_refused_and_never_an_error(world, deployment, client_of, body, what):
    if what == "reinstatements":
        services.deployment_halt(deployment=deployment, actor=world.people.officer_south, **WHY)
    answer = client_of(world.people.officer_north).post(
        address(deployment, what), body, content_type="application/json"
    )
    assert answer.status_code == 400, answer.content


def test_votes_without_a_halt_and_on_a_foreign_halt_are_refused(world, deployment, client_of):
    client = client_of(world.people.officer_north)
    assert client.post(address(deployment, "reinstatements"), WHY, content_type="application/json").status_code == 409
    body = {**WHY, "halt": "00000000-0000-4000-8000-000000000000"}
    assert client.post(address(deployment, "reinstatements"), body, content_type="application/json").status_code == 404


def test_the_whole_way_from_halt_to_service_by_api(world, deployment, client_of, north, cases):
    north_officer, south_officer = client_of(world.people.officer_north), client_of(world.people.officer_south)
    halt = services.deployment_halt(
        deployment=deployment, reason="A reader complained.", actor=world.people.officer_north
    )
    body = {**WHY, "halt": str(halt.id)}
    refused = north_officer.post(address(deployment, "reinstatements"), body, content_type="application/json")
    assert refused.status_code == 403
    assert "You ordered this halt" in refused.json()["message"]
    assert (
        south_officer.post(address(deployment, "reinstatements"), body, content_type="application/json").status_code
        == 201
    )
    assert north.post(deployment, "predictions", {"records": [cases("a")]}).status_code == 423
    from core.roles import Role
    from tests.factories.people import make_user

    colleague = make_user("second.north@test.example", Role.ETHICS_OFFICER, world.people.north)
    client_of(colleague).post(address(deployment, "reinstatements"), body, content_type="application/json")
    assert north.post(deployment, "predictions", {"records": [cases("a")]}).status_code == 200
    (listed,) = north_officer.get(address(deployment, "halts")).json()["results"]
    assert listed["closed_at"]
    assert len(listed["reinstatements"]) == 2


def test_the_monitor_answers_before_and_after_the_first_outcome(world, deployment, client_of, tell, stream):
    client = client_of(world.people.auditor)
    before = client.get(address(deployment, "monitor")).json()
    assert (before["position"], before["predictions"], before["summary"]) == (0, 0, {})
    tell(deployment, stream(200, {"female": 0.8, "male": 0.8}))
    monitoring.fold_deployment(deployment.id)
    after = client.get(address(deployment, "monitor")).json()
    assert (after["position"], after["outcomes"], after["state"]) == (200, 200, Deployment.State.ACTIVE)
    assert len(after["summary"]["streams"]) == 5
