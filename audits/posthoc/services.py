"""Asking for a report, rendering it, keeping it."""

from __future__ import annotations

import datetime as dt
import json
import logging
import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Max
from django.utils import timezone

from accounts.models import Institution, User
from audits.posthoc import rows
from audits.posthoc.calendar import kind_check
from audits.posthoc.models import Report
from core import artefacts, jobs
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from models_registry.refusals import refusals_told

logger = logging.getLogger(__name__)
RENDER = "report.render"
FIRST_DAY = dt.date(2020, 1, 1)  # nothing can be on record before


class NotReported(Exception):
    """The report cannot be made from what is on record; trying again would give the same."""


@dataclass(frozen=True)
class Rendered:
    """A finished report, not yet kept."""

    pdf: bytes
    json: bytes
    summary: dict[str, Any]


def default_period(today: dt.date) -> tuple[dt.date, dt.date]:
    """The half-year that is under way, up to now."""
    return today.replace(month=1 if today.month <= 6 else 7, day=1), today


def period_check(period_start: dt.date, period_end: dt.date, *, today: dt.date) -> str:
    """What is wrong with a period, in words; empty if nothing is."""
    if period_end < period_start:
        return f"The period ends on {period_end}, before it starts on {period_start}. Exchange the two dates."
    if period_end > today:
        return f"A report covers what is on record. Choose {today} (UTC) or an earlier day as the last one."
    if period_start < FIRST_DAY:
        return f"Nothing is on record before {FIRST_DAY}. Choose a later first day."
    return ""


def report_create(
    *, period_start: dt.date, period_end: dt.date, actor: User, kind: str = Report.Kind.CUSTOM,
    institution: Institution | None = None, reason: str = "",
) -> Report:  # fmt: skip
    """Ask for a report; a job renders it. One that waits to be rendered already is given back, not asked for twice.

    Parameters
    ----------
    institution : Institution, optional
        Whose edition; without, the whole platform.
    reason : str
        Why it is issued again. Needed if it was issued before: a report on record never changes.

    Raises
    ------
    ApplicationError
        If the period is the wrong way round, not over, or none of that kind.
    Forbidden
        If the edition is another institution's.
    Conflict
        If it was issued before, and nothing says why it is issued again.
    """
    if problem := period_check(period_start, period_end, today=timezone.now().date()):
        raise ApplicationError(problem)
    if problem := kind_check(kind, period_start, period_end):
        raise ApplicationError(problem)
    if institution is not None and not (actor.sees_all or institution.id in actor.institution_ids):
        raise Forbidden(f"An edition of {institution} is asked for by its own people, or by those of the platform.")
    asked = Report(
        kind=kind, period_start=period_start, period_end=period_end, institution=institution, requested_by=actor,
        reason=reason.strip(),
    )  # fmt: skip
    return report_issue(asked)


def report_reissue(*, report: Report, reason: str, actor: User) -> Report:
    """Issue a report again, from what is on record now. The earlier issue stays as it is.

    Raises
    ------
    ApplicationError
        If no reason is given.
    """
    if not reason.strip():
        raise ApplicationError("Say why the report is issued again: it stands beside the new issue.")
    return report_create(
        period_start=report.period_start, period_end=report.period_end, kind=report.kind,
        institution=report.institution, reason=reason, actor=actor,
    )  # fmt: skip


def report_issue(asked: Report) -> Report:
    """Keep the row under the next number of its kind, period and institution, and enqueue its job."""
    actor = asked.requested_by_id
    with refusals_told(), governed(action="report.create", actor=actor, reason=asked.reason):
        earlier = Report.objects.same_as(asked)
        if waiting := earlier.filter(state=Report.State.QUEUED).first():
            return waiting
        newest = earlier.order_by("-created_at").first()
        if newest is not None and newest.state == Report.State.FINISHED and not asked.reason:
            raise Conflict(
                f"The {newest.title.lower()} of {newest.period_start} to {newest.period_end} is on record and never "
                "changes. Open it, and issue it again with a reason if something has to be said otherwise.",
                report=str(newest.id),
            )
        asked.issue = (earlier.aggregate(most=Max("issue"))["most"] or earlier.count()) + 1
        asked.save(force_insert=True)
        jobs.enqueue(RENDER, {"report": str(asked.id)}, key=f"{RENDER}:{asked.id}", max_attempts=3)
    return asked


def report_render(*, report: Report, generated_at: dt.datetime) -> Rendered:
    """Gather the facts, draw, typeset. Nothing is written.

    Raises
    ------
    NotReported
        If the facts on record do not make a valid report, or it cannot be typeset; the message says why.
    """
    from audits.posthoc import charts, rendering  # typst and the schema cost time to import
    from audits.posthoc.assembly import gather, window_of

    window = window_of(report)
    facts = gather(report, generated_at=generated_at)
    try:
        complete = rendering.complete(facts)
        pdf = rendering.render_pdf(complete, charts=charts.draw(complete, window))
    except (rendering.ReportInvalid, rendering.RenderError) as error:
        raise NotReported(str(error)) from error
    return Rendered(pdf, rendering.report_bytes(complete), _summary(complete))


def _summary(complete: dict[str, Any]) -> dict[str, Any]:
    """What the page shows without opening the files."""
    trail = complete["audit_trail"]
    return {
        "report_id": complete["report_id"],
        "synthetic": complete["synthetic"],
        **complete["summary"],
        "trail": {key: trail[key] for key in ("verdict", "reason", "entries", "root_sha256", "completeness")},
        "counts": {
            key: len(complete[key])
            for key in ("models", "training_runs", "audits", "approvals", "deployments", "incidents", "changes")
        },
    }


def render_handle(payload: dict) -> jobs.Effects | None:
    """Run the job: render first, then keep files and state with the job's own end."""
    report = Report.objects.get(id=payload["report"])
    if report.state != Report.State.QUEUED:
        return None
    try:
        rendered = report_render(report=report, generated_at=timezone.now())
    except NotReported as error:
        reason = str(error)
        logger.warning("report %s cannot be made: %s", report.id, reason)
        return lambda: report_fail(report_id=report.id, reason=reason)
    pdf, content = artefacts.put(rendered.pdf), artefacts.put(rendered.json)
    return lambda: _finish(report.id, pdf, content, rendered.summary)


def _finish(report_id: uuid.UUID, pdf: str, content: str, summary: dict[str, Any]) -> None:
    with governed(action="report.finish"):
        report = Report.objects.select_for_update().get(id=report_id, state=Report.State.QUEUED)
        report.state, report.finished_at = Report.State.FINISHED, timezone.now()
        report.pdf_digest, report.json_digest, report.summary = pdf, content, summary
        report.save(update_fields=["state", "finished_at", "pdf_digest", "json_digest", "summary"])


def report_fail(*, report_id: uuid.UUID, reason: str) -> None:
    """Say that a report was not made, and why. One that is finished stays so."""
    with governed(action="report.fail", reason=reason):
        report = Report.objects.select_for_update().get(id=report_id)
        if report.state == Report.State.QUEUED:
            report.state, report.finished_at, report.stop_reason = Report.State.FAILED, timezone.now(), reason
            report.save(update_fields=["state", "finished_at", "stop_reason"])


def dead_handle(payload: dict) -> jobs.Effects | None:
    """A job was given up: if it was a report's, the report failed."""
    if payload.get("kind") != RENDER:
        return None
    report, error = uuid.UUID(payload["payload"]["report"]), payload["error"]
    return lambda: report_fail(report_id=report, reason=f"Rendering was given up: {error}")


def report_file(*, report: Report, kind: str) -> bytes:
    """The PDF ("pdf"), its JSON ("json") or the JSON as a table ("csv"), checked against the digest on the ledger.

    Raises
    ------
    Conflict
        If the report is not finished, or the file is lost or changed.
    """
    if report.state != Report.State.FINISHED:
        raise Conflict(f"This report is {report.get_state_display().lower()}: there is no file of it.")
    try:
        found = artefacts.get(report.pdf_digest if kind == "pdf" else report.json_digest)
        return rows.as_csv(json.loads(found)).encode() if kind == "csv" else found
    except artefacts.ArtefactError as error:
        raise Conflict(f"The file does not fit the ledger: {error}") from error
