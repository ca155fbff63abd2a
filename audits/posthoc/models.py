from __future__ import annotations

from django.conf import settings
from django.db import models

from core.capture import captured
from core.models import GovernedModel


class Report(GovernedModel):
    """A biannual report: PDF and the JSON it was made from, both named by digest."""

    class State(models.TextChoices):
        QUEUED = "queued"
        FINISHED = "finished"
        FAILED = "failed"

    period_start = models.DateField()
    period_end = models.DateField()
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    json_digest = models.CharField(max_length=64, blank=True)
    pdf_digest = models.CharField(max_length=64, blank=True)
    summary = models.JSONField(default=dict)
    stop_reason = models.TextField(blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        triggers = captured(
            "id", "created_at", "period_start", "period_end", "state", "requested_by_id", "json_digest", "pdf_digest",
            "summary", "stop_reason", "finished_at",
        )  # fmt: skip
        constraints = [
            models.CheckConstraint(
                condition=models.Q(period_end__gte=models.F("period_start")), name="report_period_forward"
            )
        ]

    def __str__(self) -> str:
        return f"report {self.period_start} to {self.period_end}"


from audits.posthoc.models_controls import ManualEvidence, Risk  # noqa: E402, F401 - one place to find the tables
