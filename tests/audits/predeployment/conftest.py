from __future__ import annotations

import pytest
from django.test import Client

from tests.factories.federation import make_federation
from tests.factories.people import make_people
from tests.factories.registry import make_version


@pytest.fixture
def people(db):
    return make_people()


@pytest.fixture
def world(people):
    return make_federation(people)


@pytest.fixture
def version(world):
    return make_version(world)


@pytest.fixture
def signed_in():
    def client_of(user) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return client_of
