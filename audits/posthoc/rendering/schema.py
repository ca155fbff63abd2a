"""The shape of the biannual report's JSON.

Every figure is measured or absent: an optional field that is `None` means "not assessed", never zero and never passed.
Types and single-field ranges live here; what several fields must agree on is in `validation.py`.
"""

import datetime as dt
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

SCHEMA = "qfl-ethics/biannual-report/1"

Text = Annotated[str, Meta(min_length=1, max_length=4000)]
Label = Annotated[str, Meta(min_length=1, max_length=300)]
# An identifier is shown in tables and used in evidence pointers ("audits/AUD-7"), so it holds no slash and no space.
Identifier = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,79}$")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
TransactionHash = Annotated[str, Meta(pattern=r"^0x[0-9a-f]{64}$")]
Instant = Annotated[dt.datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Probability = Annotated[float, Meta(ge=0, le=1)]
NonNegative = Annotated[float, Meta(ge=0)]
Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every part: immutable, named fields only, and an unknown field is a fault."""


class Period(Record, frozen=True, kw_only=True):
    start: dt.date  # first day, inclusive
    end: dt.date  # last day, inclusive


class Institution(Record, frozen=True, kw_only=True):
    id: Identifier
    name: Label


class Model(Record, frozen=True, kw_only=True):
    """A model version under governance in the period."""

    id: Identifier
    name: Label
    version: Label
    state: Label  # lifecycle state at the period's end
    intended_use: Text
    weights_sha256: Sha256
    card_sha256: Sha256 | None = None
    card_completeness: Probability | None = None  # share of the required card elements that are filled


class Privacy(Record, frozen=True, kw_only=True):
    """Differential privacy spent by a training run: smaller is stronger, 0 would reveal nothing."""

    epsilon: NonNegative
    delta: Probability
    mechanism: Label


class TrainingRun(Record, frozen=True, kw_only=True):
    id: Identifier
    model: Label  # name and version trained
    strategy: Label
    state: Label
    rounds_planned: Count
    rounds_completed: Count
    sites: list[Label]
    started_at: Instant
    finished_at: Instant | None = None
    privacy: Privacy | None = None  # None: no differential privacy
    config_sha256: Sha256


class Bias(Record, frozen=True, kw_only=True):
    """The largest gap between groups in any rate, 0 (same for all groups) to 1, with its interval and verdict."""

    score: Probability
    low: Probability
    high: Probability
    level: Probability = 0.95  # coverage of [low, high]
    threshold: Probability = 0.1
    verdict: Verdict
    n: Count  # cases behind the score


class WorstGap(Record, frozen=True, kw_only=True):
    metric: Label
    group_low: Label  # group with the smaller rate
    group_high: Label
    rate_low: Probability
    rate_high: Probability


class Discrepancy(Record, frozen=True, kw_only=True):
    """Two-sample test between groups: small p-values say that the model's outputs differ by group."""

    p_quantum: Probability
    p_rbf: Probability  # the classical kernel on the same samples
    backend: Label
    shots: Count | None  # None: exact simulation
    seed: int
    depth: Count | None = None
    noise_model: Label | None = None
    permutations: Count
    n: Count


class Explanation(Record, frozen=True, kw_only=True):
    """LIME interpretability, 0 (explanations never match) to 1."""

    score: Probability
    low: Probability | None = None
    high: Probability | None = None
    target: Probability = 0.8
    n: Count


class GroupMetric(Record, frozen=True, kw_only=True):
    """An AIF360 group fairness metric; fair at `ideal` (0 for differences, 1 for ratios)."""

    name: Label
    attribute: Label
    value: float
    ideal: float
    low: float | None = None
    high: float | None = None


class AttackTest(Record, frozen=True, kw_only=True):
    name: Label
    statistic: Label
    value: float
    low: float | None = None
    high: float | None = None
    limit: Label  # in words, e.g. "AUC at most 0.60"
    verdict: Verdict


class NotAssessed(Record, frozen=True, kw_only=True):
    check: Label
    reason: Text


class CheckOutcome(Record, frozen=True, kw_only=True):
    """One check of an audit: what came out, in the audit's own words."""

    principle: Label
    name: Label
    weight: Label  # whether it must pass, a fail decides, or it only informs
    verdict: Literal["PASS", "FAIL", "INCONCLUSIVE", "NOT ASSESSABLE", "NOT APPLICABLE"]
    value: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    said: Text


class Audit(Record, frozen=True, kw_only=True):
    id: Identifier
    model: Label
    phase: Literal["pre-deployment", "runtime", "post-hoc"]
    completed_at: Instant
    bias: Bias | None = None
    worst_gap: WorstGap | None = None
    discrepancy: Discrepancy | None = None
    explanation: Explanation | None = None
    group_metrics: list[GroupMetric] = []
    attacks: list[AttackTest] = []
    not_assessed: list[NotAssessed] = []
    checks: list[CheckOutcome] = []  # every check, by principle; empty in reports from before audits kept them so


class Approval(Record, frozen=True, kw_only=True):
    id: Identifier
    subject: Label
    actor: Identifier  # pseudonym, never a name
    role: Label
    institution: Label
    decision: Literal["approved", "rejected", "withdrawn", "revoked", "abstained", "change requested"]
    decided_at: Instant
    content_sha256: Sha256
    anchored_as: Literal["signature", "commitment", "not anchored"]


class Deployment(Record, frozen=True, kw_only=True):
    id: Identifier
    model: Label
    institution: Label
    kind: Literal["clinical", "shadow"]
    state: Label
    since: Instant
    predictions: Count
    outcomes: Count


class Reinstatement(Record, frozen=True, kw_only=True):
    at: Instant
    by: list[Label]  # role and institution of each deciding officer
    reason: Text


class Incident(Record, frozen=True, kw_only=True):
    """A halt or another incident; detector figures are None where no detector raised it."""

    id: Identifier
    kind: Literal["automatic halt", "manual halt", "halt by chain", "incident"]
    deployment: Identifier | None = None  # None: not about one deployment
    at: Instant
    description: Text
    metric: Label | None = None
    groups: list[Label] = []
    gap: Probability | None = None
    wealth: NonNegative | None = None  # evidence against fairness; the detector halts at `threshold`
    threshold: NonNegative | None = None
    reinstatement: Reinstatement | None = None


class Appeals(Record, frozen=True, kw_only=True):
    received: Count
    upheld: Count
    rejected: Count
    open: Count  # still open when the period ended
    carried_over: Count = 0  # open when the period began
    withdrawn: Count = 0  # by who filed them


class Change(Record, frozen=True, kw_only=True):
    at: Instant
    subject: Label
    before: Label
    after: Label
    entry: Count | None = None  # of the ledger; None: see the trace of the item itself


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


class Control(Record, frozen=True, kw_only=True):
    framework: Label
    clause: Label
    requirement: Text
    status: Literal["evidenced", "no evidence in this period"]
    evidence: list[Label]  # pointers into this report: "audits" or "audits/AUD-7"


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


class Figure(Record, frozen=True, kw_only=True):
    label: Label
    value: Label
    note: Annotated[str, Meta(max_length=300)] = ""
    evidence: Label = "trail"  # the section with what is counted


class Sentence(Record, frozen=True, kw_only=True):
    """A finding or recommendation, the rule that produced it and the facts it rests on."""

    rule: Identifier
    text: Text
    severity: Literal["high", "medium", "information"]
    evidence: list[Label]


class Summary(Record, frozen=True, kw_only=True):
    figures: list[Figure]
    findings: list[Sentence]
    recommendations: list[Sentence]


class Facts(Record, frozen=True, kw_only=True):
    """What the caller gathers: everything in the report that is not derived."""

    schema: Literal["qfl-ethics/biannual-report/1"]
    report_id: Identifier
    synthetic: bool  # True: no figure comes from a real patient
    kind: Literal["biannual", "monthly", "custom"] = "biannual"
    issue: Annotated[int, Meta(ge=1)] = 1  # a later issue stands in place of the earlier ones
    edition_of: Identifier | None = None  # an institution; None: the whole platform
    period: Period
    generated_at: Instant
    institutions: Annotated[list[Institution], Meta(min_length=1)]
    scope: Text
    models: list[Model]
    training_runs: list[TrainingRun]
    audits: list[Audit]
    approvals: list[Approval]
    deployments: list[Deployment]
    incidents: list[Incident]
    appeals: Appeals | None  # None: not recorded, which is not the same as none received
    changes: list[Change]
    previous_report: PreviousReport | None = None
    comparisons: list[Comparison] = []
    traces: list[Trace] = []
    audit_trail: AuditTrail
    evidence: list[Evidence]
    sign_off: list[SignOff]


class Report(Facts, frozen=True, kw_only=True):
    """The facts with what follows from them: the control mapping and the summary."""

    controls: list[Control]
    summary: Summary


# Section name -> the JSON field whose items an evidence pointer may name ("audits/AUD-7").
SECTIONS: dict[str, str] = {
    "models": "models",
    "training": "training_runs",
    "audits": "audits",
    "approvals": "approvals",
    "deployments": "deployments",
    "incidents": "incidents",
    "appeals": "",
    "changes": "",
    "trail": "",
    "annex": "evidence",
}
