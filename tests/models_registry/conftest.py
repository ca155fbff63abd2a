from __future__ import annotations

import pytest

from models_registry.models import Version
from tests.factories.federation import World, make_federation
from tests.factories.people import make_people
from tests.factories.registry import make_evidence, make_version


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
