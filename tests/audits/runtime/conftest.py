"""A deployment of a small classifier at two sites, and the callers of its gateway."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, Institution
from tests.factories.federation import make_federation
from tests.factories.people import make_people
from tests.factories.registry import make_deployment

BACKEND = "django.contrib.auth.backends.ModelBackend"


class Caller:
    """A clinical system: posts JSON with its key."""

    def __init__(self, institution: Institution, issued_by, actions=("prediction.request", "outcome.record")) -> None:
        _, self.secret = ApiKey.issue(
            name="test", institution=institution, actions=list(actions), issued_by=issued_by,
            expires_at=timezone.now() + timedelta(days=1),
        )  # fmt: skip

    def post(self, deployment, what: str, body, **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Client().post(
            f"/api/v1/deployments/{deployment.id}/{what}", data, content_type="application/json",
            headers={"Authorization": f"Api-Key {self.secret}", **headers},
        )  # fmt: skip


def case(name: str, sex: str = "female", **changes) -> dict:
    record = {"event_key": name, "patient": f"mrn-{name}", "attributes": {"sex": sex}, "features": [0.1, 0.5, 0.3, 0.9]}
    return {**record, **changes}


@pytest.fixture
def world():
    return make_federation(make_people())


@pytest.fixture
def deployment(world):
    return make_deployment(world)


@pytest.fixture
def north(world):
    return Caller(world.people.north, world.people.administrator)


@pytest.fixture
def cases():
    return case


@pytest.fixture
def caller_class():
    return Caller


@pytest.fixture
def client_of():
    def sign_in(user) -> Client:
        client = Client()
        client.force_login(user, backend=BACKEND)
        return client

    return sign_in
