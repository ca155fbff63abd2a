"""How long each class of records is kept, what suspends that, and each time that it was carried out."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from core.capture import append_only, captured
from core.fields import SealedTextField
from core.models import GovernedModel


class RetentionRule(GovernedModel):
    """The house's own period for a class of records. The newest of a class is in force; none: the shipped one."""

    record_class = models.CharField(max_length=40)  # key in domain/schedule.toml
    days = models.PositiveIntegerField()
    legal_basis = models.CharField(max_length=300)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = SealedTextField(subject="set_by_id")

    class Meta:
        ordering = ["-created_at"]
        triggers = [
            *captured("id", "created_at", "record_class", "days", "legal_basis", "set_by_id", "reason"),
            append_only()[0],
        ]
        constraints = [models.CheckConstraint(condition=Q(days__gte=1), name="retention_at_least_a_day")]

    def __str__(self) -> str:
        return f"{self.record_class}: {self.days} days"


class LegalHold(GovernedModel):
    """Nothing of a class (or, without one, nothing at all) is removed until a day, for a stated reason."""

    record_class = models.CharField(max_length=40, blank=True)  # empty: every class
    ends_on = models.DateField()
    placed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = SealedTextField(subject="placed_by_id")
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    lift_reason = SealedTextField(subject="lifted_by_id", blank=True)

    class Meta:
        ordering = ["-created_at"]
        triggers = [
            *captured(
                "id", "created_at", "record_class", "ends_on", "placed_by_id", "reason", "lifted_at", "lifted_by_id",
                "lift_reason",
            ),
            pgtrigger.Protect(name="kept", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="bound", operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.lifted_at IS NOT NULL OR (OLD.record_class, OLD.ends_on, OLD.placed_by_id) IS DISTINCT FROM "
                    "(NEW.record_class, NEW.ends_on, NEW.placed_by_id)"
                ),
            ),
        ]  # fmt: skip
        constraints = [
            models.CheckConstraint(
                condition=Q(lifted_at__isnull=True, lifted_by__isnull=True)
                | Q(lifted_at__isnull=False, lifted_by__isnull=False),
                name="hold_lifted_by_somebody",
            )
        ]

    def __str__(self) -> str:
        return f"hold on {self.record_class or 'everything'} until {self.ends_on}"


class RetentionExecution(GovernedModel):
    """What one execution did with one class, and under which rule."""

    record_class = models.CharField(max_length=40)
    action = models.CharField(max_length=12)
    days = models.PositiveIntegerField()
    legal_basis = models.CharField(max_length=300)
    before = models.DateTimeField()  # what began its period earlier was due
    counts = models.JSONField(default=dict)  # kind of row or file -> how many
    held_by = models.ForeignKey(LegalHold, on_delete=models.PROTECT, related_name="+", null=True)
    error = models.TextField(blank=True)  # the platform's own words

    class Meta:
        ordering = ["-created_at", "record_class"]
        triggers = [
            *captured(
                "id", "created_at", "record_class", "action", "days", "legal_basis", "before", "counts", "held_by_id",
                "error",
            ),
            append_only()[0],
        ]  # fmt: skip
        indexes = [models.Index(fields=["record_class", "-created_at"], name="retention_of_class")]

    def __str__(self) -> str:
        return f"{self.record_class}, {self.created_at:%d %b %Y}"

    @property
    def total(self) -> int:
        return sum(self.counts.values())
