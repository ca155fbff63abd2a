"""Proof files: everything needed to check offline that an entry is in the log, in one readable text.

References
----------
.. [1] C2SP tlog-proof, https://c2sp.org/tlog-proof.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from provenance.domain.checkpoint import MAX_SIZE, OpenedCheckpoint, open_checkpoint, parse_checkpoint
from provenance.domain.errors import FormatError, VerificationError
from provenance.domain.merkle import MAX_PROOF_HASHES, hash_leaf, verify_inclusion
from provenance.domain.note import MAX_NOTE_BYTES, Verifier, decode_base64

HEADER = "c2sp.org/tlog-proof@v1"
MAX_EXTRA_BYTES = 65_536
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True)
class Proof:
    """A parsed proof file; nothing in it is verified."""

    index: int  # of the entry, from 0
    hashes: tuple[bytes, ...]  # from the leaf's sibling up to the root's child
    checkpoint: bytes  # the signed note, verbatim
    extra: bytes | None = None  # for the application; covered by no signature, so never to be trusted


def format_proof(proof: Proof) -> bytes:
    """Write a proof file.

    Raises
    ------
    FormatError
        If it would not parse back.
    """
    lines = [HEADER]
    if proof.extra is not None:
        lines.append(f"extra {base64.b64encode(proof.extra).decode()}")
    lines.append(f"index {proof.index}")
    lines += [base64.b64encode(value).decode() for value in proof.hashes]
    data = "\n".join([*lines, "", ""]).encode() + proof.checkpoint
    if parse_proof(data) != proof:
        raise FormatError(f"expected a proof that reads back as itself, got index {proof.index}")
    return data


def parse_proof(data: bytes) -> Proof:
    """Parse a proof file from anywhere.

    Raises
    ------
    FormatError
        If the bytes are not a proof file.
    """
    if len(data) > MAX_NOTE_BYTES + 2 * MAX_EXTRA_BYTES:
        raise FormatError(f"expected a proof file of at most {MAX_NOTE_BYTES + 2 * MAX_EXTRA_BYTES} bytes")
    head, separator, checkpoint = data.partition(b"\n\n")
    if not separator or not head.isascii():
        raise FormatError("expected a proof, an empty line and a checkpoint, got no such parts")
    lines = head.decode("ascii").split("\n")
    if lines.pop(0) != HEADER:
        raise FormatError(f"expected a first line {HEADER!r}, got {head[:60]!r}")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = decode_base64(lines.pop(0).removeprefix("extra "))
        if len(extra) > MAX_EXTRA_BYTES:
            raise FormatError(f"expected at most {MAX_EXTRA_BYTES} bytes of extra data, got {len(extra)}")
    index = _INDEX.fullmatch(lines.pop(0)) if lines else None
    if index is None or int(index[1]) > MAX_SIZE:
        raise FormatError("expected a line 'index <number>' before the hashes")
    if len(lines) > MAX_PROOF_HASHES:
        raise FormatError(f"expected at most {MAX_PROOF_HASHES} hashes, got {len(lines)}")
    hashes = tuple(decode_base64(line) for line in lines)
    if any(len(value) != 32 for value in hashes):
        raise FormatError("expected hashes of 32 bytes")
    parse_checkpoint(checkpoint)
    return Proof(int(index[1]), hashes, checkpoint, extra)


def verify_proof(
    proof: Proof,
    *,
    entry: bytes,
    origin: str,
    log_keys: Sequence[Verifier],
    witnesses: Sequence[Verifier] = (),
    quorum: int = 0,
) -> OpenedCheckpoint:
    """Check that `entry` is in the log at the proof's index, under a checkpoint you have reason to trust.

    Returns the opened checkpoint. Verifying proves inclusion, not that the entry is true, and not that the log shows
    everybody the same tree: for that, ask for cosignatures (`quorum`).

    Raises
    ------
    FormatError
        If the index or the checkpoint is out of form.
    VerificationError
        If the checkpoint is not signed as asked, or the proof does not lead to its root.
    """
    opened = open_checkpoint(proof.checkpoint, origin=origin, log_keys=log_keys, witnesses=witnesses, quorum=quorum)
    tree = opened.checkpoint
    if proof.index >= tree.size:
        raise VerificationError(f"expected an index below the tree size {tree.size}, got {proof.index}")
    verify_inclusion(leaf_hash=hash_leaf(entry), index=proof.index, size=tree.size, proof=proof.hashes, root=tree.root)
    return opened
