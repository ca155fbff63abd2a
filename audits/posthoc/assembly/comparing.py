"""The report's counts beside those of the last report of its kind."""

from __future__ import annotations

from typing import Any

from audits.posthoc.models import Report

COUNTED = (  # label, field of the facts, section
    ("Models under governance", "models", "models"),
    ("Training runs", "training_runs", "training"),
    ("Audits", "audits", "audits"),
    ("Decisions", "approvals", "approvals"),
    ("Deployments", "deployments", "deployments"),
    ("Halts and incidents", "incidents", "incidents"),
    ("Changes of state", "changes", "changes"),
)


def comparisons(previous: Report | None, facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Empty for the first report of a kind: there is nothing to compare with."""
    if previous is None:
        return []
    before = previous.summary.get("counts", {})
    return [
        {"label": label, "before": before.get(field), "now": len(facts[field]), "evidence": section}
        for label, field, section in COUNTED
    ]
