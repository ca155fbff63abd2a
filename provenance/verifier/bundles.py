"""Checking an evidence bundle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from provenance.domain.batch import verify_row
from provenance.domain.bundle import Bundle, BundledEntry, BundledRow, parse_bundle
from provenance.domain.canonical import parse_canonical
from provenance.domain.checkpoint import Checkpoint, parse_checkpoint
from provenance.domain.commit import Leaf, open_commitment, parse_leaf
from provenance.domain.errors import FormatError, LedgerError, VerificationError
from provenance.domain.merkle import hash_leaf, verify_consistency, verify_inclusion
from provenance.verifier.anchors import check_anchors
from provenance.verifier.findings import Unreadable, Verdict
from provenance.verifier.kept import check_kept
from provenance.verifier.options import Options
from provenance.verifier.trust import SignedCheckpoint, Trust, make_trust, report_checkpoint, report_keys, words


@dataclass(frozen=True)
class CheckedBundle:
    """A bundle whose newest checkpoint is signed as asked."""

    bundle: Bundle
    trust: Trust
    newest: SignedCheckpoint
    leaves: tuple[Leaf, ...] = ()  # of the entries that hold

    def consistent(self, old: Checkpoint) -> bool | None:
        """Whether the tree begins with `old`, by the bundle's own proofs; raises if it does not."""
        new = self.newest.checkpoint
        if old.size not in self.bundle.consistency:
            return None
        verify_consistency(
            old_size=old.size, new_size=new.size, old_root=old.root, new_root=new.root,
            proof=self.bundle.consistency[old.size],
        )  # fmt: skip
        return True


def check_bundle(verdict: Verdict, data: bytes, options: Options) -> CheckedBundle | None:
    """Check everything in a bundle. None where nothing in it can be believed.

    Raises
    ------
    FormatError, Unreadable
        If it cannot be read.
    """
    try:
        bundle = parse_bundle(data)
        origin = bundle.statement.origin
        trust = make_trust(
            origin=origin, given=options.keys, found=bundle.keys, witnesses_given=options.witnesses,
            witnesses_found=bundle.witnesses, quorum=options.quorum,
        )  # fmt: skip
        newest = trust.open(bundle.checkpoint, origin)
    except VerificationError as error:
        verdict.false("checkpoint", f"Nothing in this file can be believed: {error}.")
        return None
    report_keys(verdict, trust)
    report_checkpoint(verdict, trust, newest)
    checked = CheckedBundle(bundle, trust, newest)
    _check_history(verdict, checked)
    leaves = [leaf for entry in bundle.entries if (leaf := _check_entry(verdict, newest.checkpoint, entry))]
    verdict.facts["entries"] = len(bundle.entries)
    bodies = {entry.seq: entry.body for entry in bundle.entries}
    for row in bundle.rows:
        _check_row(verdict, row, bodies.get(row.seq))
    check_anchors(verdict, options.chain, newest.checkpoint, bundle.anchors, checked.consistent)
    if options.log is None:  # else the whole log is compared with them, which needs no proofs
        check_kept(verdict, trust, newest, options.kept, checked.consistent)
    _check_subject(verdict, bundle, leaves)
    return replace(checked, leaves=tuple(leaves))


def _check_history(verdict: Verdict, checked: CheckedBundle) -> None:
    """Every older checkpoint is signed, and the newest tree begins with it."""
    new = checked.newest.checkpoint
    for note in checked.bundle.earlier:
        try:
            old = checked.trust.open(note, new.origin).checkpoint
            if old.size >= new.size:
                raise FormatError(f"expected an older checkpoint than that of {new.size} entries, got {old.size}")
            if checked.consistent(old) is None:
                raise FormatError(f"expected a consistency proof from {old.size} entries, got none")
        except VerificationError as error:
            verdict.false("consistency", f"An older checkpoint in the file does not fit the newest one: {error}.")
    if unused := [size for size in checked.bundle.consistency if size >= new.size]:
        raise FormatError(f"expected consistency proofs from fewer entries than {new.size}, got one from {unused[0]}")
    if checked.bundle.earlier and not any(f.check == "consistency" for f in verdict.findings):
        sizes = [parse_checkpoint(note).size for note in checked.bundle.earlier]
        verdict.verified(
            "consistency",
            f"Nothing among the first {max(sizes)} entries was rewritten since the log signed them: the older "
            f"checkpoints in the file (of {', '.join(map(str, sizes[-10:]))} entries) fit the newest one.",
        )


def _check_entry(verdict: Verdict, tree: Checkpoint, entry: BundledEntry) -> Leaf | None:
    where = f"Entry {entry.seq}"
    try:
        leaf = parse_leaf(entry.leaf)
        if leaf.seq != entry.seq:
            raise VerificationError(f"its leaf says that it is entry {leaf.seq}")
        if entry.seq >= tree.size:
            raise VerificationError(f"the checkpoint covers {tree.size} entries only")
        verify_inclusion(
            leaf_hash=hash_leaf(entry.leaf), index=entry.seq, size=tree.size, proof=entry.path, root=tree.root
        )
        if entry.body is not None and entry.salt is not None:
            open_commitment(leaf.commitment, entry.salt, entry.body)
    except LedgerError as error:
        verdict.false("entry", f"{where} is false: {error}.")
        return None
    what = f"{where}, {words(leaf.at)}: {leaf.op} of {leaf.table} {leaf.object_id}. It is in the log"
    if entry.body is not None:
        verdict.verified("entry", f"{what}, and the content shown is the content recorded then.")
    else:
        verdict.verified("entry", f"{what}.")
        verdict.open("entry", f"{where}: its content is withheld ({entry.redaction}), so nothing is said about it.")
    return leaf


def _check_row(verdict: Verdict, row: BundledRow, body: bytes | None) -> None:
    """A row of a batch, against the root and number of rows in the body of the batch's entry."""
    where = f"Row {row.proof.index} of the batch in entry {row.seq}"
    if body is None:
        verdict.unchecked("row", f"{where}: the batch's entry is not disclosed, so the row cannot be checked.")
        return
    try:
        root, count = _batch(body)
        if count != row.proof.size:
            raise VerificationError(f"the batch has {count} rows, the proof is for {row.proof.size}")
        verify_row(row.row, row.proof, root)
    except LedgerError as error:
        verdict.false("row", f"{where} is false: {error}.")
    else:
        verdict.verified("row", f"{where} is the row recorded then.")


def _batch(body: bytes) -> tuple[bytes, int]:
    try:
        row: Any = parse_canonical(body)["row"]
        return bytes.fromhex(row["root"]), int(row["rows"])
    except (ValueError, KeyError, TypeError):
        raise VerificationError("the entry is not that of a batch") from None


def _check_subject(verdict: Verdict, bundle: Bundle, leaves: list[Leaf]) -> None:
    subject, size = bundle.subject, bundle.statement.size
    verdict.facts["subject"] = {"table": subject.table, "object": subject.object_id, "title": subject.title}
    verdict.facts["created_at"] = bundle.created_at
    if not bundle.entries:
        raise Unreadable("the bundle holds no entry: it says nothing about anything")
    if not subject.object_id:
        verdict.open("complete", f"The file is a selection: {size} entries are in the log, and it shows some of them.")
        return
    about = (subject.object_id, subject.table)
    if strangers := [leaf.seq for leaf in leaves if about != (leaf.object_id, leaf.table)]:
        verdict.false("complete", f"Entry {strangers[0]} is not about {subject.table} {subject.object_id}.")
    claim = "claims" if bundle.complete else "does not even claim"
    verdict.open(
        "complete",
        f"Whether these are all entries about {subject.table} {subject.object_id} was not checked: whoever made "
        f"the file {claim} it. The exported log (--log FOLDER) shows it.",
    )


def check_complete(verdict: Verdict, checked: CheckedBundle, seqs: list[int]) -> None:
    """Compare the bundle with the places of its subject in the whole log, which was checked.

    Parameters
    ----------
    verdict : Verdict
    checked : CheckedBundle
    seqs : list of int
        Where the log speaks about the bundle's subject, below the bundle's size.
    """
    shown = {entry.seq for entry in checked.bundle.entries}
    subject = checked.bundle.subject
    verdict.findings[:] = [finding for finding in verdict.findings if finding.check != "complete"]
    if missing := sorted(set(seqs) - shown):
        say = verdict.false if checked.bundle.complete else verdict.open
        say(
            "complete",
            f"The log holds {len(missing)} more entries about {subject.table} {subject.object_id}, the first at "
            f"{missing[0]}; the file leaves them out.",
        )
    else:
        verdict.verified(
            "complete",
            f"These are all {len(seqs)} entries about {subject.table} {subject.object_id} among the first "
            f"{checked.newest.checkpoint.size} of the log.",
        )
