"""Warnings that a person must decide on, by a day."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Institution
from core.capture import captured
from core.fields import SealedTextField
from core.models import GovernedModel
from models_registry.models import Deployment


class AmberQuerySet(models.QuerySet):
    def open(self) -> AmberQuerySet:
        return self.filter(decided_at__isnull=True)

    def decided(self) -> AmberQuerySet:
        return self.filter(decided_at__isnull=False)

    def for_user(self, user) -> AmberQuerySet:
        if user.sees_all:
            return self
        path = "deployment__version__model__federation__participants__institution__in"
        return self.filter(**{path: user.institution_ids}).distinct()


class AmberDecision(GovernedModel):
    """The monitor warned, and a person is asked: go on, restrict, or halt. Asked once for what it warns of."""

    class Decision(models.TextChoices):
        CONTINUE = "continue", "Continue, with reasons"
        RESTRICT = "restrict", "Restrict the number of predictions"
        HALT = "halt", "Halt"

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="amber_decisions")
    warnings = models.JSONField()  # key of the warning -> its sentence when it first came
    position = models.BigIntegerField()  # outcomes folded when it was asked
    due_at = models.DateTimeField()
    decision = models.CharField(max_length=10, choices=Decision, blank=True)  # empty: not decided yet
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="+", null=True)
    decided_at = models.DateTimeField(null=True)
    reason = SealedTextField(subject="decided_by_id", blank=True)
    review_at = models.DateTimeField(null=True)  # until when it holds
    most_predictions = models.BigIntegerField(null=True)  # of "restrict": counted from the first prediction

    objects = AmberQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        triggers = [
            *captured(
                "id", "created_at", "deployment_id", "warnings", "position", "due_at", "decision", "decided_by_id",
                "institution_id", "decided_at", "reason", "review_at", "most_predictions",
            ),
            pgtrigger.Protect(
                name="decided_once", operation=pgtrigger.Update, condition=pgtrigger.Q(old__decided_at__isnull=False)
            ),
        ]  # fmt: skip
        constraints = [
            models.UniqueConstraint(
                fields=["deployment"], name="one_open_amber_decision", condition=Q(decided_at__isnull=True)
            ),
            models.CheckConstraint(
                condition=Q(decided_at__isnull=True, decision="")
                | Q(decided_at__isnull=False, decided_by__isnull=False, institution__isnull=False) & ~Q(decision=""),
                name="amber_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(decision="restrict") | Q(most_predictions__isnull=False), name="amber_restriction_is_said"
            ),
        ]

    def __str__(self) -> str:
        return self.get_decision_display() if self.decision else f"asked for by {self.due_at:%d %B %Y}"

    @property
    def overdue(self) -> bool:
        return self.decided_at is None and self.due_at < timezone.now()
