"""Restoring a sealed backup into an empty database and an empty folder, and nothing else.

Before the first byte is used, the manifest must be the one that was sealed, and each file must have the digest that it
names. Each chunk is checked again as it is opened, inside one transaction of the database.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from core.errors import ApplicationError
from protection.backups import DATABASE, FILES, FORMAT, MANIFEST, PEOPLE
from protection.domain import envelope
from protection.programs import program, read_from
from protection.sealing import extract, told, unsealed

_NOT_EMPTY = """
    SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
"""
NONE = "none"


@dataclass(frozen=True)
class Sealed:
    """A backup whose manifest and digests are in order."""

    folder: Path
    content: dict[str, Any]

    @property
    def name(self) -> str:
        return self.content["name"]


def read_backup(folder: Path, *, key: bytes) -> Sealed:
    """Check a backup before anything of it is used.

    Raises
    ------
    ApplicationError
        If it is no backup, under another key, or was changed; the message says which.
    """
    try:
        outer = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        text, mac = outer["content"], outer["mac"]
        content = json.loads(text)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ApplicationError(
            f"Expected a backup in {folder}, with {MANIFEST}; it cannot be read ({error}). Name the folder that "
            "`manage.py backup` printed."
        ) from None
    if not isinstance(mac, str) or not hmac.compare_digest(mac, envelope.mac(key, text.encode())):
        under = content.get("key") if isinstance(content, dict) else None
        if under != envelope.key_name(key):
            raise ApplicationError(
                f"This backup is sealed under the key {under}, the given one is {envelope.key_name(key)}. Give the key "
                "of that time."
            )
        raise ApplicationError(
            f"The backup was changed: {MANIFEST} is not what was sealed. Do not use it; take another copy."
        )
    if content["format"] != FORMAT:
        raise ApplicationError(f"Expected a backup of the form {FORMAT}, got {content['format']!r}.")
    for file, expected in content["files"].items():
        if not (folder / file).is_file():
            raise ApplicationError(f"The backup is not whole: {file} is missing in {folder}. Take another copy.")
        found = told(folder / file)
        if found != expected:
            raise ApplicationError(
                f"The backup was changed: {file} has {found['size']:,} bytes with SHA-256 {found['sha256'][:16]}…, the "
                f"manifest says {expected['size']:,} and {expected['sha256'][:16]}…. Do not use it; take another copy."
            )
    return Sealed(folder, content)


def people_of(backup: Sealed, given: str = "") -> Path | None:
    """The file of people's keys: the one named, or the newest beside the backup; None for "none".

    The newest, whatever the backup's age: who was erased since stays erased.
    """
    if given == NONE:
        return None
    files = [Path(given)] if given else sorted((backup.folder.parent / PEOPLE).glob("*.sealed"))[-1:]
    if not files or not files[0].is_file():
        raise ApplicationError(
            f"Found no file of people's keys{f' at {given}' if given else f' beside {backup.folder}'}. Name one with "
            "--people, or say --people none: names and what people wrote then stay unreadable."
        )
    return files[0]


def restore(backup: Sealed, *, owner_url: str, var: Path, key: bytes, people: Path | None) -> None:
    """Restore database and files.

    Parameters
    ----------
    owner_url : str
        Of an empty database, as its owner.
    var : Path
        A state folder; private keys may lie in it already, nothing else.

    Raises
    ------
    ApplicationError
        If database or folder is not empty, or the content turns out not to be what was sealed: then the database is as
        empty as before.
    """
    server = _refuse_filled_database(owner_url)
    _refuse_filled_folder(var)
    command = [program("pg_restore", server=server), "--exit-on-error", "--single-transaction", "--no-owner"]
    # A schema of its own stands in the dump if the old one was made anew once.
    parts = unsealed(backup.folder / DATABASE, key=key, name=f"{backup.name}/{DATABASE}")
    read_from([*command, "--clean", "--if-exists"], url=owner_url, parts=parts)
    if people is not None:
        parts = unsealed(people, key=key, name=f"{PEOPLE}/{people.name}")
        read_from([*command, "--data-only"], url=owner_url, parts=parts)
    var.mkdir(parents=True, exist_ok=True, mode=0o700)
    extract(unsealed(backup.folder / FILES, key=key, name=f"{backup.name}/{FILES}"), var)
    _keep_public_keys(var)


def _keep_public_keys(var: Path) -> None:
    """Let the log be checked before its private keys are back, and no new keys be made in their place."""
    public, index = var / "log" / "keys.json", var / "keys" / "log" / "index.json"
    if public.is_file() and not index.exists():
        index.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        index.write_bytes(public.read_bytes())


def _refuse_filled_database(owner_url: str) -> int:
    try:
        connection = psycopg2.connect(owner_url)
    except psycopg2.OperationalError as error:
        raise ApplicationError(f"The database to restore into cannot be reached: {str(error).strip()}") from None
    with connection.cursor() as cursor:
        cursor.execute(_NOT_EMPTY)
        (count,) = cursor.fetchone()
        server = connection.server_version // 10000
    connection.close()
    if count:
        raise ApplicationError(
            f"Expected an empty database, found {count} tables, views and sequences. Make a new one."
        )
    return server


def _refuse_filled_folder(var: Path) -> None:
    kept = {var / "keys", var / "static", var / "health"}
    found = [path for path in var.iterdir() if path not in kept] if var.is_dir() else []
    if found:
        raise ApplicationError(f"Expected an empty state folder, found {found[0].name} in {var}. Name a new one.")
