"""The bias score of the classical twin, so that nobody reads the quantum model's figure alone. Reported."""

from __future__ import annotations

from audits.predeployment.checks.answers import AuditData
from audits.predeployment.checks.bias_score import score_of
from audits.predeployment.checks.result import Check


def check(data: AuditData) -> Check:
    """The same score, patients, bounds and seed for the classical twin."""
    title = "Bias score of the classical twin"
    return score_of(data, "baseline", id="bias_score_baseline", title=title, gating=False)
