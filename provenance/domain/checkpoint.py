"""Checkpoints: the log's signed word on how long it is and what it holds.

By signing a checkpoint the log promises that it never signed, and will never sign, another one inconsistent with it.
Nobody need believe that: two checkpoints that no consistency proof joins convict the log, which is why others keep its
checkpoints and cosign them.

References
----------
.. [1] C2SP tlog-checkpoint, https://c2sp.org/tlog-checkpoint.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from provenance.domain.errors import FormatError, VerificationError
from provenance.domain.note import Signer, Verified, Verifier, decode_base64, parse_note, sign_note, verify_note

MAX_SIZE = 2**63 - 1
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class Checkpoint:
    """Body of a checkpoint."""

    origin: str  # the log's unique name, like a URL without its scheme
    size: int  # leaves
    root: bytes  # 32 bytes
    extensions: tuple[str, ...] = ()  # read, never written: ML-DSA-44 cosignatures do not cover them

    @property
    def text(self) -> str:
        """The note text that is signed."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(line + "\n" for line in lines)


@dataclass(frozen=True)
class OpenedCheckpoint:
    """A checkpoint whose signatures verified."""

    checkpoint: Checkpoint
    log_signatures: tuple[Verified, ...]  # one for each configured key of the log
    cosignatures: tuple[Verified, ...]  # of the configured witnesses


def parse_checkpoint_text(text: str) -> Checkpoint:
    """Parse a checkpoint's note text.

    Raises
    ------
    FormatError
        If it is not a checkpoint's.
    """
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() or not all(lines):
        raise FormatError(f"expected origin, size and root on lines of their own, got {text[:80]!r}")
    origin, size, root = lines[:3]
    if not _SIZE.fullmatch(size) or int(size) > MAX_SIZE:
        raise FormatError(f"expected a tree size without leading zeroes, got {size[:40]!r}")
    digest = decode_base64(root)
    if len(digest) != 32:
        raise FormatError(f"expected a root hash of 32 bytes, got {len(digest)}")
    return Checkpoint(origin, int(size), digest, tuple(lines[3:]))


def parse_checkpoint(data: bytes) -> Checkpoint:
    """Parse a signed checkpoint without verifying it: what it claims, not what is so.

    Raises
    ------
    FormatError
        If the bytes are not a signed checkpoint.
    """
    return parse_checkpoint_text(parse_note(data).text)


def sign_checkpoint(checkpoint: Checkpoint, signers: Sequence[Signer]) -> bytes:
    """Sign a checkpoint with every key of the log (Ed25519 for every tool, ML-DSA-44 for the years to come).

    Raises
    ------
    FormatError
        If the checkpoint has extension lines, which an ML-DSA-44 signature would not cover, or cannot be parsed back.
    """
    if checkpoint.extensions:
        raise FormatError("expected no extension lines: ML-DSA-44 signatures do not cover them")
    if parse_checkpoint_text(checkpoint.text) != checkpoint:
        raise FormatError(f"expected an origin on one line and a size from 0, got {checkpoint}")
    return sign_note(checkpoint.text, signers)


def open_checkpoint(
    data: bytes,
    *,
    origin: str,
    log_keys: Sequence[Verifier],
    witnesses: Sequence[Verifier] = (),
    quorum: int = 0,
) -> OpenedCheckpoint:
    """Parse a checkpoint and verify who signed it.

    Parameters
    ----------
    data : bytes
    origin : str
        The log you mean to read; another log's checkpoint is refused.
    log_keys : sequence of Verifier
        Keys of the log. *Each* must have signed: otherwise whoever breaks one algorithm could drop the other's line.
    witnesses : sequence of Verifier
        Witnesses you know. A false cosignature of one of them is refused, an absent one is not.
    quorum : int
        How many of the witnesses must have signed.

    Raises
    ------
    FormatError
        If the bytes are not a signed checkpoint.
    VerificationError
        If it is another log's, a signature is false, a log key did not sign, or fewer witnesses than `quorum` did.
    """
    if not log_keys:
        raise VerificationError("expected at least one key of the log, got none; without it nothing can be verified")
    note = parse_note(data)
    checkpoint = parse_checkpoint_text(note.text)
    if checkpoint.origin != origin:
        raise VerificationError(f"expected a checkpoint of {origin!r}, got one of {checkpoint.origin!r}")
    verified = {(v.name, v.key_id): v for v in verify_note(note, [*log_keys, *witnesses])}
    missing = [key.vkey[:60] for key in log_keys if (key.name, key.key_id) not in verified]
    if missing:
        raise VerificationError(f"expected a signature of every key of the log, none came from {missing}")
    keys = dict.fromkeys((w.name, w.key_id) for w in witnesses)  # once each, whatever the list says
    cosigned = tuple(verified[key] for key in keys if key in verified)
    names = {v.name for v in cosigned} - {key.name for key in log_keys}  # two keys of one witness are one witness
    if len(names) < quorum:
        raise VerificationError(f"expected cosignatures of {quorum} known witnesses, got {sorted(names)}")
    return OpenedCheckpoint(checkpoint, tuple(verified[k.name, k.key_id] for k in log_keys), cosigned)
