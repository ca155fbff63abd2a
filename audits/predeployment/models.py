from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from audits.predeployment import querysets
from audits.predeployment.models_external import (
    ExternalAudit,
    ExternalData,
    ExternalFinding,
    ExternalResult,
    ExternalRun,
)
from audits.predeployment.models_policy import AuditPolicy, PolicyDecision
from audits.predeployment.models_result import RESULT_COLUMNS, ResultRow
from core.capture import captured
from core.fields import SealedTextField
from core.models import GovernedModel
from models_registry.models import Evidence, Version

__all__ = [
    "AuditPolicy",
    "AuditRun",
    "CheckResult",
    "ExternalAudit",
    "ExternalData",
    "ExternalFinding",
    "ExternalResult",
    "ExternalRun",
    "PolicyDecision",
    "ResultRow",
]


class AuditRun(GovernedModel):
    """One audit of one version under one policy. The sites compute; only sums leave them."""

    class State(models.TextChoices):
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    class Tier(models.TextChoices):
        QUICK = "quick", "Quick"
        CERTIFICATION = "certification", "Certification"

    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="audits")
    approved_policy = models.ForeignKey(AuditPolicy, on_delete=models.PROTECT, related_name="audits", null=True)
    tier = models.CharField(max_length=20, choices=Tier, default=Tier.QUICK)
    policy = (
        models.JSONField()
    )  # `policy.resolve`: checks with their settings, seed; fixed before a site opens its data
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    verdict = models.CharField(max_length=20, choices=Evidence.Verdict, blank=True)
    digest = models.CharField(max_length=64, blank=True)  # over the canonical results
    summary = models.JSONField(default=dict)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    finished_at = models.DateTimeField(null=True)
    stopped_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    stop_reason = SealedTextField(subject="stopped_by_id", blank=True)  # clear where the platform stopped it

    objects = querysets.AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        triggers = captured(
            "id", "created_at", "version_id", "approved_policy_id", "tier", "policy", "state", "verdict", "digest",
            "summary", "requested_by_id", "finished_at", "stopped_by_id", "stop_reason",
        )  # fmt: skip
        constraints = [
            models.UniqueConstraint(fields=["version"], name="one_running_audit", condition=Q(state="running"))
        ]

    def __str__(self) -> str:
        return f"audit of {self.version}"


class CheckResult(ResultRow):
    """What one check measured in one audit."""

    audit = models.ForeignKey(AuditRun, on_delete=models.PROTECT, related_name="checks")

    class Meta:
        ordering = ["audit", "check_id"]
        triggers = captured("id", "created_at", "audit_id", *RESULT_COLUMNS)
        constraints = [models.UniqueConstraint(fields=["audit", "check_id"], name="check_once")]
