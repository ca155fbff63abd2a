"""The bias score of the classical twin, so that nobody reads the quantum model's figure alone. Reported."""

from __future__ import annotations

from audits.predeployment.checks.bias_score import BiasScore


class BiasScoreBaseline(BiasScore):
    id = "bias_score_baseline"
    title = "Bias score of the classical twin"
    question = "Does the classical twin fare equally well for all groups of patients?"
    measured_by = "bias_score"
    model, other = "baseline", "primary"
