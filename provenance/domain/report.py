"""A signed report: the manifest of its files, the platform's signatures under it, and who signed it off.

The manifest is canonical JSON that names every file by SHA-256. The platform signs it twice, with Ed25519 and with
ML-DSA-65, so that one broken algorithm is not enough. A person signs a statement that names the same files
(`provenance.domain.statement`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey

from provenance.domain.canonical import canonical, parse_canonical
from provenance.domain.errors import CanonicalError, FormatError, VerificationError
from provenance.domain.statement import SIGN_OFF, verify_statement

FORMAT = "qfl-ethics/report-manifest/v1"
CONTEXT = FORMAT.encode()
ALGORITHMS = ("ed25519", "ml-dsa-65")
FIELDS = {
    "format", "origin", "report", "name", "kind", "issue", "edition_of", "period_start", "period_end", "generated_at",
    "earlier_issue", "files",
}  # fmt: skip
MOST_BYTES = 100_000
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class PlatformSignature:
    """One of the platform's signatures; key and signature in base64."""

    algorithm: str
    public_key: str
    signature: str

    @property
    def key(self) -> str:
        """The key as people pass it on: ``ed25519:BASE64`` or ``ml-dsa-65:BASE64``."""
        return f"{self.algorithm}:{self.public_key}"


def manifest_bytes(*, files: Mapping[str, bytes], **told: Any) -> bytes:
    """The manifest of a report with these files, by name."""
    listed = {name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in files.items()}
    whole = {"format": FORMAT, "files": listed, **told}
    if set(whole) != FIELDS:
        raise FormatError(f"expected the fields {', '.join(sorted(FIELDS))} in a manifest")
    return canonical(whole)


def read_manifest(data: bytes) -> dict[str, Any]:
    """Read a manifest.

    Raises
    ------
    FormatError
        If it is not one, in its only form.
    """
    if len(data) > MOST_BYTES:
        raise FormatError(f"expected a manifest of at most {MOST_BYTES} bytes, got {len(data)}")
    try:
        found = parse_canonical(data)
    except CanonicalError as error:
        raise FormatError(f"expected a report's manifest: {error}") from None
    if not isinstance(found, dict) or set(found) != FIELDS or found["format"] != FORMAT:
        raise FormatError(f"expected a manifest of the form {FORMAT}")
    files = found["files"]
    if not isinstance(files, dict) or not files or not all(_is_file(file) for file in files.values()):
        raise FormatError("expected each file of the manifest with its sha256 and bytes")
    return found


def _is_file(file: Any) -> bool:
    return (
        isinstance(file, dict) and set(file) == {"sha256", "bytes"} and isinstance(file["bytes"], int)
        and isinstance(file["sha256"], str) and _DIGEST.fullmatch(file["sha256"]) is not None
    )  # fmt: skip


def sign_manifest(
    manifest: bytes, ed25519: Ed25519PrivateKey, mldsa65: MLDSA65PrivateKey
) -> tuple[PlatformSignature, PlatformSignature]:
    """Both signatures of the platform."""
    made = ed25519.sign(_prefixed(manifest)), mldsa65.sign(manifest, CONTEXT)
    keys = ed25519.public_key().public_bytes_raw(), mldsa65.public_key().public_bytes_raw()
    first, second = (
        PlatformSignature(name, _text(key), _text(signature))
        for name, key, signature in zip(ALGORITHMS, keys, made, strict=True)
    )
    return first, second


def verify_signature(manifest: bytes, signature: PlatformSignature) -> None:
    """Check one of the platform's signatures.

    Raises
    ------
    FormatError
        If key or signature is malformed, or the algorithm is none of `ALGORITHMS`.
    VerificationError
        If the signature is not that key's over this manifest.
    """
    raw_key, raw = _bytes(signature.public_key), _bytes(signature.signature)
    try:
        if signature.algorithm == "ed25519":
            Ed25519PublicKey.from_public_bytes(raw_key).verify(raw, _prefixed(manifest))
        elif signature.algorithm == "ml-dsa-65":
            MLDSA65PublicKey.from_public_bytes(raw_key).verify(raw, manifest, CONTEXT)
        else:
            raise FormatError(f"expected an algorithm among {', '.join(ALGORITHMS)}, got {signature.algorithm!r:.40}")
    except ValueError:
        raise FormatError(f"expected a key of {signature.algorithm}, got something else") from None
    except InvalidSignature:
        raise VerificationError(f"the {signature.algorithm} signature does not fit this manifest") from None


def verify_signoff(
    manifest: Mapping[str, Any], *, algorithm: str, statement: str, public_key: str, signature: str,
    site: str | None = None,
) -> tuple[dict[str, Any], str]:  # fmt: skip
    """Check a person's signature, and that what they signed is this report.

    Returns
    -------
    dict, str
        The statement, and in words what it was signed with.

    Raises
    ------
    FormatError
        If statement, key or signature is malformed.
    VerificationError
        If the signature is another's, or the statement names other files.
    """
    told, by = verify_statement(
        form=SIGN_OFF, algorithm=algorithm, statement=statement, public_key=public_key, signature=signature, site=site
    )
    if told.get("report") != manifest["report"] or told["content"] != content_of(manifest):
        raise VerificationError("what was signed off is another report, or has other files")
    return told, by


def content_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """What a person signs: the digest of each file, and that of the manifest."""
    digests = {name: file["sha256"] for name, file in manifest["files"].items()}
    return {**digests, "manifest.json": hashlib.sha256(canonical(dict(manifest))).hexdigest()}


def read_keys(lines: Iterable[str]) -> set[str]:
    """Keys of the platform's reports, as `PlatformSignature.key` writes them.

    Raises
    ------
    FormatError
        If one is none.
    """
    keys = {line.strip() for line in lines if line.strip() and not line.startswith("#")}
    for key in keys:
        algorithm, _, text = key.partition(":")
        if algorithm not in ALGORITHMS:
            raise FormatError(f"expected ed25519:BASE64 or ml-dsa-65:BASE64, got {key[:40]!r}")
        _bytes(text)
    return keys


def _prefixed(manifest: bytes) -> bytes:
    """Ed25519 has no context: the form stands before the manifest, so that the signature is good for nothing else."""
    return CONTEXT + b"\n" + manifest


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise FormatError("expected base64, got something else") from None
