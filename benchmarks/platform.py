"""A private platform to measure on: PostgreSQL as in production, its two roles, the schema, Django in this process."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.frame import ROOT, progress
from qflethics.launcher import servers as launcher

GIVEN = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")


@contextmanager
def private_platform(settings: str = "benchmarks.settings") -> Iterator[None]:
    """Start servers of our own, durable ones (fsync on), migrate as the owner, connect as the application.

    Servers named in the environment are not used: what they hold and how they are set is unknown.
    """
    for name in GIVEN:
        os.environ.pop(name, None)
    progress("starting PostgreSQL (fsync on) and Redis")
    running = launcher.start(f"bench-{os.getpid()}", durable=True, database="qfl_bench")
    var = tempfile.mkdtemp(prefix="qfl-bench-")
    os.environ.update(
        running.environment, DJANGO_SETTINGS_MODULE=settings, SECRET_KEY=secrets.token_hex(), QFL_VAR=var,
        LOG_LEVEL="WARNING", OMP_NUM_THREADS="1",
    )  # fmt: skip
    try:
        for syncdb in ([], ["--run-syncdb"]):  # the benchmark's tables second: their triggers call our functions
            subprocess.run(
                [sys.executable, "-m", "django", "migrate", "-v0", *syncdb], cwd=ROOT, check=True, stdout=sys.stderr,
                env={**os.environ, "DATABASE_ROLE": "owner"},
            )  # fmt: skip
        import django

        django.setup()
        yield
    finally:
        running.stop()
        if running.state is not None:
            shutil.rmtree(running.state.data, ignore_errors=True)
            shutil.rmtree(running.state.run, ignore_errors=True)
        shutil.rmtree(var, ignore_errors=True)


def durability() -> str:
    """What the server itself says about its durability, for the note of a row."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings "
            "WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes')"
        )
        (said,) = cursor.fetchone()
        cursor.execute("SHOW server_version")
        return f"PostgreSQL {cursor.fetchone()[0].split()[0]}, {said}"
