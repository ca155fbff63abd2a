"""The shape of a report's JSON.

Every figure is measured or absent: an optional field that is `None` means "not assessed", never zero and never passed.
Types and single-field ranges live here; what several fields must agree on is in `rendering.validation`.
"""

from .audits import AttackTest, Audit, Bias, CheckOutcome, Discrepancy, Explanation, GroupMetric, NotAssessed, WorstGap
from .kinds import SCHEMA, Record, Verdict
from .records import (
    Appeals,
    Approval,
    Change,
    Deployment,
    Incident,
    Institution,
    Model,
    Period,
    Privacy,
    Reinstatement,
    TrainingRun,
)
from .trail import (
    Anchor,
    AuditTrail,
    Comparison,
    Completeness,
    Difference,
    Evidence,
    ExternalSample,
    PreviousReport,
    Reissue,
    SignOff,
    Stratum,
    Trace,
)
from .whole import SECTIONS, Control, Facts, Figure, Report, Sentence, Summary

__all__ = [
    "Stratum",
    "Reissue",
    "ExternalSample",
    "Difference",
    "Anchor",
    "Appeals",
    "Approval",
    "AttackTest",
    "Audit",
    "AuditTrail",
    "Bias",
    "Change",
    "CheckOutcome",
    "Comparison",
    "Completeness",
    "Control",
    "Deployment",
    "Discrepancy",
    "Evidence",
    "Explanation",
    "Facts",
    "Figure",
    "GroupMetric",
    "Incident",
    "Institution",
    "Model",
    "NotAssessed",
    "Period",
    "PreviousReport",
    "Privacy",
    "Record",
    "Reinstatement",
    "Report",
    "SCHEMA",
    "SECTIONS",
    "Sentence",
    "SignOff",
    "Summary",
    "Trace",
    "TrainingRun",
    "Verdict",
    "WorstGap",
]
