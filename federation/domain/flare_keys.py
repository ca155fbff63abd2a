"""The key with which a site's client signs in at NVIDIA FLARE: drawn at the site, certified by the platform."""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

KIND = "kit"  # of the messages in which a site asks for what goes with its key
BITS, LEAST_BITS = 3072, 2048


def new_key() -> bytes:
    """A private key in PEM, in the form that FLARE reads."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def request_for(private: bytes, name: str) -> str:
    """A certificate request for a private key (PEM); the platform gives the name that it knows."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:64])])
    key: Any = load_pem_private_key(private, None)
    asked = x509.CertificateSigningRequestBuilder(subject).sign(key, hashes.SHA256())
    return asked.public_bytes(Encoding.PEM).decode()


def key_mark(public: Any) -> str:
    """SHA-256 of a public key, in hex."""
    return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def mark_of_private(private: bytes) -> str:
    """The same of the public half of a private key (PEM)."""
    return key_mark(load_pem_private_key(private, None).public_key())
