from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from models_registry.models import ApprovalRequest, Version
from tests.factories.federation import World, make_federation
from tests.factories.people import make_people
from tests.factories.registry import make_evidence, make_request, make_version

BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def world(db) -> World:
    return make_federation(make_people())


@pytest.fixture
def version(world: World) -> Version:
    return make_version(world)


@pytest.fixture
def audited(version: Version) -> Version:
    make_evidence(version, "pass")
    return version


@pytest.fixture
def approval(world: World, audited: Version) -> ApprovalRequest:
    return make_request(world, version=audited)


@pytest.fixture
def page() -> Callable[[User], Client]:
    """A browser in which this person is signed in."""

    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend=BACKEND)
        return client

    return signed_in


@pytest.fixture
def api() -> Callable[[User], APIClient]:
    """The API as this person."""

    def signed_in(user: User) -> APIClient:
        client = APIClient()
        client.force_login(user, backend=BACKEND)
        return client

    return signed_in
