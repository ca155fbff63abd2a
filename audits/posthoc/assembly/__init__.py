"""From the platform's tables and its ledger to the facts of a report; nothing else of the report reads a database."""

from __future__ import annotations

import datetime as dt
from typing import Any

from audits.posthoc.assembly import checks, decisions, incidents, records, trail
from audits.posthoc.assembly.window import Window, instant
from audits.posthoc.models import Report
from audits.posthoc.rendering import SCHEMA

__all__ = ["Window", "gather", "report_id"]


def report_id(report: Report) -> str:
    """The name of a report in print: its period, and enough of its identifier to tell two editions apart."""
    return f"REP-{report.period_start:%Y%m%d}-{report.period_end:%Y%m%d}-{report.id.hex[:6]}"


def gather(report: Report, *, generated_at: dt.datetime) -> dict[str, Any]:
    """Every fact of the report's period, as `rendering.schema.Facts` wants it."""
    window = Window(report.period_start, report.period_end)
    return {
        "schema": SCHEMA,
        "report_id": report_id(report),
        "synthetic": records.synthetic(),
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
        "appeals": None,  # not recorded: a 0 would claim that there was none
        "changes": decisions.changes(window),
        "previous_report": _previous(report),
        "audit_trail": trail.audit_trail(generated_at),
        "evidence": trail.evidence(window),
        "sign_off": records.sign_off(),
    }


def _previous(report: Report) -> dict[str, str] | None:
    """The newest finished report of an earlier period."""
    earlier = Report.objects.filter(state=Report.State.FINISHED, period_end__lt=report.period_start)
    last = earlier.order_by("-period_end", "-finished_at").first()
    return {"id": report_id(last), "sha256": last.json_digest} if last else None
