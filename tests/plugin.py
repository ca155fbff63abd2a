"""Starts real PostgreSQL and Redis before Django is set up; loaded by `-p tests.plugin` in pyproject.toml.

Each process that runs tests has servers and folders of its own, so that two runs on one machine, or two workers of one
run (`-n 2`), do not meet. The process that only hands out tests to workers starts none.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from qflethics.launcher import servers as launcher
from qflethics.launcher.state import State
from tests.longest import longest_first

WORKER = "PYTEST_XDIST_WORKER"  # set by pytest-xdist in its workers
GIVEN = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")
NOWHERE = {"SECRET_KEY": "test-only", "DATABASE_URL": "postgresql://nobody@/none", "REDIS_URL": "unix:///none"}


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config):
    if WORKER not in os.environ and getattr(early_config.known_args_namespace, "numprocesses", None):
        return (yield from _without_servers())
    run = f"{os.getppid()}-{os.environ[WORKER]}" if WORKER in os.environ else f"{os.getpid()}"
    running = launcher.start(f"test-{run}", durable=False, database="qfl_test")
    early_config.servers = running  # type: ignore[attr-defined]
    os.environ.update(running.environment)
    os.environ.update(
        DJANGO_SETTINGS_MODULE="qflethics.settings.test", SECRET_KEY="test-only", OMP_NUM_THREADS="1",
        QFL_VAR=tempfile.mkdtemp(prefix=f"qfl-test-var-{run}-"), RESEND_AFTER_SECONDS="3", REAPER_SECONDS="1",
    )  # fmt: skip
    early_config.run = run  # type: ignore[attr-defined]
    try:
        return (yield)
    except BaseException:
        pytest_unconfigure(early_config)
        raise


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=longest_first)


def pytest_unconfigure(config: pytest.Config) -> None:
    if (running := getattr(config, "servers", None)) is not None:
        running.stop()
        _clear(config.run)  # type: ignore[attr-defined]
        del config.servers  # type: ignore[attr-defined]
    elif WORKER not in os.environ:
        _clear(f"{os.getpid()}-*")  # what workers that crashed have left


def _without_servers():
    """The process that hands out tests loads the settings, and connects to nothing."""
    if named := [name for name in GIVEN if name in os.environ]:
        raise pytest.UsageError(
            f"workers would share {', '.join(named)}: unset them, or use no workers (WORKERS=0, -n 0)"
        )
    with pytest.MonkeyPatch.context() as environment:
        for name, value in NOWHERE.items():
            environment.setenv(name, value)
        return (yield)


def _clear(run: str) -> None:
    state, var = State(f"test-{run}"), Path(tempfile.gettempdir()) / f"qfl-test-var-{run}-*"
    for pattern in (state.data, state.run, var):
        for folder in pattern.parent.glob(pattern.name):
            shutil.rmtree(folder, ignore_errors=True)
