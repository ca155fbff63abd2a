"""A backup that can be trusted: restored it is whole, changed it is refused, old it says what is lost.

A real dump and a real second database.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import psycopg2
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from core.errors import ApplicationError, Forbidden
from core.models import Outbox
from federation.models import Federation
from protection import backups, drills, restored, restoring
from protection.domain import envelope
from protection.models import Backup, RestoreDrill
from provenance.models import ChainState, Checkpoint, Entry

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def backup(world, signed, files, backup_key, tmp_path):
    signed()
    return backups.backup_create(
        target=tmp_path / "backups", owner_url=os.environ["DATABASE_OWNER_URL"], actor=world.people.administrator
    )


@pytest.fixture(autouse=True)
def _checked_in_this_process(monkeypatch, looking_at):
    """A process of its own takes seconds to start; tests/protection/test_runbook.py has that."""

    def checked(content, known, *, owner_url: str, app_url: str, var: Path):
        with looking_at(app_url, var):
            return restored.check(content, known)

    monkeypatch.setattr(drills, "checked", checked)


def held(backup: Backup, tmp_path: Path, empty_database, who, name: str = "qfl_drill") -> RestoreDrill:
    owner_url, app_url = empty_database(name)
    return drills.drill(
        folder=tmp_path / "backups" / backup.name, owner_url=owner_url, app_url=app_url, var=tmp_path / name, actor=who
    )


def test_a_backup_is_restored_whole_and_what_was_written_since_is_told(
    backup, world, signed, files, tmp_path, empty_database
):
    admin, begun = world.people.administrator, timezone.now()
    passed = held(backup, tmp_path, empty_database, admin)
    assert (passed.problems, passed.outcome, passed.backup) == ([], "passed", backup.name)
    assert passed.figures["entries"] == backup.entries == Checkpoint.objects.get().size
    assert passed.figures["root"] == bytes(Checkpoint.objects.get().root).hex()
    assert (passed.figures["files"], passed.figures["rows"]) == (len(files), backup.rows)
    assert passed.lost_entries == 0 and 0 < passed.lost_seconds < 600
    assert 0 < passed.seconds <= (timezone.now() - begun).total_seconds()
    folder = tmp_path / "qfl_drill"
    assert (folder / "artefacts" / files[0][:2] / files[0]).read_bytes() == b"weights"
    assert not list((folder / "keys").rglob("*.pem")), "private keys are never in a backup"
    for model in (Backup, RestoreDrill):
        assert Outbox.objects.filter(table=model._meta.db_table, operation="INSERT").exists()
    Federation.objects.create(name="Later", purpose="p", data_title="d", task="classification")
    signed()
    later = held(backup, tmp_path, empty_database, admin, "qfl_drill2")
    assert later.outcome == "passed", later.problems  # within what may be lost
    assert later.lost_entries == Entry.objects.count() - backup.entries > 0
    assert any(
        f"What is lost: {later.lost_entries} entries, {backup.entries:,} to" in line for line in later.figures["since"]
    )


def test_changed_foreign_or_incomplete_backups_are_refused_and_the_drill_is_entered(
    backup, world, backup_key, tmp_path, empty_database
):
    folder, key = tmp_path / "backups" / backup.name, backups.master_key()

    def refused(change, **given) -> str:
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        change(copy)
        with pytest.raises(ApplicationError) as error:
            restoring.read_backup(copy, **{"key": key, **given})
        return error.value.message

    def flip(copy: Path) -> None:
        data = bytearray((copy / backups.DATABASE).read_bytes())
        data[len(data) // 2] ^= 1
        (copy / backups.DATABASE).write_bytes(bytes(data))

    def lie(copy: Path) -> None:
        outer = json.loads((copy / backups.MANIFEST).read_text())
        outer["content"] = outer["content"].replace(f'"entries": {backup.entries}', '"entries": 1')
        (copy / backups.MANIFEST).write_text(json.dumps(outer))

    assert "database.sealed has" in refused(flip) and "take another copy" in refused(flip)
    assert "manifest.json is not what was sealed" in refused(lie)
    assert "files.sealed is missing" in refused(lambda copy: (copy / backups.FILES).unlink())
    assert "it cannot be read" in refused(lambda copy: (copy / backups.MANIFEST).unlink())
    assert f"sealed under the key {envelope.key_name(key)}" in refused(lambda copy: None, key=bytes(32))
    flip(folder)
    failed = held(backup, tmp_path, empty_database, world.people.administrator)
    assert (failed.outcome, failed.taken_at, failed.lost_entries) == ("failed", None, None)
    assert "The backup was changed" in failed.problems[0]
    with pytest.raises(Forbidden, match="administrators"):
        held(backup, tmp_path, empty_database, world.people.officer_north)


def test_a_restore_refuses_what_is_not_empty_and_what_changes_under_its_hands(backup, world, tmp_path, empty_database):
    found = restoring.read_backup(tmp_path / "backups" / backup.name, key=backups.master_key())
    given = {"var": tmp_path / "new", "key": backups.master_key(), "people": None}
    with pytest.raises(ApplicationError, match="Expected an empty database, found"):
        restoring.restore(found, owner_url=os.environ["DATABASE_OWNER_URL"], **given)
    owner_url, _ = empty_database("qfl_drill")
    with pytest.raises(ApplicationError, match="Expected an empty state folder, found "):
        restoring.restore(found, owner_url=owner_url, **{**given, "var": tmp_path / "var"})
    sealed = found.folder / backups.DATABASE  # after its digest was looked at
    sealed.write_bytes(sealed.read_bytes()[:-20])
    with pytest.raises(ApplicationError, match="is not what was sealed .* Nothing was restored from it"):
        restoring.restore(found, owner_url=owner_url, **given)
    with psycopg2.connect(owner_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        assert cursor.fetchone() == (0,)


def test_another_history_and_an_old_backup_fail_the_drill_with_what_is_lost(
    backup, world, settings, tmp_path, empty_database
):
    """The chain holds a tree that the restored log does not begin with; and nobody backed up for a day."""
    newest, admin = Checkpoint.objects.get(), world.people.administrator
    ChainState.objects.create(
        chain_id=1, contract="0x", log_id="0x", head_size=newest.size, head_root=b"\1" * 32, embedded=True
    )
    settings.CONTINUITY_LOST_HOURS = 0
    told = held(backup, tmp_path, empty_database, admin)
    assert told.outcome == "failed"
    assert any("the chain holds" in line and "under another root" in line for line in told.figures["since"])
    assert any("more work would be lost than the 0 h allowed" in line for line in told.problems)


def test_the_key_comes_from_outside(world, settings, tmp_path, backup_key):
    settings.BACKUP_KEY_FILE = ""
    with pytest.raises(CommandError, match="openssl rand -base64 32"):
        call_command("backup", str(tmp_path / "backups"))
    settings.BACKUP_KEY_FILE = str(tmp_path / "nowhere")
    with pytest.raises(CommandError, match="No such file"):
        call_command("backup", str(tmp_path / "backups"))
    settings.BACKUP_KEY_FILE, settings.DATABASE_OWNER_URL = str(backup_key), ""
    with pytest.raises(CommandError, match="DATABASE_OWNER_URL"):
        call_command("backup", str(tmp_path / "backups"))
    assert not (tmp_path / "backups").exists() and not Backup.objects.exists()
