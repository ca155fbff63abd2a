"""Private servers: from the machine's programs and from PyPI wheels, two roles, nothing left behind."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import psycopg2
import pytest
import redis

from qflethics.launcher import servers as launcher
from qflethics.launcher.state import LauncherError, State

NAMES = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")


@pytest.fixture
def name(monkeypatch):
    for variable in NAMES:
        monkeypatch.delenv(variable, raising=False)
    name = f"own-{os.getpid()}"
    yield name
    for folder in (State(name).data, State(name).run):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["wheel", "machine"])
def running(request, name, monkeypatch):
    monkeypatch.setenv("QFL_POSTGRES", request.param)
    monkeypatch.setenv("QFL_REDIS", request.param)
    try:
        found = launcher.start(name, durable=False)
    except LauncherError:
        if request.param == "wheel":
            raise
        # A machine without servers of its own: the wheels serve, as they do for a user there.
        monkeypatch.delenv("QFL_POSTGRES")
        monkeypatch.delenv("QFL_REDIS")
        found = launcher.start(name, durable=False)
    yield found
    found.stop()


def test_postgresql_is_15_or_newer_and_has_two_roles(running):
    with psycopg2.connect(running.environment["DATABASE_OWNER_URL"]) as owner, owner.cursor() as cursor:
        assert owner.server_version >= 150000
        cursor.execute("CREATE TABLE t (x int)")
    with (
        psycopg2.connect(running.environment["DATABASE_URL"]) as application,
        application.cursor() as cursor,
        pytest.raises(psycopg2.errors.InsufficientPrivilege),
    ):
        cursor.execute("CREATE TABLE u (x int)")


def test_nobody_gets_in_without_a_password(running):
    socket = running.state.run / "sockets"
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(host=str(socket), user="qfl_app", dbname="qflethics")
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(unix_socket_path=str(running.state.run / "redis" / "redis.sock")).ping()


def test_what_was_stored_survives_a_stop_and_a_kill(name, monkeypatch):
    first = launcher.start(name)
    redis.Redis.from_url(first.environment["REDIS_URL"]).set("kept", "1")
    with psycopg2.connect(first.environment["DATABASE_OWNER_URL"]) as owner, owner.cursor() as cursor:
        cursor.execute("CREATE TABLE kept (x int)")
    first.stop()
    second = launcher.start(name)
    try:
        assert redis.Redis.from_url(second.environment["REDIS_URL"]).get("kept") == b"1"
        for _, process, _ in second.processes:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        with monkeypatch.context() as away:  # what does not start at once must not end the watching

            def refuse(*args, **options):
                raise LauncherError("the old one has not gone yet")

            away.setattr(launcher, "start_postgres", refuse)
            away.setattr(launcher, "start_redis", refuse)
            second.revive()
        second.revive()
        with psycopg2.connect(second.environment["DATABASE_OWNER_URL"]) as owner, owner.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM kept")
    finally:
        second.stop()


def test_a_second_launcher_is_kept_off_the_same_files(name):
    first = launcher.start(name, durable=False)
    try:
        with pytest.raises(LauncherError, match="Another launcher"):
            State(name).lock(patience_seconds=0.3)
    finally:
        first.stop()
    State(name).lock(patience_seconds=0.3).close()


def test_given_addresses_are_used_and_nothing_is_started(monkeypatch):
    given = {"DATABASE_URL": "postgresql://a@/x", "DATABASE_OWNER_URL": "postgresql://o@/x", "REDIS_URL": "unix:///r"}
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    found = launcher.start("never")
    assert found.environment == given
    assert found.processes == []
    assert not State("never").data.exists()


def test_what_is_missing_is_named_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setattr(launcher, "_version", lambda folder: 14)
    with pytest.raises(LauncherError, match="apt-get install postgresql"):
        launcher.find_postgres(State("never"))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(launcher.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LauncherError, match="apt-get install redis-server"):
        launcher.find_redis(State("never"))


def test_the_supervisor_starts_again_what_dies_and_leaves_nothing(tmp_path: Path):
    import sys

    from qflethics.launcher.supervisor import Program, Supervisor

    supervisor = Supervisor(logs=tmp_path, environment={"SECRET": "1", "PATH": os.environ["PATH"]})
    code = "import os, time; print(os.environ.get('SECRET'), flush=True); time.sleep(600)"
    supervisor.add(Program("one", [sys.executable, "-c", code], without=("SECRET",)))
    supervisor.watch()
    first = supervisor.find("one").process
    assert first is not None
    first.kill()
    deadline = time.monotonic() + 10
    while supervisor.find("one").process is first and time.monotonic() < deadline:
        time.sleep(0.05)
    second = supervisor.find("one").process
    assert second is not None and second is not first
    time.sleep(0.3)
    supervisor.stop()
    assert second.poll() is not None
    assert set((tmp_path / "one.log").read_text().split()) == {"None"}
