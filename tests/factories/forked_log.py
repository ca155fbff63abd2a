"""A log in the test's own hand: its keys, its history, and another history that it shows to somebody else."""

from __future__ import annotations

from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from provenance.domain.checkpoint import Checkpoint, sign_checkpoint
from provenance.domain.cosignature import CosignatureSigner
from provenance.domain.merkle import consistency_proof, hash_leaf, root_of, tree_root
from provenance.domain.note import Ed25519Signer, Signer
from provenance.domain.witness import Request, Seen, format_request

ORIGIN = "log.example/ethics"
NOW = 1_795_000_000


def log_signers(seed: int, origin: str = ORIGIN) -> tuple[Signer, Signer]:
    """The two keys of a log, the same for the same seed."""
    raw = bytes([seed]) * 32
    return (
        Ed25519Signer(origin, Ed25519PrivateKey.from_private_bytes(raw)),
        CosignatureSigner(origin, MLDSA44PrivateKey.from_seed_bytes(raw), lambda: NOW),
    )


SIGNERS = log_signers(1)
KEYS = tuple(signer.verifier for signer in SIGNERS)
VKEYS = tuple(key.vkey for key in KEYS)


class History:
    """Entries in a row. Those before `fork` are the same in every history, the later ones differ."""

    def __init__(self, count: int = 300, *, fork: int | None = None) -> None:
        entries = [b"%d" % n if fork is None or n < fork else b"other %d" % n for n in range(count)]
        self.leaves = [hash_leaf(entry) for entry in entries]

    def _reader(self, level: int, index: int, width: int) -> bytes:
        span = 256**level
        runs = (self.leaves[(index * 256 + i) * span : (index * 256 + i + 1) * span] for i in range(width))
        return b"".join(root_of(run) for run in runs)

    def root(self, size: int) -> bytes:
        return tree_root(size, self._reader)

    def proof(self, old: int, new: int) -> tuple[bytes, ...]:
        """Empty where none is possible."""
        return tuple(consistency_proof(old, new, self._reader)) if old <= new else ()

    def note(self, size: int, signers: tuple[Signer, ...] = SIGNERS, origin: str = ORIGIN) -> bytes:
        return self._note(size, signers, origin)

    @cache  # noqa: B019 - ML-DSA signatures differ each time, and a test compares
    def _note(self, size: int, signers: tuple[Signer, ...], origin: str) -> bytes:
        return sign_checkpoint(Checkpoint(origin, size, self.root(size)), signers)

    def seen(self, size: int) -> Seen:
        return Seen(size, self.root(size), self.note(size))

    def request(self, old: int, new: int, signers: tuple[Signer, ...] = SIGNERS) -> Request:
        return Request(old, self.proof(old, new), self.note(new, signers))

    def ask(self, old: int, new: int, signers: tuple[Signer, ...] = SIGNERS) -> bytes:
        """The bytes of an add-checkpoint request."""
        return format_request(self.request(old, new, signers))
