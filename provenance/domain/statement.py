"""A statement that a person signed: of a decision on a request, or of the sign-off of a report.

It is JSON in one spelling, and its bytes are what is signed: by the signing program with ML-DSA-65 (FIPS 204, the
statement's form as context), or by a security key, whose challenge is their SHA-256. What the fields mean, and which
there are, is `models_registry.domain.statement`; here is what a stranger needs to check a signature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey

from provenance.domain.errors import FormatError, VerificationError
from provenance.domain.webauthn import verify_assertion

DECISION = "qfl-ethics/approval-statement/v1"
SIGN_OFF = "qfl-ethics/report-statement/v1"
PROGRAM, SECURITY_KEY = "ml-dsa-65", "webauthn"
MOST_BYTES = 100_000


def verify_statement(
    *, form: str, algorithm: str, statement: str, public_key: str, signature: str, site: str | None = None
) -> tuple[dict[str, Any], str]:
    """Check a person's signature under a statement.

    Parameters
    ----------
    form : str
        `DECISION` or `SIGN_OFF`.
    algorithm : str
        `PROGRAM` or `SECURITY_KEY`.
    statement : str
        As it was signed.
    public_key, signature : str
        In base64; of a security key the enrolled credential, and the assertion as JSON.
    site : str, optional
        The web address at which a security key must have been used.

    Returns
    -------
    dict, str
        What the statement says, and in words what it was signed with.

    Raises
    ------
    FormatError
        If statement, key or signature are malformed.
    VerificationError
        If the signature is not that key's under this statement, or its digest is not that of its content.
    """
    told = _read(form, statement)
    if algorithm == SECURITY_KEY:
        challenge = hashlib.sha256(statement.encode()).digest()
        made = verify_assertion(credential=public_key, challenge=challenge, assertion=signature, origin=site)
        return told, f"a security key ({made.algorithm}) at {made.origin}"
    if algorithm != PROGRAM:
        raise FormatError(f"expected a signature by {PROGRAM} or {SECURITY_KEY}, got {algorithm!r:.40}")
    _verify_mldsa65(public_key, signature, statement, form)
    return told, "the signing program (ML-DSA-65)"


def _read(form: str, statement: str) -> dict[str, Any]:
    if not isinstance(statement, str) or len(statement) > MOST_BYTES:
        raise FormatError(f"expected a statement of at most {MOST_BYTES} characters")
    try:
        told = json.loads(statement)
        same = _spelt(told) == statement
    except (ValueError, TypeError, RecursionError):
        raise FormatError("expected a statement, got something else") from None
    if not isinstance(told, dict) or not same or not _names(told, form):
        raise FormatError(f"expected a statement of the form {form}, in its one spelling")
    if told.get("content_digest") != hashlib.sha256(_spelt(told["content"]).encode()).hexdigest():
        raise VerificationError("its digest is not that of the content that it names")
    return told


def _names(told: dict[str, Any], form: str) -> bool:
    return told.get("format") == form and isinstance(told.get("content"), dict)


def _spelt(value: Any) -> str:
    """The one spelling: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _verify_mldsa65(public_key: str, signature: str, statement: str, form: str) -> None:
    try:
        key = MLDSA65PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(base64.b64decode(signature, validate=True), statement.encode(), form.encode())
    except (binascii.Error, ValueError, TypeError):
        raise FormatError("expected an ML-DSA-65 key and a signature in base64") from None
    except InvalidSignature:
        raise VerificationError("the signature is not that of the key over the statement") from None
