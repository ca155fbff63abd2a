"""Real PostgreSQL and real Redis for every test, started by the same launcher as `make demo`.

Most tests run in a transaction that is rolled back. Tests that need commits use `transaction=True`; afterwards the
owner role empties the tables (the application role may not TRUNCATE, and triggers refuse it, as they should).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client, TransactionTestCase
from hypothesis import HealthCheck, settings

from core import context, vault
from qflethics.launcher import servers as launcher
from tests.database import empty_schema, empty_tables

ROOT = Path(__file__).resolve().parent.parent
# How long an example takes is the machine's business: speed is measured in benchmarks/, not in tests.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> launcher.Servers:
    return request.config.servers  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker) -> None:
    """Migrate as the owner, in a process of its own, into an emptied database; tests connect as the application."""
    with django_db_blocker.unblock():
        empty_schema(os.environ["DATABASE_OWNER_URL"])
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, check=True,
            env={**os.environ, "DATABASE_ROLE": "owner"},
        )  # fmt: skip
    TransactionTestCase._fixture_teardown = _flush_as_owner  # type: ignore[method-assign]


@pytest.fixture(scope="session", autouse=True)
def _nothing_waits_for_the_disk():
    """What a test writes need not outlive a power cut; programs that tests start, and kill, write through as ever."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True)
def _denormals_as_they_were():
    """Serving sets torch to flush denormal numbers for the whole process, which hypothesis rightly refuses."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(autouse=True)
def _nobody_acts_and_no_key_is_remembered():
    """A request leaves its actor behind in its thread, and an emptied database its people's keys in memory."""
    yield
    context.set_actor(None)
    vault.forget_cached()


@pytest.fixture
def client_of():
    """A browser in which somebody is signed in."""

    def sign_in(user) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in


@pytest.fixture(autouse=True)
def _every_test_begins_a_log_of_its_own():
    """The machine remembers what it signed under this origin; to it, another test's log would be a fork."""
    for memory in (Path(os.environ["QFL_VAR"]) / "log").glob("signed-*.json"):
        memory.unlink(missing_ok=True)


def _flush_as_owner(self) -> None:
    empty_tables(os.environ["DATABASE_OWNER_URL"])
