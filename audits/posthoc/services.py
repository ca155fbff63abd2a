"""Asking for a report, rendering it, keeping it."""

from __future__ import annotations

import datetime as dt
import json
import logging
import uuid
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.db.models import Max
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Institution, User
from audits.posthoc import rows
from audits.posthoc.calendar import kind_check
from audits.posthoc.models import Report
from audits.posthoc.report_keys import manifest_sign
from core import artefacts, jobs
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from core.spoken import inside
from models_registry.refusals import refusals_told
from provenance.domain.report import manifest_bytes

logger = logging.getLogger(__name__)
RENDER = "report.render"
FIRST_DAY = dt.date(2020, 1, 1)  # nothing can be on record before


class NotReported(Exception):
    """The report cannot be made from what is on record; trying again would give the same."""


@dataclass(frozen=True)
class Rendered:
    """A finished report, not yet kept."""

    files: dict[str, bytes]  # kind -> bytes
    manifest: bytes
    summary: dict[str, Any]


def default_period(today: dt.date) -> tuple[dt.date, dt.date]:
    """The half-year that is under way, up to now."""
    return today.replace(month=1 if today.month <= 6 else 7, day=1), today


def period_check(period_start: dt.date, period_end: dt.date, *, today: dt.date) -> str:
    """What is wrong with a period, in words; empty if nothing is."""
    if period_end < period_start:
        return _("The period ends on %(end)s, before it starts on %(start)s. Exchange the two dates.") % {
            "end": period_end, "start": period_start,
        }  # fmt: skip
    if period_end > today:
        return _("A report covers what is on record. Choose %(today)s (UTC) or an earlier day as the last one.") % {
            "today": today
        }
    if period_start < FIRST_DAY:
        return _("Nothing is on record before %(day)s. Choose a later first day.") % {"day": FIRST_DAY}
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
        raise Forbidden(
            _("An edition of %(institution)s is asked for by its own people, or by those of the platform.")
            % {"institution": institution}
        )
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
                _(
                    "The %(newest)s of %(period_start)s to %(period_end)s is on record and never changes. Open it, "
                    "and issue it again with a reason if something has to be said otherwise."
                )
                % {
                    "newest": newest.title.lower(),
                    "period_start": newest.period_start,
                    "period_end": newest.period_end,
                },
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
    from audits.posthoc import charts, rendering, renditions  # typst and the schema cost time to import
    from audits.posthoc.assembly import gather, window_of

    window = window_of(report)
    facts = gather(report, generated_at=generated_at)
    try:
        complete = rendering.complete(facts)
        place = rows.Place(settings.PUBLIC_URL, reverse("report_evidence", args=[report.id]))
        files = renditions.render_all(complete, charts=charts.draw(complete, window), place=place)
    except (rendering.ReportInvalid, rendering.RenderError) as error:
        raise NotReported(str(error)) from error
    return Rendered(files, _manifest(report, complete, files), _summary(complete))


def _manifest(report: Report, complete: dict[str, Any], files: dict[str, bytes]) -> bytes:
    earlier = earlier_issue(report)
    return manifest_bytes(
        origin=settings.LOG_ORIGIN, report=str(report.id), name=complete["report_id"], kind=report.kind,
        issue=report.issue or 1, edition_of=complete["edition_of"], period_start=str(report.period_start),
        period_end=str(report.period_end), generated_at=complete["generated_at"],
        earlier_issue=earlier.manifest_digest or earlier.json_digest if earlier else None,
        files={f"report.{kind}": data for kind, data in files.items()},
    )  # fmt: skip


def earlier_issue(report: Report) -> Report | None:
    """The newest finished issue of the same report before this one."""
    issues = Report.objects.same_as(report).filter(state=Report.State.FINISHED, created_at__lt=report.created_at)
    return issues.order_by("-created_at").first()


def _summary(complete: dict[str, Any]) -> dict[str, Any]:
    """What the page shows without opening the files."""
    from audits.posthoc.assembly import comparing

    trail = complete["audit_trail"]
    return {
        "report_id": complete["report_id"],
        "synthetic": complete["synthetic"],
        **complete["summary"],
        "trail": {key: trail[key] for key in ("verdict", "reason", "entries", "root_sha256", "completeness")},
        "counts": comparing.counts(complete),
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
    kept = {kind: artefacts.put(data) for kind, data in rendered.files.items()}
    made = {
        "files": kept, "pdf_digest": kept["pdf"], "json_digest": kept["json"], "summary": rendered.summary,
        "manifest_digest": artefacts.put(rendered.manifest),
        "signatures": [asdict(signature) for signature in manifest_sign(rendered.manifest)],
    }  # fmt: skip
    return lambda: _finish(report.id, made)


def _finish(report_id: uuid.UUID, made: dict[str, Any]) -> None:
    with governed(action="report.finish"):
        report = Report.objects.select_for_update().get(id=report_id, state=Report.State.QUEUED)
        for field, value in (made | {"state": Report.State.FINISHED, "finished_at": timezone.now()}).items():
            setattr(report, field, value)
        report.save(update_fields=["state", "finished_at", *made])


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
    """A file of the report by its kind (`renditions.KINDS`), or its "manifest", checked against its digest.

    Raises
    ------
    Conflict
        If the report is not finished or has no such file, or the file is lost or changed.
    """
    if report.state != Report.State.FINISHED:
        raise Conflict(
            _("This report is %(state)s: there is no file of it.") % {"state": inside(report.get_state_display())}
        )
    kept = {"pdf": report.pdf_digest, "json": report.json_digest, "manifest": report.manifest_digest, **report.files}
    try:
        if kept.get(kind):
            return artefacts.get(kept[kind])
        if kind == "csv":  # of a report from before tables were kept: from its JSON
            return rows.as_csv(json.loads(artefacts.get(report.json_digest)), rows.Place()).encode()
    except artefacts.ArtefactError as error:
        raise Conflict(_("The file does not fit the ledger: %(error)s") % {"error": error}) from error
    raise Conflict("This report was made before it had such a file. Issue it again to have one.")
