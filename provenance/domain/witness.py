"""The witness protocol: what a log asks of a witness, what the witness answers, and when it must refuse.

A witness keeps one thing for each log: the largest tree that it has cosigned. It cosigns another tree only with a proof
that the other one begins with that tree. So a log that shows two histories needs witnesses who never meet; one signed
checkpoint from either side then convicts it (`find_split_view`).

References
----------
.. [1] C2SP tlog-witness, https://c2sp.org/tlog-witness.
.. [2] C2SP tlog-cosignature, https://c2sp.org/tlog-cosignature.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provenance.domain.checkpoint import MAX_SIZE, Checkpoint, parse_checkpoint, parse_checkpoint_text
from provenance.domain.errors import FormatError, VerificationError
from provenance.domain.merkle import EMPTY_ROOT, HASH_BYTES, verify_consistency
from provenance.domain.note import (
    MAX_NOTE_BYTES,
    Signature,
    Signer,
    Verified,
    Verifier,
    decode_base64,
    format_note,
    parse_note,
    verify_note,
)

MAX_PROOF_LINES = 63  # the specification's limit
MAX_REQUEST_BYTES = MAX_NOTE_BYTES + 4096  # the note, and the longest proof
MAX_RESPONSE_BYTES = 64 * 1024
MAX_NOTES = 1000  # that `find_split_view` compares at once
TEXT = "text/plain; charset=utf-8"
SIZE = "text/x.tlog.size"
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_SIZE_BODY = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


@dataclass(frozen=True)
class Request:
    """A parsed add-checkpoint request; nothing in it is verified."""

    old_size: int  # what the log believes that the witness last cosigned
    proof: tuple[bytes, ...]  # consistency proof from old_size to the checkpoint's size
    note: bytes  # the signed checkpoint, verbatim

    @property
    def checkpoint(self) -> Checkpoint:
        """What the note claims."""
        return parse_checkpoint(self.note)


@dataclass(frozen=True)
class Seen:
    """The largest tree of one log that a witness has cosigned: all that it must remember."""

    size: int
    root: bytes  # 32 bytes
    note: bytes  # as the log signed it: the evidence, should the log deny it


@dataclass(frozen=True)
class Answer:
    """A response, in the terms of HTTP."""

    status: int
    body: bytes
    content_type: str = TEXT


@dataclass(frozen=True)
class SplitView:
    """Two checkpoints that one log signed and that cannot both be of one history."""

    origin: str
    first: bytes  # signed notes, verbatim; the smaller tree first
    second: bytes
    reason: str
    conclusive: bool  # True: the notes alone convict the log. False: only if the false proof came from the log itself
    proof: tuple[bytes, ...] = ()  # the consistency proof that failed, where there was one


@dataclass(frozen=True)
class Decision:
    """What a witness does with a request.

    `accepted` must be on the disk before a cosignature leaves: a witness that forgets would sign two histories.
    """

    refusal: Answer | None  # None: cosign
    accepted: Seen | None  # None: refuse
    conflict: SplitView | None = None


# --- the request ---------------------------------------------------------------------------------------------------


def format_request(request: Request) -> bytes:
    """Write an add-checkpoint request.

    Raises
    ------
    FormatError
        If it would not parse back.
    """
    lines = [f"old {request.old_size}", *(base64.b64encode(value).decode() for value in request.proof), "", ""]
    data = "\n".join(lines).encode() + request.note
    if parse_request(data) != request:
        raise FormatError(f"expected a request that reads back as itself, got old size {request.old_size}")
    return data


def parse_request(data: bytes) -> Request:
    """Parse an add-checkpoint request from anywhere.

    Raises
    ------
    FormatError
        If the bytes are not one: wrong lines, more than 63 hashes, no signed checkpoint.
    """
    if len(data) > MAX_REQUEST_BYTES:
        raise FormatError(f"expected a request of at most {MAX_REQUEST_BYTES} bytes, got {len(data)}")
    head, separator, note = data.partition(b"\n\n")
    if not separator or not head.isascii():
        raise FormatError("expected an old size, a proof, an empty line and a checkpoint, got no such parts")
    first, *lines = head.decode("ascii").split("\n")
    old = _OLD.fullmatch(first)
    if old is None or int(old[1]) > MAX_SIZE:
        raise FormatError(f"expected a first line 'old <size>', got {first[:60]!r}")
    if len(lines) > MAX_PROOF_LINES:
        raise FormatError(f"expected at most {MAX_PROOF_LINES} proof lines, got {len(lines)}")
    proof = tuple(decode_base64(line) for line in lines)
    if any(len(value) != HASH_BYTES for value in proof):
        raise FormatError(f"expected hashes of {HASH_BYTES} bytes")
    parse_checkpoint(note)
    return Request(int(old[1]), proof, note)


# --- the witness's decision ----------------------------------------------------------------------------------------


def decide(request: Request, *, log_keys: Sequence[Verifier], seen: Seen | None) -> Decision:
    """Whether to cosign, and if not, the answer that the protocol prescribes.

    Parameters
    ----------
    request : Request
    log_keys : sequence of Verifier
        Keys pinned for the checkpoint's origin; none if the log is unknown. *Each* must have signed, so that whoever
        breaks one algorithm cannot leave out the other's line.
    seen : Seen or None
        The tree last cosigned for this origin; None if there was none.

    Returns
    -------
    Decision
        A refusal with status 404 (unknown log), 403 (not signed by the pinned keys), 400 (old size beyond the tree),
        409 (old size is not the one last cosigned, or the same size under another root) or 422 (the proof is false);
        otherwise the tree to remember before cosigning.
    """
    checkpoint = request.checkpoint
    if not log_keys:
        return _refuse(404, f"this witness does not know the log {checkpoint.origin[:200]}")
    try:
        check_signed(request.note, log_keys)
    except VerificationError as error:
        return _refuse(403, str(error))
    if request.old_size > checkpoint.size:
        return _refuse(400, f"the old size {request.old_size} is beyond the tree of {checkpoint.size} entries")
    last = seen or Seen(0, EMPTY_ROOT, b"")
    conflict = _contradiction(last, request, checkpoint)
    if request.old_size != last.size or (conflict is not None and conflict.conclusive):
        return Decision(Answer(409, f"{last.size}\n".encode(), SIZE), None, conflict)
    if conflict is not None:
        return Decision(_text(422, conflict.reason), None, conflict)
    try:
        _check_growth(last, request.proof, checkpoint)
    except (FormatError, VerificationError) as error:
        return _refuse(422, str(error))
    return Decision(None, Seen(checkpoint.size, checkpoint.root, keep_lines(request.note, log_keys)))


def cosign(note: bytes, signers: Sequence[Signer]) -> Answer:
    """The answer to an accepted request: one line for each key of the witness. Call it only after keeping the state."""
    text = parse_note(note).text
    return Answer(200, "".join(signer.sign(text).line for signer in signers).encode())


def check_signed(note: bytes, keys: Sequence[Verifier]) -> None:
    """Check that each of these keys signed the note.

    Raises
    ------
    FormatError
        If the bytes are not a signed note.
    VerificationError
        If a signature is false or one of the keys did not sign.
    """
    verified = {(v.name, v.key_id) for v in verify_note(parse_note(note), keys)}
    missing = [key.vkey[:60] for key in keys if (key.name, key.key_id) not in verified]
    if missing:
        raise VerificationError(f"expected a signature of every key trusted for this log, none came from {missing}")


def keep_lines(note: bytes, keys: Sequence[Verifier]) -> bytes:
    """The note with the signature lines of these keys alone: what strangers add is not worth keeping."""
    parsed, known = parse_note(note), {(key.name, key.key_id) for key in keys}
    return format_note(parsed.text, [line for line in parsed.signatures if (line.name, line.key_id) in known])


def _check_growth(last: Seen, proof: Sequence[bytes], tree: Checkpoint) -> None:
    if tree.size == 0 and tree.root != EMPTY_ROOT:
        raise VerificationError("a tree without entries has the root SHA-256 of nothing, this one has another")
    old_root = last.root if last.size else EMPTY_ROOT
    verify_consistency(old_size=last.size, new_size=tree.size, old_root=old_root, new_root=tree.root, proof=proof)


def _contradiction(last: Seen, request: Request, tree: Checkpoint) -> SplitView | None:
    """What the request says against the log, given the log's word for the last tree."""
    if not last.size:
        return None
    if tree.size == last.size and tree.root != last.root:
        return _split(tree.origin, last.note, request.note)
    if request.old_size == last.size:
        try:
            _check_growth(last, request.proof, tree)
        except (FormatError, VerificationError) as error:
            return SplitView(tree.origin, last.note, request.note, str(error), False, request.proof)
    return None


def _split(origin: str, first: bytes, second: bytes) -> SplitView:
    size = parse_checkpoint(first).size
    return SplitView(origin, first, second, f"{origin} signed two trees of {size} entries with different roots", True)


def _refuse(status: int, why: str) -> Decision:
    return Decision(_text(status, why), None)


def _text(status: int, why: str) -> Answer:
    return Answer(status, f"{why}\n".encode())


# --- the log's side ------------------------------------------------------------------------------------------------


def parse_size(answer: Answer) -> int:
    """The size that a 409 answer names.

    Raises
    ------
    FormatError
        If the answer is not in that form.
    """
    kind = answer.content_type.partition(";")[0].strip().lower()
    found = _SIZE_BODY.fullmatch(answer.body)
    if kind != SIZE or found is None or int(found[1]) > MAX_SIZE:
        raise FormatError(
            f"expected a tree size of type {SIZE} with a 409 answer, got {answer.body[:40]!r} of type {kind[:40]!r}"
        )
    return int(found[1])


def open_cosignatures(
    note: bytes, answer: Answer, witnesses: Sequence[Verifier]
) -> tuple[tuple[Signature, Verified], ...]:
    """The lines of a 200 answer that verify: cosignatures of these keys on this checkpoint.

    Parameters
    ----------
    note : bytes
        The checkpoint that was sent.
    answer : Answer
    witnesses : sequence of Verifier
        Keys of the witness that was asked; lines of other keys are ignored, as the specification says.

    Returns
    -------
    tuple of (Signature, Verified)
        Never empty, one for each key that signed, in the order of the lines.

    Raises
    ------
    FormatError
        If the body does not consist of signature lines.
    VerificationError
        If a known key's line is false, a key gave no time, or none of the keys signed.
    """
    if len(answer.body) > MAX_RESPONSE_BYTES:
        raise FormatError(f"expected cosignatures of at most {MAX_RESPONSE_BYTES} bytes, got {len(answer.body)}")
    text = parse_note(note).text
    parse_checkpoint_text(text)
    lines = parse_note(text.encode() + b"\n" + answer.body)
    if lines.text != text:
        raise FormatError("expected signature lines alone, got an empty line among them")
    verified = {(v.name, v.key_id): v for v in verify_note(lines, witnesses)}
    if any(v.timestamp is None for v in verified.values()):
        raise VerificationError("expected timestamped cosignatures, got a signature without a time")
    by_key = {(line.name, line.key_id): line for line in lines.signatures if (line.name, line.key_id) in verified}
    return tuple((line, verified[key]) for key, line in by_key.items())


# --- split views ---------------------------------------------------------------------------------------------------


def find_split_view(
    notes: Sequence[bytes],
    *,
    log_keys: Sequence[Verifier],
    proofs: Mapping[tuple[int, int], Sequence[bytes]] | None = None,
) -> SplitView | None:
    """Look among checkpoints from different hands for two that contradict one another.

    Parameters
    ----------
    notes : sequence of bytes
        Signed checkpoints of one log, at most 1000, in any order: what hospitals, witnesses and the log itself show.
    log_keys : sequence of Verifier
        The log's keys. One true signature of any of them is enough: whoever holds the key said it.
    proofs : mapping of (old size, new size) to hashes, optional
        Consistency proofs that the log gave.

    Returns
    -------
    SplitView or None
        Two trees of one size with different roots first (conclusive); else two trees whose given proof fails (the log
        owes a true one). None says only that no contradiction was found: trees of different sizes without a proof
        between them were not compared.

    Raises
    ------
    FormatError
        If bytes are no checkpoint, or there are too many.
    VerificationError
        If a checkpoint is not signed by the log, or the checkpoints are of different logs.
    """
    if len(notes) > MAX_NOTES:
        raise FormatError(f"expected at most {MAX_NOTES} checkpoints, got {len(notes)}")
    trees: dict[int, tuple[Checkpoint, bytes]] = {}
    origins = set()
    for note in notes:
        verify_note(parse_note(note), log_keys)
        tree = parse_checkpoint(note)
        origins.add(tree.origin)
        if len(origins) > 1:
            raise VerificationError(f"expected checkpoints of one log, got {sorted(origins)}")
        known = trees.setdefault(tree.size, (tree, note))
        if known[0].root != tree.root:
            return _split(tree.origin, known[1], note)
    for (old, new), proof in (proofs or {}).items():
        if old in trees and new in trees and old < new:
            first, second = trees[old], trees[new]
            try:
                _check_growth(Seen(old, first[0].root, first[1]), proof, second[0])
            except (FormatError, VerificationError) as error:
                return SplitView(first[0].origin, first[1], second[1], str(error), False, tuple(proof))
    return None
