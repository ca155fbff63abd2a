"""The statement that a person signs: what it binds, what a signature under it means, and how that is verified.

There are two: of a decision on a request, and of the sign-off of a report.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey

from federation.domain.messages import canonical
from provenance.domain.statement import DECISION as FORMAT
from provenance.domain.statement import MOST_BYTES
from provenance.domain.statement import SIGN_OFF as REPORT_FORMAT

CONTEXT = FORMAT.encode()  # of the ML-DSA signature (FIPS 204): it is good for nothing else
POSSESSION = b"qfl-ethics/approval-key/v1"
MEANINGS = {
    "approve": "I have examined what the digests below name, and I approve this use of it.",
    "reject": "I have examined what the digests below name, and I reject this use of it.",
    "abstain": "I take no part in this decision. It counts neither for nor against.",
    "request_change": "I ask for a change. This request ends here; a new one may be made on what was changed.",
    "sign_off": "I have read the report whose files have the digests below, and I sign it off.",
}
FIELDS = {
    "format", "origin", "meaning", "request", "kind", "version", "name", "content", "content_digest", "decision",
    "reason_commitment", "capacity", "institution", "person", "stands_in_for", "issued_at",
}  # fmt: skip
REPORT_FIELDS = {
    "format", "origin", "meaning", "report", "name", "content", "content_digest", "decision", "capacity",
    "institution", "person", "issued_at",
}  # fmt: skip
FORMS = {FORMAT: (FIELDS, set(MEANINGS) - {"sign_off"}), REPORT_FORMAT: (REPORT_FIELDS, {"sign_off"})}


class StatementError(ValueError):
    """A text that is no statement of ours, or a signature that is none under it."""


def statement_text(*, form: str = FORMAT, **fields: Any) -> str:
    """The one spelling of a statement; its bytes are what is signed."""
    wanted, decisions = FORMS[form]
    decision = fields["decision"]
    whole = {"format": form, "meaning": MEANINGS[decision], **fields}
    if set(whole) != wanted or decision not in decisions:
        raise StatementError(f"expected the fields {', '.join(sorted(wanted))}")
    return canonical(whole).decode()


def context_of(statement: Mapping[str, Any]) -> bytes:
    """The context of an ML-DSA signature under this statement (FIPS 204): it is good for nothing else."""
    return str(statement["format"]).encode()


def read_statement(text: str) -> dict[str, Any]:
    """Read a statement, and check that it says what its decision means.

    Raises
    ------
    StatementError
        If it is not in the one spelling, or its meaning is not that of its decision.
    """
    if len(text) > MOST_BYTES:
        raise StatementError(f"expected a statement of at most {MOST_BYTES} characters")
    try:
        found = json.loads(text)
        same = canonical(found).decode() == text
    except (ValueError, TypeError, RecursionError):
        raise StatementError("expected a statement as the platform gives it, got something else") from None
    fields, decisions = FORMS.get(str(found.get("format")), (None, ())) if isinstance(found, dict) else (None, ())
    if fields is None or set(found) != fields or not same:
        raise StatementError(f"expected a statement of the form {' or '.join(FORMS)}, exactly as the platform gives it")
    if found["decision"] not in list(decisions) or found["meaning"] != MEANINGS[found["decision"]]:
        raise StatementError("the meaning is not that of the decision")
    if not isinstance(found["content"], dict) or digest_of(found["content"]) != found["content_digest"]:
        raise StatementError("the digest is not that of the content named")
    return found


def digest_of(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(content)).hexdigest()


def challenge_of(text: str) -> bytes:
    """What a security key signs: the SHA-256 of the statement."""
    return hashlib.sha256(text.encode()).digest()


def in_words(statement: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is signed, as terms and values that a person reads."""
    stands_in = [("In the place of", str(statement["stands_in_for"]))] if statement.get("stands_in_for") else []
    reason = statement.get("reason_commitment")
    use = f", {str(statement['kind']).replace('_', ' ')} use" if "kind" in statement else ""
    return [
        ("You say", str(statement["meaning"])),
        ("About", f"{statement['name']}{use}"),
        ("As", f"{str(statement['capacity']).replace('_', ' ')} of {statement['institution'] or 'the platform'}"),
        *stands_in,
        *((f"SHA-256 of {name}", str(digest)) for name, digest in sorted(statement["content"].items())),
        ("SHA-256 of all of it", str(statement["content_digest"])),
        *([("Commitment to your reason", str(reason))] if reason else []),
        ("Platform", str(statement["origin"])),
        ("Made", str(statement["issued_at"])),
    ]


def verify_mldsa65(public_key: str, text: bytes, signature: str, *, context: bytes = CONTEXT) -> None:
    """Verify an ML-DSA-65 signature; key and signature in base64.

    Raises
    ------
    StatementError
        If either is malformed, or the signature is not that key's over that text.
    """
    try:
        key = MLDSA65PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(base64.b64decode(signature, validate=True), text, context)
    except (binascii.Error, ValueError):
        raise StatementError("expected an ML-DSA-65 key and signature in base64, got something else") from None
    except InvalidSignature:
        raise StatementError("the signature is not that of this key over this statement") from None


def possession_text(*, origin: str, person: str, public_key: str) -> str:
    """What a new key signs, to show that the person has its private half."""
    return f"I hold this key and sign approvals of {origin} with it.\nPerson: {person}\nKey: {public_key}"
