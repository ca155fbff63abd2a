"""What the coordinator vouches for: that a site signs with one key and opens with another, until a day."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey

from federation.domain.messages import canonical

_CONTEXT = b"qfl-ethics/certificate/v1"
LIFETIME = timedelta(days=365)


class CertificateError(ValueError):
    """A certificate that nobody we trust signed."""


@dataclass(frozen=True)
class Certificate:
    """Names the two public keys of one party.

    Attributes
    ----------
    name : str
        The site's code, or "coordinator".
    signing_key : bytes
        ML-DSA-65.
    sealing_key : bytes
        ML-KEM-768.
    not_before, not_after : int
        Seconds since 1970, UTC.
    """

    name: str
    signing_key: bytes
    sealing_key: bytes
    not_before: int
    not_after: int

    def as_dict(self) -> dict[str, Any]:
        raw = asdict(self)
        for key in ("signing_key", "sealing_key"):
            raw[key] = base64.b64encode(raw[key]).decode()
        return raw

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Certificate:
        """Raises CertificateError on anything that `as_dict` did not write."""
        try:
            keys = {key: base64.b64decode(raw[key], validate=True) for key in ("signing_key", "sealing_key")}
            return cls(str(raw["name"]), **keys, not_before=int(raw["not_before"]), not_after=int(raw["not_after"]))
        except (KeyError, TypeError, ValueError) as error:
            raise CertificateError(f"not a certificate: {type(error).__name__}: {error}") from error

    def is_valid(self, at: datetime) -> bool:
        return self.not_before <= at.timestamp() < self.not_after


def issue(
    name: str, signing_key: bytes, sealing_key: bytes, *, now: datetime, lifetime: timedelta = LIFETIME
) -> Certificate:
    """Valid from a day before now, as clocks differ."""
    start = now - timedelta(days=1)
    return Certificate(name, signing_key, sealing_key, int(start.timestamp()), int((now + lifetime).timestamp()))


def sign(certificate: Certificate, issuer: MLDSA65PrivateKey) -> bytes:
    return issuer.sign(canonical(certificate.as_dict()), _CONTEXT)


def verify(certificate: Certificate, signature: bytes, issuer: MLDSA65PublicKey) -> None:
    """Raise CertificateError unless the issuer signed it."""
    try:
        issuer.verify(signature, canonical(certificate.as_dict()), _CONTEXT)
    except InvalidSignature:
        raise CertificateError(f"the certificate of {certificate.name} is not signed by its issuer") from None
