"""Evidence bundles of the log as it stands: what leaves the house so that a stranger can check it.

Whoever calls has made sure that the actor may see what is disclosed. That a bundle was made, and its digest, is itself
recorded in the log.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext

from core.capture import record
from core.context import governed
from core.errors import ApplicationError, Conflict
from provenance import keys, reading, witnesses
from provenance.bodies import READING
from provenance.domain.bundle import MAX_ENTRIES, Bundle, BundledEntry, BundledRow, Subject, write_bundle
from provenance.domain.cosignature import verifier_from_vkey
from provenance.domain.evm import VERSION as EVIDENCE_VERSION
from provenance.domain.merkle import TileReader, consistency_proof, inclusion_proof
from provenance.domain.note import Signature, format_note, parse_note
from provenance.models import Anchor, Body, Checkpoint, Entry, Witness

Redact = Callable[[Entry, Mapping[str, Any]], str] | Collection[str]
"""Why an entry's body is withheld ("" to disclose it), from the entry and its row; or names of columns never shown."""

NOT_KEPT = "the content is no longer kept"
README = """\
EVIDENCE BUNDLE of {origin}

This file shows entries of an append-only log, and lets you check them without trusting whoever gave you the file.

To check it you need Python 3.11 or newer with the package `cryptography`, and the verifier, one file:
    python verifier.pyz {name} --keys log-keys.txt
    (or, from the platform's source code: python -m provenance.verifier {name} --keys log-keys.txt)

The keys. manifest.json holds the log's public keys, but a forger would put his own there. Get the keys from somewhere
else: from a hospital that witnesses the log, from a contract or a publication that names them, or from a copy you took
earlier of /log/keys of the platform. Write them into log-keys.txt, one a line. A checkpoint that you or a witness kept
earlier (--kept FILE) shows whether anything before it was rewritten. Get the verifier from a place you trust, too.

What is in it
    checkpoint       the log's signed statement of its length and root, with witnesses' cosignatures
    entries/N        leaf.json   what entry N says in public
                     body.json   its content, where it is disclosed; proof.json opens the leaf's commitment to it
                     proof.json  the path from the leaf to the checkpoint's root
    checkpoints/N    older statements; consistency/N.json joins them to the newest one
    anchors/N.json   evidence that the root over the first N entries stands on a blockchain
    rows/N/M.json    row M of the bulk batch that entry N recorded
    manifest.json    what this file is about, by whoever made it. Nothing signs it: its digests find damage, not deceit

A content is disclosed whole or not at all, because the log committed to it as a whole. Where it is withheld the reason
stands in proof.json, and the entry's place in the log is proved all the same.
"""


class NotSigned(Conflict):
    """No signed checkpoint covers the entries yet."""


def bundle_build(
    *,
    entries: Iterable[Entry],
    subject: Subject,
    actor: uuid.UUID | None,
    redact: Redact = (),
    rows: Iterable[BundledRow] = (),
    since: Collection[int] = (),
) -> bytes:
    """Make an evidence bundle, and record that it was made.

    Parameters
    ----------
    entries : iterable of Entry
        All about the subject, if it names an object.
    subject : Subject
        An empty `object_id` makes a selection of entries.
    actor : UUID or None
        Who asked for it; None for the operator.
    redact : callable or collection of str
        See `Redact`. A body that holds one of these columns with a value is withheld whole.
    rows : iterable of BundledRow
        Rows of bulk batches whose entries are among `entries`.
    since : collection of int
        Sizes of checkpoints that the reader keeps, to be joined to the newest one.

    Raises
    ------
    NotSigned
        If the newest entry is in no checkpoint yet.
    ApplicationError
        If there are no entries, or more than a bundle holds.
    """
    chosen = sorted(entries, key=lambda entry: entry.seq)
    if not 1 <= len(chosen) <= MAX_ENTRIES:
        raise ApplicationError(
            gettext("Expected 1 to %(max_entries)s entries for a bundle, got %(n)s. For more, export the log.")
            % {"max_entries": MAX_ENTRIES, "n": len(chosen)}
        )
    data = write_bundle(_bundle(chosen, subject, redact, tuple(rows), since))
    with governed(action="ledger.bundle", actor=actor):
        told = {"bundle": hashlib.sha256(data).hexdigest(), "entries": str(len(chosen)), "about": subject.object_id}
        record(table=READING, operation="READ", object_id=subject.object_id or "selection", body=told)
    return data


def object_bundle(
    *, table: str, object_id: str, title: str = "", actor: uuid.UUID | None, redact: Redact = (),
    since: Collection[int] = (),
) -> bytes:  # fmt: skip
    """Make the bundle of every entry about one object."""
    entries = Entry.objects.filter(table=table, object_id=object_id).order_by("seq")[: MAX_ENTRIES + 1]
    newest = Checkpoint.objects.first()
    covered = [entry for entry in entries if newest is not None and entry.seq < newest.size]
    if entries and not covered:
        raise NotSigned("No signed checkpoint covers these entries yet. That takes a second or two: try again.")
    subject = Subject(table, object_id, title)
    return bundle_build(entries=covered, subject=subject, actor=actor, redact=redact, since=since)


def log_vkeys(notes: Sequence[bytes]) -> tuple[str, ...]:
    """The log's keys that signed any of these checkpoints, newest generation first."""
    lines = {(line.name, line.key_id) for note in notes for line in parse_note(note).signatures}
    newest_first = [key for generation in reversed(keys.generations()) for key in generation.verifiers]
    return tuple(key.vkey for key in newest_first if (key.name, key.key_id) in lines)


def published_note(checkpoint: Checkpoint) -> tuple[bytes, tuple[str, ...]]:
    """A checkpoint with the cosignatures that its reader can check, and the witnesses' keys for that.

    A line of a key that its witness has replaced since is left out: nobody could tell whose it is.
    """
    note = parse_note(witnesses.cosigned_note(checkpoint))
    registered = Witness.objects.filter(name__in={line.name for line in note.signatures}).order_by("name")
    keys_by_line = {
        (key.name, key.key_id): key.vkey
        for witness in registered
        for key in (verifier_from_vkey(vkey) for vkey in witness.vkeys.split())
    }
    shown = [line for line in note.signatures if line.name == settings.LOG_ORIGIN or _line(line) in keys_by_line]
    found = (keys_by_line.get(_line(line)) for line in shown)
    return format_note(note.text, shown), tuple(vkey for vkey in found if vkey)


# --- parts ---------------------------------------------------------------------------------------------------------


def _bundle(
    entries: list[Entry], subject: Subject, redact: Redact, rows: tuple[BundledRow, ...], since: Collection[int]
) -> Bundle:
    read, newest = _cached(), _checkpoint(entries[-1].seq + 1)
    note, cosigners = published_note(newest)
    anchors = _anchors(entries, newest.size)
    sizes = {size for size in (*since, *anchors, *_cosigned_sizes()) if 0 < size < newest.size}
    older = Checkpoint.objects.filter(size__in=sizes & (set(anchors) | set(_cosigned_sizes()))).order_by("size")
    published = [published_note(checkpoint) for checkpoint in older]
    earlier = tuple(older_note for older_note, _ in published)
    bodies = Body.objects.in_bulk([entry.seq for entry in entries])
    return Bundle(
        subject=subject,
        created_at=timezone.now().isoformat(timespec="seconds"),
        complete=_is_complete(entries, subject, newest.size),
        keys=log_vkeys([note, *earlier]),
        checkpoint=note,
        entries=tuple(
            _disclosed(entry, bodies.get(entry.seq), redact, tuple(inclusion_proof(entry.seq, newest.size, read)))
            for entry in entries
        ),
        witnesses=tuple(dict.fromkeys([*cosigners, *(vkey for _, vkeys in published for vkey in vkeys)])),
        earlier=earlier,
        consistency={size: tuple(consistency_proof(size, newest.size, read)) for size in sorted(sizes)},
        anchors=anchors,
        rows=rows,
        readme=README.format(origin=settings.LOG_ORIGIN, name="bundle.zip"),
    )


def _checkpoint(size: int) -> Checkpoint:
    """The newest cosigned checkpoint that covers the entries, else the newest that does."""
    found = [witnesses.newest_cosigned(), Checkpoint.objects.first()]
    for checkpoint in found:
        if checkpoint is not None and checkpoint.size >= max(size, 1):
            return checkpoint
    raise NotSigned("No signed checkpoint covers these entries yet. That takes a second or two: try again.")


def _anchors(entries: list[Entry], size: int) -> dict[int, Any]:
    """For each entry the earliest final anchor that covers it: what bounds its time from above."""
    final = Anchor.objects.filter(
        state=Anchor.State.FINAL, checkpoint_id__gt=entries[0].seq, checkpoint_id__lte=size,
        receipt__v=EVIDENCE_VERSION,
    )  # fmt: skip
    found: dict[int, Any] = {}
    ordered = final.order_by("checkpoint_id").values_list("checkpoint_id", "receipt")
    waiting = [entry.seq for entry in entries]
    for anchored, receipt in ordered.iterator(chunk_size=200):
        if not waiting:
            break
        if waiting[0] < anchored:
            found[anchored] = receipt
            waiting = [seq for seq in waiting if seq >= anchored]
    return found


def _cosigned_sizes() -> list[int]:
    newest = witnesses.newest_cosigned()
    return [newest.size] if newest else []


def _is_complete(entries: list[Entry], subject: Subject, size: int) -> bool:
    if not subject.object_id:
        return False
    about = Entry.objects.filter(table=subject.table, object_id=subject.object_id, seq__lt=size)
    return set(about.values_list("seq", flat=True)) == {entry.seq for entry in entries}


def _disclosed(entry: Entry, body: Body | None, redact: Redact, path: tuple[bytes, ...]) -> BundledEntry:
    leaf, text = bytes(entry.leaf), "" if body is None else body.body
    if body is None or not body.salt:
        return BundledEntry(entry.seq, leaf, path, redaction=NOT_KEPT)
    if reason := _redaction(entry, text, redact):
        return BundledEntry(entry.seq, leaf, path, redaction=reason)
    return BundledEntry(entry.seq, leaf, path, text.encode(), bytes(body.salt))


def _redaction(entry: Entry, body: str, redact: Redact) -> str:
    content = json.loads(body)
    row = content.get("row") if isinstance(content, dict) else None
    if callable(redact):
        return redact(entry, row if isinstance(row, dict) else {})
    if redact and not isinstance(row, dict):
        return "its columns cannot be told apart"
    held = sorted(name for name in redact if row and row.get(name) is not None)
    return f"it holds {', '.join(held)}" if held else ""


def _line(line: Signature) -> tuple[str, bytes]:
    return line.name, line.key_id


def _cached() -> TileReader:
    """`read_tile`, each tile once."""
    known: dict[tuple[int, int, int], bytes] = {}

    def read(level: int, index: int, width: int) -> bytes:
        key = (level, index, width)
        if key not in known:
            known[key] = reading.read_tile(*key)
        return known[key]

    return read
