"""Whose signatures count: the keys that the auditor gave, or, on trust and said so, those that came with the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from provenance.domain.checkpoint import Checkpoint, parse_checkpoint_text
from provenance.domain.cosignature import verifier_from_vkey
from provenance.domain.errors import FormatError, VerificationError
from provenance.domain.note import Verified, Verifier, decode_vkey, parse_note, verify_note
from provenance.verifier.findings import Verdict

MAX_KEYS = 64


@dataclass(frozen=True)
class SignedCheckpoint:
    """A checkpoint whose signatures verified under the keys that count."""

    checkpoint: Checkpoint
    note: bytes
    signed_at: datetime | None  # by the log's own clock
    witnesses: dict[str, datetime]  # known witnesses' names, and the time each put its name to


@dataclass(frozen=True)
class Trust:
    """The keys that count."""

    log_keys: tuple[Verifier, ...]
    witnesses: tuple[Verifier, ...]
    keys_given: bool  # by the auditor; False: they came with the file
    witnesses_given: bool
    quorum: int

    def open(self, note: bytes, origin: str) -> SignedCheckpoint:
        """Verify a signed checkpoint.

        Of each kind of key that is trusted, one at least must have signed: otherwise whoever breaks one algorithm could
        drop the other's line. Several keys of one kind are a log that changed its key.

        Raises
        ------
        FormatError
            If it is not a signed checkpoint.
        VerificationError
            If it is another log's, a signature is false, or a kind of key is missing.
        """
        parsed = parse_note(note)
        checkpoint = parse_checkpoint_text(parsed.text)
        if checkpoint.origin != origin:
            raise VerificationError(f"expected a checkpoint of {origin!r}, got one of {checkpoint.origin!r}")
        if not self.log_keys:
            raise VerificationError(f"expected a trusted key of {origin!r}, got none")
        signed = {(v.name, v.key_id): v for v in verify_note(parsed, [*self.log_keys, *self.witnesses])}
        by_log = [key for key in self.log_keys if (key.name, key.key_id) in signed]
        if missing := {kind_of(key) for key in self.log_keys} - {kind_of(key) for key in by_log}:
            raise VerificationError(
                f"expected a signature of each kind of key you trust; none is of kind {sorted(map(hex, missing))}"
            )
        log_times = [t for key in by_log if (t := signed[key.name, key.key_id].timestamp) is not None]
        log_names = {key.name for key in self.log_keys}  # the log is no witness of itself
        cosigned = [signed[key] for w in self.witnesses if (key := (w.name, w.key_id)) in signed]
        return SignedCheckpoint(
            checkpoint, note, _time(max(log_times, default=None)),
            {v.name: time for v in cosigned if v.name not in log_names and (time := _signed_at(v))},
        )  # fmt: skip


def make_trust(
    *, origin: str, given: Sequence[str], found: Sequence[str], witnesses_given: Sequence[str],
    witnesses_found: Sequence[str], quorum: int,
) -> Trust:  # fmt: skip
    """Choose the keys that count for a file of the log `origin`.

    Raises
    ------
    FormatError
        If a key is malformed or repeated.
    VerificationError
        If keys were given, and none is a key of this log; or a witness has the log's name.
    """
    listed, listed_witnesses = read_vkeys(found), read_vkeys(witnesses_found)
    keys = read_vkeys(given) if given else listed
    log_keys = tuple(key for key in keys if key.name == origin)
    if not log_keys:
        names = ", ".join(sorted({key.name for key in keys})) or "nothing"
        raise VerificationError(f"the file is of the log {origin!r}; the trusted keys are of {names}")
    witnesses = read_vkeys(witnesses_given) if witnesses_given else listed_witnesses
    if any(witness.name == origin for witness in witnesses):
        raise VerificationError(f"expected witnesses of other names, got one that is called {origin!r} like the log")
    return Trust(log_keys, tuple(witnesses), bool(given), bool(witnesses_given), quorum)


def read_vkeys(lines: Sequence[str]) -> list[Verifier]:
    """Read keys, each once.

    Raises
    ------
    FormatError
        If one is malformed, one is there twice, or there are more than 64.
    """
    if len(lines) > MAX_KEYS:
        raise FormatError(f"expected at most {MAX_KEYS} keys, got {len(lines)}")
    if len(set(lines)) != len(lines):
        raise FormatError("expected each key once, got one twice")
    return [verifier_from_vkey(line) for line in lines]


def kind_of(key: Verifier) -> int:
    """The signature type of a key: 0x01, 0x04 or 0x06."""
    return decode_vkey(key.vkey)[1]


def report_keys(verdict: Verdict, trust: Trust) -> None:
    verdict.facts["keys"] = {
        "source": "given" if trust.keys_given else "file",
        "vkeys": [key.vkey for key in trust.log_keys],
    }
    if trust.keys_given:
        verdict.verified("keys", f"The keys of {trust.log_keys[0].name} are those that you gave.")
    else:
        verdict.open(
            "keys",
            "The log's keys were taken from the file itself, on trust. Whoever made the file could have made the keys. "
            "Get the keys from another place and give them with --key.",
        )


def report_checkpoint(verdict: Verdict, trust: Trust, opened: SignedCheckpoint) -> None:
    """Say what the newest checkpoint is and who signed it, and settle the quorum."""
    tree = opened.checkpoint
    verdict.facts |= {"origin": tree.origin, "size": tree.size, "root": tree.root.hex()}
    when = f" on {words(opened.signed_at)}, by its own clock" if opened.signed_at else ""
    verdict.verified(
        "checkpoint", f"{tree.origin} signed that it holds {tree.size} entries under the root {tree.root.hex()}{when}."
    )
    verdict.facts["witnesses"] = {name: time.isoformat() for name, time in sorted(opened.witnesses.items())}
    names = ", ".join(f"{name} ({words(time)})" for name, time in sorted(opened.witnesses.items()))
    if opened.witnesses and trust.witnesses_given:
        verdict.verified("cosignatures", f"Witnesses that you know cosigned it: {names}.")
    elif opened.witnesses:
        verdict.open("cosignatures", f"It is cosigned by {names}, whose keys came with the file: taken on trust.")
    if trust.quorum > len(opened.witnesses):
        verdict.false(
            "cosignatures",
            f"You asked for the cosignatures of {trust.quorum} known witnesses; {len(opened.witnesses)} are there.",
        )
    elif not opened.witnesses:
        verdict.open(
            "cosignatures",
            "No witness you know cosigned it. The log could show somebody else another history, and this file would "
            "not betray it. A checkpoint kept elsewhere (--kept) or a witness's key (--witness) would.",
        )


def words(time: datetime) -> str:
    """A time as people write it."""
    return time.strftime("%d %B %Y at %H:%M:%S UTC").lstrip("0")


def _signed_at(signature: Verified) -> datetime | None:
    return _time(signature.timestamp)


def _time(seconds: int | None) -> datetime | None:
    """POSIX seconds as a time; the year 9999 for what no calendar holds."""
    return None if seconds is None else datetime.fromtimestamp(min(seconds, 253_402_300_799), UTC)
