"""What is sent and answered. Written by clients/generate.py from clients/openapi.json: change neither by hand."""

from __future__ import annotations

from typing import Any, Generic, Literal, NotRequired, TypeAlias, TypedDict, TypeVar

Row = TypeVar("Row")


class Page(TypedDict, Generic[Row]):
    """A stretch of a list; `count` is None where nobody counts."""

    count: int | None
    next: str | None
    previous: str | None
    results: list[Row]


class AbortInput(TypedDict):
    reason: str


ActionEnum: TypeAlias = Literal["retrain", "recalibrate", "restrict", "retire"]


class ActivityOutput(TypedDict):
    """One processing activity: facts of the platform, and the texts that people add."""

    key: str
    title: str
    purpose: str
    persons: str
    data_kinds: str
    institution: NotRequired[str | None]
    revision: int
    texts: dict[str, str]
    missing: list[str]
    facts: list["FactsOutput"]
    retention: dict[str, str]


class AddressInput(TypedDict):
    address: str


class AdvanceInput(TypedDict):
    text: str


class AgreementInput(TypedDict):
    site: str
    role: "AgreementRole"
    liability: str
    contact: str
    signed_on: str
    ends_on: NotRequired[str | None]
    document_hash: str


class AgreementOutput(TypedDict):
    """What an institution has signed on roles and liability; `is_current` says whether it holds today."""

    id: str
    site: str
    role: "AgreementRole"
    liability: str
    contact: str
    signed_on: str
    ends_on: NotRequired[str | None]
    document_hash: str
    is_current: bool
    created_at: str


AgreementRole: TypeAlias = Literal["controller", "joint_controller", "processor"]


AmberDecision: TypeAlias = Literal["continue", "restrict", "halt"]


class AmberInput(TypedDict):
    decision: "AmberDecision"
    reason: str
    review_on: NotRequired[str | None]
    most_predictions: NotRequired[int | None]


class AmberOutput(TypedDict):
    id: str
    created_at: str
    deployment: str
    warnings: Any
    position: int
    due_at: str
    overdue: bool
    decision: NotRequired["AmberDecision | BlankEnum"]
    decided_by: NotRequired[str | None]
    institution: NotRequired[str | None]
    decided_at: NotRequired[str | None]
    reason: NotRequired[str]
    review_at: NotRequired[str | None]
    most_predictions: NotRequired[int | None]


class AnchorOutput(TypedDict):
    size: int
    tx_hash: str
    block_number: int | None
    receipt: Any


AnsatzEnum: TypeAlias = Literal["strong", "hardware", "mirrored"]


class AnswerInput(TypedDict):
    answer: "BreachAnswer"
    duty: NotRequired["DutyEnum | BlankEnum"]
    done_at: NotRequired[str | None]
    text: str


class AppealDecisionInput(TypedDict):
    reason: str
    outcome: "AppealDecisionInputOutcomeEnum"
    label: NotRequired["LabelEnum"]
    mask: NotRequired[str]


AppealDecisionInputOutcomeEnum: TypeAlias = Literal["upheld", "changed"]


class AppealInput(TypedDict):
    deployment: str
    event_key: str
    contested_by: "ContestedByEnum"
    grounds: str


class AppealOutput(TypedDict):
    id: str
    created_at: str
    deployment: str
    institution: str
    site: str
    case_name: str
    batch: str
    batch_index: int
    predicted_at: str
    flagged: bool
    reviewed: bool
    contested_by: "ContestedByEnum"
    filed_by: str
    grounds: str
    due_on: str
    overdue: bool
    state: NotRequired["AppealState"]
    taken_by: NotRequired[str | None]
    taken_at: NotRequired[str | None]
    outcome: NotRequired["AppealOutputOutcomeEnum | BlankEnum"]
    decided_by: NotRequired[str | None]
    decided_at: NotRequired[str | None]
    reason: NotRequired[str]
    feedback: NotRequired["FeedbackEnum | BlankEnum"]


AppealOutputOutcomeEnum: TypeAlias = Literal["upheld", "changed", "withdrawn"]


AppealState: TypeAlias = Literal["open", "under_review", "decided"]


ApprovalDecision: TypeAlias = Literal["approve", "reject", "abstain", "request_change"]


class ApprovalInput(TypedDict):
    version: str
    kind: "UseKind"
    justification: str
    policy: NotRequired[dict[str, Any]]


class ApprovalOutput(TypedDict):
    id: str
    created_at: str
    version: str
    kind: "UseKind"
    state: NotRequired["ApprovalState"]
    content: Any
    content_digest: str
    policy: Any
    requested_by: str
    justification: str
    closed_at: NotRequired[str | None]
    expires_at: NotRequired[str | None]
    decisions: list["DecisionOutput"]
    missing: list[str]
    fails: list[dict[str, Any]]


ApprovalState: TypeAlias = Literal["under_review", "approved", "rejected", "withdrawn", "voided", "change_requested", "expired"]


class AskedOutput(TypedDict):
    asked: int


class AssessmentDetailOutput(TypedDict):
    """An edition. `digest` is over model, edition, sections and facts; it is empty until it is signed."""

    id: str
    model: str
    edition: int
    state: NotRequired["AssessmentState"]
    revision: NotRequired[int]
    created_at: str
    written_by: str
    signed_by: NotRequired[str | None]
    signed_at: NotRequired[str | None]
    digest: NotRequired[str]
    review_on: NotRequired[str | None]
    sections: dict[str, str]
    missing: list[str]
    facts: dict[str, list[str]]


class AssessmentInput(TypedDict):
    model: str


class AssessmentOutput(TypedDict):
    """An edition. `digest` is over model, edition, sections and facts; it is empty until it is signed."""

    id: str
    model: str
    edition: int
    state: NotRequired["AssessmentState"]
    revision: NotRequired[int]
    created_at: str
    written_by: str
    signed_by: NotRequired[str | None]
    signed_at: NotRequired[str | None]
    digest: NotRequired[str]
    review_on: NotRequired[str | None]


class AssessmentSignatureInput(TypedDict):
    revision: int
    password: str


AssessmentState: TypeAlias = Literal["draft", "signed"]


class AssignInput(TypedDict):
    responsible: str


class AuditDetailOutput(TypedDict):
    id: str
    version: str
    tier: NotRequired["TierEnum"]
    approved_policy: NotRequired[str | None]
    state: NotRequired["AuditState"]
    verdict: NotRequired["EvidenceVerdict | BlankEnum"]
    digest: NotRequired[str]
    policy: Any
    requested_by: NotRequired[str | None]
    created_at: str
    finished_at: NotRequired[str | None]
    stop_reason: NotRequired[str]
    checks: list["CheckOutput"]


class AuditInput(TypedDict):
    version: str
    tier: NotRequired["TierEnum"]
    risk_class: NotRequired["RiskClassEnum"]
    policy: NotRequired[dict[str, Any]]


class AuditOutput(TypedDict):
    id: str
    version: str
    tier: NotRequired["TierEnum"]
    approved_policy: NotRequired[str | None]
    state: NotRequired["AuditState"]
    verdict: NotRequired["EvidenceVerdict | BlankEnum"]
    digest: NotRequired[str]
    policy: Any
    requested_by: NotRequired[str | None]
    created_at: str
    finished_at: NotRequired[str | None]
    stop_reason: NotRequired[str]


AuditState: TypeAlias = Literal["running", "finished", "failed"]


class BackupOutput(TypedDict):
    """`manifest` is its SHA-256, `size` in bytes, `entries` of the ledger, `rows` of all tables."""

    id: str
    name: str
    taken_at: str
    created_at: str
    made_by: NotRequired[str | None]
    manifest: str
    size: int
    entries: int
    rows: int
    key: str
    seconds: float


BlankEnum: TypeAlias = Literal[""]


class BoardFindingInput(TypedDict):
    severity: "BoardFindingSeverity"
    text: str
    owner: str
    due_on: str
    version: NotRequired[str | None]
    blocking: NotRequired[bool]


class BoardFindingOutput(TypedDict):
    """`version` is what a blocking finding stands in the way of."""

    id: str
    severity: "BoardFindingSeverity"
    text: str
    version: str | None
    blocking: bool
    due_on: str
    state: "BoardFindingState"
    created_at: str


BoardFindingSeverity: TypeAlias = Literal["minor", "major", "critical"]


BoardFindingState: TypeAlias = Literal["open", "in_progress", "done", "closed"]


class BoardReviewInput(TypedDict):
    """Two members at least, of two houses, one of them an auditor; without a chair, the first auditor among them."""

    board: str
    month: str
    members: list[str]
    chair: NotRequired[str]


class BoardReviewOutput(TypedDict):
    """`findings` are those that the caller may see: all, or the own ones of who only owns some."""

    id: str
    board: str
    month: str
    state: "BoardReviewState"
    created_at: str
    signed_at: str | None
    agenda: list[dict[str, str]]
    findings: list[dict[str, Any]]


BoardReviewState: TypeAlias = Literal["open", "signed"]


class BodyOutput(TypedDict):
    """What the leaf commits to; with the salt, anyone can compute the commitment again.

    In `text` what people wrote is ciphertext, and stays so; `reason` and `row` show it opened, while its
    writer's key lives.
    """

    text: str
    reason: str
    row: dict[str, Any]
    salt: str
    actor_role: str
    opens_commitment: bool


BreachAnswer: TypeAlias = Literal["notified", "not_notified", "remark"]


class BreachDetailOutput(TypedDict):
    """A breach with its duties, those that run first."""

    id: str
    created_at: str
    institution: str | None
    incident: NotRequired[str | None]
    aware_at: str
    nature: str
    persons: NotRequired[int | None]
    personal_data: NotRequired[bool | None]
    risk: NotRequired[bool | None]
    high_risk: NotRequired[bool | None]
    phi: NotRequired[bool | None]
    processor: NotRequired[bool]
    recorded_by: str
    revision: NotRequired[int]
    closed_at: NotRequired[str | None]
    closed_by: NotRequired[str | None]
    duties: list["DutyOutput"]
    records: list["BreachRecordOutput"]


class BreachInput(TypedDict):
    """All facts, as they are known now."""

    aware_at: str
    persons: NotRequired[int | None]
    personal_data: NotRequired[bool | None]
    risk: NotRequired[bool | None]
    high_risk: NotRequired[bool | None]
    phi: NotRequired[bool | None]
    processor: NotRequired[bool]
    institution: NotRequired[str | None]
    incident: NotRequired[str | None]
    nature: str


class BreachOutput(TypedDict):
    """A breach with its duties, those that run first."""

    id: str
    created_at: str
    institution: str | None
    incident: NotRequired[str | None]
    aware_at: str
    nature: str
    persons: NotRequired[int | None]
    personal_data: NotRequired[bool | None]
    risk: NotRequired[bool | None]
    high_risk: NotRequired[bool | None]
    phi: NotRequired[bool | None]
    processor: NotRequired[bool]
    recorded_by: str
    revision: NotRequired[int]
    closed_at: NotRequired[str | None]
    closed_by: NotRequired[str | None]
    duties: list["DutyOutput"]


class BreachRecordOutput(TypedDict):
    """An answer to a duty, or a remark. It never changes."""

    id: str
    created_at: str
    duty: NotRequired[str]
    answer: "BreachAnswer"
    done_at: NotRequired[str | None]
    text: str
    author: str


class BudgetInput(TypedDict):
    epsilon: float
    delta: NotRequired[float]
    reason: str


class BudgetOutput(TypedDict):
    """Epsilons are composed over all runs on the data set, at `delta`. `spent` is enforced, `spent_pld` displayed.

    `epsilon` and `left` are null where no budget is set; then nothing is refused.
    """

    site: str
    institution: str
    data_set: str
    epsilon: float | None
    delta: float
    spent: float
    spent_pld: float
    reserved: float
    left: float | None
    unbounded_rounds: int


class BulkInput(TypedDict):
    cases: str


class BulkOutput(TypedDict):
    """`done` of `rows` were looked at; `why` says why it stopped."""

    id: str
    created_at: str
    deployment: str
    site: str
    rows: int
    done: NotRequired[int]
    predicted: NotRequired[int]
    refused: NotRequired[int]
    state: NotRequired["PredictionFileState"]
    why: NotRequired[str]
    finished_at: NotRequired[str | None]


class CallerOutput(TypedDict):
    """Who asks, and what they may. A key has actions and no role."""

    id: str
    kind: "CallerOutputKindEnum"
    name: str
    memberships: list["MembershipOutput"]
    sees_all: bool
    actions: list["CallerOutputActionsEnum"]


CallerOutputActionsEnum: TypeAlias = Literal["account.own", "appeal.decide", "appeal.file", "appeal.view", "approval.decide", "approval.delegate", "approval.request", "approval.view", "assessment.sign", "audit.start", "audit.view", "board.convene", "board.follow", "board.hold", "board.view", "budget.set", "card.edit", "card.publish", "consent.give", "consent.sign", "continuity.drill", "control.evidence", "control.view", "deployment.create", "deployment.halt", "deployment.reinstate", "deployment.view", "emergency.confirm", "emergency.request", "emergency.review", "emergency.view", "event.record", "external.invite", "external.view", "external.work", "factor.reset", "federation.manage", "federation.view", "hold.place", "home.view", "incident.manage", "incident.view", "key.hold", "key.manage", "ledger.view", "lookback.mark", "lookback.view", "model.view", "notice.send", "notice.view", "outcome.record", "people.erase", "people.invite", "people.view", "policy.decide", "policy.propose", "policy.view", "prediction.request", "protection.edit", "protection.view", "provider.manage", "quantum.order", "quantum.view", "report.create", "report.sign", "report.view", "retention.manage", "retrain.decide", "review.record", "risk.edit", "run.control", "run.start", "sample.view", "sample.work", "site.kit", "subject.handle", "subject.view", "thresholds.record", "version.view", "webhook.manage"]


CallerOutputKindEnum: TypeAlias = Literal["person", "machine"]


CapacityEnum: TypeAlias = Literal["ethics_officer", "administrator"]


class CardInput(TypedDict):
    texts: dict[str, str]
    base: NotRequired[int]


class CardOutput(TypedDict):
    id: str
    created_at: str
    version: str
    edition: int
    digest: str
    written_by: NotRequired[str | None]
    content: Any
    completeness: dict[str, Any]


class CaseAppealOutput(TypedDict):
    id: str
    state: str
    due_on: str


class CaseInput(TypedDict):
    event_key: str


class CaseOutput(TypedDict):
    id: int
    event_key: str
    subject: str
    predicted_at: str
    attributes: Any
    score: float
    flagged: bool
    reread: NotRequired["RereadEnum | BlankEnum"]
    disclosed: NotRequired["DisclosedEnum | BlankEnum"]


class CasePlaceOutput(TypedDict):
    """The address of a case that names nobody."""

    deployment: str
    batch: str
    index: int


class CaseReviewOutput(TypedDict):
    decision: str
    why: str
    at: str


CauseEnum: TypeAlias = Literal["withdrawal", "opt_out"]


class ChainDecisionOutput(TypedDict):
    """A decision; what it is on and why stands for those who decide in its download."""

    id: str
    object: str
    verdict: str
    state: str
    subject: str
    commitment: str
    proposer: str
    nonce: int
    expires_at: str
    needed: int
    signed_by: list[str]
    tx_hash: str
    block_number: int | None
    error: str


class ChangeOutput(TypedDict):
    section: str
    title: str
    before: str | None
    after: str | None


ChannelEnum: TypeAlias = Literal["email", "webhook"]


class CheckOutput(TypedDict):
    check_id: str
    principle: str
    title: str
    decides: "DecidesEnum"
    verdict: "CheckVerdict"
    value: NotRequired[float | None]
    lower: NotRequired[float | None]
    upper: NotRequired[float | None]
    level: NotRequired[float | None]
    threshold: NotRequired[float | None]
    sentence: str
    change: NotRequired[str]
    tables: NotRequired[Any]
    figures: NotRequired[Any]
    evidence: Any
    provenance: NotRequired[Any]
    seconds: NotRequired[Any]
    digest: str


CheckVerdict: TypeAlias = Literal["pass", "fail", "inconclusive", "not_assessable", "not_applicable"]


class CheckpointOutput(TypedDict):
    size: int
    root: str
    created_at: str
    note: str


class ClassOutput(TypedDict):
    """A class of records and the rule that holds for it now."""

    key: str
    title: str
    holds: str
    start: str
    action: str
    period: str
    days: int
    least_days: int
    legal_basis: str
    may_be_set: bool
    hold: "HoldOutput | None"
    last: "ExecutionOutput | None"


class ClockInput(TypedDict):
    clock: str
    answer: "ClockInputAnswerEnum"
    text: NotRequired[str]


ClockInputAnswerEnum: TypeAlias = Literal["applies", "does_not_apply", "done"]


class CommentInput(TypedDict):
    text: str


class CommentOutput(TypedDict):
    id: str
    created_at: str
    author: str
    text: str


ComparedEnum: TypeAlias = Literal["twin", "no_entanglement", "logistic"]


class ComparedOutput(TypedDict):
    title: str
    origin: str
    sites: list["UnlikeOutput"]


class ComparisonOutput(TypedDict):
    before: str
    after: str
    changed: int
    warnings: list[str]
    lines: list["LineOutput"]


class CompletenessOutput(TypedDict):
    """Of the rows that the log should give, how many stand in the tables as it gives them."""

    found: int
    expected: int
    at: str | None
    seconds: float | None
    tables: list["TableFigureOutput"]
    differences: list[str]


ConsentCapacity: TypeAlias = Literal["operator", "officer"]


ConsentDecision: TypeAlias = Literal["given", "refused", "withdrawn"]


class ConsentInput(TypedDict):
    decision: "ConsentDecision"
    reason: NotRequired[str]
    capacity: NotRequired["ConsentCapacity | BlankEnum"]
    site: NotRequired[str]


class ConsentOutput(TypedDict):
    """An institution's answer by all its signers; decision null means that somebody has not answered."""

    site: str
    institution: str
    decision: str | None
    reason: NotRequired[str]
    config_hash: NotRequired[str | None]
    decided_at: NotRequired[str | None]
    signatures: list["SignatureOutput"]
    short_of: str


ContestedByEnum: TypeAlias = Literal["clinician", "patient", "representative"]


class ContinuityOutput(TypedDict):
    """The newest of each; null: there is none."""

    backup: "BackupOutput | None"
    drill: "DrillOutput | None"
    passed: "DrillOutput | None"
    backup_overdue: bool
    drill_due: str | None
    drill_overdue: bool
    last_failed: bool


class ContributionStudyInput(TypedDict):
    epsilon: NotRequired[float | None]


class ContributionStudyOutput(TypedDict):
    """`result` says what each site gained the model; null until every site has answered.

    Without noise (`epsilon` null) it holds the caller's own sites alone.
    """

    id: str
    created_at: str
    run: str
    epsilon: NotRequired[float | None]
    delta: NotRequired[float | None]
    result: dict[str, Any] | None
    error: NotRequired[str]
    requested_by: str
    finished_at: NotRequired[str | None]


class ControlFileInput(TypedDict):
    file: str
    note: str
    valid_until: str


class ControlFileOutput(TypedDict):
    """`digest` is the file's SHA-256."""

    id: str
    framework: str
    control: str
    name: str
    media_type: str
    size: int
    digest: str
    note: str
    valid_until: str
    created_at: str
    withdrawn_at: str | None


class ControlOutput(TypedDict):
    id: str
    reference: str
    title: str
    text: str
    evidence: str
    findings: list["FindingOutput"]
    files: list["ControlFileOutput"]


class CoverageOutput(TypedDict):
    """For how many controls evidence is on record. It never says that a requirement is met."""

    there: int
    partly: int
    none: int
    not_assessable: int
    total: int


DecidesEnum: TypeAlias = Literal["certifies", "refutes", "informs"]


class DecisionInput(TypedDict):
    decision: "ApprovalDecision"
    reason: str
    password: str
    signature: NotRequired["DecisionSignatureInput"]


class DecisionOutput(TypedDict):
    id: str
    created_at: str
    decided_by: str
    capacity: "CapacityEnum"
    institution: NotRequired[str | None]
    decision: "ApprovalDecision"
    reason: str
    content_digest: str
    delegation: NotRequired[str | None]
    key: NotRequired[str | None]
    statement: NotRequired[str]
    signature: NotRequired[str]


class DecisionSignatureInput(TypedDict):
    """As `statements` gave it, with what your key made of it."""

    statement: str
    salt: str
    signature: str


class DeclarationInput(TypedDict):
    conflict: NotRequired[str]


class DelegationInput(TypedDict):
    deputy: str
    starts_at: str
    ends_at: str
    reason: str


class DelegationOutput(TypedDict):
    id: str
    created_at: str
    officer: str
    deputy: str
    institution: str
    starts_at: str
    ends_at: str
    revoked_at: NotRequired[str | None]


class DeploymentInput(TypedDict):
    approval_request: str
    name: str


class DeploymentOutput(TypedDict):
    id: str
    created_at: str
    version: str
    approval_request: str
    kind: "UseKind"
    name: str
    policy: Any
    state: NotRequired["DeploymentState"]
    deployed_by: str


DeploymentState: TypeAlias = Literal["active", "halted", "revoked"]


class DetailOutput(TypedDict):
    """An entry as the world sees it: the leaf and its hash."""

    seq: int
    table: str
    operation: str
    object: str
    at: str
    leaf: str
    leaf_hash: str
    state: str
    problems: list[str]
    checkpoint_size: int | None
    anchor: "AnchorOutput | None"
    body: "BodyOutput | None"


class DeviceConsentInput(TypedDict):
    run: str
    site: NotRequired[str]
    device: "DeviceConsentInputDeviceEnum"
    decision: "ConsentDecision"
    reason: NotRequired[str]


DeviceConsentInputDeviceEnum: TypeAlias = Literal["ibm", "azure"]


class DeviceConsentOutput(TypedDict):
    id: str
    created_at: str
    run: str
    site: str
    device: str
    config_hash: str
    decision: "ConsentDecision"
    reason: NotRequired[str]


class DeviceOutput(TypedDict):
    """`missing_*` are of the platform's own workers, names alone. Checks are null where nothing was measured."""

    name: str
    title: str
    needs_consent: bool
    takes_noise: bool
    max_qubits: int
    max_shots: int
    missing_modules: list[str]
    missing_variables: list[str]
    readout: NotRequired[Any]
    readout_at: NotRequired[str | None]
    quantum_volume: NotRequired[Any]
    quantum_volume_at: NotRequired[str | None]


DigestEnum: TypeAlias = Literal["never", "daily", "weekly"]


DisclosedEnum: TypeAlias = Literal["told", "not_needed", "unreachable"]


class DocumentInput(TypedDict):
    name: str
    data: str


class DraftsOutput(TypedDict):
    drafts: dict[str, str]


class DrillOutput(TypedDict):
    """A backup that was restored and checked. `seconds` is the recovery time; `lost_*` what would have been lost."""

    id: str
    created_at: str
    backup: str
    taken_at: NotRequired[str | None]
    held_by: str
    outcome: "DrillOutputOutcomeEnum"
    seconds: float
    lost_seconds: NotRequired[float | None]
    lost_entries: NotRequired[int | None]
    problems: list[str]
    figures: dict[str, Any]


DrillOutputOutcomeEnum: TypeAlias = Literal["passed", "failed"]


DtypeEnum: TypeAlias = Literal["uint8", "float32"]


class DueOutput(TypedDict):
    """What an execution would do with a class now."""

    record_class: str
    counts: dict[str, int]
    total: int


DutyEnum: TypeAlias = Literal["gdpr_33", "gdpr_33_2", "gdpr_34", "hipaa_404", "hipaa_406", "hipaa_408_many", "hipaa_408_few"]


class DutyOutput(TypedDict):
    """What the law asks for. What is not known does not stop a duty; a person's answer comes first."""

    key: str
    title: str
    article: str
    state: str
    due: str
    running: bool
    overdue: bool
    late: bool
    why: str


EmbeddingEnum: TypeAlias = Literal["RX", "RY", "RZ", "amplitude"]


class EmergencyInput(TypedDict):
    institution: str
    reason: str
    password: NotRequired[str]


class EmergencyOutput(TypedDict):
    """Rights that two people lend for an hour. Until `confirm_until` another person may confirm."""

    id: str
    created_at: str
    requested_by: str
    institution: str
    reason: str
    confirm_until: str
    confirmed_by: NotRequired[str | None]
    confirmed_at: NotRequired[str | None]
    is_waiting: bool
    is_on: bool
    ends_at: NotRequired[str | None]
    ended_at: NotRequired[str | None]
    review_due_on: NotRequired[str | None]
    review_overdue: bool
    reviewed_by: NotRequired[str | None]
    reviewed_at: NotRequired[str | None]
    verdict: NotRequired["EmergencyVerdict | BlankEnum"]
    review: NotRequired[str]


class EmergencyReviewInput(TypedDict):
    verdict: "EmergencyVerdict"
    review: str


EmergencyVerdict: TypeAlias = Literal["justified", "unjustified"]


class EntryOutput(TypedDict):
    """An entry as the world sees it: the leaf and its hash."""

    seq: int
    table: str
    operation: str
    object: str
    at: str
    leaf: str
    leaf_hash: str


class ErasureInput(TypedDict):
    ground: "GroundEnum"
    confirm: str


class EstimateOutput(TypedDict):
    """What a tier of a class of risk would measure, and about how long one site would work for it."""

    policy: str
    risk_class: str
    tier: str
    checks: int
    seconds: int
    measured: float


class EthicsInput(TypedDict):
    body: str
    number: str
    valid_until: str


class EventInput(TypedDict):
    event_key: str
    patient: str
    at: str
    attributes: NotRequired[dict[str, str]]
    score: NotRequired[float]
    label: NotRequired["LabelEnum"]
    mask: NotRequired["MaskInput"]
    inputs: NotRequired[list[float]]


class EventOutput(TypedDict):
    id: int
    at: NotRequired[str]
    kind: str
    site: NotRequired[str]
    text: NotRequired[str]
    data: NotRequired[Any]


class EventsInput(TypedDict):
    records: list["EventInput"]


class EventsOutput(TypedDict):
    accepted: int
    batch: str
    at: str
    refused: NotRequired[int]
    records: NotRequired[list["RefusalOutput"]]
    after_halt: int
    warnings: list["WarningOutput"]


class EvidenceItemOutput(TypedDict):
    """One figure (its `id` is empty) or item of a report, and where its evidence stands."""

    section: str
    id: str
    what: str
    value: str
    at: str
    object: str
    entry: int | None
    evidence: str


EvidenceKindEnum: TypeAlias = Literal["audit", "document"]


class EvidenceOutput(TypedDict):
    id: str
    created_at: str
    kind: str
    source_id: str
    verdict: "EvidenceVerdict"
    digest: str
    summary: Any


EvidenceVerdict: TypeAlias = Literal["pass", "fail", "inconclusive", "not_assessable"]


class ExclusionOutput(TypedDict):
    """A site's answer that did not count, and why."""

    site: str
    phase: str
    kind: str
    reason: str
    at: str


class ExecutedOutput(TypedDict):
    """One for each class that the schedule removes anything of."""

    executions: list["ExecutionOutput"]


class ExecutionOutput(TypedDict):
    """What one execution did with one class. `error` is empty if it was carried out."""

    id: str
    created_at: str
    record_class: str
    action: str
    days: int
    legal_basis: str
    before: str
    counts: dict[str, int]
    held_by: NotRequired[str | None]
    error: NotRequired[str]


ExternalAuditState: TypeAlias = Literal["open", "closed", "revoked", "expired"]


class ExternalDataInput(TypedDict):
    site: str
    file: str


class ExternalDataOutput(TypedDict):
    id: str
    created_at: str
    digest: str
    size: int
    site: str
    state: NotRequired["ExternalDataState"]
    refusal: NotRequired[str]
    manifest: NotRequired[Any]
    withdrawn_at: NotRequired[str | None]


ExternalDataState: TypeAlias = Literal["checking", "ready", "refused", "withdrawn"]


class ExternalDetailOutput(TypedDict):
    id: str
    created_at: str
    version: str
    board: str
    state: NotRequired["ExternalAuditState"]
    expires_at: str
    closed_at: NotRequired[str | None]
    policy: Any
    data_sets: list["ExternalDataOutput"]
    runs: list["ExternalRunOutput"]
    findings: list["ExternalFindingOutput"]


class ExternalFindingInput(TypedDict):
    severity: "ExternalFindingSeverity"
    text: str
    run: NotRequired[str]
    file: NotRequired[str]


class ExternalFindingOutput(TypedDict):
    id: str
    created_at: str
    run: NotRequired[str | None]
    severity: "ExternalFindingSeverity"
    text: str
    attachment: NotRequired[str]
    attachment_name: NotRequired[str]


ExternalFindingSeverity: TypeAlias = Literal["note", "minor", "major", "critical"]


class ExternalOutput(TypedDict):
    id: str
    created_at: str
    version: str
    board: str
    state: NotRequired["ExternalAuditState"]
    expires_at: str
    closed_at: NotRequired[str | None]
    policy: Any


class ExternalResultOutput(TypedDict):
    check_id: str
    principle: str
    title: str
    decides: "DecidesEnum"
    verdict: "CheckVerdict"
    value: NotRequired[float | None]
    lower: NotRequired[float | None]
    upper: NotRequired[float | None]
    level: NotRequired[float | None]
    threshold: NotRequired[float | None]
    sentence: str
    change: NotRequired[str]
    tables: NotRequired[Any]
    figures: NotRequired[Any]
    evidence: Any
    provenance: NotRequired[Any]
    seconds: NotRequired[Any]
    digest: str


class ExternalRevokeInput(TypedDict):
    reason: str


class ExternalRunInput(TypedDict):
    data: str
    checks: list[str]


class ExternalRunOutput(TypedDict):
    id: str
    created_at: str
    data: str
    state: NotRequired["ExternalRunState"]
    verdict: NotRequired[str]
    digest: NotRequired[str]
    finished_at: NotRequired[str | None]
    policy: Any
    results: list["ExternalResultOutput"]


ExternalRunState: TypeAlias = Literal["running", "finished"]


class FactOutput(TypedDict):
    text: str
    url: str


class FactsChangeInput(TypedDict):
    """All facts, as they are known now."""

    aware_at: str
    persons: NotRequired[int | None]
    personal_data: NotRequired[bool | None]
    risk: NotRequired[bool | None]
    high_risk: NotRequired[bool | None]
    phi: NotRequired[bool | None]
    processor: NotRequired[bool]
    revision: int


class FactsInput(TypedDict):
    aware_at: str
    known: dict[str, bool | None]


class FactsOutput(TypedDict):
    """What the platform itself tells."""

    title: str
    lines: list["FactOutput"]


class FeatureStudyInput(TypedDict):
    """The noise grows with the root of the number of features, so ask for what matters."""

    features: list[str]
    epsilon: NotRequired[float]


class FeatureStudyOutput(TypedDict):
    """`result` is of the sites that have answered so far; null: none has."""

    id: str
    created_at: str
    federation: str
    question: dict[str, Any]
    epsilon: float
    delta: float
    result: dict[str, Any] | None
    requested_by: str
    finished_at: NotRequired[str | None]


class FederationDetailOutput(TypedDict):
    """A federation with its sites. The view hangs `held` on it."""

    id: str
    name: str
    purpose: str
    data_title: str
    task: str
    synthetic: NotRequired[bool]
    created_at: str
    participants: list["ParticipantOutput"]


class FederationOutput(TypedDict):
    id: str
    name: str
    purpose: str
    data_title: str
    task: str
    synthetic: NotRequired[bool]
    created_at: str


FeedbackEnum: TypeAlias = Literal["none", "told", "earlier"]


class FigureOutput(TypedDict):
    label: str
    value: int
    note: str


class FindingOutput(TypedDict):
    name: str
    title: str
    evidence: str
    count: int
    of: int
    sentence: str
    newest: str | None
    link: str


class FollowInput(TypedDict):
    state: "BoardFindingState"
    text: str


class FrameworkDetailOutput(TypedDict):
    key: str
    title: str
    edition: str
    coverage: "CoverageOutput"
    controls: list["ControlOutput"]


class FrameworkOutput(TypedDict):
    key: str
    title: str
    edition: str
    coverage: "CoverageOutput"


class GrantedErasureInput(TypedDict):
    ground: "GroundEnum"
    confirm: str


GroundEnum: TypeAlias = Literal["a", "b", "c", "d", "e", "f"]


class HaltInput(TypedDict):
    reason: str
    site: NotRequired[str]


class HaltOutput(TypedDict):
    id: str
    deployment: str
    automatic: bool
    halted_by: NotRequired[str | None]
    reason: str
    alarm: NotRequired[Any]
    position: int
    site: NotRequired[str]
    source: str
    created_at: str
    closed_at: NotRequired[str | None]
    reinstatements: list["VoteOutput"]


HipaaEnum: TypeAlias = Literal["hipaa_508", "hipaa_512_i", "hipaa_514_b", "hipaa_514_e", "hipaa_506_c", "no_personal_data", "not_applicable"]


class HitOutput(TypedDict):
    title: str
    url: str
    detail: str
    state: str
    when: str | None


class HitsOutput(TypedDict):
    """What was found of one kind."""

    kind: str
    more: bool
    hits: list["HitOutput"]


class HoldInput(TypedDict):
    record_class: NotRequired["RecordClassEnum | BlankEnum"]
    ends_on: str
    reason: str


class HoldOutput(TypedDict):
    """While it lasts, nothing of the class (empty: nothing at all) is removed."""

    id: str
    created_at: str
    record_class: NotRequired[str]
    ends_on: str
    placed_by: str
    reason: str
    lifted_at: NotRequired[str | None]
    lifted_by: NotRequired[str | None]
    lift_reason: NotRequired[str]


class HomeOutput(TypedDict):
    needs: list["NeedOutput"]
    figures: list["FigureOutput"]


class IdentityProviderChangeInput(TypedDict):
    name: str
    issuer: str
    client_id: NotRequired[str]
    secret: NotRequired[str]
    sso_url: NotRequired[str]
    certificates: NotRequired[str]
    email_attribute: NotRequired[str]
    factor_amr: NotRequired[list[str]]
    factor_acr: NotRequired[list[str]]
    is_active: NotRequired[bool]


class IdentityProviderInput(TypedDict):
    name: str
    issuer: str
    client_id: NotRequired[str]
    secret: NotRequired[str]
    sso_url: NotRequired[str]
    certificates: NotRequired[str]
    email_attribute: NotRequired[str]
    factor_amr: NotRequired[list[str]]
    factor_acr: NotRequired[list[str]]
    is_active: NotRequired[bool]
    institution: str
    protocol: NotRequired["ProtocolEnum"]
    slug: str


class IdentityProviderOutput(TypedDict):
    """The sign-in service of an institution. Its secret is sealed, and shown to nobody."""

    id: str
    created_at: str
    institution: str
    protocol: NotRequired["ProtocolEnum"]
    slug: str
    name: str
    issuer: str
    client_id: NotRequired[str]
    sso_url: NotRequired[str]
    certificates: NotRequired[str]
    email_attribute: NotRequired[str]
    factor_amr: list[str]
    factor_acr: list[str]
    is_active: NotRequired[bool]


class ImageInput(TypedDict):
    shape: list[int]
    dtype: "DtypeEnum"
    data: str


class IncidentDetailOutput(TypedDict):
    id: str
    deployment: str
    halt: str
    state: NotRequired["IncidentState"]
    responsible: NotRequired[str | None]
    created_at: str
    closed_at: NotRequired[str | None]
    records: list["RecordOutput"]
    tasks: list["TaskOutput"]
    look_back: "LookBackOutput"
    clocks: list[dict[str, Any]]
    missing: list[str]
    sites: list[dict[str, Any]]


class IncidentOutput(TypedDict):
    id: str
    deployment: str
    halt: str
    state: NotRequired["IncidentState"]
    responsible: NotRequired[str | None]
    created_at: str
    closed_at: NotRequired[str | None]


IncidentState: TypeAlias = Literal["open", "contained", "resolved", "closed"]


class InvitationInput(TypedDict):
    institution: str
    site: str
    days: NotRequired[int]


class InvitationOutput(TypedDict):
    id: str
    created_at: str
    institution: str
    site: str
    state: NotRequired["InvitationState"]
    expires_at: str
    ended_at: NotRequired[str | None]


InvitationState: TypeAlias = Literal["open", "joined", "revoked", "expired"]


class InviteInput(TypedDict):
    """Whom to invite, to what, and until when. Without an account here, the person gets one, without a password."""

    version: str
    board: str
    name: str
    email: str
    last_day: str
    checks: list[str]
    purpose: str


InvitedRole: TypeAlias = Literal["administrator", "ethics_officer", "auditor", "site_operator", "clinician"]


class ItemFindingInput(TypedDict):
    finding: "SampleFinding"
    text: str
    file: NotRequired[str]


class KeyInput(TypedDict):
    challenge: str
    signature: str


class KeyOutput(TypedDict):
    id: str
    user: str
    address: str
    registered_at: str
    revoked_at: str | None


LabelEnum: TypeAlias = Literal[0, 1]


LanguageEnum: TypeAlias = Literal["en-gb", "de"]


LawfulnessEnum: TypeAlias = Literal["gdpr_6_1_a", "gdpr_6_1_c", "gdpr_6_1_e", "gdpr_6_1_f", "no_personal_data", "not_applicable"]


class LiftInput(TypedDict):
    reason: str


class LimitInput(TypedDict):
    institution: NotRequired[str | None]
    shots_per_month: int
    cost_per_month: str


class LineOutput(TypedDict):
    """One check in both audits; the older first. Either may lack it."""

    title: str
    principle: str
    before: "SideOutput | None"
    after: "SideOutput | None"
    what: str


class LinkOutput(TypedDict):
    """One end of a link, as its site last told. No key and no credential is in it."""

    id: str
    created_at: str
    site: str
    peer: str
    state: "QuantumLinkState"
    simulated: NotRequired[bool | None]
    qber: NotRequired[float | None]
    qber_upper: NotRequired[float | None]
    secure_bits: NotRequired[int | None]
    rate: NotRequired[float | None]
    stored_keys: NotRequired[int | None]
    max_keys: NotRequired[int | None]
    key_size: NotRequired[int | None]
    reason: NotRequired[str]


class LookBackOutput(TypedDict):
    id: str
    since: str
    until: str
    attribute: NotRequired[str]
    group: NotRequired[str]
    basis: str
    estimate: NotRequired[Any]
    built_at: NotRequired[str | None]


class MachineKeyInput(TypedDict):
    name: str
    institution: str
    actions: list["MachineKeyInputActionsEnum"]
    days: NotRequired[int]


MachineKeyInputActionsEnum: TypeAlias = Literal["appeal.view", "approval.view", "audit.view", "board.view", "control.view", "deployment.view", "event.record", "external.view", "federation.view", "incident.view", "ledger.view", "model.view", "notice.view", "outcome.record", "policy.view", "prediction.request", "protection.view", "quantum.view", "report.create", "report.view", "review.record", "sample.view", "subject.view", "version.view"]


class MachineKeyOutput(TypedDict):
    id: str
    created_at: str
    name: str
    prefix: str
    institution: str
    actions: NotRequired[Any]
    issued_by: str
    expires_at: str
    revoked_at: NotRequired[str | None]
    last_used_at: NotRequired[str | None]


class ManifestOutput(TypedDict):
    """What the site last said it holds; `content` has counts and the load report, no record."""

    digest: str
    stated_at: str
    content: Any


class MarkInput(TypedDict):
    what: "WhatEnum"
    result: "ResultEnum"
    cases: NotRequired[list[int] | None]
    note: NotRequired[str]


class MarkedOutput(TypedDict):
    marked: int


class MaskInput(TypedDict):
    shape: list[int]
    data: str


class MembershipOutput(TypedDict):
    """A role; without an institution, one of the platform."""

    id: str
    role: "Role"
    institution: str | None


class MessageOutput(TypedDict):
    """One thing that you were told. It names no patient."""

    id: str
    created_at: NotRequired[str]
    kind: str
    title: str
    text: NotRequired[str]
    path: NotRequired[str]
    read_at: NotRequired[str | None]


class ModelInput(TypedDict):
    """The quantum model of a run and what it is compared with; what is left out is as recommended for the task."""

    compared: NotRequired["ComparedEnum"]
    qubits: NotRequired[int]
    layers: NotRequired[int]
    entangling: NotRequired[bool]
    ansatz: NotRequired["AnsatzEnum"]
    embedding: NotRequired["EmbeddingEnum"]
    reupload: NotRequired[bool]
    start: NotRequired["StartEnum"]
    noise: NotRequired[Any]


class ModelOutput(TypedDict):
    id: str
    created_at: str
    federation: str
    name: str
    intended_use: str


class MonitorOutput(TypedDict):
    deployment: str
    state: str
    position: int
    outcomes: int
    predictions: int
    amber: bool
    updated_at: str | None
    summary: dict[str, Any]


class NamesInput(TypedDict):
    event_keys: list[str]


class NeedOutput(TypedDict):
    """One thing to do or to know."""

    title: str
    detail: str
    url: str
    tone: str
    since: str


class NewInvitationOutput(TypedDict):
    id: str
    created_at: str
    institution: str
    site: str
    state: NotRequired["InvitationState"]
    expires_at: str
    ended_at: NotRequired[str | None]
    invitation: str


class NewMachineKeyOutput(TypedDict):
    id: str
    created_at: str
    name: str
    prefix: str
    institution: str
    actions: NotRequired[Any]
    issued_by: str
    expires_at: str
    revoked_at: NotRequired[str | None]
    last_used_at: NotRequired[str | None]
    secret: str


class NewPersonInvitationOutput(TypedDict):
    """A role that waits for a person. Without an institution, one of the platform."""

    id: str
    created_at: str
    person: str
    institution: str | None
    role: "Role"
    invited_by: str
    expires_at: str
    accepted_at: NotRequired[str | None]
    withdrawn_at: NotRequired[str | None]
    is_open: bool
    link: str
    mailed: bool


class NewSubscriptionOutput(TypedDict):
    id: str
    name: str
    url: str
    institution: NotRequired[str | None]
    created_at: str
    revoked_at: NotRequired[str | None]
    secret: str


class NoteInput(TypedDict):
    kind: "NoteInputKindEnum"
    action: NotRequired["ActionEnum | BlankEnum"]
    text: str


NoteInputKindEnum: TypeAlias = Literal["downtime", "root_cause", "action", "remark"]


class NoticeOutput(TypedDict):
    id: str
    event: str
    halt: str
    channel: "ChannelEnum"
    recipient: NotRequired[str | None]
    subscription: NotRequired[str | None]
    payload: Any
    state: NotRequired["NoticeState"]
    attempts: NotRequired[int]
    last_error: NotRequired[str]
    created_at: str
    sent_at: NotRequired[str | None]


NoticeState: TypeAlias = Literal["queued", "sent", "dead"]


NullEnum: TypeAlias = None


class ObjectionInput(TypedDict):
    deployment: str
    event_key: str
    text: str


class OutcomeInput(TypedDict):
    event_key: str
    label: NotRequired["LabelEnum"]
    mask: NotRequired[str]
    corrects: NotRequired[int]


class OutcomeRowOutput(TypedDict):
    position: int
    at: str
    batch_id: str
    stratum: int
    values: dict[str, float]
    corrects: NotRequired[int | None]
    origin: str


class OutcomesInput(TypedDict):
    records: list["OutcomeInput"]


class OutcomesOutput(TypedDict):
    accepted: int
    batch: str
    at: str
    refused: NotRequired[int]
    records: NotRequired[list["RefusalOutput"]]
    corrections: int
    positions: dict[str, int]


class OverlayOrderOutput(TypedDict):
    id: str
    created_at: NotRequired[str]
    state: NotRequired["SiteOrderState"]


class OverlayOutput(TypedDict):
    """A held-out patient of your own site, by the site's pseudonym, with the outlines of truth and prediction."""

    name: str
    where: str
    primary: float | None
    baseline: float | None
    words: str
    svg: str


class OverviewOutput(TypedDict):
    """Counts within your reach."""

    requests: int
    requests_late: int
    breaches: int
    models: int
    assessed: int
    needs: list["ProtectionNeedOutput"]


class ParticipantOutput(TypedDict):
    site: str
    institution: str
    is_active: bool
    last_seen_at: str | None
    manifest: "ManifestOutput | None"


class PatientErasureInput(TypedDict):
    institution: str
    patient: str
    confirm: str
    ground: "GroundEnum"


class PeriodInput(TypedDict):
    since: str
    whole: NotRequired[bool]
    reason: str


class PersonInvitationInput(TypedDict):
    email: str
    name: str
    institution: NotRequired[str | None]
    role: "InvitedRole"


class PersonInvitationOutput(TypedDict):
    """A role that waits for a person. Without an institution, one of the platform."""

    id: str
    created_at: str
    person: str
    institution: str | None
    role: "Role"
    invited_by: str
    expires_at: str
    accepted_at: NotRequired[str | None]
    withdrawn_at: NotRequired[str | None]
    is_open: bool


class PersonOutput(TypedDict):
    id: str
    name: str
    memberships: list[dict[str, Any]]
    erased: bool
    may_erase: bool
    has_factor: bool


class PlaceOutput(TypedDict):
    """A site on the map: how healthy its worker is, and what it runs."""

    site: str
    institution: str
    health: str
    last_seen_at: str | None
    version: NotRequired[str | None]
    carried_by: NotRequired[str | None]
    outdated: bool


PolicyDecision: TypeAlias = Literal["approve", "reject"]


class PolicyDecisionInput(TypedDict):
    decision: "PolicyDecision"
    reason: str


class PolicyDecisionOutput(TypedDict):
    id: str
    created_at: str
    decided_by: str
    capacity: "CapacityEnum"
    institution: NotRequired[str | None]
    decision: "PolicyDecision"
    reason: str
    content_digest: str


class PolicyInput(TypedDict):
    risk_class: "RiskClassEnum"
    content: Any
    justification: str


class PolicyOutput(TypedDict):
    id: str
    created_at: str
    risk_class: "RiskClassEnum"
    number: int
    state: NotRequired["PolicyState"]
    shipped: NotRequired[bool]
    content: Any
    content_digest: str
    requested_by: NotRequired[str | None]
    justification: NotRequired[str]
    closed_at: NotRequired[str | None]
    decisions: list["PolicyDecisionOutput"]
    missing: list[str]


PolicyState: TypeAlias = Literal["under_review", "approved", "rejected", "withdrawn"]


class PolicyWithdrawInput(TypedDict):
    reason: NotRequired[str]


class PredictedCaseOutput(TypedDict):
    """What was said, what turned out to be true, and what people did about it."""

    place: "CasePlaceOutput"
    site: str
    at: str
    flagged: bool
    said: str
    truth: str
    shadow: bool
    review: "CaseReviewOutput | None"
    appeals: list["CaseAppealOutput"]
    entry: int | None


PredictionFileState: TypeAlias = Literal["queued", "running", "finished", "cancelled", "stopped"]


class PredictionInput(TypedDict):
    event_key: str
    patient: str
    attributes: NotRequired[dict[str, str]]
    features: NotRequired[list[float]]
    image: NotRequired["ImageInput"]
    age: NotRequired[float]
    device: NotRequired[str]
    use: NotRequired["UseEnum"]


class PredictionProofOutput(TypedDict):
    """A row and what proves it: SHA-256 leaves as in RFC 9162, see `provenance.domain.batch`."""

    batch: str
    entry: NotRequired[int | None]
    root: str
    index: int
    size: int
    row: dict[str, Any]
    salt: str
    path: list[str]
    proves: bool
    problem: str


class PredictionsInput(TypedDict):
    records: list["PredictionInput"]


class PredictionsOutput(TypedDict):
    deployment: str
    kind: str
    acted_on: bool | None
    batch: str
    at: str
    model: dict[str, Any]
    regulatory: str
    operating_range: dict[str, Any]
    predictions: list[dict[str, Any]]
    notice: str
    warnings: NotRequired[list[str]]


class PreferencesInput(TypedDict):
    """All of them; of `ways`, what is left out stays."""

    language: "LanguageEnum | BlankEnum"
    time_zone: str
    shortcuts: bool
    digest: "DigestEnum"
    ways: NotRequired[dict[str, Literal["at_once", "digest", "inbox"]]]


class PreferencesOutput(TypedDict):
    language: str
    time_zone: str
    shortcuts: bool
    digest: "DigestEnum"
    ways: dict[str, Literal["at_once", "digest", "inbox"]]


class Problem(TypedDict):
    """An error, as RFC 9457 has it. Some have more fields, which help to mend it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    message: NotRequired[str]
    instance: NotRequired[str]
    request_id: NotRequired[str]
    fields: NotRequired[Any]
    etag: NotRequired[str]
    current: NotRequired[Any]


class ProcessingNoteInput(TypedDict):
    """The texts of an activity: all of them, as what is left out is emptied."""

    revision: int
    texts: dict[str, str]


class ProgressOutput(TypedDict):
    """`eta_seconds` is the mean of the finished rounds times what is left; null before the first has finished."""

    rounds: int
    done: int
    round_in_hand: int | None
    mean_round_seconds: float | None
    eta_seconds: float | None
    sites: list["SiteProgressOutput"]


class ProposeInput(TypedDict):
    object: str
    content_digest: NotRequired[str]
    verdict: "ProposeInputVerdictEnum"
    rationale: str
    expires_in_s: NotRequired[int]


ProposeInputVerdictEnum: TypeAlias = Literal["approve", "halt", "propose", "resume", "revoke"]


class ProtectionNeedOutput(TypedDict):
    """What waits for you."""

    title: str
    detail: str
    url: str
    tone: str
    since: str


ProtocolEnum: TypeAlias = Literal["openid_connect", "saml"]


class ProviderTaskOutput(TypedDict):
    """A task at the provider, which may have it while `sending` and has not if `not_taken`."""

    number: int
    provider_id: NotRequired[str]
    circuits: int
    state: NotRequired["ProviderTaskState"]
    handed_in_at: NotRequired[str | None]
    ended_at: NotRequired[str | None]


ProviderTaskState: TypeAlias = Literal["sending", "handed_in", "done", "failed", "cancelled", "not_taken"]


class PublicCardDetailOutput(TypedDict):
    id: str
    created_at: str
    model: str
    version: str
    edition: int
    card_digest: str
    content: Any


class PublicCardOutput(TypedDict):
    id: str
    created_at: str
    model: str
    version: str
    edition: int
    card_digest: str


class PublicationOutput(TypedDict):
    id: str
    created_at: str
    version: str
    edition: int
    card_digest: str
    withdrawn_at: NotRequired[str | None]


class QuantumEstimateOutput(TypedDict):
    """What an order would take; `refusal` is empty if it would be accepted."""

    circuits: NotRequired[int | None]
    shots: NotRequired[int | None]
    cost: NotRequired[float | None]
    currency: NotRequired[str]
    basis: NotRequired[str]
    warnings: NotRequired[list[str]]
    refusal: str


class QuantumJobOutput(TypedDict):
    id: str
    created_at: str
    device: str
    purpose: "QuantumJobOutputPurposeEnum"
    run: str | None
    site: NotRequired[str | None]
    qubits: int
    circuits: int
    shots: int
    estimate: Any
    cost: NotRequired[str | None]
    cost_limit: NotRequired[str | None]
    min_quantum_volume: NotRequired[int | None]
    noise: NotRequired[Any]
    mitigation: NotRequired[Any]
    state: NotRequired["QuantumJobState"]
    machine: NotRequired[str]
    provider_tasks: list[str]
    tasks: list["ProviderTaskOutput"]
    note: NotRequired[str]
    submitted_at: NotRequired[str | None]
    finished_at: NotRequired[str | None]
    result: NotRequired[Any]
    result_digest: NotRequired[str]
    error: NotRequired[str]
    retry_of: str | None


QuantumJobOutputPurposeEnum: TypeAlias = Literal["evaluation", "readout", "quantum_volume"]


QuantumJobState: TypeAlias = Literal["queued", "submitted", "running", "finished", "failed", "cancelled"]


QuantumLinkState: TypeAlias = Literal["up", "no_key", "down", "unconfigured"]


class QuantumOrderInput(TypedDict):
    """An evaluation names `run`, `site` and `patients`; a check names `qubits`.

    `noise` is for simulators that can run under a noise model: `{"preset": "mild"}` (or decaying, strong), or
    rates, such as `{"name": "mine", "two_qubit": {"depolarising": 0.01}, "readout": {"one_if_zero": 0.02}}`.
    `one_qubit` and `two_qubit` have depolarising, amplitude_damping and dephasing, `readout` one_if_zero and
    zero_if_one. `mitigate` inverts the readout error of an evaluation.
    """

    purpose: "QuantumOrderInputPurposeEnum"
    device: "QuantumOrderInputDeviceEnum"
    shots: int
    run: NotRequired[str]
    site: NotRequired[str]
    patients: NotRequired[int]
    qubits: NotRequired[int]
    min_quantum_volume: NotRequired[int | None]
    cost_limit: NotRequired[str | None]
    price_per_shot: NotRequired[str | None]
    price_per_second: NotRequired[str | None]
    seconds_per_shot: NotRequired[str | None]
    noise: NotRequired[Any]
    mitigate: NotRequired[bool]


QuantumOrderInputDeviceEnum: TypeAlias = Literal["simulator", "lightning.qubit", "default.mixed", "aer", "ibm", "azure"]


QuantumOrderInputPurposeEnum: TypeAlias = Literal["evaluation", "readout", "quantum_volume"]


class RateOutput(TypedDict):
    """The share of the population that conforms, with its exact interval."""

    value: float
    low: float
    high: float
    assessed: int


class ReadOutput(TypedDict):
    read: int


class ReasonInput(TypedDict):
    reason: str


class ReceiptOutput(TypedDict):
    """Shown this once. With the salt the person can show that the entry in the ledger is theirs; nobody else can."""

    reference: str
    salt: str
    forgotten: dict[str, int]


ReconsiderationChoice: TypeAlias = Literal["retrain", "retire"]


class ReconsiderationInput(TypedDict):
    choice: "ReconsiderationChoice"
    reason: str


class ReconsiderationOutput(TypedDict):
    """What a run learned from data that are lent no more: to be retrained without them, or retired."""

    id: str
    run: str
    site: str
    cause: "CauseEnum"
    created_at: str
    due_at: str
    choice: NotRequired["ReconsiderationChoice | BlankEnum"]
    reason: NotRequired[str]
    decided_at: NotRequired[str | None]


RecordClassEnum: TypeAlias = Literal["predictions", "bulk_files", "external_data", "look_backs", "notices", "mail_files", "sessions", "sign_in_details", "sign_ins", "kept_answers", "request_numbers"]


class RecordOutput(TypedDict):
    id: str
    kind: "RecordOutputKindEnum"
    key: NotRequired[str]
    answer: NotRequired[str]
    data: NotRequired[Any]
    text: NotRequired[str]
    author: str
    created_at: str


RecordOutputKindEnum: TypeAlias = Literal["facts", "clock", "downtime", "root_cause", "action", "remark", "state"]


class RefusalOutput(TypedDict):
    record: int
    event_key: str | None
    field: str
    message: str


class RehearsalInput(TypedDict):
    loss: float
    error: float


class RehearsalOutput(TypedDict):
    id: str
    created_at: str
    loss: float
    error: float
    steps: NotRequired[Any]
    finished_at: NotRequired[str | None]


class ReissueInput(TypedDict):
    reason: str


class RelianceOutput(TypedDict):
    site: str
    served: int
    reviewed: int
    unreviewed: "ShareOutput"
    accepted: "ShareOutput"
    overrode: "ShareOutput"
    accepted_wrong: "ShareOutput"


class ReportInput(TypedDict):
    """Both days are in the period; the last one must be over (UTC)."""

    period_start: str
    period_end: str
    kind: NotRequired["ReportKind"]
    institution: NotRequired[str | None]
    reason: NotRequired[str]


class ReportKeysOutput(TypedDict):
    keys: list[str]


ReportKind: TypeAlias = Literal["biannual", "monthly", "custom"]


class ReportOutput(TypedDict):
    """`files` are the SHA-256 of all files by kind, `manifest_digest` of what `signatures` are over; in the
    ledger.
    """

    id: str
    kind: "ReportKind"
    period_start: str
    period_end: str
    institution: str | None
    issue: int | None
    reason: str
    state: "ReportState"
    created_at: str
    finished_at: str | None
    stop_reason: str
    pdf_digest: str
    json_digest: str
    files: Any
    manifest_digest: str
    signatures: Any
    summary: Any


class ReportSignOffInput(TypedDict):
    capacity: "SignOffCapacity"
    statement: str
    signature: str
    password: str


class ReportSignOffOutput(TypedDict):
    """A person's signature over the files of a report. It never changes."""

    id: str
    created_at: str
    capacity: "SignOffCapacity"
    signer: str
    institution: str | None
    key: str
    statement: str
    signature: str


ReportState: TypeAlias = Literal["queued", "finished", "failed"]


class ReportStatementInput(TypedDict):
    capacity: "SignOffCapacity"


class ReportStatementOutput(TypedDict):
    statement: str


class RequestStepOutput(TypedDict):
    """What was done, and why. It never changes."""

    id: str
    created_at: str
    step: str
    text: NotRequired[str]
    author: str


RereadEnum: TypeAlias = Literal["confirmed", "changed", "not_possible"]


class ResetInput(TypedDict):
    reason: str


class ResetOutput(TypedDict):
    """Two administrators: one asks, another grants."""

    id: str
    user: str
    requested_by: str
    expires_at: str
    granted_by: str | None


ResultEnum: TypeAlias = Literal["confirmed", "changed", "not_possible", "told", "not_needed", "unreachable"]


ReviewDecision: TypeAlias = Literal["accepted", "overrode", "not_used"]


class ReviewInput(TypedDict):
    event_key: str
    decision: "ReviewDecision"
    why: NotRequired["WhyEnum"]
    note: NotRequired[str]


class ReviewerKeyChallengeInput(TypedDict):
    public_key: str


class ReviewerKeyChallengeOutput(TypedDict):
    text: str


class ReviewerKeyInput(TypedDict):
    public_key: str
    proof: str
    password: str


ReviewerKeyKind: TypeAlias = Literal["mldsa65", "webauthn"]


class ReviewerKeyOutput(TypedDict):
    id: str
    created_at: str
    kind: "ReviewerKeyKind"
    public_key: str
    revoked_at: NotRequired[str | None]


class ReviewsInput(TypedDict):
    records: list["ReviewInput"]


class ReviewsOutput(TypedDict):
    accepted: int
    at: str
    decisions: dict[str, int]


class RevokeInput(TypedDict):
    reason: str


RiskClassEnum: TypeAlias = Literal["limited", "high"]


class RiskEditInput(TypedDict):
    """`controls` are `framework:control`; `checks` are names of checks of an audit."""

    version: NotRequired[str | None]
    hazard: str
    situation: str
    harm: str
    severity_before: "RiskSeverity"
    probability_before: "RiskProbability"
    measures: NotRequired[str]
    severity_after: NotRequired["RiskSeverity | NullEnum"]
    probability_after: NotRequired["RiskProbability | NullEnum"]
    controls: NotRequired[list[str]]
    checks: NotRequired[list[str]]
    state: NotRequired["RiskState"]
    rationale: NotRequired[str]
    owner: str
    review_on: str
    revision: int


class RiskNewInput(TypedDict):
    """`controls` are `framework:control`; `checks` are names of checks of an audit."""

    version: NotRequired[str | None]
    hazard: str
    situation: str
    harm: str
    severity_before: "RiskSeverity"
    probability_before: "RiskProbability"
    measures: NotRequired[str]
    severity_after: NotRequired["RiskSeverity | NullEnum"]
    probability_after: NotRequired["RiskProbability | NullEnum"]
    controls: NotRequired[list[str]]
    checks: NotRequired[list[str]]
    state: NotRequired["RiskState"]
    rationale: NotRequired[str]
    owner: str
    review_on: str
    suggestion: NotRequired[str]


class RiskOutput(TypedDict):
    id: str
    created_at: str
    version: str | None
    hazard: str
    situation: str
    harm: str
    severity_before: "RiskSeverity"
    probability_before: "RiskProbability"
    level_before: str
    measures: str
    severity_after: "RiskSeverity | NullEnum"
    probability_after: "RiskProbability | NullEnum"
    level_after: str | None
    controls: list[str]
    checks: list[str]
    state: "RiskState"
    rationale: str
    owner: str
    review_on: str
    revision: int


RiskProbability: TypeAlias = Literal[1, 2, 3, 4, 5]


RiskSeverity: TypeAlias = Literal[1, 2, 3, 4, 5]


RiskState: TypeAlias = Literal["open", "controlled", "accepted", "closed"]


Role: TypeAlias = Literal["administrator", "ethics_officer", "auditor", "site_operator", "clinician", "external_auditor"]


class RoundOutput(TypedDict):
    number: int
    state: str
    started_at: str
    finished_at: str | None
    start_weights: Any
    weights: Any
    metrics: Any
    took_part: list[str]
    exclusions: list["ExclusionOutput"]


class RuleInput(TypedDict):
    days: int
    legal_basis: str
    reason: str


class RunDetailOutput(TypedDict):
    """A run with all that its page shows. The view hangs `answers`, `history` and `progress` on the run."""

    id: str
    federation: str
    name: str
    state: NotRequired["RunState"]
    rounds_planned: int
    config_hash: str
    created_at: str
    started_at: NotRequired[str | None]
    health_check: str | None
    finished_at: NotRequired[str | None]
    stop_reason: NotRequired[str]
    config: Any
    epsilon_budget: float | None
    epsilon: dict[str, float]
    consents: dict[str, str]
    answers: list["ConsentOutput"]
    waiting_for: dict[str, list[str]]
    reconsiderations: list["ReconsiderationOutput"]
    rounds: list["RoundOutput"]
    progress: "ProgressOutput"


class RunInput(TypedDict):
    name: str
    rounds: int
    seed: int
    local: NotRequired[dict[str, Any] | None]
    epsilon_budget: NotRequired[float | None]
    terms: NotRequired["TermsInput"]
    privacy: NotRequired[dict[str, Any] | None]
    security: NotRequired[dict[str, Any] | None]
    strategy: NotRequired[str]
    strategy_options: NotRequired[dict[str, Any] | None]
    participation: NotRequired[dict[str, Any] | None]
    fairness: NotRequired[dict[str, Any] | None]
    scores: NotRequired[dict[str, Any] | None]
    start: NotRequired[dict[str, Any] | None]
    device: NotRequired[dict[str, Any] | None]
    model: NotRequired["ModelInput | None"]
    engine: NotRequired[dict[str, Any] | None]


class RunOutput(TypedDict):
    id: str
    federation: str
    name: str
    state: NotRequired["RunState"]
    rounds_planned: int
    config_hash: str
    created_at: str
    started_at: NotRequired[str | None]
    health_check: str | None
    finished_at: NotRequired[str | None]
    stop_reason: NotRequired[str]


RunState: TypeAlias = Literal["proposed", "approved", "running", "paused", "finished", "aborted", "failed"]


class SampleDetailOutput(TypedDict):
    """With `seed` and the population, whose SHA-256 is `population_digest`, anybody can draw again."""

    id: str
    created_at: str
    kind: "SampleKind"
    auditor: str
    period_start: NotRequired[str | None]
    period_end: NotRequired[str | None]
    words: str
    nonce: str
    seed: str
    population_digest: str
    state: NotRequired["SampleState"]
    closed_at: NotRequired[str | None]
    rate: "RateOutput | None"
    strata: list["StratumOutput"]
    left: int


SampleFinding: TypeAlias = Literal["conform", "minor", "major", "not_assessable"]


class SampleInput(TypedDict):
    """What is drawn from, how many, and the auditor's part of the seed."""

    kind: "SampleKind"
    wanted: int
    start: NotRequired[str | None]
    end: NotRequired[str | None]
    words: str


class SampleItemOutput(TypedDict):
    """`finding` is empty until the auditor has looked; `evidence_digest` is the SHA-256 of a file that was
    brought.
    """

    id: str
    number: int
    stratum: str
    ref: str
    title: str
    finding: NotRequired["SampleFinding | BlankEnum"]
    text: NotRequired[str]
    evidence_name: NotRequired[str]
    evidence_digest: NotRequired[str]
    found_by: NotRequired[str | None]
    found_at: NotRequired[str | None]


SampleKind: TypeAlias = Literal["controls", "decisions"]


class SampleOutput(TypedDict):
    """With `seed` and the population, whose SHA-256 is `population_digest`, anybody can draw again."""

    id: str
    created_at: str
    kind: "SampleKind"
    auditor: str
    period_start: NotRequired[str | None]
    period_end: NotRequired[str | None]
    words: str
    nonce: str
    seed: str
    population_digest: str
    state: NotRequired["SampleState"]
    closed_at: NotRequired[str | None]
    rate: "RateOutput | None"


SampleState: TypeAlias = Literal["open", "closed"]


class SavedViewInput(TypedDict):
    """A name that you have on this page already is given the new filters."""

    name: str
    path: str
    query: NotRequired[str]
    share: NotRequired[bool]


class SavedViewOutput(TypedDict):
    """A list with its filters, under a name."""

    id: str
    created_at: NotRequired[str]
    name: str
    path: str
    query: NotRequired[str]
    address: str
    owner: str
    institution: str | None
    removed_at: NotRequired[str | None]


class SearchOutput(TypedDict):
    groups: list["HitsOutput"]


class SectionsInput(TypedDict):
    """The sections of a draft: all of them, as what is left out is emptied. An unfinished one is saved as it is."""

    revision: int
    sections: dict[str, str]


class ShareOutput(TypedDict):
    """A share in [0, 1] with a 95 % Wilson interval; null where nobody is counted."""

    n: int
    mean: float | None
    lower: float | None
    upper: float | None


class ShownItemOutput(TypedDict):
    """`finding` is empty until the auditor has looked; `evidence_digest` is the SHA-256 of a file that was
    brought.
    """

    id: str
    number: int
    stratum: str
    ref: str
    title: str
    finding: NotRequired["SampleFinding | BlankEnum"]
    text: NotRequired[str]
    evidence_name: NotRequired[str]
    evidence_digest: NotRequired[str]
    found_by: NotRequired[str | None]
    found_at: NotRequired[str | None]
    told: list["ToldOutput"]


class SideOutput(TypedDict):
    verdict: str
    value: float | None
    lower: float | None
    upper: float | None


SignOffCapacity: TypeAlias = Literal["auditor", "board_chair"]


class SignatureInput(TypedDict):
    signature: str


class SignatureOutput(TypedDict):
    """One of those who answer for an institution; decision null: not yet. `statement` is what its worker said."""

    capacity: str
    decision: NotRequired[str | None]
    reason: NotRequired[str]
    decided_at: NotRequired[str | None]
    statement: NotRequired[Any]


SiteOrderState: TypeAlias = Literal["pending", "answered", "failed", "cancelled"]


class SitePassOutput(TypedDict):
    """A certificate that lets a hospital's machine in. `fingerprint` is its SHA-256."""

    id: str
    created_at: str
    site: str
    institution: str
    over_flare_alone: bool
    kind: "SitePassOutputKindEnum"
    fingerprint: str
    not_after: str
    handed_to: NotRequired[str | None]
    handed_at: NotRequired[str | None]
    has_ended: bool
    revoked_by: NotRequired[str | None]
    revoked_at: NotRequired[str | None]


SitePassOutputKindEnum: TypeAlias = Literal["door", "flare"]


class SiteProgressOutput(TypedDict):
    site: str
    doing: str
    model: str
    step: int | None
    steps: int | None
    loss: float | None
    last_seen_at: str | None
    silent_since: str | None


SpecialCategoryEnum: TypeAlias = Literal["gdpr_9_2_a", "gdpr_9_2_h", "gdpr_9_2_i", "gdpr_9_2_j", "no_personal_data", "not_applicable"]


StartEnum: TypeAlias = Literal["small", "identity"]


class StartedOutput(TypedDict):
    message: str


class StatementInput(TypedDict):
    decision: "ApprovalDecision"
    reason: str


class StatementOutput(TypedDict):
    statement: str
    salt: str


class StatusOutput(TypedDict):
    entries: int
    waiting: int
    last_at: str | None
    origin: str
    keys: list[str]
    checkpoint: Any
    chain: Any
    anchors: int
    anchor_lag: int
    anchor_lag_seconds: float


StepEnum: TypeAlias = Literal["confirm", "fulfil", "grant", "extend", "refuse", "withdraw", "lift"]


class StepInput(TypedDict):
    step: "StepEnum"
    text: str


class StopInput(TypedDict):
    reason: str


class StratumOutput(TypedDict):
    name: str
    population: int
    assessed: int
    conform: int


class StudyOutput(TypedDict):
    """`result` holds the caller's own sites alone unless each site's noise is in its updates."""

    id: str
    created_at: str
    run: str
    rounds: int
    rounds_done: NotRequired[int]
    result: Any
    error: NotRequired[str]
    finished_at: NotRequired[str | None]


class SubjectOutput(TypedDict):
    """The object's standing on the chain, as the mirror has it."""

    state: str
    read_at: str | None
    nonce: int
    proposer: str
    content_digest: str


class SubjectRequestDetailOutput(TypedDict):
    """A request names nobody: `reference` is the hospital's own number of the matter."""

    id: str
    created_at: str
    institution: str
    kind: "SubjectRequestKind"
    reference: str
    received_on: str
    due_on: str
    overdue: bool
    extended: NotRequired[bool]
    state: NotRequired["SubjectRequestState"]
    recorded_by: str
    appeal: NotRequired[str | None]
    receipt: NotRequired[str]
    ended_at: NotRequired[str | None]
    patient: str | None
    steps: list["RequestStepOutput"]
    next_steps: list[str]


class SubjectRequestInput(TypedDict):
    institution: str
    kind: "SubjectRequestKind"
    reference: str
    patient: str
    received_on: str
    text: NotRequired[str]


SubjectRequestKind: TypeAlias = Literal["access", "rectification", "erasure", "restriction", "objection"]


class SubjectRequestOutput(TypedDict):
    """A request names nobody: `reference` is the hospital's own number of the matter."""

    id: str
    created_at: str
    institution: str
    kind: "SubjectRequestKind"
    reference: str
    received_on: str
    due_on: str
    overdue: bool
    extended: NotRequired[bool]
    state: NotRequired["SubjectRequestState"]
    recorded_by: str
    appeal: NotRequired[str | None]
    receipt: NotRequired[str]
    ended_at: NotRequired[str | None]


SubjectRequestState: TypeAlias = Literal["received", "confirmed", "granted", "fulfilled", "refused", "withdrawn"]


class SubscriptionInput(TypedDict):
    name: str
    url: str
    institution: NotRequired[str | None]


class SubscriptionOutput(TypedDict):
    id: str
    name: str
    url: str
    institution: NotRequired[str | None]
    created_at: str
    revoked_at: NotRequired[str | None]


class SuggestionOutput(TypedDict):
    """A failed or inconclusive check that no risk answers, and what a risk about it could begin with."""

    result: str
    check_id: str
    verdict: str
    begin_with: dict[str, Any]


class TableFigureOutput(TypedDict):
    table: str
    found: int
    expected: int


class TaskInput(TypedDict):
    title: str
    owner: str
    due_on: str


class TaskOutput(TypedDict):
    id: str
    title: str
    owner: str
    due_on: str
    overdue: bool
    created_by: str
    created_at: str
    done_at: NotRequired[str | None]
    done_by: NotRequired[str | None]


class TermsInput(TypedDict):
    """What is left out is the federation's own; the platform adds ε and the code version."""

    purpose: NotRequired[str]
    data_set: NotRequired[str]
    lawfulness: NotRequired["LawfulnessEnum"]
    special_category: NotRequired["SpecialCategoryEnum"]
    hipaa: NotRequired["HipaaEnum"]
    ethics: NotRequired["EthicsInput | None"]
    expires_on: NotRequired[str]


class TermsOutput(TypedDict):
    """All that a signature covers; `config_hash` is what is signed."""

    run: str
    config_hash: str
    terms: Any
    data_digests: dict[str, str]
    consented: Any


class ThresholdsInput(TypedDict):
    reason: str
    attribute: str


class ThresholdsOutput(TypedDict):
    """The proposal as evidence about the version. The model goes on deciding as before."""

    id: str
    created_at: str
    kind: str
    source_id: str
    verdict: "EvidenceVerdict"
    digest: str
    summary: Any


TierEnum: TypeAlias = Literal["quick", "certification"]


class ToldOutput(TypedDict):
    term: str
    value: str


class UnlikeOutput(TypedDict):
    """One site against all others together; null where a cell is too small to speak of."""

    site: str
    n: int
    jensen_shannon: float | None
    hellinger: float | None


UseEnum: TypeAlias = Literal["care", "study", "research"]


UseKind: TypeAlias = Literal["clinical", "shadow"]


class UseOutput(TypedDict):
    """Use and limits of this month, on cloud devices."""

    whose: str
    shots: int
    cost: float
    shots_limit: int
    cost_limit: float


class VerificationOutput(TypedDict):
    ok: bool
    entries: int
    tiles: int
    checkpoints: int
    anchors: int
    anchored_size: int
    root_sha256: str
    cosignatures: NotRequired[int]
    rows_expected: NotRequired[int]
    rows_found: NotRequired[int]
    tables: NotRequired[dict[str, Any]]
    problems: list[str]
    verified_at: str
    seconds: float


class VersionDetailOutput(TypedDict):
    """With its configuration, the newest audit evidence, the card in short, and what may be requested."""

    id: str
    created_at: str
    model: str
    name: str
    number: int
    run: str
    weights_digest: str
    baseline_digest: str
    config_hash: str
    manifests: Any
    metrics: Any
    circuit: Any
    config: Any
    evidence: "EvidenceOutput | None"
    card: dict[str, Any]
    gate: dict[str, Any]


class VersionOutput(TypedDict):
    id: str
    created_at: str
    model: str
    name: str
    number: int
    run: str
    weights_digest: str
    baseline_digest: str
    config_hash: str
    manifests: Any
    metrics: Any
    circuit: Any


class VisitOutput(TypedDict):
    """One site in one round. What was not measured is null, never 0."""

    round: int
    site: str
    state: str
    sent_bytes: int | None
    received_bytes: int | None
    train_seconds: float | None
    score_seconds: float | None


class VoteInput(TypedDict):
    """The first vote names an audit or brings a document; the next ones give the digest of what they vote on."""

    reason: str
    halt: NotRequired[str]
    audit: NotRequired[str]
    document: NotRequired["DocumentInput"]
    digest: NotRequired[str]


class VoteOutput(TypedDict):
    id: str
    halt: str
    officer: str
    institution: str
    reason: str
    evidence_kind: NotRequired["EvidenceKindEnum | BlankEnum"]
    evidence_digest: NotRequired[str]
    evidence_source: NotRequired[str | None]
    evidence_name: NotRequired[str]
    created_at: str
    withdrawn_at: NotRequired[str | None]
    withdrawn_by: NotRequired[str | None]
    withdrawn_why: NotRequired[str]


class WarningOutput(TypedDict):
    message: str
    records: int


WhatEnum: TypeAlias = Literal["reread", "disclosed"]


WhyEnum: TypeAlias = Literal["clinical_picture", "other_test", "input_quality", "out_of_scope", "patient_wish", "other"]


class WithdrawInput(TypedDict):
    reason: NotRequired[str]


class WitnessOutput(TypedDict):
    """A witness and how far it has seen the log."""

    name: str
    institution: str
    is_active: bool
    size: int
    lag_entries: int
    cosigned_at: str | None
    asked_at: str | None
    problem: str
    problem_text: str
    vkeys: list[str]
