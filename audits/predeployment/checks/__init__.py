"""The checks of the audit. To add one: a file with `check(data) -> Check`, and a name in `_CHECKS`."""

from __future__ import annotations

from audits.domain.verdict import Verdict, combine
from audits.predeployment.checks import (
    aif360,
    bias_score,
    bias_score_baseline,
    epsilon,
    lime,
    quantum_mmd,
    representation,
)
from audits.predeployment.checks.answers import AuditData
from audits.predeployment.checks.result import Check

_CHECKS = (bias_score, epsilon, bias_score_baseline, quantum_mmd, lime, aif360, representation)


def run_all(data: AuditData) -> list[Check]:
    """Every check, in the order in which they are shown."""
    return [module.check(data) for module in _CHECKS]


def overall(checks: list[Check]) -> Verdict:
    """The audit's verdict: the worst of the checks that gate. NOT_ASSESSABLE blocks as INCONCLUSIVE does."""
    return combine(check.verdict for check in checks if check.gating)
