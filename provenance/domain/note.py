"""Signed notes: a text and the signatures under it, in lines that people and tools can read.

A plain Ed25519 signature (type 0x01) on a note promises only that the key's holder signed this text. What the text then
means is the text's affair (see checkpoint.py); timestamped cosignatures are in cosignature.py.

References
----------
.. [1] C2SP signed-note, https://c2sp.org/signed-note.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from provenance.domain.errors import FormatError, VerificationError

TYPE_ED25519 = 0x01
MAX_NOTE_BYTES = 256 * 1024  # the text and some forty post-quantum signatures
MAX_SIGNATURES = 64  # the specification asks for at least 16
_EM_DASH = "\u2014"


@dataclass(frozen=True)
class Signature:
    """One signature line, not yet verified."""

    name: str
    key_id: bytes  # 4 bytes
    signature: bytes  # without the key id

    @property
    def line(self) -> str:
        """The line as it stands in the note, with its newline."""
        return f"{_EM_DASH} {self.name} {base64.b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True)
class Note:
    """A parsed note. Its text means nothing until `verify_note` has accepted a signature of a key you trust."""

    text: str  # ends in a newline
    signatures: tuple[Signature, ...]


@dataclass(frozen=True)
class Verified:
    """A signature that verified."""

    name: str
    key_id: bytes
    timestamp: int | None  # POSIX seconds the signer put its name to; None where the type carries none


class Verifier(Protocol):
    """A public key somebody chose to trust."""

    name: str
    key_id: bytes
    vkey: str

    def verify(self, text: str, signature: bytes) -> int | None:
        """Return the timestamp signed, or None; raise `VerificationError` if the signature is false."""


class Signer(Protocol):
    """A private key that signs notes."""

    name: str

    def sign(self, text: str) -> Signature:
        """Sign a note's text."""

    @property
    def verifier(self) -> Verifier:
        """The public half."""


def key_id(name: str, kind: int, public_key: bytes) -> bytes:
    """First four bytes of SHA-256(name, newline, type byte, public key): a label for the key, not a secure hash."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public_key).digest()[:4]


def encode_vkey(name: str, kind: int, public_key: bytes) -> str:
    """Write a verifier key: ``<name>+<key id in hex>+base64(type, public key)``."""
    check_name(name)
    material = base64.b64encode(bytes([kind]) + public_key).decode()
    return f"{name}+{key_id(name, kind, public_key).hex()}+{material}"


def decode_vkey(vkey: str) -> tuple[str, int, bytes]:
    """Read a verifier key into its name, type byte and public key.

    Raises
    ------
    FormatError
        If it is not a verifier key, or its key id is not that of the key.
    """
    parts = vkey.split("+", 2)
    if len(parts) != 3:
        raise FormatError(f"expected a verifier key <name>+<key id>+<base64>, got {vkey[:60]!r}")
    name, label, material = parts
    check_name(name)
    raw = decode_base64(material)
    if len(raw) < 2 or key_id(name, raw[0], raw[1:]).hex() != label:
        raise FormatError(f"expected the key id of {name}'s key, got {label!r}; the verifier key is damaged")
    return name, raw[0], raw[1:]


def check_name(name: str) -> None:
    """Refuse a key name that could not stand in a signature line: empty, or with a space, a plus or a control."""
    if not name or "+" in name or any(c.isspace() or c < " " for c in name):
        raise FormatError(f"expected a key name without spaces or '+', like example.org/log, got {name[:60]!r}")


def decode_base64(text: str) -> bytes:
    """Decode standard base64 in its only form: no line breaks, no missing padding, no stray low bits."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not text or base64.b64encode(raw).decode() != text:
        raise FormatError(f"expected base64, got {text[:60]!r}")
    return raw


def format_note(text: str, signatures: Sequence[Signature]) -> bytes:
    """Write a note: the text, an empty line, the signature lines."""
    _check_text(text)
    if not signatures:
        raise FormatError("expected at least one signature, got none; an unsigned note says nothing")
    return (text + "\n" + "".join(signature.line for signature in signatures)).encode()


def sign_note(text: str, signers: Sequence[Signer]) -> bytes:
    """Sign a text with each signer and write the note."""
    _check_text(text)
    return format_note(text, [signer.sign(text) for signer in signers])


def parse_note(data: bytes) -> Note:
    """Parse a note from anywhere; nothing is verified.

    Raises
    ------
    FormatError
        If the bytes are not a signed note.
    """
    if len(data) > MAX_NOTE_BYTES:
        raise FormatError(f"expected a note of at most {MAX_NOTE_BYTES} bytes, got {len(data)}")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise FormatError(f"expected a note in UTF-8, got {error}") from None
    text, separator, block = whole.rpartition("\n\n")
    text += "\n"
    if not separator or not block.endswith("\n"):
        raise FormatError("expected a text, an empty line and signature lines, got no such parts")
    _check_text(text)
    lines = block[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise FormatError(f"expected at most {MAX_SIGNATURES} signatures, got {len(lines)}")
    return Note(text, tuple(_parse_line(line) for line in lines))


def verify_note(note: Note, verifiers: Sequence[Verifier]) -> tuple[Verified, ...]:
    """Verify every signature of a known key; lines of unknown keys are ignored, as the specification asks.

    Returns
    -------
    tuple of Verified
        Never empty, in the order of the lines.

    Raises
    ------
    VerificationError
        If a known key's signature is false, no known key signed, or two different keys have one name and key id: a key
        id is four bytes, so a stranger can make a key that would take a trusted one's place.
    """
    known: dict[tuple[str, bytes], Verifier] = {}
    for key in verifiers:
        if known.setdefault((key.name, key.key_id), key).vkey != key.vkey:
            raise VerificationError(
                f"expected one key of each name and key id, got two keys {key.name}+{key.key_id.hex()}; "
                "leave out the one that you do not trust"
            )
    verified: dict[tuple[str, bytes], Verified] = {}
    for line in note.signatures:
        if (verifier := known.get((line.name, line.key_id))) is not None:
            timestamp = verifier.verify(note.text, line.signature)
            verified[line.name, line.key_id] = Verified(line.name, line.key_id, timestamp)
    if not verified:
        raise VerificationError(
            f"no trusted key signed this note: expected one of {sorted(v.name for v in verifiers)}, "
            f"got signatures of {sorted({s.name for s in note.signatures})}"
        )
    return tuple(verified.values())


def _check_text(text: str) -> None:
    if not text.endswith("\n") or text == "\n":
        raise FormatError("expected a text that ends in a newline, got none")
    if any(c < " " and c != "\n" for c in text):
        raise FormatError("expected a text without control characters other than newline")


def _parse_line(line: str) -> Signature:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != _EM_DASH:
        raise FormatError(f"expected a signature line '{_EM_DASH} <name> <base64>', got {line[:60]!r}")
    check_name(parts[1])
    raw = decode_base64(parts[2])
    if len(raw) < 5:
        raise FormatError(f"expected a key id and a signature, got {len(raw)} bytes")
    return Signature(parts[1], raw[:4], raw[4:])


class Ed25519Verifier:
    """Public half of an `Ed25519Signer`."""

    def __init__(self, name: str, public_key: bytes) -> None:
        check_name(name)
        try:
            self._key = Ed25519PublicKey.from_public_bytes(public_key)
        except ValueError as error:
            raise FormatError(f"expected an Ed25519 public key of 32 bytes, got {len(public_key)}: {error}") from None
        self.name = name
        self.key_id = key_id(name, TYPE_ED25519, public_key)
        self.vkey = encode_vkey(name, TYPE_ED25519, public_key)

    def verify(self, text: str, signature: bytes) -> None:
        """Check that the key signed exactly this text; the type carries no time."""
        try:
            self._key.verify(signature, text.encode())
        except InvalidSignature:
            raise VerificationError(f"the Ed25519 signature of {self.name} does not fit this text") from None


class Ed25519Signer:
    """Signs a note's text as it stands (type 0x01)."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self.name, self._key = name, key
        self._verifier = Ed25519Verifier(name, key.public_key().public_bytes_raw())

    @property
    def verifier(self) -> Ed25519Verifier:
        """The public half."""
        return self._verifier

    def sign(self, text: str) -> Signature:
        """Sign the text, final newline included."""
        return Signature(self.name, self._verifier.key_id, self._key.sign(text.encode()))
