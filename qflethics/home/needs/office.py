"""Needs of the office: versions to ask for, requests and policies to decide, audits, boards, reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db.models import Exists, OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audits.posthoc.models import Report
from audits.predeployment import policies as audit_policies
from audits.predeployment.models import AuditRun, ExternalAudit, ExternalFinding
from models_registry.models import ApprovalRequest, Assessment, Evidence, Version
from qflethics.home.needs.base import RECENT, Need, link


def versions(user: User) -> Iterator[Need]:
    """The newest version of a model, audited without failing, for which nobody has made a request."""
    mine = {"version": OuterRef("pk")}
    verdicts = Evidence.objects.filter(kind="predeployment_audit", **mine).order_by("-created_at")
    states = ApprovalRequest.State
    closed = [states.WITHDRAWN, states.VOIDED, states.CHANGE_REQUESTED, states.EXPIRED]
    found = (
        Version.objects.for_user(user)
        .annotate(
            verdict=Subquery(verdicts.values("verdict")[:1]),
            audited_at=Subquery(verdicts.values("created_at")[:1]),
            newer=Exists(Version.objects.filter(model=OuterRef("model"), number__gt=OuterRef("number"))),
            asked=Exists(ApprovalRequest.objects.filter(**mine).exclude(state__in=closed)),
        )
        .filter(verdict__isnull=False, newer=False, asked=False)
        .exclude(verdict=Evidence.Verdict.FAIL)
        .select_related("model")
    )
    for version in found:
        clinical = version.verdict == Evidence.Verdict.PASS
        yield Need(
            title=_("%(version)s needs an approval request") % {"version": version},
            detail=_("Its audit passed: clinical use may be requested.")
            if clinical
            else _("Its audit is not conclusive: only a shadow deployment may be requested."),
            url=link("version", version.id),
            tone="info",
            since=version.audited_at,
        )


def approved(user: User) -> Iterator[Need]:
    granted = ApprovalRequest.objects.for_user(user).filter(
        state=ApprovalRequest.State.APPROVED, deployment__isnull=True
    )
    today = timezone.now().date()
    assessed = Assessment.objects.filter(model=OuterRef("version__model"), in_force_until__gte=today)
    for request in granted.select_related("version__model").annotate(assessed=Exists(assessed)):
        yield Need(
            _("%(request)s is approved and not deployed") % {"request": request},
            _("An administrator deploys it.")
            if request.assessed
            else _("First an impact assessment of its model is signed: none is in force."),
            link("approval", request.id), "info", request.closed_at or request.created_at,
        )  # fmt: skip


def approvals(user: User) -> Iterator[Need]:
    """Requests that this person may decide: not their own, not decided by them yet."""
    waiting = (
        ApprovalRequest.objects.for_user(user)
        .filter(state=ApprovalRequest.State.UNDER_REVIEW)
        .exclude(requested_by=user)
        .exclude(decisions__decided_by=user)
        .select_related("version__model")
    )
    for request in waiting:
        yield Need(
            title=_("Your decision is asked: %(what)s") % {"what": request},
            detail=request.justification,
            url=link("approval", request.id),
            tone="warn",
            since=request.created_at,
        )


def policies(user: User) -> Iterator[Need]:
    """Proposed policies of audits that wait for this person."""
    for policy in audit_policies.waiting(user):
        yield Need(
            title=_("Your decision is asked: %(what)s") % {"what": policy}, detail=policy.justification,
            url=link("policy", policy.id), tone="warn", since=policy.created_at,
        )  # fmt: skip


def audits(user: User) -> Iterator[Need]:
    """Audits under way, and failed ones that were not repeated."""
    later = AuditRun.objects.filter(version=OuterRef("version"), created_at__gt=OuterRef("created_at"))
    found = (
        AuditRun.objects.for_user(user)
        .filter(Q(state=AuditRun.State.RUNNING) | Q(state=AuditRun.State.FAILED) & ~Exists(later))
        .select_related("version__model")
    )
    for audit in found:
        failed = audit.state == AuditRun.State.FAILED
        title = _("The audit of %(version)s could not be completed")
        if not failed:
            title = _("The audit of %(version)s is under way")
        yield Need(
            title=title % {"version": audit.version},
            detail=audit.stop_reason if failed else _("The sites compute; only sums leave them."),
            url=link("audit", audit.id),
            tone="fail" if failed else "info",
            since=audit.finished_at or audit.created_at,
        )


def external(user: User) -> Iterator[Need]:
    """To a board's auditor, what is open; to those who decide, what boards found of late."""
    if user.may("external.work"):
        for invited in ExternalAudit.objects.open_to(user).select_related("version__model"):
            until = _("Until %(day)s. Bring patients, run checks, say what you find.")
            yield Need(
                title=_("You are invited to audit %(version)s") % {"version": invited.version},
                detail=until % {"day": f"{invited.expires_at:%d %b %Y}"},
                url=link("external_audit", invited.id), tone="info", since=invited.created_at,
            )  # fmt: skip
    if user.may("approval.decide"):
        seen = ExternalAudit.objects.for_user(user).values("id")
        findings = ExternalFinding.objects.filter(external__in=seen, created_at__gte=timezone.now() - RECENT)
        for finding in findings.exclude(severity="note").select_related("external__board", "external__version__model"):
            told = {"board": finding.external.board, "version": finding.external.version}
            yield Need(
                title=_("%(board)s found something on %(version)s") % told,
                detail=f"{finding.get_severity_display()}: {finding.text}",
                url=link("external_audit", finding.external_id),
                tone="info" if finding.severity == "minor" else "warn", since=finding.created_at,
            )  # fmt: skip


def reports(user: User) -> Iterator[Need]:
    states: Iterable[str] = [Report.State.FINISHED, Report.State.FAILED]
    for report in Report.objects.for_user(user).filter(state__in=states, finished_at__gte=timezone.now() - RECENT)[:3]:
        failed = report.state == Report.State.FAILED
        title = _("The report %(start)s to %(end)s could not be made")
        if not failed:
            title = _("The report %(start)s to %(end)s is ready")
        yield Need(
            title=title % {"start": report.period_start, "end": report.period_end},
            detail=report.stop_reason if failed else _("PDF and the data it was made from."),
            url=link("report", report.id),
            tone="fail" if failed else "info",
            since=report.finished_at or report.created_at,
        )
