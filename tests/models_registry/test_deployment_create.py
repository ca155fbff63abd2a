from __future__ import annotations

import pytest

from core import artefacts
from core.errors import ApplicationError, Conflict
from core.models import DomainEvent
from models_registry import services
from models_registry.models import ApprovalRequest, Deployment
from tests.database import rewrite_version
from tests.factories.federation import World
from tests.factories.registry import make_approved_request, make_deployment


def deploy(world: World, request: ApprovalRequest, name: str = "Ward") -> Deployment:
    return services.deployment_create(request=request, name=name, actor=world.people.administrator)


def test_an_approved_request_is_deployed_under_its_policy(world: World) -> None:
    deployment = make_deployment(world, policy={"threshold": 0.05})

    assert deployment.state == Deployment.State.ACTIVE
    assert deployment.kind == "clinical"
    assert deployment.policy["threshold"] == 0.05
    assert deployment.policy == deployment.approval.policy


def test_the_deployment_is_announced(world: World) -> None:
    deployment = make_deployment(world, kind="shadow")

    assert DomainEvent.objects.get(kind="deployment.created").payload == {"deployment": str(deployment.id)}
    assert deployment.kind == "shadow"


def test_a_request_under_review_is_not_deployed(world: World, approval: ApprovalRequest) -> None:
    with pytest.raises(Conflict, match="Only an approved request"):
        deploy(world, approval)


def test_an_approval_is_deployed_once(world: World) -> None:
    deployment = make_deployment(world)

    with pytest.raises(Conflict, match="already deployed"):
        deploy(world, deployment.approval)


@pytest.mark.django_db(transaction=True)
def test_changed_content_voids_the_approval_instead(world: World) -> None:
    request = make_approved_request(world)
    rewrite_version(request.version_id, "weights_digest", "f" * 64)

    with pytest.raises(Conflict, match="content has changed"):
        deploy(world, request)

    request.refresh_from_db()
    assert request.state == ApprovalRequest.State.VOIDED
    assert not Deployment.objects.exists()


def test_damaged_weights_are_not_deployed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    request = make_approved_request(world)

    def damaged(digest: str) -> bytes:
        raise artefacts.ArtefactError("artefact has changed on disk")

    monkeypatch.setattr(artefacts, "get", damaged)
    with pytest.raises(Conflict, match="cannot be served: artefact has changed on disk"):
        deploy(world, request)


def test_a_deployment_has_a_name(world: World) -> None:
    with pytest.raises(ApplicationError, match="name"):
        deploy(world, make_approved_request(world), "  ")


@pytest.mark.parametrize(
    ("start", "states", "allowed"),
    [("active", ["halted", "active", "revoked"], True), ("active", ["active"], False),
     ("active", ["revoked", "active"], False), ("active", ["revoked", "halted"], False)],
)  # fmt: skip
def test_only_named_transitions_change_the_state(world: World, start: str, states: list, allowed: bool) -> None:
    deployment = make_deployment(world)
    *before, last = states
    for state in before:
        services.deployment_set_state(deployment=deployment, state=state)

    if allowed:
        services.deployment_set_state(deployment=deployment, state=last)
        assert Deployment.objects.get().state == last
    else:
        with pytest.raises(Conflict, match="cannot become"):
            services.deployment_set_state(deployment=deployment, state=last)


def test_an_unknown_state_is_refused(world: World) -> None:
    with pytest.raises(ApplicationError, match="Expected a state among"):
        services.deployment_set_state(deployment=make_deployment(world), state="gone")
