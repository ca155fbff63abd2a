from __future__ import annotations

from django.conf import settings
from django.db import models

from audits.predeployment import querysets
from core.capture import captured
from core.fields import SealedTextField
from core.models import GovernedModel
from models_registry.models import Evidence, Version


class AuditRun(GovernedModel):
    """One audit of one version under one policy. The sites compute; only sums leave them."""

    class State(models.TextChoices):
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="audits")
    policy = models.JSONField()  # audits.domain: thresholds, minimum counts, seeds
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
            "id", "created_at", "version_id", "policy", "state", "verdict", "digest", "summary", "requested_by_id",
            "finished_at", "stopped_by_id", "stop_reason",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"audit of {self.version}"


class CheckResult(GovernedModel):
    """What one check measured."""

    audit = models.ForeignKey(AuditRun, on_delete=models.PROTECT, related_name="checks")
    check_id = models.SlugField(max_length=40)
    principle = models.CharField(max_length=20)
    title = models.CharField(max_length=120)
    gating = models.BooleanField()  # whether it decides the audit's verdict
    verdict = models.CharField(max_length=20, choices=Evidence.Verdict)
    value = models.FloatField(null=True)  # absent if it could not be measured
    lower = models.FloatField(null=True)
    upper = models.FloatField(null=True)
    threshold = models.FloatField(null=True)
    sentence = models.TextField()  # the number in plain words
    evidence = models.JSONField()

    class Meta:
        ordering = ["audit", "-gating", "check_id"]
        triggers = captured(
            "id", "created_at", "audit_id", "check_id", "principle", "title", "gating", "verdict", "value", "lower",
            "upper", "threshold", "sentence", "evidence",
        )  # fmt: skip
        constraints = [models.UniqueConstraint(fields=["audit", "check_id"], name="check_once")]

    def __str__(self) -> str:
        return f"{self.title}: {self.verdict}"
