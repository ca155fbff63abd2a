"""The certificates of the door to the broker: an authority of the platform's own, nobody else's is believed there.

Its key is drawn once and kept with the platform's other keys. TLS here keeps strangers out and eavesdroppers of today
from reading; who said what is settled by the ML-DSA signatures inside.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from core.errors import ApplicationError
from provenance.keys import secret

# Ed25519 signs deterministically, so the authority's certificate is the same text whenever it is made from its key.
CA_FROM, CA_UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2046, 1, 1, tzinfo=UTC)
SERVER_DAYS, SITE_DAYS = 398, 730
SLACK = timedelta(minutes=10)  # clocks differ


def authority() -> tuple[x509.Certificate, Ed25519PrivateKey]:
    key = Ed25519PrivateKey.from_private_bytes(secret("broker-ca"))
    name = _name("QFL-ETHICS broker authority")
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, CA_FROM, CA_UNTIL)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, None)
    )
    return made, key


def authority_pem() -> str:
    return pem(authority()[0])


def server_certificate(host: str, *, days: float = SERVER_DAYS) -> tuple[str, str]:
    """Certificate and key of the door, for the name under which the sites reach it."""
    key = Ed25519PrivateKey.generate()
    try:
        subject: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        subject = x509.DNSName(host)
    made = _issue(host, key.public_key(), days, ExtendedKeyUsageOID.SERVER_AUTH, subject)
    return pem(made), key_pem(key)


def site_certificate(channel: str, *, days: float) -> tuple[str, str]:
    """Certificate and key of an invitation; the site soon replaces them by its own."""
    key = Ed25519PrivateKey.generate()
    return pem(_client(channel, key.public_key(), days)), key_pem(key)


def sign_request(request: str, *, channel: str) -> str:
    """The certificate for a site's own key. Only the key is taken from the request; the name is ours to give."""
    try:
        asked = x509.load_pem_x509_csr(request.encode())
        valid = asked.is_signature_valid
        made = pem(_client(channel, asked.public_key(), SITE_DAYS))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ApplicationError(f"expected a certificate request in PEM with a usual key, got {error}") from error
    if not valid:
        raise ApplicationError("the certificate request is not signed by its own key")
    return made


def _client(channel: str, key, days: float) -> x509.Certificate:
    return _issue(f"site.{channel}", key, days, ExtendedKeyUsageOID.CLIENT_AUTH, None)


def _issue(
    name: str, key, days: float, use: x509.ObjectIdentifier, subject: x509.GeneralName | None
) -> x509.Certificate:
    signer, signing_key = authority()
    now = datetime.now(UTC)
    start = min(now, now + timedelta(days=days)) - SLACK
    builder = (
        x509.CertificateBuilder(
            signer.subject, _name(name), key, x509.random_serial_number(), start, now + timedelta(days=days)
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
    )
    if subject is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([subject]), critical=False)
    return builder.sign(signing_key, None)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _usage(*, signs_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def key_pem(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
