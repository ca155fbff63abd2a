"""What the report rests on: the report before, the ledger, and the evidence behind each item."""

from typing import Literal

from .kinds import Count, Identifier, Instant, Label, Probability, Record, Sha256, Text, TransactionHash


class PreviousReport(Record, frozen=True, kw_only=True):
    id: Identifier
    sha256: Sha256


class Comparison(Record, frozen=True, kw_only=True):
    """A count beside that of the previous report of the same kind."""

    label: Label
    before: Count | None  # None: the previous report does not have it
    now: Count
    evidence: Label  # the section it is counted in


class Difference(Record, frozen=True, kw_only=True):
    """One thing that this issue says otherwise than the earlier one."""

    section: Label
    id: Identifier | None = None  # None: of no single item
    what: Literal["added", "removed", "changed"]
    field: Label | None = None  # None: the whole item
    before: Label | None = None
    after: Label | None = None


class Reissue(Record, frozen=True, kw_only=True):
    """The earlier issue that this one stands in place of, and why."""

    issue: Count
    sha256: Sha256  # of its JSON
    reason: Text
    differences: list[Difference] | None = None  # None: the earlier file is lost
    omitted: Count = 0  # differences that are not listed


class Stratum(Record, frozen=True, kw_only=True):
    name: Label
    population: Count
    drawn: Count
    assessed: Count
    conform: Count  # of those assessed


class ExternalSample(Record, frozen=True, kw_only=True):
    """What an external auditor found in a sample that was drawn, and kept, before the look."""

    id: Identifier
    of: Literal["controls", "decisions"]
    auditor: Identifier  # pseudonym
    institution: Label
    closed_at: Instant
    population_sha256: Sha256
    seed_sha256: Sha256
    minor: Count
    major: Count
    not_assessable: Count
    strata: list[Stratum]
    rate: Probability | None = None  # None: nothing could be assessed
    low: Probability | None = None
    high: Probability | None = None
    level: Probability = 0.95


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
