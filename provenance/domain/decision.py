"""What people decide on the chain, as both sides of the wire see it: verdicts, states, commitments and the digest.

Web processes check signatures with this and never load the chain's client. The rules are the
contract's (`AnchorRegistry.sol`); it alone enforces them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from provenance.domain.errors import LedgerError
from provenance.domain.keccak import keccak256

NOBODY = "0x" + 40 * "0"  # the recorded proposer of a subject that nobody has proposed
_FIELDS = (
    ("logId", "bytes32"),
    ("subject", "bytes32"),
    ("verdict", "uint8"),
    ("commitment", "bytes32"),
    ("proposer", "address"),
    ("nonce", "uint64"),
    ("expiresAt", "uint64"),
)
_DOMAIN = (("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address"))
_NAME, _VERSION = "AnchorRegistry", "1"


class Verdict(IntEnum):
    """What is decided."""

    PROPOSE = 1  # none -> proposed, by one registered proposer
    APPROVE = 2  # proposed -> approved, by quorum
    HALT = 3  # approved -> halted, by one officer
    RESUME = 4  # halted -> approved, by quorum
    REVOKE = 5  # proposed, approved or halted -> revoked for good, by quorum


class SubjectState(IntEnum):
    """Where a subject stands. Serve a model only when it is APPROVED."""

    NONE = 0
    PROPOSED = 1
    APPROVED = 2
    HALTED = 3
    REVOKED = 4


LEADS = {
    (SubjectState.NONE, Verdict.PROPOSE): SubjectState.PROPOSED,
    (SubjectState.PROPOSED, Verdict.APPROVE): SubjectState.APPROVED,
    (SubjectState.APPROVED, Verdict.HALT): SubjectState.HALTED,
    (SubjectState.HALTED, Verdict.RESUME): SubjectState.APPROVED,
    (SubjectState.PROPOSED, Verdict.REVOKE): SubjectState.REVOKED,
    (SubjectState.APPROVED, Verdict.REVOKE): SubjectState.REVOKED,
    (SubjectState.HALTED, Verdict.REVOKE): SubjectState.REVOKED,
}
"""Which verdict leads from which state where; any other pair is refused."""


@dataclass(frozen=True)
class Place:
    """The one contract and log that a signature is for."""

    chain_id: int
    registry: str  # address
    log_id: str  # 0x and 64 hex digits


@dataclass(frozen=True)
class Message:
    """What the proposer and the officers sign."""

    place: Place
    subject: str  # salted commitment, 0x and 64 hex digits; never a name
    verdict: Verdict
    commitment: str  # salted commitment to the rationale, 0x and 64 hex digits
    proposer: str  # address that proposes, or that is recorded as having proposed the subject
    nonce: int
    expires_at: int  # POSIX seconds

    def typed_data(self) -> dict[str, Any]:
        """Return the EIP-712 message, as wallets take it."""
        values = (
            self.place.log_id,
            self.subject,
            int(self.verdict),
            self.commitment,
            self.proposer,
            self.nonce,
            self.expires_at,
        )
        return {
            "types": {
                "EIP712Domain": [{"name": name, "type": kind} for name, kind in _DOMAIN],
                "Decision": [{"name": name, "type": kind} for name, kind in _FIELDS],
            },
            "primaryType": "Decision",
            "domain": {
                "name": _NAME,
                "version": _VERSION,
                "chainId": self.place.chain_id,
                "verifyingContract": self.place.registry,
            },
            "message": {name: value for (name, _), value in zip(_FIELDS, values, strict=True)},
        }

    def digest(self) -> bytes:
        """Return the 32 bytes that are signed (EIP-712); equal to the contract's `digestOf`."""
        domain = keccak256(
            _type_hash("EIP712Domain", _DOMAIN)
            + keccak256(_NAME.encode())
            + keccak256(_VERSION.encode())
            + self.place.chain_id.to_bytes(32, "big")
            + _word(self.place.registry)
        )
        content = keccak256(
            _type_hash("Decision", _FIELDS)
            + _word(self.place.log_id)
            + _word(self.subject)
            + int(self.verdict).to_bytes(32, "big")
            + _word(self.commitment)
            + _word(self.proposer)
            + self.nonce.to_bytes(32, "big")
            + self.expires_at.to_bytes(32, "big")
        )
        return keccak256(b"\x19\x01" + domain + content)


def message_from(typed: Any) -> Message:
    """Read a message back from its typed data, accepting only exactly what `Message.typed_data` writes.

    Raises
    ------
    LedgerError
        If it is anything else: a wallet must not be led to sign what was not shown.
    """
    try:
        domain, values = typed["domain"], typed["message"]
        message = Message(
            Place(domain["chainId"], domain["verifyingContract"], values["logId"]),
            values["subject"],
            Verdict(values["verdict"]),
            values["commitment"],
            values["proposer"],
            values["nonce"],
            values["expiresAt"],
        )
        message.digest()
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise LedgerError(f"expected the typed data of a decision, got something else ({error})") from None
    if message.typed_data() != typed:
        raise LedgerError("expected the typed data of a decision and nothing beside it, got other fields or types")
    return message


def personal_digest(text: str) -> bytes:
    """The 32 bytes that a key signs to say `text` (EIP-191), for showing that somebody has the key."""
    raw = text.encode()
    return keccak256(b"\x19Ethereum Signed Message:\n" + str(len(raw)).encode() + raw)


def subject_commitment(*, salt: bytes, object_id: str, content_digest: str) -> str:
    """Subject of an object with just this approved content: nothing can be read from it, nor guessed without the salt.

    Parameters
    ----------
    salt : bytes
        32 random bytes.
    content_digest : str
        Of what was approved (weights, card, audit, thresholds, manifests), so that other content is another subject.
    """
    return _committed(b"qfl-ethics/subject/v1\n", salt, f"{object_id}\n{content_digest}")


def rationale_commitment(*, salt: bytes, rationale: str) -> str:
    """Commitment to the reason of a decision, as a person wrote it."""
    return _committed(b"qfl-ethics/rationale/v1\n", salt, rationale)


def _committed(purpose: bytes, salt: bytes, text: str) -> str:
    if len(salt) != 32:
        raise LedgerError(f"expected a salt of 32 bytes, got {len(salt)}")
    return "0x" + hashlib.sha256(purpose + salt + text.encode()).hexdigest()


def _type_hash(name: str, fields: tuple[tuple[str, str], ...]) -> bytes:
    return keccak256(f"{name}({','.join(f'{kind} {field}' for field, kind in fields)})".encode())


def _word(text: str) -> bytes:
    """A hexadecimal value as the 32 bytes of its EIP-712 encoding."""
    if not isinstance(text, str) or not text.startswith("0x") or len(text) not in (42, 66):
        raise ValueError(f"expected 0x and 40 or 64 hex digits, got {text!r:.80}")
    return bytes.fromhex(text[2:]).rjust(32, b"\0")
