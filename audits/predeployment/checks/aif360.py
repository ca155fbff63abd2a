"""AIF360's own metrics, for readers who know them by name. Reported without a verdict: they have no interval."""

from __future__ import annotations

from audits.domain.fairness.aif360_metrics import aif360_metrics
from audits.domain.verdict import Verdict
from audits.predeployment.checks.answers import AuditData
from audits.predeployment.checks.result import FAIRNESS, Check

_LARGEST = "equalized_odds_difference"


def check(data: AuditData) -> Check:
    """The worst pair of groups in each metric. `value` is the largest equalised-odds gap over the attributes."""
    rows = aif360_metrics(data.cells("primary"))
    gaps = [(row.value, row) for row in rows if row.metric == _LARGEST and row.value is not None]
    value, worst = max(gaps, key=lambda pair: pair[0], default=(None, None))
    sentence = "No pair of groups could be compared."
    if worst is not None:
        sentence = (
            f"The largest equalised-odds gap is {value:.3f}, between {worst.attribute} = {worst.group} and "
            f"{worst.compared_with}."
        )
    return Check(
        "aif360", FAIRNESS, "AIF360 metrics", False, Verdict.NOT_ASSESSABLE, value, None, None, None,
        f"{sentence} AIF360 gives single figures without an interval, so no verdict is drawn from them.",
        {"task": data.task, "rows": [row.as_dict() for row in rows], "source": "the sites' confusion counts"},
    )  # fmt: skip
