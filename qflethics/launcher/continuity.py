"""`make backup` and `make drill`: on the platform that the environment names, else on the demonstration's servers.

python -m qflethics.launcher.continuity backup TARGET [--by EMAIL]
python -m qflethics.launcher.continuity drill BACKUP --by EMAIL [--people FILE]

A drill gets a PostgreSQL of its own, which is thrown away afterwards: it never shares a server with the platform.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import psycopg2

from qflethics.launcher import servers
from qflethics.launcher.demo import NAME, VAR
from qflethics.launcher.platform import manage
from qflethics.launcher.state import ROOT, LauncherError, State

GIVEN = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")


def main(arguments: list[str]) -> int:
    if len(arguments) < 2 or arguments[0] not in ("backup", "drill"):
        print(__doc__, file=sys.stderr)
        return 2
    task, rest = arguments[0], arguments[1:]
    try:
        with the_platform() as environment:
            if task == "backup":
                return run(manage("backup", *rest), environment)
            with empty_database() as drill:
                return run(manage("restore_drill", *rest), {**environment, **drill})
    except LauncherError as error:
        print(f"\n  {error}\n", file=sys.stderr)
        return 2


@contextmanager
def the_platform() -> Iterator[dict[str, str]]:
    """What its processes need: given, of the servers that run, or of those started for this."""
    if all(os.environ.get(name) or os.environ.get(f"{name}_FILE") for name in GIVEN):
        yield dict(os.environ)
        return
    state = State(NAME)
    base = {
        **os.environ, "QFL_VAR": str(VAR), "SECRET_KEY": state.secret("secret_key"),
        "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "qflethics.settings.dev"),
    }  # fmt: skip
    urls = addresses(state, "qflethics")
    if answers(urls["DATABASE_OWNER_URL"]):
        yield {**base, **urls, "REDIS_URL": "unix:///unused"}
        return
    running = servers.start(NAME)
    try:
        yield {**base, **running.environment}
    finally:
        running.stop()


@contextmanager
def empty_database() -> Iterator[dict[str, str]]:
    """A database of a server of its own, removed afterwards."""
    state = State(f"drill-{os.getpid()}")
    process: subprocess.Popen | None = None
    try:
        urls, process = servers.start_postgres(state, durable=False, database="qfl_drill")
        yield {"DRILL_OWNER_URL": urls["DATABASE_OWNER_URL"], "DRILL_URL": urls["DATABASE_URL"]}
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)
        for folder in (state.data, state.run):
            shutil.rmtree(folder, ignore_errors=True)


def addresses(state: State, database: str) -> dict[str, str]:
    """Of a private server's two roles, whether it runs or not."""
    host = quote(str(state.run / "sockets"), safe="")
    return {
        name: f"postgresql://{role}:{state.secret(role)}@/{database}?host={host}"
        for name, role in (("DATABASE_URL", "qfl_app"), ("DATABASE_OWNER_URL", "qfl_owner"))
    }


def answers(url: str) -> bool:
    try:
        psycopg2.connect(url).close()
    except psycopg2.OperationalError:
        return False
    return True


def run(command: list[str], environment: dict[str, str]) -> int:
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
