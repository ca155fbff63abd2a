"""The witness's folder: its keys, the keys it trusts of each log, and the largest tree it has cosigned.

    name            what the witness is called in its signature lines
    *.pem           Ed25519 and ML-DSA-44 keys, encrypted PKCS #8, readable by the owner alone
    passphrase      made here if none is given; then the encryption protects a copied key file, not a copied folder
    logs/           one file a log: the pinned keys, and the tree last cosigned with the log's own signatures
    evidence/       pairs of checkpoints that convict a log

Never restore this folder from a copy: a witness that forgets what it cosigned would cosign another history.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from provenance.domain.checkpoint import parse_checkpoint
from provenance.domain.cosignature import CosignatureSigner, verifier_from_vkey
from provenance.domain.errors import FormatError, LedgerError, VerificationError
from provenance.domain.note import Verifier, check_name
from provenance.domain.witness import TEXT, Answer, Seen, SplitView, check_signed, cosign, decide, parse_request

KEY_FILES = ("mldsa44.pem", "ed25519.pem")
MAX_EVIDENCE = 16
MAX_LOG_KEYS = 8


class WitnessError(Exception):
    """The folder or a key cannot be used; the message says what to do."""


@dataclass(frozen=True)
class KnownLog:
    """What the witness keeps of one log."""

    origin: str
    vkeys: tuple[str, ...]  # each must sign
    seen: Seen | None = None
    retired: tuple[str, ...] = ()  # pinned before, and never again

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        """The pinned keys."""
        return tuple(verifier_from_vkey(vkey) for vkey in self.vkeys)


class WitnessHome:
    """A witness on its folder. Threads and processes may share the folder: a file lock puts requests in a row."""

    def __init__(
        self, folder: Path, *, passphrase: bytes | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        """Open a folder that `create` made.

        Raises
        ------
        WitnessError
            If there is none, or its keys do not open.
        """
        self.folder, self._clock = folder, clock
        try:
            self.name = (folder / "name").read_text().strip()
            secret = passphrase or (folder / "passphrase").read_bytes()
            keys = [load_pem_private_key((folder / file).read_bytes(), secret) for file in KEY_FILES]
        except (OSError, ValueError, TypeError) as error:
            raise WitnessError(f"the witness in {folder} cannot be opened: {error}") from None
        self.signers = tuple(CosignatureSigner(self.name, _cosigning(key), self._now) for key in keys)

    @classmethod
    def create(
        cls, folder: Path, *, name: str, passphrase: bytes | None = None, clock: Callable[[], float] = time.time
    ) -> WitnessHome:
        """Open the folder, made with new keys if it is not there.

        Raises
        ------
        WitnessError
            If the name cannot be one, or the folder belongs to a witness of another name.
        """
        try:
            check_name(name)
        except FormatError as error:
            raise WitnessError(str(error)) from None
        for path in (folder, folder / "logs", folder / "evidence"):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        with _lock(folder):
            if not (folder / "name").exists():  # written last: a start that was cut off begins anew
                _make_keys(folder, passphrase)
                write_whole(folder / "name", f"{name}\n".encode())
        home = cls(folder, passphrase=passphrase, clock=clock)
        if home.name != name:
            raise WitnessError(f"the witness in {folder} is called {home.name}, not {name}; give it another folder")
        return home

    @property
    def vkeys(self) -> tuple[str, ...]:
        """The public keys that others register, ML-DSA-44 first."""
        return tuple(signer.verifier.vkey for signer in self.signers)

    # --- the logs it knows ---

    def trust(self, vkeys: Sequence[str]) -> None:
        """Pin a log's keys on first sight. Later the same call changes nothing, and other keys are refused.

        Raises
        ------
        WitnessError
            If the keys are not keys of one log, or the log is pinned to others: its own word is needed (`rotate`).
        """
        origin = _origin(vkeys)
        with _lock(self.folder):
            known = self.log(origin)
            if known is None:
                self._keep(KnownLog(origin, tuple(sorted(set(vkeys)))))
            elif not set(vkeys) <= set(known.vkeys):
                raise WitnessError(
                    f"{origin} is pinned to other keys. A new key is taken only with a checkpoint that the pinned keys "
                    "and the new ones have signed; ask the log for it, and ask why if it has none."
                )

    def rotate(self, vkeys: Sequence[str], note: bytes) -> bool:
        """Replace a log's keys by newer ones, if the pinned keys and the new ones all signed this checkpoint.

        Returns False if these keys are pinned already. It goes one way only: the checkpoint vouches for either
        generation, and whoever steals keys that were given up could otherwise have them pinned again.

        Raises
        ------
        WitnessError
            If the log is unknown, the checkpoint is not signed so or is smaller than the tree already seen, or a key
            was pinned before.
        """
        origin = _origin(vkeys)
        with _lock(self.folder):
            known = self.log(origin)
            if known is None:
                raise WitnessError(f"{origin} is not known here; there are no older keys that could vouch for new ones")
            if set(vkeys) == set(known.vkeys):
                return False
            try:
                _check_change(known, vkeys, note)
            except LedgerError as error:
                raise WitnessError(f"new keys of {origin} are refused: {error}") from None
            given_up = {*known.retired, *known.vkeys} - set(vkeys)
            self._keep(replace(known, vkeys=tuple(sorted(set(vkeys))), retired=tuple(sorted(given_up))))
            return True

    def log(self, origin: str) -> KnownLog | None:
        """What is kept of a log.

        Raises
        ------
        WitnessError
            If the file is damaged: then nothing may be cosigned.
        """
        path = self._path(origin)
        return self._read(path) if path.exists() else None

    def logs(self) -> list[KnownLog]:
        """All logs that it knows."""
        return [self._read(path) for path in sorted((self.folder / "logs").glob("*.json"))]

    def _read(self, path: Path) -> KnownLog:
        try:
            kept = json.loads(path.read_text())
            note = kept["note"].encode()
            seen = None
            if note:
                tree = parse_checkpoint(note)
                seen = Seen(tree.size, tree.root, note)
            return KnownLog(kept["origin"], tuple(kept["vkeys"]), seen, tuple(kept.get("retired", ())))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise WitnessError(
                f"{path} is damaged ({error}); nothing of that log is cosigned until it is seen to"
            ) from None

    # --- the one thing it does ---

    def add_checkpoint(self, data: bytes) -> Answer:
        """Answer an add-checkpoint request.

        Looking, deciding, keeping and cosigning are one step under the lock. The tree is on the disk before it is
        cosigned: if the process dies in between, the cosignature is lost and nothing else.
        """
        try:
            request = parse_request(data)
        except FormatError as error:
            return Answer(400, f"{error}\n".encode(), TEXT)
        with _lock(self.folder):
            known = self.log(request.checkpoint.origin)
            decision = decide(
                request,
                log_keys=known.verifiers if known is not None else (),
                seen=known.seen if known is not None else None,
            )
            if decision.conflict is not None and decision.conflict.conclusive:
                self._keep_evidence(decision.conflict)
            if decision.refusal is not None:
                return decision.refusal
            if known is None or decision.accepted is None:
                raise WitnessError("expected a decision to cosign to name the log and the tree")
            if known.seen is None or (known.seen.size, known.seen.root) != (
                decision.accepted.size,
                decision.accepted.root,
            ):
                self._keep(replace(known, seen=decision.accepted))
            return cosign(request.note, self.signers)

    def cosigned(self, origin: str) -> bytes | None:
        """The tree last cosigned of a log, as the log signed it, with cosignatures of now; None if there is none.

        For monitors: two witnesses whose notes contradict one another convict the log.
        """
        with _lock(self.folder):
            known = self.log(origin)
            if known is None or known.seen is None:
                return None
            return known.seen.note + cosign(known.seen.note, self.signers).body

    def evidence(self) -> list[bytes]:
        """The pairs of checkpoints that convict a log, as JSON."""
        return [path.read_bytes() for path in sorted((self.folder / "evidence").glob("*.json"))]

    def _keep_evidence(self, conflict: SplitView) -> None:
        text = json.dumps(
            {
                "origin": conflict.origin, "reason": conflict.reason, "first": conflict.first.decode(),
                "second": conflict.second.decode(),
            },
            indent=1,
        )  # fmt: skip
        tree = parse_checkpoint(conflict.second)
        path = self.folder / "evidence" / f"{tree.size}-{tree.root.hex()[:16]}.json"
        if not path.exists() and len(list(path.parent.glob("*.json"))) < MAX_EVIDENCE:
            write_whole(path, text.encode())

    def _keep(self, log: KnownLog) -> None:
        note = log.seen.note.decode() if log.seen is not None else ""
        kept = {"origin": log.origin, "vkeys": log.vkeys, "retired": log.retired, "note": note}
        write_whole(self._path(log.origin), json.dumps(kept, indent=1).encode())

    def _path(self, origin: str) -> Path:
        return self.folder / "logs" / f"{hashlib.sha256(origin.encode()).hexdigest()}.json"

    def _now(self) -> int:
        return int(self._clock())


def _check_change(known: KnownLog, vkeys: Sequence[str], note: bytes) -> None:
    """Check that a checkpoint vouches for a log's new keys."""
    tree, seen = parse_checkpoint(note), known.seen
    if tree.origin != known.origin:
        raise VerificationError(f"the checkpoint is not one of {known.origin}")
    if back := set(vkeys) & set(known.retired):
        raise VerificationError(f"{len(back)} of them were pinned before and given up; such keys are not taken again")
    if seen is not None and tree.size < seen.size:
        raise VerificationError(f"expected a checkpoint of at least the {seen.size} entries seen, got {tree.size}")
    if seen is not None and tree.size == seen.size and tree.root != seen.root:
        raise VerificationError(f"the checkpoint is of another tree of {tree.size} entries than the one seen")
    check_signed(note, known.verifiers)  # in two calls: no new key can stand in for a pinned one
    check_signed(note, [verifier_from_vkey(vkey) for vkey in vkeys])


def write_whole(path: Path, data: bytes) -> None:
    """Whole or not at all, on the disk when this returns, readable by the owner alone."""
    temporary = path.with_name(f".{path.name}.part")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # the new name as well, not only the bytes
    finally:
        os.close(folder)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # each opening has a lock of its own, so it also parts threads
        yield
    finally:
        os.close(descriptor)


def _make_keys(folder: Path, passphrase: bytes | None) -> None:
    if passphrase is None:
        passphrase = base64.b64encode(secrets.token_bytes(32))
        write_whole(folder / "passphrase", passphrase)
    keys: list[MLDSA44PrivateKey | Ed25519PrivateKey] = [MLDSA44PrivateKey.generate(), Ed25519PrivateKey.generate()]
    for file, key in zip(KEY_FILES, keys, strict=True):
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))
        write_whole(folder / file, pem)


def _cosigning(key: object) -> Ed25519PrivateKey | MLDSA44PrivateKey:
    if not isinstance(key, Ed25519PrivateKey | MLDSA44PrivateKey):
        raise WitnessError(f"expected an Ed25519 or ML-DSA-44 key, got {type(key).__name__}")
    return key


def _origin(vkeys: Sequence[str]) -> str:
    """The log that all these keys are of: the name in a key of a log is its origin."""
    try:
        names = {verifier_from_vkey(vkey).name for vkey in vkeys}
    except FormatError as error:
        raise WitnessError(str(error)) from None
    if len(names) != 1 or len(vkeys) > MAX_LOG_KEYS:
        raise WitnessError(f"expected one to {MAX_LOG_KEYS} keys of one log, got {len(vkeys)} keys of {sorted(names)}")
    return names.pop()
