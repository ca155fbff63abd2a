"""The shell scripts: they parse, and make secrets once."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

DOCKER = Path(__file__).parents[2] / "docker"
SCRIPTS = sorted(DOCKER.rglob("*.sh"))


def run(*command: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_it_parses_stops_at_the_first_error_and_may_be_executed(script: Path) -> None:
    shell = script.read_text().splitlines()[0].removeprefix("#!").rpartition("/")[2]
    assert run(shell, "-n", script).returncode == 0
    assert "set -eu" in script.read_text()
    assert script.stat().st_mode & stat.S_IXUSR


def test_all_scripts_are_found() -> None:
    names = {script.name for script in SCRIPTS}
    assert names == {"make-secrets.sh", "init-roles.sh", "start.sh"}


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    assert run(DOCKER / "make-secrets.sh", tmp_path / "secrets").returncode == 0
    return tmp_path / "secrets"


def test_secrets_agree_with_one_another(secrets: Path) -> None:
    read = {path.name: path.read_text() for path in secrets.iterdir()}
    assert f":{read['postgres_app_password']}@postgres:5432/qfl" in read["database_url"]
    assert f":{read['postgres_owner_password']}@postgres:5432/qfl" in read["database_owner_url"]
    assert f":{read['redis_password']}@redis:6379" in read["redis_url"]
    assert read["redis_password"] not in read["redis_acl"]
    assert "user default off" in read["redis_acl"]
    assert read["smtp_password"] == ""  # only the hospital knows it
    drawn = [read[name] for name in read if name.endswith("_password") and name != "smtp_password"]
    assert len({len(secret) for secret in drawn}) == 1 and all(drawn)


def test_every_secret_of_the_compose_file_is_made(secrets: Path) -> None:
    named = {line.split("./secrets/")[1].rstrip("}") for line in _lines("compose.yaml") if "./secrets/" in line}
    assert named <= {path.name for path in secrets.iterdir()}


def test_secrets_are_made_once_and_shut_away(secrets: Path) -> None:
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    assert run(DOCKER / "make-secrets.sh", secrets).returncode == 0
    assert before == {path.name: path.read_bytes() for path in secrets.iterdir()}
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700


def _lines(name: str) -> list[str]:
    return (DOCKER / name).read_text().splitlines()
