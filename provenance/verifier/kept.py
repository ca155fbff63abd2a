"""Checkpoints that others kept, against those of the file: the test for a split view and for rewritten history."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from provenance.domain.checkpoint import Checkpoint
from provenance.domain.errors import LedgerError, VerificationError
from provenance.verifier.findings import Unreadable, Verdict
from provenance.verifier.trust import SignedCheckpoint, Trust

Consistent = Callable[[Checkpoint], bool | None]
"""Whether the file's tree begins with this smaller one. None: the file holds no way to tell. Raises if it does not."""


def check_kept(
    verdict: Verdict, trust: Trust, newest: SignedCheckpoint, kept: Sequence[tuple[str, bytes]], consistent: Consistent
) -> None:
    """Compare each kept checkpoint with the file's newest one.

    Raises
    ------
    Unreadable
        If a kept file is not a checkpoint of this log, signed by the trusted keys.
    """
    for path, note in kept:
        try:
            opened = trust.open(note, newest.checkpoint.origin)
        except LedgerError as error:
            raise Unreadable(
                f"{path} is not a checkpoint signed by the trusted keys of {newest.checkpoint.origin}: {error}"
            ) from None
        _compare(verdict, newest, opened, path, consistent)


def _compare(
    verdict: Verdict, newest: SignedCheckpoint, kept: SignedCheckpoint, path: str, consistent: Consistent
) -> None:
    old, new = kept.checkpoint, newest.checkpoint
    if old.size == new.size and old.root != new.root:
        _convict(verdict, "split view", newest, kept, (
            f"SPLIT VIEW. The log signed two different histories of {old.size} entries: one in this file, one in "
            f"{path}. Both signatures are good, so the log itself is proved dishonest, or its keys are stolen."
        ))  # fmt: skip
    elif old.size == new.size:
        verdict.verified("kept", f"{path}: the same {old.size} entries under the same root.")
    elif old.size > new.size:
        verdict.unchecked(
            "kept",
            f"{path} is newer ({old.size} entries) than this file ({new.size}). Ask for a newer file; if the log "
            "cannot give one, it has lost or withdrawn entries that it signed.",
        )
    else:
        _compare_older(verdict, newest, kept, path, consistent)


def _compare_older(
    verdict: Verdict, newest: SignedCheckpoint, kept: SignedCheckpoint, path: str, consistent: Consistent
) -> None:
    old = kept.checkpoint
    try:
        joined = consistent(old)
    except VerificationError:
        _convict(verdict, "rewritten history", newest, kept, (
            f"REWRITTEN HISTORY. The first {old.size} entries are not those that the log signed in {path}: something "
            "among them was changed, removed or added since."
        ))  # fmt: skip
        return
    if joined:
        verdict.verified("kept", f"{path}: its {old.size} entries are the first {old.size} of this log, unchanged.")
    else:
        verdict.unchecked(
            "kept",
            f"{path} has {old.size} entries, and this file holds no proof that joins that size to "
            f"{newest.checkpoint.size}. Ask for a bundle with a consistency proof from it, or check the exported log.",
        )


def _convict(verdict: Verdict, what: str, newest: SignedCheckpoint, kept: SignedCheckpoint, text: str) -> None:
    verdict.false("kept", text)
    notes = [kept.note.decode(), newest.note.decode()]
    verdict.evidence.append({"kind": what.replace(" ", "_"), "size": kept.checkpoint.size, "notes": notes})
