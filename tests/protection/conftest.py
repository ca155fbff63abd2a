"""A filled platform, a backup's key outside it, and empty databases to restore into."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest
from django.db import connection
from psycopg2.extensions import make_dsn, parse_dsn

from core import artefacts
from provenance import checkpoints, sequencing
from tests.factories.federation import World, make_federation
from tests.factories.people import make_people

EmptyDatabase = Callable[[str], tuple[str, str]]


@pytest.fixture
def world(db) -> World:
    return make_federation(make_people())


@pytest.fixture
def signed() -> Callable[[], None]:
    """Takes what waits into the ledger, and signs it."""

    def write() -> None:
        frontier = sequencing.load_frontier()
        while sequencing.sequence(frontier):
            pass
        checkpoints.checkpoint_sign(frontier)

    return write


@pytest.fixture
def backup_key(settings, tmp_path: Path) -> Path:
    path = tmp_path / "outside" / "backup.key"
    path.parent.mkdir()
    path.write_bytes(base64.b64encode(b"k" * 32))
    settings.BACKUP_KEY_FILE = str(path)
    return path


@pytest.fixture
def files(settings, tmp_path: Path) -> list[str]:
    """A state folder of the test's own, with the log's keys as before and two artefacts."""
    before, settings.VAR = Path(settings.VAR), tmp_path / "var"
    settings.VAR.mkdir()
    (settings.VAR / "keys").symlink_to(before / "keys")
    (before / "keys").mkdir(exist_ok=True)
    return [artefacts.put(b"weights"), artefacts.put(b"report" * 1000)]


@pytest.fixture
def empty_database(pytestconfig: pytest.Config) -> Iterator[EmptyDatabase]:
    """Makes an empty database beside the tests' own; its addresses, as the owner and as the application."""
    dsn = parse_dsn(os.environ["DATABASE_OWNER_URL"])
    state = pytestconfig.servers.state  # type: ignore[attr-defined]
    if state is not None:
        dsn |= {"user": "postgres", "password": state.secret("postgres")}
    above = psycopg2.connect(make_dsn(**dsn))
    above.autocommit = True
    made: list[str] = []

    def make(name: str) -> tuple[str, str]:
        with above.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
            cursor.execute(f'CREATE DATABASE "{name}" OWNER qfl_owner')
        made.append(name)
        return tuple(  # type: ignore[return-value]
            os.environ[url].replace("/qfl_test?", f"/{name}?") for url in ("DATABASE_OWNER_URL", "DATABASE_URL")
        )

    yield make
    with above.cursor() as cursor:
        for name in made:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    above.close()


@pytest.fixture
def looking_at(settings):
    """For a while, this process sees another database and state folder."""

    @contextmanager
    def look(app_url: str, var: Path) -> Iterator[None]:
        def turn(name: str, folder: Path) -> None:
            connection.close()
            connection.settings_dict["NAME"], settings.VAR = name, folder

        before = connection.settings_dict["NAME"], settings.VAR
        turn(parse_dsn(app_url)["dbname"], var)
        try:
            yield
        finally:
            turn(*before)

    return look


@pytest.fixture
def read_pdf(tmp_path: Path) -> Callable[[bytes], tuple[str, dict]]:
    """The words of a PDF, and the JSON that is attached to it."""

    def read(data: bytes) -> tuple[str, dict]:
        (tmp_path / "read.pdf").write_bytes(data)
        told = subprocess.run(["pdftotext", "read.pdf", "-"], cwd=tmp_path, capture_output=True, check=True)
        save = ["pdfdetach", "-save", "1", "-o", "read.json", "read.pdf"]
        subprocess.run(save, cwd=tmp_path, capture_output=True, check=True)
        return told.stdout.decode(), json.loads((tmp_path / "read.json").read_text())

    return read
