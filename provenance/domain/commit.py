"""What a leaf of the ledger says, and what it keeps to itself.

A leaf is public: schema version, table, operation, opaque object id, sequence, time, the actor's pseudonym, and a
commitment to the body. The body stays in an access-controlled table. The commitment is salted with 32 random bytes, so
that nobody can guess a body of few possible values (a diagnosis, a record number) and check the guess; destroying the
salt and the body leaves the leaf, and every proof over it, valid.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from provenance.domain.canonical import MAX_INTEGER, canonical, parse_canonical
from provenance.domain.errors import FormatError, VerificationError

SALT_BYTES = 32
MAX_LEAF_BYTES = 65_535  # entry bundles carry a uint16 length (C2SP tlog-tiles, "Log entries")
LEAF_VERSION = 1

_COMMITMENT_DOMAIN = b"qfl-ethics/commitment/v1\n"
_PSEUDONYM_DOMAIN = b"qfl-ethics/pseudonym/v1\n"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,127}")
_PLAIN = re.compile(r"[A-Za-z0-9_.:@ /+-]*")  # text that JSON writes as it is
_AT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MEMBERS = {"v", "table", "op", "object", "seq", "at", "actor", "commitment"}


@dataclass(frozen=True)
class Leaf:
    """A decoded leaf."""

    table: str
    op: str  # insert, update, delete, batch, erasure, ...
    object_id: str  # opaque: never a medical record number
    seq: int  # position in the log, from 0
    at: datetime  # UTC, microseconds
    actor: str | None  # pseudonym; None where the system acted by itself
    commitment: bytes  # 32 bytes


def commitment(salt: bytes, body: bytes) -> bytes:
    """Commit to a body: hiding while the salt is secret, binding always.

    Parameters
    ----------
    salt : bytes, 32
        Random, fresh for each body, kept beside it.
    body : bytes
        Usually `canonical(...)` of the row.

    Returns
    -------
    bytes, 32
        SHA-256 over a domain label, the salt and the body.

    Raises
    ------
    FormatError
        If the salt is not 32 bytes.
    """
    if len(salt) != SALT_BYTES:
        raise FormatError(
            f"expected a salt of {SALT_BYTES} bytes, got {len(salt)}; draw it with secrets.token_bytes(32)"
        )
    return hashlib.sha256(_COMMITMENT_DOMAIN + salt + body).digest()


def open_commitment(expected: bytes, salt: bytes, body: bytes) -> None:
    """Check that a disclosed body is the one committed to.

    Raises
    ------
    VerificationError
        If it is another body, or another salt.
    """
    if not hmac.compare_digest(commitment(salt, body), expected):
        raise VerificationError("the body and salt do not open this commitment")


def pseudonym(key: bytes, subject: uuid.UUID) -> str:
    """Pseudonym of a person: stable under one key, unlinkable to the UUID without it.

    Parameters
    ----------
    key : bytes, at least 32
        The pseudonym key; destroying it severs every pseudonym made with it from its person.
    subject : UUID

    Returns
    -------
    str
        ``psn:`` and 32 hexadecimal digits: HMAC-SHA256 cut to 128 bits, ample against collisions among people.
    """
    if len(key) < SALT_BYTES:
        raise FormatError(f"expected a pseudonym key of at least {SALT_BYTES} bytes, got {len(key)}")
    return "psn:" + hmac.new(key, _PSEUDONYM_DOMAIN + subject.bytes, hashlib.sha256).hexdigest()[:32]


class LeafFrame:
    """What the leaves of one table, operation and actor share: checked and written once, and filled for each row.

    Raises
    ------
    FormatError
        If the table or the operation is no ASCII identifier.
    """

    __slots__ = ("_head", "_middle", "_tail")

    def __init__(self, *, table: str, op: str, actor: str | None) -> None:
        for label, name in (("table", table), ("op", op)):
            if not _NAME.fullmatch(name):
                raise FormatError(f"expected {label} to match {_NAME.pattern}, got {name!r}")
        # The members in the order of canonical JSON; names, time and digest hold nothing that would need escaping.
        self._head = f'{{"actor":{"null" if actor is None else _text(actor)},"at":"'
        self._middle = f',"op":"{op}","seq":'
        self._tail = f',"table":"{table}","v":{LEAF_VERSION}}}'

    def fill(self, object_id: str, seq: int, at: int, commitment: bytes) -> bytes:
        """Build the canonical JSON of a leaf, at most 65,535 bytes; `at` in microseconds since 1970, UTC.

        Raises
        ------
        FormatError
            If a field is out of its form: `seq` is from 0 to 2^53 - 1, `commitment` 32 bytes, `at` in years 1 to 9999.
        """
        if not 0 <= seq <= MAX_INTEGER:
            raise FormatError(f"expected a sequence from 0 and below 2^53, got {seq}")
        if len(commitment) != 32:
            raise FormatError(f"expected a commitment of 32 bytes, got {len(commitment)}")
        seconds, rest = divmod(at, 1_000_000)
        leaf = (
            f'{self._head}{_second(seconds)}.{rest:06d}Z","commitment":"{commitment.hex()}",'
            f'"object":{_text(object_id)}{self._middle}{seq}{self._tail}'
        ).encode()
        if len(leaf) > MAX_LEAF_BYTES:
            raise FormatError(f"expected a leaf of at most {MAX_LEAF_BYTES} bytes, got {len(leaf)}; commit to a digest")
        return leaf


def leaf_bytes(
    *, table: str, op: str, object_id: str, seq: int, at: datetime, actor: str | None, commitment: bytes
) -> bytes:
    """Build the canonical JSON of one leaf, at most 65,535 bytes.

    Raises
    ------
    FormatError
        If a field is out of its form (see `LeafFrame`), or `at` carries no time zone.
    """
    if at.tzinfo is None:
        raise FormatError(f"expected a time with a time zone, got {at.isoformat()}")
    microseconds = (at - _EPOCH) // timedelta(microseconds=1)
    return LeafFrame(table=table, op=op, actor=actor).fill(object_id, seq, microseconds, commitment)


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
    except (OverflowError, OSError, ValueError):
        raise FormatError(f"expected a time in the years 1 to 9999, got {seconds} seconds from 1970") from None


def _text(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return f'"{value}"'
    return canonical(value).decode()


def parse_leaf(data: bytes) -> Leaf:
    """Decode a leaf that came from elsewhere.

    Raises
    ------
    FormatError
        If the bytes are not exactly what `leaf_bytes` would have written.
    """
    value = parse_canonical(data)
    if not isinstance(value, dict) or set(value) != _MEMBERS:
        raise FormatError(f"expected a leaf with the members {sorted(_MEMBERS)}, got {data[:80]!r}")
    if value["v"] != LEAF_VERSION or value["v"] is True:
        raise FormatError(
            f"expected leaf version {LEAF_VERSION}, got {value['v']!r}; this reader is too old or too new"
        )
    texts = [value["table"], value["op"], value["object"], value["at"], value["commitment"]]
    if not all(isinstance(text, str) for text in texts) or not isinstance(value["actor"], str | None):
        raise FormatError("expected text in table, op, object, at, commitment, and text or null in actor")
    if not _AT.fullmatch(value["at"]):
        raise FormatError(f"expected a UTC time like 2026-01-31T23:59:59.000001Z, got {value['at']!r}")
    try:
        at, seq, digest = datetime.fromisoformat(value["at"]), int(value["seq"]), bytes.fromhex(value["commitment"])
    except (TypeError, ValueError) as error:
        raise FormatError(f"expected a leaf's time, sequence and commitment, got: {error}") from None
    leaf = Leaf(value["table"], value["op"], value["object"], seq, at, value["actor"], digest)
    again = leaf_bytes(
        table=leaf.table, op=leaf.op, object_id=leaf.object_id, seq=seq, at=at, actor=leaf.actor, commitment=digest
    )
    if again != data:
        raise FormatError("expected a leaf in its only form, got another spelling of it")
    return leaf
