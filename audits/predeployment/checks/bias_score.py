"""The bias score of the model under audit. It gates."""

from __future__ import annotations

from typing import Literal

from audits.domain.fairness.bias_score import bias_score
from audits.predeployment.checks.answers import AuditData
from audits.predeployment.checks.result import FAIRNESS, Check


def check(data: AuditData) -> Check:
    """The largest gap between groups of patients, judged from simultaneous bounds."""
    return score_of(data, "primary", id="bias_score", title="Bias score", gating=data.gates("bias_score"))


def score_of(data: AuditData, model: Literal["primary", "baseline"], *, id: str, title: str, gating: bool) -> Check:
    """The bias score of one of the two models, under the policy of the audit."""
    found = bias_score(data.cells(model), task=data.task, seed=data.policy["seed"], **data.policy["bias"])
    return Check(
        id, FAIRNESS, title, gating, found.verdict, found.score, found.lower, found.upper, found.threshold,
        " ".join(found.sentences[: 3 if found.worst else 1]), {"model": model, **found.as_dict()},
    )  # fmt: skip
