"""A ledger to write to, and the owner role that attacks it. The servers are real; tests/conftest.py starts them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from typing import Any

import psycopg2
import pytest
from django.db import connection

from accounts.models import Institution
from core.grants import ALWAYS
from provenance import checkpoints, sequencing, subjects
from provenance.domain.tiles import Frontier
from provenance.models import Checkpoint

LEDGER_TABLES = ("provenance_entry", "provenance_body", "provenance_tile", "provenance_checkpoint")


REACH = {  # objects that are decided on in tests, and whom they concern besides the platform; what was approved
    "dep-1": (("north", "south", "other"), "ab" * 32),
    "dep-2": (("north", "south", "other"), "ab" * 32),
    "dep-9": (("north", "south", "other"), "ab" * 32),
    "dep-north": (("north",), "ab" * 32),
}


@pytest.fixture(autouse=True)
def approved_objects(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[tuple[str, ...], str]]:
    """What this floor is told by the higher ones: objects with approved content, and who may see them."""
    known = dict(REACH)

    def resolve(object_ids: Collection[str], user: Any) -> dict[str, str]:
        mine = set(Institution.objects.filter(id__in=user.institution_ids).values_list("slug", flat=True))
        return {
            name: known[name][1]
            for name in object_ids
            if name in known and (user.sees_all or mine & set(known[name][0]))
        }

    monkeypatch.setattr(subjects, "_RESOLVERS", [resolve])
    return known


class Log:
    """The sequencer's work, step by step."""

    def __init__(self) -> None:
        self.frontier: Frontier = sequencing.load_frontier()

    def fill(self, count: int) -> None:
        """Record this many heartbeats and move them into the log."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT core_record('provenance', 'HEARTBEAT', 'log', jsonb_build_object('n', n)) "
                "FROM generate_series(1, %s) AS n",
                [count],
            )
        self.drain()

    def drain(self) -> int:
        written = 0
        while step := sequencing.sequence(self.frontier):
            written += step
        return written

    def sign(self) -> Checkpoint:
        signed = checkpoints.checkpoint_sign(self.frontier)
        assert signed is not None
        return signed


@pytest.fixture
def log(request: pytest.FixtureRequest) -> Log:
    """An empty log. The test must have asked for the database."""
    request.getfixturevalue("transactional_db" if _is_transactional(request) else "db")
    return Log()


def _is_transactional(request: pytest.FixtureRequest) -> bool:
    marker = request.node.get_closest_marker("django_db")
    return bool(marker and marker.kwargs.get("transaction"))


@pytest.fixture
def owner() -> Iterator[psycopg2.extensions.connection]:
    """A connection of the owner role, each statement its own transaction."""
    opened = psycopg2.connect(os.environ["DATABASE_OWNER_URL"])
    opened.autocommit = True
    yield opened
    opened.close()


@pytest.fixture
def superuser(pytestconfig: pytest.Config) -> Iterator[psycopg2.extensions.connection]:
    """A connection above the owner. Servers that were given to us may refuse it; ours do not."""
    dsn = psycopg2.extensions.parse_dsn(os.environ["DATABASE_OWNER_URL"])
    state = pytestconfig.servers.state  # type: ignore[attr-defined]
    if state is not None:
        dsn |= {"user": "postgres", "password": state.secret("postgres")}
    opened = psycopg2.connect(**dsn)
    opened.autocommit = True
    yield opened
    opened.close()


@pytest.fixture
def tamper(owner: psycopg2.extensions.connection) -> Callable[..., int]:
    """What only an owner can do: switch the triggers off, change rows, switch them on again."""

    def change(*statements: str) -> int:
        changed = 0
        with owner.cursor() as cursor:
            for table in LEDGER_TABLES:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            for statement in statements:
                cursor.execute(statement)
                changed += cursor.rowcount
            for table in LEDGER_TABLES:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
            cursor.execute(ALWAYS)
        return changed

    return change
