"""What an administrator enters of a SAML provider: its metadata, and the certificates whose signatures count."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils import timezone
from django.utils.translation import gettext as _
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser

from core.errors import ApplicationError

LEAST_RSA_BITS = 2048
_BARE = re.compile(r"[A-Za-z0-9+/=\s]+")


def certificates_in(text: str) -> Iterator[x509.Certificate]:
    """The certificates of a provider, as they were kept."""
    yield from x509.load_pem_x509_certificates(text.encode()) if text else ()


def certificates_checked(text: str) -> str:
    """Certificates as we keep them: PEM, or the bare base64 that providers show, one after the other.

    Raises
    ------
    ApplicationError
        If one cannot be read, is weak, or has ended.
    """
    text = text.strip()
    if "-----BEGIN" not in text and _BARE.fullmatch(text):
        text = f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----"
    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        raise ApplicationError(
            "Expected the provider's signing certificate as PEM (-----BEGIN CERTIFICATE-----), got something else."
        ) from None
    for one in found:
        key = one.public_key()
        strong = isinstance(key, rsa.RSAPublicKey) and key.key_size >= LEAST_RSA_BITS
        if not strong and not isinstance(key, ec.EllipticCurvePublicKey):
            raise ApplicationError(
                _("Expected a certificate of an RSA key of %(least_rsa_bits)s bits or more, or of an elliptic curve.")
                % {"least_rsa_bits": LEAST_RSA_BITS}
            )
        if one.not_valid_after_utc <= timezone.now():
            raise ApplicationError(
                _("The certificate ended on %(not_valid_after_utc)s. Ask for the new one.")
                % {"not_valid_after_utc": f"{one.not_valid_after_utc:%-d %B %Y}"}
            )
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in dict.fromkeys(found))


def metadata_read(text: str) -> dict[str, str]:
    """What a provider's metadata say of it: its name for itself, where it signs people in, and its certificates.

    Raises
    ------
    ApplicationError
        If they are none, or lack one of the three.
    """
    try:
        told = OneLogin_Saml2_IdPMetadataParser.parse(text.encode(), required_sso_binding=Names.BINDING_HTTP_REDIRECT)[
            "idp"
        ]
        given = told["x509certMulti"]["signing"] if "x509certMulti" in told else [told["x509cert"]]
        found = {"issuer": told["entityId"], "sso_url": told["singleSignOnService"]["url"]}
    except Exception:  # noqa: BLE001 - what was pasted may be anything
        raise ApplicationError(
            "Expected SAML metadata (XML) of an identity provider with an entityID, a signing certificate and a "
            "SingleSignOnService by HTTP-Redirect. Paste the whole file, or fill the fields."
        ) from None
    return found | {"certificates": certificates_checked("\n".join(_as_pem(one) for one in given))}


def _as_pem(bare: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{bare.strip()}\n-----END CERTIFICATE-----"


def bare(certificate: x509.Certificate) -> str:
    """The certificate in base64, without its frame."""
    return "".join(certificate.public_bytes(Encoding.PEM).decode().split("\n")[1:-2])
