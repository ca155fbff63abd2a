"""Signatures of security keys and passkeys (WebAuthn), verified from the bytes alone.

A browser asks the person's device to sign for one web address. What is signed is the device's data (for which domain,
whether somebody touched it and was recognised) and the SHA-256 of the browser's data (for which page, which
challenge). The challenge is the SHA-256 of the statement, so the assertion signs the statement.

References
----------
.. [1] W3C, Web Authentication Level 3, sections 6.1 (authenticator data) and 7.2 (verifying an assertion).
.. [2] RFC 9052, RFC 9053 (COSE keys and algorithms); RFC 8949 (CBOR).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from provenance.domain.errors import FormatError, VerificationError

MOST_BYTES = 20_000
PRESENT, VERIFIED, EXTENSIONS = 0x01, 0x04, 0x80  # flags of the authenticator data
LEAST_RSA_BITS = 2048
_LOCAL = {"localhost", "127.0.0.1", "[::1]"}
# COSE: algorithm -> the curve's number, the curve, the hash
_EC: dict[int, tuple[int, type[ec.EllipticCurve], type[hashes.HashAlgorithm]]] = {
    -7: (1, ec.SECP256R1, hashes.SHA256), -35: (2, ec.SECP384R1, hashes.SHA384),
    -36: (3, ec.SECP521R1, hashes.SHA512), -47: (8, ec.SECP256K1, hashes.SHA256),
}  # fmt: skip
_MLDSA: dict[int, Any] = {-48: mldsa.MLDSA44PublicKey, -49: mldsa.MLDSA65PublicKey, -50: mldsa.MLDSA87PublicKey}
_NAMES = {
    -7: "ES256", -35: "ES384", -36: "ES512", -47: "ES256K", -8: "EdDSA", -257: "RS256", -37: "PS256",
    -48: "ML-DSA-44", -49: "ML-DSA-65", -50: "ML-DSA-87",
}  # fmt: skip
_Verify = Callable[[bytes, bytes], None]  # signature, message; raises InvalidSignature


@dataclass(frozen=True)
class Asserted:
    """An assertion that holds: at which web address it was made, and by what algorithm."""

    origin: str
    algorithm: str


def verify_assertion(*, credential: str, challenge: bytes, assertion: str, origin: str | None = None) -> Asserted:
    """Check that a credential signed a challenge, the person present and recognised.

    Parameters
    ----------
    credential : str
        The credential's data as it was enrolled (AAGUID, identifier, COSE key), in base64.
    challenge : bytes
        What had to be signed.
    assertion : str
        What the browser gave, as JSON.
    origin : str, optional
        The web address at which it must have been made, for example ``https://ethics.example``.

    Raises
    ------
    FormatError
        If credential or assertion are malformed, or the key is of a kind that nobody can check here.
    VerificationError
        If the assertion is of another challenge, credential, address or key, or nobody was recognised.
    """
    identifier, key = read_credential(_base64(credential))
    told = _read(assertion)
    if told["id"] != identifier:
        raise VerificationError("it was made with another security key")
    client, device = told["client"], told["device"]
    where = _check_client(client, challenge, origin)
    _check_device(device, where)
    name, verify = _public_key(key)
    try:
        verify(told["signature"], device + hashlib.sha256(client).digest())
    except InvalidSignature:
        raise VerificationError("the signature is not that of the key over this assertion") from None
    return Asserted(where, name)


def read_credential(data: bytes) -> tuple[bytes, dict[Any, Any]]:
    """The identifier and the COSE key of an enrolled credential.

    Raises
    ------
    FormatError
        If it is none.
    """
    if len(data) < 18 or len(data) < 18 + (length := int.from_bytes(data[16:18], "big")):
        raise FormatError("expected the data of an enrolled security key, got too few bytes")
    key, rest = _cbor(data[18 + length :])
    if rest or not isinstance(key, dict):
        raise FormatError("expected one COSE key in the data of the security key")
    return data[18 : 18 + length], key


def _read(assertion: str) -> dict[str, bytes]:
    if len(assertion) > MOST_BYTES:
        raise FormatError(f"expected an assertion of at most {MOST_BYTES} characters, got {len(assertion)}")
    try:
        told = json.loads(assertion)
        if told["type"] != "public-key":
            raise FormatError("expected an assertion of a public key")
        answer = told["response"]
        return {
            "id": _websafe(told["rawId"]), "client": _websafe(answer["clientDataJSON"]),
            "device": _websafe(answer["authenticatorData"]), "signature": _websafe(answer["signature"]),
        }  # fmt: skip
    except (ValueError, KeyError, TypeError, RecursionError):
        raise FormatError("expected the assertion of a security key as the browser gives it") from None


def _check_client(client: bytes, challenge: bytes, origin: str | None) -> str:
    """What the browser says: of which page, in answer to what. Returns the page's address."""
    try:
        said = json.loads(client.decode())
        kind, asked, where = said["type"], _websafe(said["challenge"]), said["origin"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise FormatError("expected the browser's data in the assertion") from None
    if kind != "webauthn.get":
        raise VerificationError(f"the browser made it for another purpose ({str(kind)[:40]})")
    if asked != challenge:
        raise VerificationError("it signs another statement")
    if said.get("crossOrigin") not in (None, False) or said.get("topOrigin") is not None:
        raise VerificationError("it was made within a page of somebody else")
    parts = urlsplit(where) if isinstance(where, str) else None
    try:
        host = parts.hostname if parts else None
    except ValueError:
        host = None
    if parts is None or not host or (parts.scheme != "https" and not (parts.scheme == "http" and host in _LOCAL)):
        raise VerificationError(f"it was made at {str(where)[:80]!r}, which is no address of https")
    if origin is not None and where != origin:
        raise VerificationError(f"it was made at {where}, expected {origin}")
    return str(where)


def _check_device(device: bytes, where: str) -> None:
    """What the device says: for which domain, and that somebody touched it and was recognised."""
    if len(device) < 37 or (len(device) > 37) != bool(device[32] & EXTENSIONS):
        raise FormatError("expected the device's data in the assertion")
    labels = str(urlsplit(where).hostname).split(".")
    domains = [".".join(labels[i:]) for i in range(max(len(labels) - 1, 1))]  # the page's, and those above it
    if device[:32] not in {hashlib.sha256(domain.encode()).digest() for domain in domains}:
        raise VerificationError("the security key signed for another domain than that of the page")
    if not device[32] & PRESENT:
        raise VerificationError("nobody touched the security key")
    if not device[32] & VERIFIED:
        raise VerificationError("the security key did not recognise the person (PIN, finger or face)")


def _public_key(cose: dict[Any, Any]) -> tuple[str, _Verify]:
    """The name of the key's algorithm, and what verifies under it."""
    algorithm = cose.get(3)
    name = _NAMES.get(algorithm) if isinstance(algorithm, int) else None
    if not isinstance(algorithm, int) or name is None:
        raise FormatError(f"expected a key for {', '.join(_NAMES.values())}, got algorithm {algorithm!r:.20}")
    try:
        return name, _verifier(algorithm, cose)
    except (ValueError, KeyError, TypeError, UnsupportedAlgorithm):
        raise FormatError(f"expected a key for {name}, got something else") from None


def _verifier(algorithm: int, cose: dict[Any, Any]) -> _Verify:
    kind = cose[1]
    if algorithm in _EC and kind == 2:
        number, curve, digest = _EC[algorithm]
        if cose[-1] != number:
            raise ValueError
        x, y = (int.from_bytes(cose[at], "big") for at in (-2, -3))
        point = ec.EllipticCurvePublicNumbers(x, y, curve()).public_key()
        return lambda signature, message: point.verify(signature, message, ec.ECDSA(digest()))
    if algorithm == -8 and kind == 1 and cose[-1] == 6:
        return Ed25519PublicKey.from_public_bytes(cose[-2]).verify
    if algorithm in (-257, -37) and kind == 3:
        modulus, exponent = (int.from_bytes(cose[at], "big") for at in (-1, -2))
        if modulus.bit_length() < LEAST_RSA_BITS:
            raise ValueError
        number_key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        pad = padding.PKCS1v15() if algorithm == -257 else padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
        return lambda signature, message: number_key.verify(signature, message, pad, hashes.SHA256())
    if algorithm in _MLDSA and kind == 7:
        return _MLDSA[algorithm].from_public_bytes(cose[-1]).verify
    raise ValueError


def _cbor(data: bytes, depth: int = 0) -> tuple[Any, bytes]:
    """One item of CBOR, and what follows it: as much of RFC 8949 as COSE keys use."""
    if not data or depth > 4:
        raise FormatError("expected CBOR, got too few bytes or too deep a nesting")
    major, short = data[0] >> 5, data[0] & 0x1F
    size = {24: 1, 25: 2, 26: 4, 27: 8}.get(short, 0)
    if short > 27 or len(data) < 1 + size or major not in (0, 1, 2, 3, 5):
        raise FormatError("expected CBOR of whole numbers, bytes, texts and maps")
    value = int.from_bytes(data[1 : 1 + size], "big") if size else short
    rest = data[1 + size :]
    if major < 2:
        return (value if major == 0 else -1 - value), rest
    if major < 5:
        if len(rest) < value:
            raise FormatError("expected CBOR, got too few bytes")
        return (rest[:value] if major == 2 else rest[:value].decode(errors="replace")), rest[value:]
    made: dict[Any, Any] = {}
    for _ in range(value):
        key, rest = _cbor(rest, depth + 1)
        item, rest = _cbor(rest, depth + 1)
        if isinstance(key, dict) or key in made:
            raise FormatError("expected a map in which each key stands once")
        made[key] = item
    return made, rest


def _base64(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise FormatError("expected base64, got something else") from None


def _websafe(text: Any) -> bytes:
    if not isinstance(text, str):
        raise FormatError("expected base64, got something else")
    plain = text.replace("-", "+").replace("_", "/")
    return _base64(plain + "=" * (-len(plain) % 4))
