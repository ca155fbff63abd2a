"""What travels between platform and sites, and what is shown of it while it does."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone


class SiteOrder(models.Model):
    """A message to a site and the answer that is awaited; unique by what is asked, so asking twice does it once."""

    exempt_reason = "transport: what an answer brings is a governed row (update, manifest, audit) with its digest"

    class State(models.TextChoices):
        PENDING = "pending"
        ANSWERED = "answered"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    participant = models.ForeignKey("federation.Participant", on_delete=models.PROTECT, related_name="orders")
    kind = models.CharField(max_length=30)  # manifest train evaluate audit
    key = models.CharField(max_length=200)
    subject = models.UUIDField()  # the round, audit, ... that asked
    body = models.JSONField()
    attachments = models.JSONField(default=dict)  # name -> SHA-256 of an artefact
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    sends = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    last_contact_at = models.DateTimeField(default=timezone.now)
    answered_at = models.DateTimeField(null=True)
    answer = models.JSONField(null=True)
    answer_attachments = models.JSONField(default=dict)
    answer_digest = models.CharField(max_length=64, blank=True)
    signature = models.TextField(blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["created_at"]
        constraints = [models.UniqueConstraint(fields=["participant", "key"], name="order_once")]
        indexes = [
            models.Index(fields=["last_contact_at"], name="order_pending", condition=Q(state="pending")),
            models.Index(fields=["subject", "kind"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.participant_id} ({self.state})"


class RunEvent(models.Model):
    """Progress as it happens, for the live page. Results of record are on rounds and updates."""

    exempt_reason = "progress display; the results are governed rows"

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey("federation.TrainingRun", on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=30)
    site = models.CharField(max_length=40, blank=True)
    text = models.TextField(blank=True)
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["run", "id"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.site}"
