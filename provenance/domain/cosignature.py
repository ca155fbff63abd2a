"""Cosignatures: timestamped signatures on checkpoints, by the log itself or by a witness.

A cosignature says more than a note signature: *as of this time, this is the longest consistent tree that I have seen of
this log.* Type 0x06 (ML-DSA-44) holds against quantum computers, names its signer inside the signed message and covers
origin, size and root, but not extension lines. Type 0x04 (Ed25519) is what most public witnesses speak today; it covers
the whole text and not the signer's name.

References
----------
.. [1] C2SP tlog-cosignature, https://c2sp.org/tlog-cosignature.
.. [2] NIST FIPS 204, ML-DSA.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from provenance.domain.checkpoint import Checkpoint, parse_checkpoint_text
from provenance.domain.errors import FormatError, VerificationError
from provenance.domain.note import (
    TYPE_ED25519,
    Ed25519Verifier,
    Signature,
    Verifier,
    check_name,
    decode_vkey,
    encode_vkey,
    key_id,
)

TYPE_ED25519_COSIGNATURE = 0x04
TYPE_MLDSA44 = 0x06
_TIMESTAMP_BYTES = 8
_SIZES = {TYPE_ED25519_COSIGNATURE: (32, 64), TYPE_MLDSA44: (1312, 2420)}  # bytes of a public key, of a signature

Clock = Callable[[], int]
"""POSIX seconds."""


class CosignatureVerifier:
    """Public half of a cosigner; `kind` is 0x04 or 0x06."""

    def __init__(self, name: str, kind: int, public_key: bytes) -> None:
        check_name(name)
        if kind not in _SIZES:
            raise FormatError(f"expected a cosignature type 0x04 or 0x06, got 0x{kind:02x}")
        self._key: Ed25519PublicKey | MLDSA44PublicKey
        try:
            if kind == TYPE_MLDSA44:
                self._key = MLDSA44PublicKey.from_public_bytes(public_key)
            else:
                self._key = Ed25519PublicKey.from_public_bytes(public_key)
        except ValueError as error:
            raise FormatError(f"expected a key of {_SIZES[kind][0]} bytes, got {len(public_key)}: {error}") from None
        self.name, self.kind = name, kind
        self.key_id = key_id(name, kind, public_key)
        self.vkey = encode_vkey(name, kind, public_key)

    def verify(self, text: str, signature: bytes) -> int:
        """Check the cosignature of a checkpoint's text and return the time it was made, in POSIX seconds."""
        expected = _TIMESTAMP_BYTES + _SIZES[self.kind][1]
        if len(signature) != expected:
            raise VerificationError(
                f"expected a cosignature of {expected} bytes from {self.name}, got {len(signature)}"
            )
        timestamp = int.from_bytes(signature[:_TIMESTAMP_BYTES], "big")
        message = signed_message(self.kind, self.name, timestamp, text)
        try:
            self._key.verify(signature[_TIMESTAMP_BYTES:], message)
        except InvalidSignature:
            raise VerificationError(f"the cosignature of {self.name} does not fit this checkpoint") from None
        return timestamp


class CosignatureSigner:
    """Cosigns checkpoints; the key's algorithm decides the type.

    The caller answers for the promise: cosign only after checking consistency with the longest tree signed before.
    """

    def __init__(self, name: str, key: Ed25519PrivateKey | MLDSA44PrivateKey, clock: Clock) -> None:
        self.name, self._key, self._clock = name, key, clock
        kind = TYPE_MLDSA44 if isinstance(key, MLDSA44PrivateKey) else TYPE_ED25519_COSIGNATURE
        self._verifier = CosignatureVerifier(name, kind, key.public_key().public_bytes_raw())

    @property
    def verifier(self) -> CosignatureVerifier:
        """The public half."""
        return self._verifier

    def sign(self, text: str) -> Signature:
        """Cosign a checkpoint's text as of now."""
        timestamp = self._clock()
        signature = self._key.sign(signed_message(self._verifier.kind, self.name, timestamp, text))
        return Signature(self.name, self._verifier.key_id, timestamp.to_bytes(_TIMESTAMP_BYTES, "big") + signature)


def signed_message(kind: int, name: str, timestamp: int, text: str) -> bytes:
    """Build the bytes a cosignature covers.

    Raises
    ------
    FormatError
        If the text is not a checkpoint's, a name exceeds 255 bytes, or the timestamp is out of range.
    """
    checkpoint = parse_checkpoint_text(text)
    if not 0 <= timestamp < 2**63:
        raise FormatError(f"expected POSIX seconds from 0 to 2^63 - 1, got {timestamp}")
    if kind == TYPE_ED25519_COSIGNATURE:
        return f"cosignature/v1\ntime {timestamp}\n{text}".encode()
    return _subtree_message(name, timestamp, checkpoint)


def _subtree_message(name: str, timestamp: int, checkpoint: Checkpoint) -> bytes:
    """`cosigned_message` of the specification, with start = 0 (a checkpoint) and end = the tree's size."""
    return b"".join(
        (
            b"subtree/v1\n\x00",
            _short(name),
            timestamp.to_bytes(8, "big"),
            _short(checkpoint.origin),
            (0).to_bytes(8, "big"),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def _short(text: str) -> bytes:
    raw = text.encode()
    if not 1 <= len(raw) <= 255:
        raise FormatError(f"expected a name of 1 to 255 bytes, got {len(raw)}")
    return bytes([len(raw)]) + raw


def verifier_from_vkey(vkey: str) -> Verifier:
    """Make the verifier a vkey describes: types 0x01, 0x04 and 0x06.

    Raises
    ------
    FormatError
        If the vkey is damaged or of another type.
    """
    name, kind, public_key = decode_vkey(vkey)
    if kind == TYPE_ED25519:
        return Ed25519Verifier(name, public_key)
    return CosignatureVerifier(name, kind, public_key)
