"""The bias score of the classical twin, so that nobody reads the quantum model's figure alone. Reported."""

from __future__ import annotations

from audits.predeployment.checks.answers import AuditData
from audits.predeployment.checks.bias_score import BiasScore, score_of
from audits.predeployment.checks.result import Check


class BiasScoreBaseline(BiasScore):
    id = "bias_score_baseline"
    title = "Bias score of the classical twin"
    question = "Does the classical twin fare equally well for all groups of patients?"
    measured_by = "bias_score"
    model, other = "baseline", "primary"


def check(data: AuditData) -> Check:
    """The same score, patients, bounds and seed for the classical twin."""
    title = "Bias score of the classical twin"
    return score_of(data, "baseline", id="bias_score_baseline", title=title, gating=False)
