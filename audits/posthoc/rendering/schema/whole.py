"""The whole report: the facts, and what follows from them."""

from typing import Annotated, Literal

from msgspec import Meta

from .audits import Audit
from .kinds import Identifier, Instant, Label, Record, Text
from .records import Appeals, Approval, Change, Deployment, Incident, Institution, Model, Period, TrainingRun
from .trail import AuditTrail, Comparison, Evidence, ExternalSample, PreviousReport, Reissue, SignOff, Trace


class Control(Record, frozen=True, kw_only=True):
    framework: Label
    clause: Label
    requirement: Text
    status: Literal["evidenced", "no evidence in this period"]
    evidence: list[Label]  # pointers into this report: "audits" or "audits/AUD-7"


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
    reissue: Reissue | None = None
    comparisons: list[Comparison] = []
    external: list[ExternalSample] = []
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
    "external": "external",
    "annex": "evidence",
}
