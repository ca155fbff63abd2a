"""The register of breaches of personal data (GDPR Art. 33(5), 45 CFR 164.414)."""

from __future__ import annotations

from typing import Any, Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Institution
from audits.runtime.models import Incident
from core.capture import append_only, captured
from core.fields import SealedTextField
from core.models import GovernedModel


class BreachQuerySet(models.QuerySet["Breach"]):
    def for_user(self, user: Any) -> Self:
        """An institution's own breaches, and those of the platform as a whole."""
        if user.sees_all:
            return self
        return self.filter(Q(institution__isnull=True) | Q(institution__in=user.institution_ids))

    def open(self) -> Self:
        return self.filter(closed_at__isnull=True)


class Breach(GovernedModel):
    """What happened, when somebody became aware of it, and how bad it is. Duties follow from these facts."""

    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="+", null=True)
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="breaches", null=True)
    aware_at = models.DateTimeField()
    nature = SealedTextField(subject="recorded_by_id")  # what happened, to which kinds of data; no patient
    persons = models.PositiveIntegerField(null=True)  # about how many are concerned; none: not known yet
    personal_data = models.BooleanField(null=True)  # under the GDPR; none: not known yet
    risk = models.BooleanField(null=True)  # to rights and freedoms
    high_risk = models.BooleanField(null=True)
    phi = models.BooleanField(null=True)  # unsecured protected health information under HIPAA
    processor = models.BooleanField(default=False)  # we are processor for the controller: Art. 33(2)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    revision = models.PositiveIntegerField(default=1)
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)

    objects = BreachQuerySet.as_manager()

    class Meta:
        ordering = ["-aware_at"]
        verbose_name_plural = "breaches"
        triggers = [
            *captured(
                "id", "created_at", "institution_id", "incident_id", "aware_at", "nature", "persons", "personal_data",
                "risk", "high_risk", "phi", "processor", "recorded_by_id", "revision", "closed_at", "closed_by_id",
            ),
            pgtrigger.Protect(name="kept", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="closed_stays", operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.closed_at IS NOT NULL"),
            ),
        ]  # fmt: skip
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closed_by__isnull=True)
                | Q(closed_at__isnull=False, closed_by__isnull=False),
                name="breach_closed_by_somebody",
            )
        ]

    def __str__(self) -> str:
        return f"breach of {self.aware_at:%d %b %Y}"


class BreachRecord(GovernedModel):
    """An answer to one duty (notified, or decided not to, with reasons), or a remark. Never changed."""

    class Answer(models.TextChoices):
        NOTIFIED = "notified", "Notified"
        NOT_NOTIFIED = "not_notified", "Decided not to notify"
        REMARK = "remark", "Remark"

    breach = models.ForeignKey(Breach, on_delete=models.PROTECT, related_name="records")
    duty = models.CharField(max_length=30, blank=True)  # key in domain/duties.py; empty: a remark
    answer = models.CharField(max_length=12, choices=Answer)
    done_at = models.DateTimeField(null=True)  # of a notification
    text = SealedTextField(subject="author_id")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["created_at"]
        triggers = [
            *captured("id", "created_at", "breach_id", "duty", "answer", "done_at", "text", "author_id"),
            append_only()[0],
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(answer="remark", duty="") | ~Q(answer="remark") & ~Q(duty=""), name="answer_names_its_duty"
            ),
            models.CheckConstraint(
                condition=~Q(answer="notified") | Q(done_at__isnull=False), name="notified_at_a_moment"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_answer_display()}: {self.breach}"
