"""Requests of patients about their data (GDPR Art. 15 to 22), kept by their own hospital."""

from __future__ import annotations

import datetime as dt
from typing import Any, Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Institution
from audits.runtime.models import Appeal
from core.capture import append_only, captured
from core.fields import SealedTextField
from core.models import GovernedModel


class RequestQuerySet(models.QuerySet["SubjectRequest"]):
    def for_user(self, user: Any) -> Self:
        """A request is its own hospital's matter, and of the platform's auditors and administrators."""
        return self if user.sees_all else self.filter(institution__in=user.institution_ids)

    def open(self) -> Self:
        return self.exclude(state__in=SubjectRequest.ENDED)


class SubjectRequest(GovernedModel):
    """One request. It names nobody: the hospital's own reference, and the patient's number while it is needed."""

    class Kind(models.TextChoices):
        ACCESS = "access", "Access (Art. 15)"
        RECTIFICATION = "rectification", "Rectification (Art. 16)"
        ERASURE = "erasure", "Erasure (Art. 17)"
        RESTRICTION = "restriction", "Restriction (Art. 18)"
        OBJECTION = "objection", "Objection (Art. 21), or against an automated decision (Art. 22)"

    class State(models.TextChoices):
        RECEIVED = "received", "Received: identity not confirmed"
        CONFIRMED = "confirmed", "Identity confirmed"
        GRANTED = "granted", "Granted: to be carried out"
        FULFILLED = "fulfilled", "Fulfilled"
        REFUSED = "refused", "Refused"
        WITHDRAWN = "withdrawn", "Withdrawn"

    ENDED = (State.FULFILLED, State.REFUSED, State.WITHDRAWN)

    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=15, choices=Kind)
    reference = SealedTextField(subject="recorded_by_id", max_length=60)  # the hospital's own number of the matter
    received_on = models.DateField()
    due_on = models.DateField()
    extended = models.BooleanField(default=False)
    state = models.CharField(max_length=12, choices=State, default=State.RECEIVED)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    # The number that the hospital sends for the patient. In this table alone, never in the ledger; emptied when the
    # request is ended (but of a restriction, which must be kept) or the patient is erased.
    patient = SealedTextField(subject="recorded_by_id", null=True)
    pseudonyms = models.JSONField(default=list)  # that it has at the hospital's sites; in this table alone, as above
    appeal = models.ForeignKey(Appeal, on_delete=models.PROTECT, related_name="+", null=True)  # of an objection
    receipt = models.CharField(max_length=64, blank=True)  # of an erasure: what stands in the ledger
    ended_at = models.DateTimeField(null=True)

    objects = RequestQuerySet.as_manager()

    class Meta:
        ordering = ["due_on", "created_at"]
        triggers = [
            *captured(
                "id", "created_at", "institution_id", "kind", "reference", "received_on", "due_on", "extended", "state",
                "recorded_by_id", "appeal_id", "receipt", "ended_at",
            ),
            pgtrigger.Protect(name="kept", operation=pgtrigger.Delete),
        ]  # fmt: skip
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["fulfilled", "refused", "withdrawn"], ended_at__isnull=False)
                | ~Q(state__in=["fulfilled", "refused", "withdrawn"]) & Q(ended_at__isnull=True),
                name="request_ended_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference} ({self.get_kind_display()})"

    @property
    def is_open(self) -> bool:
        return self.state not in self.ENDED

    @property
    def overdue(self) -> bool:
        return self.is_open and self.due_on < timezone.now().date()

    @property
    def days_left(self) -> int:
        return (self.due_on - timezone.now().date()) // dt.timedelta(days=1)


class RequestStep(GovernedModel):
    """What one person did with a request, and why. Never changed."""

    request = models.ForeignKey(SubjectRequest, on_delete=models.PROTECT, related_name="steps")
    step = models.CharField(max_length=20)  # received, confirmed, extended, exported, granted, ...
    text = SealedTextField(subject="author_id", blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["created_at"]
        triggers = [*captured("id", "created_at", "request_id", "step", "text", "author_id"), append_only()[0]]

    def __str__(self) -> str:
        return self.step
