"""Sealed envelopes: signed by who sends them, readable only by whom they are for, and good for one use.

Bytes of version 1::

    "QFE1" | length of the header, 4 bytes big-endian | header | KEM ciphertext, 1088 | box | signature, 3309

The header is canonical JSON and says what the envelope is for (`Purpose`). The box is AES-256-GCM under a key that
HKDF-SHA-256 makes of the ML-KEM-768 shared secret and of the header's hash; the header is its associated data. The
signature (ML-DSA-65) is over the SHA-512 of everything before it (hashed first, as processors have instructions for
SHA-2), and is checked first: nothing a stranger sent is ever decapsulated. A key seals one text only, so the nonce is
constant.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Mapping, MutableSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from federation.domain.messages import canonical
from federation.domain.secure.certificates import Certificate
from federation.domain.secure.masks import CIPHERTEXT_BYTES, decapsulate, derive, encapsulate

MAGIC = b"QFE1"
SIGNATURE_BYTES = 3309
MAX_HEADER_BYTES = 4096
MAX_BYTES = 256 * 2**20
_TAG_BYTES = 16
_NONCE = bytes(12)
_CONTEXT = b"qfl-ethics/envelope/v1"
_FRAME = len(MAGIC) + 4 + CIPHERTEXT_BYTES + _TAG_BYTES + SIGNATURE_BYTES
TO_COORDINATOR, TO_SITE = "to-coordinator", "to-site"


class EnvelopeRefused(Exception):
    """An envelope that is not opened; `kind` names the reason in one word."""

    kind = "refused"


class Malformed(EnvelopeRefused):
    """No envelope of ours, or cut off."""

    kind = "malformed"


class Oversized(EnvelopeRefused):
    """Longer than anything that is awaited."""

    kind = "oversized"


class UnknownSender(EnvelopeRefused):
    """In the name of somebody without a certificate here."""

    kind = "unknown-site"


class CertificateExpired(EnvelopeRefused):
    """The sender's certificate is not valid now."""

    kind = "certificate-expired"


class WrongSignature(EnvelopeRefused):
    """Not signed by whom it names, or changed on the way."""

    kind = "wrong-signature"


class WrongPurpose(EnvelopeRefused):
    """For another run, step, direction or recipient: an envelope put in the place of another."""

    kind = "wrong-purpose"


class StaleRound(WrongPurpose):
    """For another round than the one that is awaited."""

    kind = "stale-round"


class WrongConfiguration(WrongPurpose):
    """Made under another frozen configuration."""

    kind = "wrong-configuration"


class Replayed(EnvelopeRefused):
    """Opened before."""

    kind = "replayed"


class NotForUs(EnvelopeRefused):
    """The box does not open with this key."""

    kind = "unreadable"


@dataclass(frozen=True)
class Purpose:
    """What an envelope is for; the recipient names what it awaits, and nothing else is opened.

    Attributes
    ----------
    run : str
    round : int
        0 outside a round.
    step : str
        Which message of the round, e.g. "train".
    site : str
        The site at one end; the other end is the coordinator.
    direction : "to-coordinator" or "to-site"
    config_hash : str
        Of the frozen configuration.
    """

    run: str
    round: int
    step: str
    site: str
    direction: str
    config_hash: str

    @property
    def sender(self) -> str:
        return self.site if self.direction == TO_COORDINATOR else "coordinator"


def pack(arrays: Mapping[str, NDArray[np.generic]]) -> bytes:
    """Arrays as safetensors: names, types and shapes, no code."""
    return save({name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)})


def unpack(data: bytes) -> dict[str, NDArray[np.generic]]:
    """Raises Malformed for anything but safetensors."""
    try:
        return load(data)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise Malformed(
            f"expected safetensors in the envelope, got {len(data)} bytes that are none: {error}"
        ) from error


def seal(payload: bytes, purpose: Purpose, *, key: MLDSA65PrivateKey, recipient: bytes) -> bytes:
    """Seal and sign.

    Parameters
    ----------
    payload : bytes
        What is sent, see `pack`.
    purpose : Purpose
    key : the sender's signing key
    recipient : bytes
        The recipient's ML-KEM-768 public key.
    """
    header = canonical({"v": 1, **vars(purpose)})
    ciphertext, shared = encapsulate(recipient)
    box = AESGCM(_box_key(shared, header)).encrypt(_NONCE, payload, header)
    before = MAGIC + struct.pack(">I", len(header)) + header + ciphertext
    hashed = hashlib.sha512(before)
    hashed.update(box)  # not joined first: it may be long
    return b"".join((before, box, key.sign(hashed.digest(), _CONTEXT)))


def _box_key(shared: bytes, header: bytes) -> bytes:
    return derive(shared, "envelope", hashlib.sha256(header).hexdigest())


def claimed_purpose(envelope: bytes) -> Purpose:
    """What an envelope says that it is for, unchecked. Raises Malformed."""
    return _purpose(_header(envelope)[0])


@dataclass
class Opener:
    """Opens what is sent to one party.

    Attributes
    ----------
    seed : bytes, 64
        Of its ML-KEM-768 key.
    certificates : callable
        The certificate of a sender by name, or None.
    seen : set of str
        Names of what was opened (half of the SHA-512 that is signed); kept by whoever keeps the opener.
    max_bytes : int
    """

    seed: bytes
    certificates: Callable[[str], Certificate | None]
    seen: MutableSet[str]
    max_bytes: int = MAX_BYTES

    def open(self, envelope: bytes, expected: Purpose, *, now: datetime) -> bytes:
        """The payload, if the envelope is the awaited one.

        Raises
        ------
        EnvelopeRefused
            One of its kinds, in the order of the checks: size, shape, sender, certificate, signature, purpose, replay,
            box.
        """
        if len(envelope) > self.max_bytes:
            raise Oversized(f"expected at most {self.max_bytes} bytes, got {len(envelope)}")
        header, end = _header(envelope)
        claimed = _purpose(header)
        certificate = self.certificates(claimed.sender)
        if certificate is None:
            raise UnknownSender(f"{claimed.sender[:80]!r} has no certificate here; admit it or correct its name")
        if not certificate.is_valid(now):
            raise CertificateExpired(
                f"the certificate of {certificate.name} is not valid at {now:%Y-%m-%d %H:%M}; renew it by provisioning "
                "the site again"
            )
        signed, signature = memoryview(envelope)[:-SIGNATURE_BYTES], envelope[-SIGNATURE_BYTES:]
        hashed = hashlib.sha512(signed).digest()
        try:
            MLDSA65PublicKey.from_public_bytes(certificate.signing_key).verify(signature, hashed, _CONTEXT)
        except InvalidSignature:
            raise WrongSignature(
                f"the signature is not that of {certificate.name}, or the envelope was changed"
            ) from None
        _check_purpose(claimed, expected)
        name = hashed[:32].hex()
        if name in self.seen:
            raise Replayed(f"envelope {name[:12]} of {certificate.name} was opened before")
        try:
            shared = decapsulate(self.seed, bytes(signed[end : end + CIPHERTEXT_BYTES]))
            payload = AESGCM(_box_key(shared, header)).decrypt(_NONCE, signed[end + CIPHERTEXT_BYTES :], header)
        except (InvalidTag, ValueError):
            raise NotForUs(f"envelope {name[:12]} does not open with this key; it was sealed for another") from None
        self.seen.add(name)
        return payload


def _header(envelope: bytes) -> tuple[bytes, int]:
    """The header and where it ends; all lengths are checked, nothing is believed."""
    if len(envelope) < _FRAME or envelope[:4] != MAGIC:
        raise Malformed(
            f"expected an envelope of at least {_FRAME} bytes that begins with {MAGIC!r}, got {len(envelope)}"
        )
    (length,) = struct.unpack(">I", envelope[4:8])
    if not 2 <= length <= min(MAX_HEADER_BYTES, len(envelope) - _FRAME):
        raise Malformed(f"expected a header of at most {MAX_HEADER_BYTES} bytes, got {length}; the envelope is cut off")
    return envelope[8 : 8 + length], 8 + length


def _purpose(header: bytes) -> Purpose:
    try:
        raw: dict[str, Any] = json.loads(header)
        version = raw.pop("v")
        purpose = Purpose(**raw)
        fits = header == canonical({"v": version, **vars(purpose)})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Malformed(f"not an envelope's header: {type(error).__name__}") from error
    texts = (purpose.run, purpose.step, purpose.site, purpose.direction, purpose.config_hash)
    if version != 1 or not fits or type(purpose.round) is not int or not all(isinstance(t, str) for t in texts):
        raise Malformed("expected a canonical header of version 1; update the older side")
    if purpose.direction not in {TO_COORDINATOR, TO_SITE}:
        raise Malformed(f"expected a direction, got {purpose.direction[:40]!r}")
    return purpose


def _check_purpose(claimed: Purpose, expected: Purpose) -> None:
    if claimed == expected:
        return
    for name in ("direction", "site", "run"):
        if getattr(claimed, name) != getattr(expected, name):
            raise WrongPurpose(f"expected {name} {getattr(expected, name)}, got {getattr(claimed, name)[:80]}")
    if claimed.config_hash != expected.config_hash:
        raise WrongConfiguration(f"expected configuration {expected.config_hash}, got {claimed.config_hash[:64]}")
    if claimed.round != expected.round:
        raise StaleRound(f"expected round {expected.round}, got round {claimed.round}")
    raise WrongPurpose(f"expected the step {expected.step}, got {claimed.step[:80]}")
