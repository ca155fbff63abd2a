"""The shell scripts: they parse, make secrets once, back up without keys, and restore only into emptiness.

PostgreSQL's programs are replaced on PATH by small scripts that record how they were called; the round trip over a real
server belongs to the operations tests.
"""

import os
import shutil
import stat
import subprocess
import time
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
    assert names == {"backup.sh", "restore.sh", "make-secrets.sh", "init-roles.sh", "start.sh"}


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
    assert len({len(read[name]) for name in read if name.endswith("_password")}) == 1


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


@pytest.fixture
def place(tmp_path: Path) -> dict[str, str]:
    """An environment with recorded PostgreSQL programs, a state folder and a target folder."""
    programs = tmp_path / "bin"
    programs.mkdir()
    log = f'echo "$(basename "$0") $*" >> {tmp_path}/calls'
    dump = 'for a in "$@"; do case "$a" in --file=*) echo dump > "${a#--file=}";; esac; done'
    for name, body in (("pg_dump", dump), ("psql", 'echo "${TABLES:-0}"'), ("pg_restore", ":")):
        (programs / name).write_text(f"#!/bin/bash\n{log}\n{body}\n")
        (programs / name).chmod(0o755)
    state = tmp_path / "state"
    for name in ("artefacts/ab/abc", "keys/coordinator", "health/reaper", "static/site.css", "tiles/0/000"):
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        (state / name).write_text(f"content of {name}")
    (tmp_path / "target").mkdir()
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "DATABASE_OWNER_URL": "postgresql://qfl_owner@postgres/qfl",
        "QFL_VAR": str(state),
        "TARGET": str(tmp_path / "target"),
        "FRESH": str(tmp_path / "fresh"),
    }


@pytest.fixture
def backup(place: dict[str, str]) -> Path:
    result = run(DOCKER / "backup.sh", place["TARGET"], env=place)
    assert result.returncode == 0, result.stderr
    (made,) = (path for path in Path(place["TARGET"]).iterdir() if path.name != "person-keys")
    return made


def test_peoples_keys_are_kept_apart_and_for_days_only(place: dict[str, str], backup: Path, tmp_path: Path) -> None:
    folder = Path(place["TARGET"]) / "person-keys"
    calls = (tmp_path / "calls").read_text().splitlines()
    whole, people = (call for call in calls if call.startswith("pg_dump"))
    for table in ("core_subjectkey", "core_patientkey"):
        assert f"--exclude-table-data={table}" in whole and f"--table={table}" in people
    (dumped,) = folder.iterdir()
    assert dumped.name == f"{backup.name}.dump" and not (backup / "person-keys.dump").exists()
    old = folder / "qfl-ethics-old.dump"
    old.write_text("keys of people who are erased by now")
    week_ago = time.time() - 8 * 86400
    os.utime(old, (week_ago, week_ago))
    time.sleep(1.1)  # folders are named by the second
    assert run(DOCKER / "backup.sh", place["TARGET"], env=place).returncode == 0
    assert not old.exists() and dumped.exists()


def test_the_newest_keys_are_restored_with_any_backup(place: dict[str, str], backup: Path, tmp_path: Path) -> None:
    newest = Path(place["TARGET"]) / "person-keys" / "qfl-ethics-99990101T000000Z.dump"
    newest.write_text("keys")
    result = run(DOCKER / "restore.sh", backup, env=place | {"QFL_VAR": place["FRESH"]})
    assert result.returncode == 0, result.stderr
    assert "erased again" in result.stdout
    restored = [call for call in (tmp_path / "calls").read_text().splitlines() if call.startswith("pg_restore")]
    assert restored[0].endswith("database.dump") and restored[1].endswith(newest.name)
    assert "--data-only" in restored[1]


def test_a_restore_without_peoples_keys_must_be_asked_for(place: dict[str, str], backup: Path, tmp_path: Path) -> None:
    shutil.rmtree(Path(place["TARGET"]) / "person-keys")
    env = place | {"QFL_VAR": place["FRESH"]}
    result = run(DOCKER / "restore.sh", backup, env=env)
    assert result.returncode != 0 and "people's keys" in result.stderr
    assert run(DOCKER / "restore.sh", backup, tmp_path / "nowhere", env=env).returncode != 0
    assert run(DOCKER / "restore.sh", backup, "none", env=env).returncode == 0


def test_a_backup_holds_artefacts_and_lists_keys_without_copying_them(backup: Path) -> None:
    members = run("tar", "--list", "--file", backup / "var.tar").stdout.split()
    assert "./artefacts/ab/abc" in members
    assert "./tiles/0/000" in members
    assert not [name for name in members if name.startswith(("./keys", "./health", "./static"))]
    assert "coordinator  27 bytes" in (backup / "KEYS.txt").read_text()
    assert "content of keys" not in (backup / "KEYS.txt").read_text()
    assert stat.S_IMODE(backup.stat().st_mode) == 0o700


def test_a_backup_that_fails_leaves_nothing_behind(place: dict[str, str]) -> None:
    (Path(place["PATH"].split(":")[0]) / "pg_dump").write_text("#!/bin/bash\nexit 1\n")
    assert run(DOCKER / "backup.sh", place["TARGET"], env=place).returncode != 0
    assert list(Path(place["TARGET"]).iterdir()) == []


def test_the_database_url_may_come_from_a_file(place: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://from-file/qfl")
    env = place | {"DATABASE_OWNER_URL_FILE": str(tmp_path / "url")}
    assert run(DOCKER / "backup.sh", place["TARGET"], env=env).returncode == 0
    assert "--dbname=postgresql://from-file/qfl" in (tmp_path / "calls").read_text()


def test_a_restore_into_emptiness_brings_files_back_and_names_the_ledger_check(
    place: dict[str, str], backup: Path
) -> None:
    result = run(DOCKER / "restore.sh", backup, env=place | {"QFL_VAR": place["FRESH"]})
    assert result.returncode == 0, result.stderr
    assert (Path(place["FRESH"]) / "artefacts/ab/abc").read_text() == "content of artefacts/ab/abc"
    assert "python manage.py verify_ledger" in result.stdout


def test_keys_may_be_put_back_before_the_restore(place: dict[str, str], backup: Path) -> None:
    shutil.copytree(Path(place["QFL_VAR"]) / "keys", Path(place["FRESH"]) / "keys")
    assert run(DOCKER / "restore.sh", backup, env=place | {"QFL_VAR": place["FRESH"]}).returncode == 0


def test_a_database_with_tables_is_refused(place: dict[str, str], backup: Path, tmp_path: Path) -> None:
    result = run(DOCKER / "restore.sh", backup, env=place | {"QFL_VAR": place["FRESH"], "TABLES": "3"})
    assert result.returncode == 1
    assert "expected an empty database, found 3" in result.stderr
    assert "pg_restore" not in (tmp_path / "calls").read_text()


def test_a_state_folder_with_files_is_refused(place: dict[str, str], backup: Path, tmp_path: Path) -> None:
    result = run(DOCKER / "restore.sh", backup, env=place)
    assert result.returncode == 1
    assert "expected an empty state folder" in result.stderr
    assert "pg_restore" not in (tmp_path / "calls").read_text()


def test_a_damaged_backup_is_refused(place: dict[str, str], backup: Path) -> None:
    (backup / "database.dump").write_text("other")
    result = run(DOCKER / "restore.sh", backup, env=place | {"QFL_VAR": place["FRESH"]})
    assert result.returncode == 1
    assert "does not match its SHA256SUMS" in result.stderr


@pytest.mark.parametrize("script", ["backup.sh", "restore.sh"])
def test_a_missing_argument_is_told(script: str, place: dict[str, str]) -> None:
    result = run(DOCKER / script, env=place)
    assert result.returncode == 1
    assert "expected one argument" in result.stderr
