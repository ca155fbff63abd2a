"""The log's keys: Ed25519 for every tool, ML-DSA-44 for the years to come; and the platform's other secrets.

A *generation* is one key of each kind. Private halves are encrypted files (PKCS #8) that only the sequencer opens; the
index beside them lists the public halves of every generation there ever was, for old checkpoints stay to be verified.
Rotation overlaps: for a while two generations sign, so that whoever trusts either can follow. Log key, anchor key,
witnesses' and officers' keys are different keys.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from core.keyfiles import given_or_made, made_once, private_folder, write_draft
from provenance.domain.cosignature import CosignatureSigner, verifier_from_vkey
from provenance.domain.errors import LedgerError
from provenance.domain.note import Ed25519Signer, Signer, Verifier, parse_note

KINDS = ("ed25519", "mldsa44")


@dataclass(frozen=True)
class Generation:
    """One Ed25519 and one ML-DSA-44 key of the log."""

    number: int  # from 1
    vkeys: tuple[str, ...]  # Ed25519, ML-DSA-44
    made_at: str
    signs_until: str | None = None  # set by a rotation: when the overlap ends
    last_size: int | None = None  # the largest tree it signed; set once it signs no more

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        return tuple(_verifier(vkey) for vkey in self.vkeys)

    def signs(self, now: datetime) -> bool:
        return self.last_size is None and (self.signs_until is None or now < datetime.fromisoformat(self.signs_until))


@lru_cache(maxsize=256)
def _verifier(vkey: str) -> Verifier:
    return verifier_from_vkey(vkey)


# --- reading -------------------------------------------------------------------------------------------------------


def generations() -> tuple[Generation, ...]:
    """Every generation of the log's keys, oldest first; the first one is made when nobody has made it yet.

    A process from which the private folder is hidden (one that takes traffic from outside) reads the public copy, and
    finds none until a process that may has made the keys.
    """
    own = _private() / "index.json"
    if not _readable(own):
        try:
            with _locked():
                if not _readable(own):
                    _add_generation(())
        except OSError:
            own = _public_index()
            if not _readable(own):
                return ()
    return _read_index(own, own.stat().st_mtime_ns)


def _readable(path: Path) -> bool:
    return os.access(path, os.R_OK)


@lru_cache(maxsize=4)
def _read_index(path: Path, changed: int) -> tuple[Generation, ...]:
    return tuple(Generation(**{**item, "vkeys": tuple(item["vkeys"])}) for item in json.loads(path.read_text()))


def log_verifiers() -> tuple[Verifier, ...]:
    """The public keys of the newest generation; none while nobody has made keys."""
    return next((generation.verifiers for generation in reversed(generations())), ())


def verifiers_for(note: bytes | str) -> tuple[Verifier, ...]:
    """The keys that a checkpoint must be verified with: the newest generation that signed it.

    A generation that has retired counts only up to the size of the last tree that it signed, so that a stolen old key
    signs nothing new.
    """
    raw = note.encode() if isinstance(note, str) else note
    try:
        parsed = parse_note(raw)
        size = int(parsed.text.split("\n")[1])
    except (LedgerError, ValueError, IndexError):
        return log_verifiers()  # opening it says what is wrong
    lines = {(line.name, line.key_id) for line in parsed.signatures}
    for generation in reversed(generations()):
        within = generation.last_size is None or size <= generation.last_size
        if within and all((key.name, key.key_id) in lines for key in generation.verifiers):
            return generation.verifiers
    return log_verifiers()


def log_signers() -> tuple[Signer, ...]:
    """The private keys of every generation that signs now; the sequencer's alone."""
    now = datetime.now(UTC)
    return tuple(signer for generation in generations() if generation.signs(now) for signer in _signers(generation))


@lru_cache(maxsize=4)
def _signers(generation: Generation) -> tuple[Signer, ...]:
    found: list[Signer] = []
    for kind in KINDS:
        path = _key_path(generation.number, kind)
        try:
            key = load_pem_private_key(path.read_bytes(), _passphrase())
        except (OSError, ValueError, TypeError) as error:
            raise ImproperlyConfigured(
                f"The log's key {path} cannot be opened ({error}). Give its passphrase in QFL_LOG_PASSPHRASE_FILE, or "
                "restore the file from its backup; without it no checkpoint can be signed."
            ) from None
        if isinstance(key, Ed25519PrivateKey):
            found.append(Ed25519Signer(settings.LOG_ORIGIN, key))
        elif isinstance(key, MLDSA44PrivateKey):
            found.append(CosignatureSigner(settings.LOG_ORIGIN, key, _clock))
    return tuple(found)


# --- rotation ------------------------------------------------------------------------------------------------------


def rotate(*, overlap: timedelta) -> Generation:
    """Make a new generation; the older ones go on signing beside it until the overlap ends."""
    generations()  # the first one, if nobody has made it yet
    with _locked():
        known = generations()
        until = (datetime.now(UTC) + overlap).isoformat()
        ending = [g if g.signs_until or g.last_size is not None else replace(g, signs_until=until) for g in known]
        return _add_generation(ending)


def retire(last_size: Callable[[Generation], int]) -> list[Generation]:
    """Close the generations whose overlap is over: note the last size each signed, destroy its private half."""
    now = datetime.now(UTC)
    if not any(g.last_size is None and not g.signs(now) for g in generations()):
        return []
    with _locked():
        known = generations()
        closing = {g.number: last_size(g) for g in known if g.last_size is None and not g.signs(now)}
        _write_index([replace(g, last_size=closing.get(g.number, g.last_size)) for g in known])
        for number in closing:
            for kind in KINDS:
                _key_path(number, kind).unlink(missing_ok=True)
    return [g for g in known if g.number in closing]


def _add_generation(known: Sequence[Generation]) -> Generation:
    number, ed25519, mldsa44 = len(known) + 1, Ed25519PrivateKey.generate(), MLDSA44PrivateKey.generate()
    pairs: tuple[tuple[str, Ed25519PrivateKey | MLDSA44PrivateKey], ...] = (("ed25519", ed25519), ("mldsa44", mldsa44))
    for kind, key in pairs:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(_passphrase()))
        _write(_key_path(number, kind), pem)
    signers = (Ed25519Signer(settings.LOG_ORIGIN, ed25519), CosignatureSigner(settings.LOG_ORIGIN, mldsa44, _clock))
    made = Generation(number, tuple(s.verifier.vkey for s in signers), datetime.now(UTC).isoformat())
    _write_index([*known, made])
    return made


def _clock() -> int:
    return int(time.time())


def _write_index(known: Sequence[Generation]) -> None:
    text = json.dumps([asdict(g) for g in known], indent=1).encode()
    _write(_folder() / "index.json", text)
    _public_index().parent.mkdir(parents=True, exist_ok=True)
    _write(_public_index(), text)


def _public_index() -> Path:
    return Path(settings.VAR) / "log" / "keys.json"


# --- files ---------------------------------------------------------------------------------------------------------


def secret(name: str, length: int = 32) -> bytes:
    """A random secret that is drawn once; whoever comes second reads what the first one wrote."""
    return made_once(Path(settings.VAR) / "keys" / name, lambda: secrets.token_bytes(length))


def _passphrase() -> bytes:
    """The operator's, from a secret store; for a trial one is made beside the keys, which then protects little."""
    given = settings.LOG_PASSPHRASE_FILE
    _, found = given_or_made(given, "QFL_LOG_PASSPHRASE_FILE", "log.passphrase", lambda: secrets.token_bytes(32))
    if not given:
        return found.hex().encode()
    passphrase = found.rstrip(b"\r\n")
    if not passphrase:
        raise ImproperlyConfigured("QFL_LOG_PASSPHRASE_FILE is empty; write the passphrase of the log's keys there.")
    return passphrase


def _private() -> Path:
    return Path(settings.VAR) / "keys" / "log"


def _folder() -> Path:
    private_folder(_private().parent)
    return private_folder(_private())


def _key_path(number: int, kind: str) -> Path:
    return _folder() / f"{number:03d}-{kind}.pem"


@contextmanager
def _locked() -> Iterator[None]:
    """One process at a time changes the keys."""
    with open(_folder() / ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, readable by the platform alone."""
    os.replace(write_draft(path, data), path)
