"""The platform's keys for reports: Ed25519 and ML-DSA-65, in one file, opened by the worker that makes reports."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from audits.posthoc.models import Report
from core.keyfiles import given_or_made
from provenance.domain.report import PlatformSignature, sign_manifest

_END = b"-----END PRIVATE KEY-----\n"


def manifest_sign(manifest: bytes) -> tuple[PlatformSignature, PlatformSignature]:
    """Sign a report's manifest with both keys.

    Raises
    ------
    ImproperlyConfigured
        If the file that the operator named holds other keys.
    """
    first, second = _keys()
    return sign_manifest(manifest, first, second)


def public_keys() -> list[str]:
    """The keys that reports were signed with, the newest first, as `PlatformSignature.key` writes them.

    They are read from the reports: a process that answers pages cannot open the file.
    """
    rows = Report.objects.filter(state=Report.State.FINISHED).exclude(signatures=[]).order_by("-finished_at")
    told = rows.values_list("signatures", flat=True)
    return list(dict.fromkeys(PlatformSignature(**row).key for signatures in told for row in signatures))


def _keys() -> tuple[Ed25519PrivateKey, MLDSA65PrivateKey]:
    path, data = given_or_made(settings.REPORT_KEY_FILE, "QFL_REPORT_KEY_FILE", "report-signing.pem", _new_keys)
    try:
        first, second = (load_pem_private_key(part + _END, None) for part in data.split(_END)[:2])
    except (ValueError, TypeError) as error:
        raise ImproperlyConfigured(f"{path}: expected two private keys without a passphrase: {error}") from None
    if not isinstance(first, Ed25519PrivateKey) or not isinstance(second, MLDSA65PrivateKey):
        raise ImproperlyConfigured(f"{path}: expected an Ed25519 key, and then an ML-DSA-65 key.")
    return first, second


def _new_keys() -> bytes:
    keys = (Ed25519PrivateKey.generate(), MLDSA65PrivateKey.generate())
    return b"".join(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) for key in keys)
