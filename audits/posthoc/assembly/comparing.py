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
    ("Predictions served", "predictions", "deployments"),
    ("Outcomes told", "outcomes", "deployments"),
    ("Appeals received", "appeals_received", "appeals"),
    ("Answers changed on appeal", "appeals_upheld", "appeals"),
    ("Changes of state", "changes", "changes"),
    ("Audit-trail entries", "entries", "trail"),
)


def comparisons(previous: Report | None, facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Empty for the first report of a kind: there is nothing to compare with."""
    if previous is None:
        return []
    before, now = previous.summary.get("counts", {}), counts(facts)
    return [
        {"label": label, "before": before.get(field), "now": now[field], "evidence": section}
        for label, field, section in COUNTED
    ]


def counts(told: dict[str, Any]) -> dict[str, int]:
    """What is counted of a report; its summary keeps it for the next one."""
    sums = {field: sum(row[field] for row in told["deployments"]) for field in ("predictions", "outcomes")}
    appeals, trail = told["appeals"] or {}, told["audit_trail"]
    return {
        **{field: len(told[field]) for _, field, _ in COUNTED if isinstance(told.get(field), list)},
        **sums,
        "appeals_received": appeals.get("received", 0),
        "appeals_upheld": appeals.get("upheld", 0),
        "entries": trail["entries"],
    }
