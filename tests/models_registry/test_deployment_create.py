from __future__ import annotations

from models_registry.models import Deployment
from tests.factories.federation import World
from tests.factories.registry import make_deployment


def test_an_approved_request_is_deployed_under_its_policy(world: World) -> None:
    deployment = make_deployment(world, policy={"threshold": 0.05})

    assert deployment.state == Deployment.State.ACTIVE
    assert deployment.policy["threshold"] == 0.05
    assert deployment.policy == deployment.approval.policy
