"""Making a sealed backup: the database as it stood at one moment, and the platform's files.

Nothing is ever written in clear: dump and archive go through a pipe into the seal. The master key comes from outside
(`QFL_BACKUP_KEY_FILE`) and is not in the backup; nor are the platform's private keys, what this machine remembers of
the log (it is there to find an old backup out), and what processes make anew.

People's keys (docs/privacy.md) go into a file of their own, kept for days only, so that no backup undoes an erasure.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
from django.conf import settings
from psycopg2 import sql

from accounts.models import User
from core.context import governed
from core.errors import ApplicationError
from protection.domain import envelope
from protection.models import Backup
from protection.programs import program, write_into
from protection.sealing import archive, seal_from, told

FORMAT = "qfl-ethics.backup/v1"
DATABASE, FILES, MANIFEST = "database.sealed", "files.sealed", "manifest.json"
PEOPLE = "person-keys"  # folder beside the backups
PEOPLE_DAYS = 7
PEOPLE_TABLES = ("core_subjectkey", "core_patientkey")
_TABLES = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1
"""


def master_key(path: str = "") -> bytes:
    """The key that seals backups.

    Raises
    ------
    ApplicationError
        If none was given, or the file holds none: a backup in clear, or under a key that lies beside it, is none.
    """
    given = path or settings.BACKUP_KEY_FILE
    if not given:
        raise ApplicationError(
            "Name the file of the backup's key in QFL_BACKUP_KEY_FILE. Make one with `openssl rand -base64 32 > FILE`, "
            "keep it apart from the backups, and keep a second copy: without it no backup can be opened."
        )
    try:
        return envelope.read_key(Path(given).read_bytes())
    except (OSError, ValueError) as error:
        raise ApplicationError(f"{given}: {error}") from None


def backup_create(*, target: Path, owner_url: str, actor: User | None) -> Backup:
    """Write a sealed backup into a new folder under `target`, and enter it in the ledger.

    Parameters
    ----------
    owner_url : str
        Of the database, as its owner: the application's role may not read everything.
    """
    key, began = master_key(), time.monotonic()
    name = f"qfl-ethics-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    part = target / f"{name}.part"
    try:
        part.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise ApplicationError(f"Cannot make {part}: {error.strerror}.") from None
    try:
        with _one_moment(owner_url) as moment:
            snapshot, facts = _facts(moment)
            _dump(owner_url, part / DATABASE, snapshot, facts["server"], key=key, name=name)
        people = target / PEOPLE / f"{name}.sealed"
        people.parent.mkdir(mode=0o700, exist_ok=True)
        # Afterwards: every key that the rows above were written under is in it, but those shredded meanwhile.
        _dump_people(owner_url, people, facts["server"], key=key)
        seal_from(lambda pipe: archive(Path(settings.VAR), pipe), part / FILES, key=key, name=f"{name}/{FILES}")
        content = {
            "format": FORMAT, "name": name, "version": settings.VERSION, "origin": settings.LOG_ORIGIN,
            "key": envelope.key_name(key), **facts,
            "files": {file: told(part / file) for file in (DATABASE, FILES)},
        }  # fmt: skip
        text = json.dumps(content, sort_keys=True, indent=1)
        (part / MANIFEST).write_text(json.dumps({"content": text, "mac": envelope.mac(key, text.encode())}, indent=1))
        part.rename(target / name)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    _forget_old_people(people.parent)
    with governed(action="backup.create", actor=actor.pk if actor else None):
        return Backup.objects.create(
            name=name, taken_at=datetime.fromisoformat(content["taken_at"]), made_by=actor,
            manifest=hashlib.sha256(text.encode()).hexdigest(), entries=content["ledger"]["entries"],
            size=sum(file["size"] for file in content["files"].values()), rows=sum(content["tables"].values()),
            key=content["key"], seconds=round(time.monotonic() - began, 3),
        )  # fmt: skip


# --- the database --------------------------------------------------------------------------------------------------


@contextmanager
def _one_moment(owner_url: str) -> Iterator[Any]:
    """A connection whose view of the database stands still, for the dump and for the counts alike."""
    connection = psycopg2.connect(owner_url)
    try:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def _facts(cursor: Any) -> tuple[str, dict[str, Any]]:
    """The name of this moment, for the dump; and what the database holds, to be compared after a restore."""
    cursor.execute("SELECT pg_export_snapshot(), current_setting('server_version_num')::int / 10000, clock_timestamp()")
    snapshot, server, at = cursor.fetchone()
    taken_at = at.astimezone(UTC).isoformat()
    return snapshot, {
        "server": server, "taken_at": taken_at, "ledger": ledger_of(cursor), "tables": rows_of(cursor)
    }  # fmt: skip


def rows_of(cursor: Any) -> dict[str, int]:
    """Each table's rows, but those of people's keys, which are kept apart."""
    cursor.execute(_TABLES)
    names = [name for (name,) in cursor.fetchall() if name not in PEOPLE_TABLES]
    found: dict[str, int] = {}
    for name in names:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name)))
        found[name] = cursor.fetchone()[0]
    return found


def ledger_of(cursor: Any) -> dict[str, Any]:
    """How far the log goes, and what others hold of it by now: the newest signed, anchored and witnessed trees."""
    cursor.execute("SELECT coalesce(max(seq) + 1, 0), max(at) FROM provenance_entry")
    entries, last = cursor.fetchone()
    known = []
    cursor.execute("SELECT size, encode(root, 'hex') FROM provenance_checkpoint ORDER BY size DESC LIMIT 1")
    known += [{"by": "the newest signed checkpoint", "size": s, "root": r} for s, r in cursor.fetchall()]
    cursor.execute("SELECT head_size, encode(head_root, 'hex') FROM provenance_chainstate WHERE head_size > 0")
    known += [{"by": "the chain", "size": s, "root": r} for s, r in cursor.fetchall()]
    cursor.execute(
        "SELECT DISTINCT ON (w.id) w.name, c.size, encode(c.root, 'hex') FROM provenance_cosignature s "
        "JOIN provenance_witness w ON w.id = s.witness_id JOIN provenance_checkpoint c ON c.size = s.size "
        "ORDER BY w.id, c.size DESC"
    )
    known += [{"by": f"the witness {name}", "size": s, "root": r} for name, s, r in cursor.fetchall()]
    return {"entries": entries, "last_at": last.astimezone(UTC).isoformat() if last else "", "known": known}


def _dump(owner_url: str, path: Path, snapshot: str, server: int, *, key: bytes, name: str) -> None:
    """The database at the moment of an open transaction, without people's keys."""
    command = [
        program("pg_dump", server=server), "--format=custom", "--no-owner", f"--snapshot={snapshot}",
        *(f"--exclude-table-data={table}" for table in PEOPLE_TABLES),
    ]  # fmt: skip
    seal_from(lambda pipe: write_into(command, url=owner_url, pipe=pipe), path, key=key, name=f"{name}/{DATABASE}")


def _dump_people(owner_url: str, path: Path, server: int, *, key: bytes) -> None:
    command = [
        program("pg_dump", server=server), "--format=custom", "--no-owner", "--data-only",
        *(f"--table={table}" for table in PEOPLE_TABLES),
    ]  # fmt: skip
    seal_from(lambda pipe: write_into(command, url=owner_url, pipe=pipe), path, key=key, name=f"{PEOPLE}/{path.name}")


def _forget_old_people(folder: Path) -> None:
    oldest = time.time() - timedelta(days=PEOPLE_DAYS).total_seconds()
    for file in folder.glob("*.sealed"):
        if file.stat().st_mtime < oldest:
            file.unlink()
