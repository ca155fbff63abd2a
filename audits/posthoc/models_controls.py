"""What people bring to the control mapping: files as evidence, and the register of risks."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from audits.domain.controls.risk import PROBABILITY, SEVERITY, Level, level
from core.capture import captured
from core.fields import SealedTextField
from core.models import GovernedModel
from models_registry.models import Version

SEVERITIES, PROBABILITIES = list(SEVERITY.items()), list(PROBABILITY.items())  # by name, for the API's description


class ManualEvidence(GovernedModel):
    """A file that somebody brought for a control. It is withdrawn with a name, never changed or deleted."""

    framework = models.CharField(max_length=40)  # key of the framework's file
    control = models.CharField(max_length=40)
    digest = models.CharField(max_length=64)  # SHA-256, the artefact's name
    name = models.CharField(max_length=120)
    media_type = models.CharField(max_length=40)
    size = models.PositiveIntegerField()
    note = SealedTextField(subject="uploaded_by_id")
    valid_until = models.DateField()
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)

    class Meta:
        ordering = ["-created_at"]
        triggers = [
            *captured(
                "id", "created_at", "framework", "control", "digest", "name", "media_type", "size", "note",
                "valid_until", "uploaded_by_id", "withdrawn_at", "withdrawn_by_id",
            ),
            pgtrigger.Protect(name="kept", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="bound", operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.withdrawn_at IS NOT NULL OR (OLD.framework, OLD.control, OLD.digest, OLD.name, "
                    "OLD.media_type, OLD.size, OLD.note, OLD.valid_until, OLD.uploaded_by_id) IS DISTINCT FROM "
                    "(NEW.framework, NEW.control, NEW.digest, NEW.name, NEW.media_type, NEW.size, NEW.note, "
                    "NEW.valid_until, NEW.uploaded_by_id)"
                ),
            ),
        ]  # fmt: skip
        indexes = [models.Index(fields=["framework", "control"], name="manual_evidence_of")]
        constraints = [
            models.UniqueConstraint(
                fields=["framework", "control", "digest"],
                name="manual_evidence_once",
                condition=Q(withdrawn_at__isnull=True),
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True, withdrawn_by__isnull=True)
                | Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False),
                name="evidence_withdrawn_by_someone",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} for {self.framework} {self.control}"


def _scale(name: str, *, absent: bool = False) -> Q:
    within = Q(**{f"{name}__gte": 1, f"{name}__lte": 5})
    return within | Q(**{f"{name}__isnull": True}) if absent else within


class Risk(GovernedModel):
    """A hazard, the situation in which it meets people, the harm, and what is done about it."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        CONTROLLED = "controlled", "Controlled"
        ACCEPTED = "accepted", "Residual risk accepted"
        CLOSED = "closed", "Closed"

    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="risks", null=True, blank=True)
    hazard = SealedTextField(subject="created_by_id")
    situation = SealedTextField(subject="created_by_id")
    harm = SealedTextField(subject="created_by_id")
    severity_before = models.PositiveSmallIntegerField(choices=SEVERITIES)
    probability_before = models.PositiveSmallIntegerField(choices=PROBABILITIES)
    measures = SealedTextField(subject="created_by_id", blank=True)
    severity_after = models.PositiveSmallIntegerField(choices=SEVERITIES, null=True, blank=True)
    probability_after = models.PositiveSmallIntegerField(choices=PROBABILITIES, null=True, blank=True)
    controls = models.JSONField(default=list, blank=True)  # "framework:control"
    checks = models.JSONField(default=list, blank=True)  # ids of checks that verify the measures
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    rationale = SealedTextField(subject="created_by_id", blank=True)  # why what remains is acceptable
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    review_on = models.DateField()
    revision = models.PositiveIntegerField(default=1)  # two people editing at once are told
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    suggested_by = models.UUIDField(null=True)  # the check's result that suggested it

    class Meta:
        ordering = ["review_on", "created_at"]
        triggers = [
            *captured(
                "id", "created_at", "version_id", "hazard", "situation", "harm", "severity_before",
                "probability_before", "measures", "severity_after", "probability_after", "controls", "checks", "state",
                "rationale", "owner_id", "review_on", "revision", "created_by_id", "suggested_by",
            ),
            pgtrigger.Protect(name="kept", operation=pgtrigger.Delete),
        ]  # fmt: skip
        constraints = [
            models.CheckConstraint(
                condition=_scale("severity_before") & _scale("probability_before")
                & _scale("severity_after", absent=True) & _scale("probability_after", absent=True),
                name="risk_scales",
            ),
            models.CheckConstraint(
                condition=Q(state="open") | Q(state="closed")
                | Q(severity_after__isnull=False, probability_after__isnull=False),
                name="risk_judged_after_measures",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"risk {self.id.hex[:8]}"

    @property
    def level_before(self) -> Level:
        return level(self.severity_before, self.probability_before)

    @property
    def level_after(self) -> Level | None:
        if self.severity_after is None or self.probability_after is None:
            return None
        return level(self.severity_after, self.probability_after)
