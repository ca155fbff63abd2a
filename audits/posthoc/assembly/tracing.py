"""From each item of the report to the row that it tells of, and to the row's entry in the ledger."""

from __future__ import annotations

from typing import Any

from django.db import models

from audits.posthoc.assembly.window import Window, identifier, newest_entries
from audits.posthoc.models import AuditSample
from audits.predeployment.models import AuditRun
from audits.runtime.models import Halt
from federation.models import TrainingRun
from models_registry.models import ApprovalDecision, ApprovalRequest, Deployment, Version

SOURCES: tuple[tuple[str, str, str, type[models.Model]], ...] = (  # section, field of the facts, prefix, table
    ("models", "models", "VER", Version),
    ("training", "training_runs", "RUN", TrainingRun),
    ("audits", "audits", "AUD", AuditRun),
    ("approvals", "approvals", "DEC", ApprovalDecision),
    ("approvals", "approvals", "WDR", ApprovalRequest),
    ("approvals", "approvals", "RVK", Deployment),
    ("deployments", "deployments", "DEP", Deployment),
    ("incidents", "incidents", "HLT", Halt),
    ("external", "external", "SMP", AuditSample),
)


def traces(facts: dict[str, Any], window: Window) -> list[dict[str, Any]]:
    """One for each item that stands for a row, in the order of the report."""
    found = []
    for section, field, prefix, table in SOURCES:
        wanted = [item["id"] for item in facts[field] if item["id"].startswith(f"{prefix}-")]
        if wanted:
            keys = table._default_manager.filter(created_at__lt=window.until).values_list("id", flat=True)
            rows = {identifier(prefix, key): str(key) for key in keys}
            found += [{"section": section, "id": name, "object": rows[name]} for name in wanted]
    entries = newest_entries((trace["object"] for trace in found), window.until)
    return [trace | {"entry": entries.get(trace["object"])} for trace in found]
