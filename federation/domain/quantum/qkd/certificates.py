"""A certificate authority for a trial: one for the simulated KME, one for each application that may ask it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID = timedelta(days=365)


def make_certificates(folder: Path, saes: Iterable[str], *, host: str = "127.0.0.1") -> None:
    """Write what is missing in `folder`: the authority, ``kme`` for the host, and one pair for each SAE."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (folder / "ca.key").exists():
        _write(folder, "ca", *_issue("QKD trial authority", None))
    authority = (
        x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes()),
        serialization.load_pem_private_key((folder / "ca.key").read_bytes(), password=None),
    )
    for name in ("kme", *saes):
        if not (folder / f"{name}.key").exists():
            _write(folder, name, *_issue(name, authority, host=host if name == "kme" else None))


def _issue(name: str, authority: tuple | None, host: str | None = None):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signer = (authority[0].subject, authority[1]) if authority else (subject, key)
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + VALID)
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if host:
        builder = builder.add_extension(x509.SubjectAlternativeName([_name_of(host)]), critical=False)
    return key, builder.sign(signer, hashes.SHA256())


def _name_of(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(folder: Path, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )  # fmt: skip
    path = folder / f"{name}.key"
    path.touch(mode=0o600)
    path.write_bytes(private)
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
