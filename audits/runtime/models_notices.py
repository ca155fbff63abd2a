"""Notices on their way to people and to other systems, and who of the latter is told."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Institution
from audits.runtime import querysets
from core.capture import captured
from core.fields import SealedTextField
from core.models import GovernedModel


class WebhookSubscription(GovernedModel):
    """An address that is told. The secret is sealed under a key of the row's own, never captured, shown once."""

    name = models.CharField(max_length=80)
    url = models.URLField(max_length=300)
    secret = SealedTextField(subject="id")
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, null=True)  # null: all deployments
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        triggers = captured("id", "created_at", "name", "url", "institution_id", "created_by_id", "revoked_at")

    def __str__(self) -> str:
        return self.name


class Notice(GovernedModel):
    """One event for one recipient: the outbox. Its payload holds no patient's data and nothing that a person wrote."""

    class Channel(models.TextChoices):
        EMAIL = "email", "E-mail"
        WEBHOOK = "webhook", "Webhook"

    class State(models.TextChoices):
        QUEUED = "queued"
        SENT = "sent"
        DEAD = "dead"

    event = models.CharField(max_length=40)
    halt = models.ForeignKey("audits_runtime.Halt", on_delete=models.PROTECT, related_name="notices")
    channel = models.CharField(max_length=10, choices=Channel)
    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    subscription = models.ForeignKey(WebhookSubscription, on_delete=models.PROTECT, related_name="notices", null=True)
    payload = models.JSONField()
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    rounds = models.PositiveIntegerField(default=0)  # how often somebody asked to send it again
    last_error = models.TextField(blank=True)  # not captured: it may quote what a stranger's server said
    sent_at = models.DateTimeField(null=True)

    objects = querysets.NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        triggers = captured(
            "id", "created_at", "event", "halt_id", "channel", "recipient_id", "subscription_id", "payload", "state",
            "attempts", "sent_at",
        )  # fmt: skip
        constraints = [
            models.CheckConstraint(
                condition=Q(channel="email", recipient__isnull=False, subscription__isnull=True)
                | Q(channel="webhook", recipient__isnull=True, subscription__isnull=False),
                name="notice_has_one_recipient",
            ),
            models.UniqueConstraint(fields=["event", "halt", "recipient"], name="notice_once_a_person"),
            models.UniqueConstraint(fields=["event", "halt", "subscription"], name="notice_once_a_subscription"),
        ]
        indexes = [models.Index(fields=["state", "-created_at"], name="notice_by_state")]

    @property
    def event_words(self) -> str:
        """What happened, as a page says it: the last part of the event's name."""
        return self.event.rpartition(".")[2]

    def __str__(self) -> str:
        return f"{self.event} by {self.get_channel_display().lower()} ({self.state})"
