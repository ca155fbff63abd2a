"""The OpenSSF model signature of a version's weights: an in-toto statement in a DSSE envelope in a Sigstore bundle.

Anybody who has the weights as `model.safetensors` and `baseline.safetensors` in a folder checks them with OpenSSF's own
tool: `model_signing verify key FOLDER --signature FILE --public_key KEY`. The key is the platform's (ECDSA over P-256,
which that tool takes) and is opened by the worker that makes versions.
"""

from __future__ import annotations

import base64
import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from core.context import governed
from core.keyfiles import given_or_made
from federation.domain.messages import canonical
from models_registry.models import ModelSignature, Version

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
FILES = {"baseline.safetensors": "baseline_digest", "model.safetensors": "weights_digest"}  # in this order


def version_sign(*, version: Version) -> ModelSignature:
    """Sign the weights of a version. Called again, it finds what it made."""
    found = ModelSignature.objects.filter(version=version).first()
    if found is not None:
        return found
    key = _key()
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    payload = canonical(statement_of(version))
    signature = key.sign(pre_authentication(payload), ec.ECDSA(hashes.SHA256()))
    bundle = {
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": hashlib.sha256(pem).hexdigest()}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    with governed(action="version.sign", reason="OpenSSF model signature"):
        made, _ = ModelSignature.objects.get_or_create(
            version=version, defaults={"bundle": canonical(bundle).decode(), "public_key": pem.decode()}
        )
    return made


def statement_of(version: Version) -> dict:
    """What is signed: each file with its digest, and the digest over all of them."""
    digests = {name: getattr(version, field) for name, field in FILES.items()}
    root = hashlib.sha256(b"".join(bytes.fromhex(digest) for digest in digests.values())).hexdigest()
    return {
        "_type": STATEMENT,
        "subject": [{"name": str(version), "digest": {"sha256": root}}],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": []},
            "resources": [
                {"name": name, "algorithm": "sha256", "digest": digest} for name, digest in digests.items()
            ],
        },
    }  # fmt: skip


def pre_authentication(payload: bytes) -> bytes:
    """DSSE's encoding of type and payload: what the signature is over."""
    kind = PAYLOAD.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _key() -> ec.EllipticCurvePrivateKey:
    path, pem = given_or_made(settings.MODEL_KEY_FILE, "QFL_MODEL_KEY_FILE", "model-signing.pem", _new_key)
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError) as error:
        raise ImproperlyConfigured(f"{path} is no private key without a passphrase: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ImproperlyConfigured(f"{path}: expected an ECDSA key over P-256, which model-signing takes.")
    return key


def _new_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
