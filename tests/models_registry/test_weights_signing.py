"""The signature is checked by OpenSSL, from the bytes that OpenSSF's format describes: none of our code verifies."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import DatabaseError, transaction

from core import artefacts
from core.models import Job
from models_registry.models import ModelSignature, Version
from models_registry.subscriptions import version_created
from models_registry.weights_signing import version_sign


def verified_by_openssl(signature: ModelSignature, tmp_path) -> dict:
    """The statement, once OpenSSL has verified the envelope over type and payload (DSSE, protocol v1)."""
    bundle = json.loads(signature.bundle)
    envelope = bundle["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"]
    signed = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    for name, data in {
        "key.pem": signature.public_key.encode(), "signed": signed,
        "sig": base64.b64decode(envelope["signatures"][0]["sig"]),
    }.items():  # fmt: skip
        (tmp_path / name).write_bytes(data)
    done = subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "sig", "signed"], cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "Verified OK", done
    hint = bundle["verificationMaterial"]["publicKey"]["hint"]
    assert hint == hashlib.sha256(signature.public_key.encode()).hexdigest()
    return json.loads(payload)


def test_openssl_verifies_the_signature_of_the_very_weights(version: Version, tmp_path) -> None:
    statement = verified_by_openssl(version_sign(version=version), tmp_path)

    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://model_signing/signature/v1.0"
    digests = [artefacts.get(digest) for digest in (version.baseline_digest, version.weights_digest)]
    expected = [hashlib.sha256(data).digest() for data in digests]
    resources = statement["predicate"]["resources"]
    assert [(r["name"], r["digest"]) for r in resources] == [
        ("baseline.safetensors", expected[0].hex()), ("model.safetensors", expected[1].hex()),
    ]  # fmt: skip
    assert statement["subject"][0]["digest"]["sha256"] == hashlib.sha256(b"".join(expected)).hexdigest()


def test_another_payload_is_not_verified(version: Version, tmp_path) -> None:
    signature = version_sign(version=version)
    signature.bundle = signature.bundle.replace('"payload":"e', '"payload":"f', 1)

    with pytest.raises(AssertionError, match="Verification failure"):
        verified_by_openssl(signature, tmp_path)


def test_a_version_is_signed_once_and_by_the_worker(version: Version) -> None:
    assert Job.objects.filter(payload__subscriber="signing", payload__version=str(version.id)).count() == 1

    version_created({"version": str(version.id)})()
    version_created({"version": str(version.id)})()

    assert ModelSignature.objects.get() == version_sign(version=version)


def test_the_command_signs_what_is_not_signed(version: Version, capsys) -> None:
    call_command("sign_versions")
    call_command("sign_versions")

    assert ModelSignature.objects.count() == 1


def test_a_signature_is_never_changed(version: Version) -> None:
    version_sign(version=version)

    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        ModelSignature.objects.update(bundle="{}")


@pytest.mark.parametrize("pem", [b"no key", b""])
def test_a_key_that_is_none_is_refused(version: Version, settings, tmp_path, pem: bytes) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(pem)
    settings.MODEL_KEY_FILE = str(path)

    with pytest.raises(ImproperlyConfigured, match="no private key"):
        version_sign(version=version)
