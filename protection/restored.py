"""Looking at a restored platform from inside: is the log intact, does it begin with what others hold, is all there?

Runs in a process of its own whose environment points at the restored database and folder (`manage.py check_restored`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from protection.backups import ledger_of, rows_of
from protection.domain.loss import Known, judge
from provenance.domain.merkle import tree_root
from provenance.reading import read_tile
from provenance.verification import verify_ledger


def check(content: dict[str, Any], known: Sequence[Known]) -> dict[str, Any]:
    """Everything that is wrong with this platform as the restored one, in sentences, and what was counted.

    Parameters
    ----------
    content : dict
        Of the backup's manifest.
    known : sequence of Known
        What is held of the log elsewhere now. What was known when the backup was made must be in it.
    """
    found = verify_ledger()
    with connection.cursor() as cursor:
        ledger, tables = ledger_of(cursor), rows_of(cursor)
    sealed = [Known(**tree) for tree in content["ledger"]["known"]]
    entries = ledger["entries"]
    sizes = {tree.size for tree in [*sealed, *known] if 0 < tree.size <= entries}
    roots = {size: tree_root(size, read_tile).hex() for size in sizes}
    at_the_time = judge(sealed, entries=entries, roots=roots, last_at=ledger["last_at"] or "nothing")
    now = judge(known, entries=entries, roots=roots, last_at=ledger["last_at"] or "nothing")
    files, broken = _artefacts()
    problems = [*found.problems, *at_the_time.problems, *_differences(content["tables"], tables), *broken]
    return {
        "problems": problems, "since": list(now.problems), "missing": now.missing, "entries": entries,
        "last_at": ledger["last_at"], "root": found.root, "checkpoints": found.checkpoints, "tiles": found.tiles,
        "cosignatures": found.cosignatures, "anchors": found.anchors, "tables": len(tables),
        "rows": sum(tables.values()), "files": files,
    }  # fmt: skip


def _differences(expected: dict[str, int], found: dict[str, int]) -> list[str]:
    return [
        f"table {name}: the backup has {expected.get(name, 0):,} rows, the restored database {found.get(name, 0):,}"
        for name in sorted(set(expected) | set(found))
        if expected.get(name) != found.get(name)
    ]


def _artefacts() -> tuple[int, list[str]]:
    """How many files the store has; each must hash to its own name."""
    count, broken = 0, []
    for path in sorted((Path(settings.VAR) / "artefacts").glob("*/*")):
        if path.name.startswith(".") or not path.is_file() or len(path.name) != 64:
            continue
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
        count += 1
        if actual != path.name:
            broken.append(f"artefact {path.name[:16]}…: its bytes hash to {actual[:16]}…")
    return count, broken
