"""Checking one C2SP proof file and the leaf it proves."""

from __future__ import annotations

from provenance.domain.checkpoint import Checkpoint, parse_checkpoint
from provenance.domain.commit import parse_leaf
from provenance.domain.errors import LedgerError, VerificationError
from provenance.domain.merkle import hash_leaf, verify_inclusion
from provenance.domain.proof import parse_proof
from provenance.verifier.findings import Unreadable, Verdict
from provenance.verifier.kept import check_kept
from provenance.verifier.options import Options
from provenance.verifier.trust import make_trust, report_checkpoint, report_keys, words


def check_proof(verdict: Verdict, data: bytes, options: Options) -> None:
    """Check that the leaf of ``--entry`` stands where the proof says.

    Raises
    ------
    FormatError, Unreadable
        If the proof cannot be read, or leaf or key were not given.
    """
    if options.leaf is None:
        raise Unreadable("a proof file proves a leaf that it does not hold: give the leaf with --entry LEAF")
    if not options.keys:
        raise Unreadable("a proof file holds no keys: give the log's keys with --key or --keys")
    proof = parse_proof(data)
    origin = parse_checkpoint(proof.checkpoint).origin
    try:
        trust = make_trust(
            origin=origin, given=options.keys, found=(), witnesses_given=options.witnesses, witnesses_found=(),
            quorum=options.quorum,
        )  # fmt: skip
        newest = trust.open(proof.checkpoint, origin)
    except VerificationError as error:
        verdict.false("checkpoint", f"Nothing in this file can be believed: {error}.")
        return
    report_keys(verdict, trust)
    report_checkpoint(verdict, trust, newest)
    verdict.facts["entries"] = 1
    tree = newest.checkpoint
    try:
        leaf = parse_leaf(options.leaf)
        if leaf.seq != proof.index:
            raise VerificationError(f"the leaf says that it is entry {leaf.seq}, the proof is of entry {proof.index}")
        verify_inclusion(
            leaf_hash=hash_leaf(options.leaf), index=proof.index, size=tree.size, proof=proof.hashes, root=tree.root
        )
    except LedgerError as error:
        verdict.false("entry", f"The proof does not prove this leaf: {error}.")
    else:
        verdict.verified(
            "entry",
            f"Entry {leaf.seq}, {words(leaf.at)}: {leaf.op} of {leaf.table} {leaf.object_id}. It is in the log.",
        )
        verdict.open("entry", "Its content is not part of a proof file, so nothing is said about it.")
    if proof.extra is not None:
        verdict.open("entry", "The extra data in the proof file is covered by no signature and was not looked at.")
    check_kept(verdict, trust, newest, options.kept, _unknown)


def _unknown(old: Checkpoint) -> None:
    """Nothing joins another size to this one: a proof file holds no consistency proof."""
