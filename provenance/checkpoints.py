"""Signed statements of size and root, made only of what is committed, and never of less than was shown before.

Three memories outlive a database that is restored from an old copy: a file on this machine, the chain, and the
witnesses. What any of them holds must be a beginning of the tree that is signed now.
"""

from __future__ import annotations

import hashlib
import json
import os
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from provenance import keys, witnesses
from provenance.domain.checkpoint import Checkpoint as Statement
from provenance.domain.checkpoint import sign_checkpoint
from provenance.domain.merkle import tree_root
from provenance.domain.tiles import Frontier
from provenance.models import ChainState, Checkpoint, WitnessState
from provenance.reading import read_tile

_APPEND = """
    INSERT INTO provenance_checkpoint (size, root, note, created_at)
    SELECT %s, %s, %s, %s WHERE (SELECT coalesce(max(size), 0) FROM provenance_checkpoint) = %s
"""


class LogRolledBack(Exception):
    """The database holds less than was shown: an old copy was restored. Signing it would fork the log."""


class NotHeardYet(Exception):
    """Nothing here remembers the log, and the chain or the witnesses, which might, were not heard since the start."""


class SignedMeanwhile(Exception):
    """Another sequencer signed: this one is not the single writer any more and must start over."""


def checkpoint_sign(frontier: Frontier, *, started: datetime | None = None) -> Checkpoint | None:
    """Sign the tree as it stands, if it has grown since the last checkpoint.

    Parameters
    ----------
    started : datetime, optional
        When this sequencer started; a chain that was read before then does not count as a memory.

    Raises
    ------
    LogRolledBack
        If this machine, the chain or a witness holds a tree that this one does not begin with.
    NotHeardYet
        If nothing here remembers the log and neither chain nor witnesses spoke yet. It passes when they do.
    SignedMeanwhile
        If another process signed since we looked.
    """
    last = Checkpoint.objects.first()
    if frontier.size == 0 or (last is not None and last.size >= frontier.size):
        return None
    _refuse_if_rolled_back(frontier, started)
    statement = Statement(settings.LOG_ORIGIN, frontier.size, frontier.root())
    note = sign_checkpoint(statement, keys.log_signers()).decode()
    now = timezone.now()
    _remember(statement)  # before it can be seen by anybody
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_APPEND, [statement.size, statement.root, note, now, last.size if last else 0])
        if cursor.rowcount != 1:
            raise SignedMeanwhile(f"expected {last or 'no checkpoint'} to be the newest still; another one was signed")
    return Checkpoint(size=statement.size, root=statement.root, note=note, created_at=now)


def _refuse_if_rolled_back(frontier: Frontier, started: datetime | None) -> None:
    known, chain = remembered(), ChainState.objects.first()
    if known is not None:
        _refuse_unless_begun_with(frontier, *known, "were signed here")
    elif started is not None:
        _wait_for_others(chain, started)
    if chain is not None and chain.head_size:
        _refuse_unless_begun_with(frontier, chain.head_size, bytes(chain.head_root), "are anchored")
    for tree in witnesses.witnessed_trees():
        _refuse_unless_begun_with(frontier, tree.size, tree.root, f"were witnessed by {tree.name}")


def _wait_for_others(chain: ChainState | None, started: datetime) -> None:
    """A machine without memory signs only after the chain, and one witness if there are any, were heard."""
    if chain is None or chain.read_at < started:
        raise NotHeardYet(
            "this machine has no memory of what was signed, so the chain decides, and it was not read since the start: "
            "is the anchor worker running, and does it reach its node?"
        )
    asked = WitnessState.objects.filter(witness__is_active=True)
    if Checkpoint.objects.exists() and asked.exists() and not asked.filter(answered_at__gte=started).exists():
        raise NotHeardYet(
            "this machine has no memory of what was signed, so the witnesses decide, and none answered since the "
            "start: are their workers running, and does the broker reach them?"
        )


def _refuse_unless_begun_with(frontier: Frontier, size: int, root: bytes | None, how: str) -> None:
    # Not only the size: an old copy that has grown past it holds another history. A root of None is a witness that
    # names a size which was never signed here.
    if size > frontier.size or root is None or tree_root(size, read_tile) != root:
        raise LogRolledBack(
            f"{size} entries {how} under a root that this database of {frontier.size} entries does not begin with. "
            "Restore the newer backup; nothing is signed until then."
        )


# --- the memory on this machine ------------------------------------------------------------------------------------


def _memory() -> Path:
    """One file an origin: a log that replaces another one under the same name is a fork of it.

    Whoever means to begin anew takes another origin, or removes this file knowingly.
    """
    folder = Path(settings.VAR) / "log"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"signed-{hashlib.sha256(settings.LOG_ORIGIN.encode()).hexdigest()[:16]}.json"


def remembered() -> tuple[int, bytes] | None:
    path = _memory()
    if not path.exists():
        return None
    found = json.loads(path.read_text())
    return found["size"], bytes.fromhex(found["root"])


def _remember(statement: Statement) -> None:
    path = _memory()
    temporary = path.with_suffix(f".{os.getpid()}")
    with open(temporary, "w") as file:
        file.write(json.dumps({"size": statement.size, "root": statement.root.hex()}))
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
