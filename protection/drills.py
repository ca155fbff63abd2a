"""Restore drills: a backup is restored beside the platform, checked, and what came out is entered in the ledger."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts.models import User
from core.context import governed
from core.errors import ApplicationError, Forbidden
from protection.backups import ledger_of, master_key
from protection.domain.loss import Known
from protection.models import RestoreDrill
from protection.restoring import people_of, read_backup, restore
from provenance.checkpoints import remembered


def known_now() -> list[Known]:
    """What is held of the log outside of any backup: this machine's memory, and what the platform that runs knows."""
    with connection.cursor() as cursor:
        found = [Known(**tree) for tree in ledger_of(cursor)["known"]]
    if memory := remembered():
        found.append(Known("this machine", memory[0], memory[1].hex()))
    return [tree for tree in found if tree.size]


def drill(*, folder: Path, owner_url: str, app_url: str, var: Path, actor: User, people: str = "") -> RestoreDrill:
    """Restore a backup into an empty database and folder, check everything, and enter the outcome in the ledger.

    It passes if nothing is wrong with what was restored and no more work would have been lost, and no more time been
    needed, than the platform's own limits say. A backup that cannot be used is entered as a failed drill too.

    Parameters
    ----------
    owner_url, app_url : str
        Of the empty database, as its owner and as the application.
    var : Path
        An empty folder.
    """
    if not actor.may("continuity.drill"):
        raise Forbidden("Drills are held by administrators.")
    began, started, known = time.monotonic(), timezone.now(), known_now()
    told: dict[str, Any] = {}
    name, taken_at = folder.name, None
    try:
        key = master_key()
        backup = read_backup(folder, key=key)
        name, taken_at = backup.name, datetime.fromisoformat(backup.content["taken_at"])
        restore(backup, owner_url=owner_url, var=var, key=key, people=people_of(backup, people))
        told = checked(backup.content, known, owner_url=owner_url, app_url=app_url, var=var)
        problems = told["problems"]
    except ApplicationError as error:
        problems = [error.message]
    seconds = time.monotonic() - began
    lost = (started - taken_at).total_seconds() if taken_at is not None else None
    problems = [*problems, *_beyond_limits(seconds, lost)]
    outcome = RestoreDrill.Outcome.FAILED if problems else RestoreDrill.Outcome.PASSED
    with governed(action=f"drill.{outcome}", actor=actor.pk):
        return RestoreDrill.objects.create(
            backup=name[:60], taken_at=taken_at, held_by=actor, outcome=outcome, seconds=round(seconds, 3),
            lost_seconds=lost, lost_entries=told.get("missing"), problems=problems,
            figures={key: value for key, value in told.items() if key != "problems"},
        )  # fmt: skip


def checked(
    content: dict[str, Any], known: Sequence[Known], *, owner_url: str, app_url: str, var: Path
) -> dict[str, Any]:
    """What `restored.check` finds, run in a process that sees the restored platform only.

    It reads the log's public keys, which are in the backup; private ones are not needed to check.
    """
    asked = json.dumps({"content": content, "known": [asdict(tree) for tree in known]})
    own = {"DATABASE_URL": app_url, "DATABASE_OWNER_URL": owner_url, "QFL_VAR": str(var)}
    inherited = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in own}
    done = subprocess.run(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "check_restored"], input=asked, text=True,
        capture_output=True, check=False, cwd=settings.BASE_DIR,
        env=inherited | own,  # a file that names the running platform's database would count more than ours
    )  # fmt: skip
    if done.returncode:
        raise ApplicationError(f"The restored platform cannot be checked: {done.stderr.strip()[-800:]}")
    return json.loads(done.stdout)


def _beyond_limits(seconds: float, lost: float | None) -> list[str]:
    said = []
    if seconds > settings.CONTINUITY_RESTORE_HOURS * 3600:
        said.append(f"It took {seconds / 3600:.1f} h, longer than the {settings.CONTINUITY_RESTORE_HOURS:g} h allowed.")
    if lost is not None and lost > settings.CONTINUITY_LOST_HOURS * 3600:
        said.append(
            f"The backup is {lost / 3600:.1f} h old: more work would be lost than the "
            f"{settings.CONTINUITY_LOST_HOURS:g} h allowed. Back up more often, or drill with a newer backup."
        )
    return said
