"""The runbook's own commands, taken from its text and run: the shell's by a shell, ours in this process (a start of
Django takes seconds), but for the drill's check, which has a process of its own as always."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
from pathlib import Path
from string import Template

import pytest
from django.core.management import call_command

from protection.models import Backup, RestoreDrill
from provenance.models import Checkpoint
from qflethics.launcher import continuity

ROOT = Path(__file__).parents[2]
RUNBOOK = ROOT / "docs" / "operations" / "continuity.md"
OURS = "python manage.py "
pytestmark = pytest.mark.django_db(transaction=True)


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", RUNBOOK.read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_the_commands_of_the_runbook_work(world, signed, files, settings, tmp_path, empty_database, looking_at):
    signed()
    settings.DRILL_OWNER_URL, settings.DRILL_URL = empty_database("qfl_drill")
    (tmp_path / "checkpoint").write_text(Checkpoint.objects.get().note)
    (tmp_path / "keys").mkdir()
    words = {
        "KEYS": str(tmp_path / "keys"), "TARGET": str(tmp_path / "backups"),
        "CHECKPOINT": str(tmp_path / "checkpoint"), "ADMINISTRATOR": world.people.administrator.email,
    }  # fmt: skip

    def manage(line: str) -> str:
        told = io.StringIO()
        call_command(*shlex.split(Template(line).substitute(words))[2:], stdout=told)
        return told.getvalue()

    make, protect, export, backup, drill, restore = commands()
    for line in (make, protect):
        subprocess.run(["sh", "-ec", line], env={**os.environ, **words}, check=True)
    name, _, value = export.removeprefix("export ").partition("=")
    assert name == "QFL_BACKUP_KEY_FILE"
    settings.BACKUP_KEY_FILE = Template(value).substitute(words)
    words["BACKUP"] = Path(manage(backup).splitlines()[0]).name
    assert Backup.objects.get().name == words["BACKUP"]
    assert "The drill has passed" in manage(drill)
    held = RestoreDrill.objects.get()
    assert (held.outcome, held.figures["entries"]) == ("passed", Checkpoint.objects.get().size)
    settings.DATABASE_OWNER_URL, app_url = empty_database("qfl_new")
    with looking_at(app_url, tmp_path / "new"):
        assert "The ledger is intact" in manage(restore)


def recipe(target: str, **values: str) -> list[str]:
    """What `make` would run, with the arguments that it passes on."""
    given = [f"{name}={value}" for name, value in values.items()]
    plain = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "ARGS"}}
    told = subprocess.run(
        ["make", "--dry-run", "--silent", "--old-file=.venv/.installed", target, *given], cwd=ROOT, check=True,
        capture_output=True, text=True, env=plain,  # without what the `make test` around this one was given
    )  # fmt: skip
    words = shlex.split(told.stdout)
    assert words[1:3] == ["-m", "qflethics.launcher.continuity"]
    return words[3:]


def test_make_backup_and_make_drill_work_together(world, signed, files, backup_key, settings, tmp_path, monkeypatch):
    """As the Makefile calls them; the drill on a server of its own, which is gone afterwards."""
    said, servers = io.StringIO(), []

    def run(command: list[str], environment: dict[str, str]) -> int:  # as a process, without the start of Django
        for name in ("DRILL_OWNER_URL", "DRILL_URL"):
            setattr(settings, name, environment.get(name, ""))
        servers.append(environment.get("DRILL_URL"))
        call_command(*command[command.index(str(ROOT / "manage.py")) + 1 :], stdout=said)
        return 0

    monkeypatch.setattr(continuity, "run", run)
    signed()
    who = world.people.administrator.email
    assert continuity.main(recipe("backup", TARGET=str(tmp_path / "backups"), BY=who)) == 0
    made = Backup.objects.get()
    assert made.made_by == world.people.administrator
    assert continuity.main(recipe("drill", BACKUP=str(tmp_path / "backups" / made.name), BY=who)) == 0
    held = RestoreDrill.objects.get()
    assert (held.outcome, held.backup, held.problems) == ("passed", made.name, [])
    assert servers[1] and not continuity.answers(servers[1])
