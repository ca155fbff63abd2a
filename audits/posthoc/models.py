from __future__ import annotations

from typing import Any, Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Institution
from core.capture import captured
from core.models import GovernedModel


class ReportQuerySet(models.QuerySet["Report"]):
    def for_user(self, user: Any) -> Self:
        """Reports of the whole platform, and editions of the institutions that the person or key belongs to."""
        if user.sees_all:
            return self
        return self.filter(Q(institution__isnull=True) | Q(institution__in=user.institution_ids))

    def same_as(self, report: Report) -> Self:
        """Every issue of this report: its kind, its period, its institution."""
        return self.filter(
            kind=report.kind, period_start=report.period_start, period_end=report.period_end,
            institution=report.institution_id,
        )  # fmt: skip


class Report(GovernedModel):
    """A report of a period: PDF and the JSON it was made from, both named by digest.

    It never changes once it is made. What has to be said otherwise is said by the next issue of the same report.
    """

    class Kind(models.TextChoices):
        BIANNUAL = "biannual", "Biannual report"
        MONTHLY = "monthly", "Monthly report"
        CUSTOM = "custom", "Report of a chosen period"

    class State(models.TextChoices):
        QUEUED = "queued"
        FINISHED = "finished"
        FAILED = "failed"

    period_start = models.DateField()
    period_end = models.DateField()
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.CUSTOM)
    institution = models.ForeignKey(  # none: the whole platform
        Institution, on_delete=models.PROTECT, related_name="+", null=True
    )
    issue = models.PositiveSmallIntegerField(null=True)  # none: made before issues were counted
    reason = models.TextField(blank=True)  # why it was issued again
    requested_by = models.ForeignKey(  # none: the calendar asked
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    json_digest = models.CharField(max_length=64, blank=True)
    pdf_digest = models.CharField(max_length=64, blank=True)
    files = models.JSONField(default=dict)  # kind -> SHA-256; empty: made before there was more than PDF and JSON
    manifest_digest = models.CharField(max_length=64, blank=True)  # of what the platform's keys signed
    signatures = models.JSONField(default=list)  # see `provenance.domain.report.PlatformSignature`
    summary = models.JSONField(default=dict)
    stop_reason = models.TextField(blank=True)
    finished_at = models.DateTimeField(null=True)

    objects = ReportQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        triggers = [
            *captured(
                "id", "created_at", "period_start", "period_end", "kind", "institution_id", "issue", "reason", "state",
                "requested_by_id", "json_digest", "pdf_digest", "files", "manifest_digest", "signatures", "summary",
                "stop_reason", "finished_at",
            ),
            pgtrigger.Protect(name="report_kept", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="report_stays", operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.state <> 'queued'"),
            ),
        ]  # fmt: skip
        constraints = [
            models.CheckConstraint(
                condition=models.Q(period_end__gte=models.F("period_start")), name="report_period_forward"
            ),
            models.UniqueConstraint(
                fields=["kind", "period_start", "period_end", "institution", "issue"], name="report_issue_once",
                nulls_distinct=False, condition=Q(issue__isnull=False),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"report {self.period_start} to {self.period_end}"

    @property
    def title(self) -> str:
        """What it is called on pages: its kind, whose edition it is, and which issue if not the first."""
        whose = f", edition of {self.institution}" if self.institution else ""
        return self.get_kind_display() + whose + (f", issue {self.issue}" if (self.issue or 1) > 1 else "")


from audits.posthoc.models_boards import BoardFinding, BoardMember, BoardReview, BoardStep  # noqa: E402
from audits.posthoc.models_controls import ManualEvidence, Risk  # noqa: E402 - one place to find the tables
from audits.posthoc.models_samples import AuditSample, SampleItem  # noqa: E402
from audits.posthoc.models_signing import ReportSignOff  # noqa: E402

__all__ = [
    "AuditSample", "BoardFinding", "BoardMember", "BoardReview", "BoardStep", "ManualEvidence", "Report",
    "ReportQuerySet", "ReportSignOff", "Risk", "SampleItem",
]  # fmt: skip
