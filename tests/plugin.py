"""Starts real PostgreSQL and Redis before Django is set up; loaded by `-p tests.plugin` in pyproject.toml.

Each run has servers of its own, so that two runs on one machine do not meet.
"""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest

from qflethics.launcher import servers as launcher


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config):
    running = launcher.start(f"test-{os.getpid()}", durable=False, database="qfl_test")
    early_config.servers = running  # type: ignore[attr-defined]
    os.environ.update(running.environment)
    os.environ.update(
        DJANGO_SETTINGS_MODULE="qflethics.settings.test", SECRET_KEY="test-only", OMP_NUM_THREADS="1",
        QFL_VAR=tempfile.mkdtemp(prefix="qfl-test-var-"), RESEND_AFTER_SECONDS="3", REAPER_SECONDS="1",
    )  # fmt: skip
    try:
        return (yield)
    except BaseException:
        pytest_unconfigure(early_config)
        raise


def pytest_unconfigure(config: pytest.Config) -> None:
    running = getattr(config, "servers", None)
    if running is None:
        return
    running.stop()
    if running.state is not None:
        shutil.rmtree(running.state.data, ignore_errors=True)
        shutil.rmtree(running.state.run, ignore_errors=True)
    shutil.rmtree(os.environ["QFL_VAR"], ignore_errors=True)
    del config.servers  # type: ignore[attr-defined]
