"""From the platform's tables and its ledger to the facts of a report; nothing else of the report reads a database."""

from __future__ import annotations

import datetime as dt
from typing import Any

from audits.posthoc.assembly import (
    appeals,
    changing,
    checks,
    comparing,
    decisions,
    differing,
    external,
    incidents,
    records,
    tracing,
    trail,
)
from audits.posthoc.assembly.window import Window, instant
from audits.posthoc.models import Report
from audits.posthoc.rendering import SCHEMA

__all__ = ["Window", "gather", "previous_of", "report_id", "window_of"]


def report_id(report: Report) -> str:
    """The name of a report in print: its period, and enough of its identifier to tell two editions apart."""
    return f"REP-{report.period_start:%Y%m%d}-{report.period_end:%Y%m%d}-{report.id.hex[:6]}"


def gather(report: Report, *, generated_at: dt.datetime) -> dict[str, Any]:
    """Every fact of the report's period, as `rendering.schema.Facts` wants it."""
    window, previous = window_of(report), previous_of(report)
    facts: dict[str, Any] = {
        "schema": SCHEMA,
        "report_id": report_id(report),
        "synthetic": records.synthetic(),
        "kind": report.kind,
        "issue": report.issue or 1,
        "edition_of": report.institution.slug if report.institution else None,
        "period": {"start": str(report.period_start), "end": str(report.period_end)},
        "generated_at": instant(generated_at),
        "institutions": records.institutions(window),
        "scope": records.scope(window, generated_at=generated_at),
        "models": records.models(window),
        "training_runs": records.training_runs(window),
        "audits": checks.audits(window),
        "approvals": decisions.approvals(window),
        "deployments": records.deployments(window),
        "incidents": incidents.incidents(window),
        "appeals": appeals.appeals(window),
        "changes": changing.changes(window),
        "previous_report": {"id": report_id(previous), "sha256": previous.json_digest} if previous else None,
        "audit_trail": trail.audit_trail(generated_at),
        "external": external.external(window),
        "evidence": trail.evidence(window),
        "sign_off": records.sign_off(window),
    }
    return facts | {
        "reissue": differing.reissue(report, facts),
        "comparisons": comparing.comparisons(previous, facts),
        "traces": tracing.traces(facts, window),
    }


def window_of(report: Report) -> Window:
    return Window(report.period_start, report.period_end, report.institution)


def previous_of(report: Report) -> Report | None:
    """The newest finished report of the same kind and institution, of an earlier period."""
    earlier = Report.objects.filter(
        state=Report.State.FINISHED, kind=report.kind, institution=report.institution_id,
        period_end__lt=report.period_start,
    )  # fmt: skip
    return earlier.order_by("-period_end", "-finished_at").first()
