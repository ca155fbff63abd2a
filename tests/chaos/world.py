"""Run in the platform's environment: makes a deployment with a hospital's key and prints how to reach it."""

from __future__ import annotations

import json
from datetime import timedelta

import django


def main() -> None:
    django.setup()
    from django.utils import timezone

    from accounts.models import ApiKey
    from core import context
    from tests.factories.federation import make_federation
    from tests.factories.people import make_people
    from tests.factories.registry import make_deployment

    world = make_federation(make_people())
    deployment = make_deployment(world)
    context.set_actor(None)
    _, secret = ApiKey.issue(
        name="chaos", institution=world.people.north, issued_by=world.people.administrator,
        actions=["event.record", "outcome.record", "prediction.request"],
        expires_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    print(json.dumps({"deployment": str(deployment.id), "secret": secret}))


if __name__ == "__main__":
    main()
