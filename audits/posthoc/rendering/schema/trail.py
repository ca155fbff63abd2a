"""What the report rests on: the report before, the ledger, and the evidence behind each item."""

from typing import Literal

from .kinds import Count, Identifier, Instant, Label, Record, Sha256, Text, TransactionHash


class PreviousReport(Record, frozen=True, kw_only=True):
    id: Identifier
    sha256: Sha256


class Comparison(Record, frozen=True, kw_only=True):
    """A count beside that of the previous report of the same kind."""

    label: Label
    before: Count | None  # None: the previous report does not have it
    now: Count
    evidence: Label  # the section it is counted in


class Trace(Record, frozen=True, kw_only=True):
    """Where an item of the report stands: the row that it tells of, and the row's newest ledger entry by then."""

    section: Label
    id: Identifier
    object: Label  # key of the row, under which the ledger finds it
    entry: Count | None = None  # None: the ledger has not taken it in


class Anchor(Record, frozen=True, kw_only=True):
    size: Count  # entries covered by the anchored checkpoint
    transaction_hash: TransactionHash
    chain_id: Count
    operated_by: Label  # a chain run by the operator adds no independent trust: say who runs it


class Completeness(Record, frozen=True, kw_only=True):
    """Replay of the log against the governed tables."""

    expected: Count  # governed row versions
    found: Count  # of which replay finds
    bulk: Count | None = None  # predictions and outcomes among them: all counted against their batches
    hashed: Count | None = None  # of which the content was hashed to the roots in the ledger


class AuditTrail(Record, frozen=True, kw_only=True):
    entries: Count
    root_sha256: Sha256
    checkpoint: Text  # the signed note, verbatim
    verified_at: Instant
    verdict: Literal["VERIFIED", "FAILED", "NOT VERIFIED"]
    reason: Text | None = None  # required unless VERIFIED
    completeness: Completeness | None = None
    anchor: Anchor | None = None
    witnesses: list[Label] = []  # who cosigned the checkpoint


class Evidence(Record, frozen=True, kw_only=True):
    id: Identifier
    title: Label
    media_type: Label
    size_bytes: Count
    sha256: Sha256


class SignOff(Record, frozen=True, kw_only=True):
    role: Label
    institution: Label
    signed_by: Identifier | None = None  # pseudonym; None: a line to be signed
    signed_at: Instant | None = None
    signature_sha256: Sha256 | None = None
