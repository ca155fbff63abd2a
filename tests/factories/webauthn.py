"""A security key in software: it makes credentials and assertions as devices and browsers do, and also wrong ones."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from fido2 import cbor
from fido2.cose import CoseKey

ORIGIN, DOMAIN = "https://ethics.example", "ethics.example"
PRESENT_AND_VERIFIED = 0x05
MAKERS: dict[str, Any] = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ES256K": lambda: ec.generate_private_key(ec.SECP256K1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "ML-DSA-44": mldsa.MLDSA44PrivateKey.generate,
}
_NUMBERS = {"ES256": -7, "ES384": -35, "ES512": -36, "ES256K": -47, "EdDSA": -8, "RS256": -257, "ML-DSA-44": -48}
_HASHES = {"ES256": hashes.SHA256, "ES384": hashes.SHA384, "ES512": hashes.SHA512, "ES256K": hashes.SHA256}


class SoftKey:
    """One credential."""

    def __init__(self, algorithm: str = "ES256") -> None:
        self.algorithm, self.identifier = algorithm, secrets.token_bytes(16)
        self._private = MAKERS[algorithm]()
        made = CoseKey.for_alg(_NUMBERS[algorithm]).from_cryptography_key(self._private.public_key())
        self.cose = dict(made)

    @property
    def credential(self) -> str:
        """The credential's data as the platform enrols it: AAGUID, identifier and COSE key, in base64."""
        return self.credential_with(self.cose)

    def credential_with(self, cose: dict[int, Any]) -> str:
        length = len(self.identifier).to_bytes(2, "big")
        return base64.b64encode(bytes(16) + length + self.identifier + cbor.encode(cose)).decode()

    def signs(
        self, statement: str, *, origin: str = ORIGIN, domain: str = DOMAIN, flags: int = PRESENT_AND_VERIFIED,
        client: dict[str, Any] | None = None, more: bytes = b"", tamper: bool = False, **outer: Any,
    ) -> str:  # fmt: skip
        """The assertion over a statement, as JSON from a browser."""
        challenge = hashlib.sha256(statement.encode()).digest()
        said = {"type": "webauthn.get", "challenge": _text(challenge), "origin": origin, "crossOrigin": False}
        told = json.dumps(said | (client or {})).encode()
        device = hashlib.sha256(domain.encode()).digest() + bytes([flags]) + bytes(4) + more
        signature = bytearray(self._sign(device + hashlib.sha256(told).digest()))
        if tamper:
            signature[-1] ^= 1
        answer = {"clientDataJSON": _text(told), "authenticatorData": _text(device), "signature": _text(signature)}
        name = _text(self.identifier)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": answer, **outer})

    def _sign(self, message: bytes) -> bytes:
        if self.algorithm in _HASHES:
            return self._private.sign(message, ec.ECDSA(_HASHES[self.algorithm]()))
        if self.algorithm == "RS256":
            return self._private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return self._private.sign(message)


def _text(data: bytes | bytearray) -> str:
    return base64.urlsafe_b64encode(bytes(data)).decode().rstrip("=")
