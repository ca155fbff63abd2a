"""Invitations: how a hospital is let in, until when, and with which key it came."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Institution
from core.capture import captured
from core.models import GovernedModel


class SiteInvitation(GovernedModel):
    """One hospital may join one federation, once and until a day. The token itself is known to who holds the file."""

    class State(models.TextChoices):
        OPEN = "open"
        JOINED = "joined"
        REVOKED = "revoked"
        EXPIRED = "expired"

    federation = models.ForeignKey("federation.Federation", on_delete=models.PROTECT, related_name="invitations")
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="+")
    site = models.SlugField(max_length=40)
    token_digest = models.CharField(max_length=64)  # SHA-256 of a random token
    expires_at = models.DateTimeField()
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    public_key = models.TextField(blank=True)  # that the site joined with
    password_digest = models.CharField(max_length=64, blank=True)  # of the password that the site drew for itself
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        triggers = captured(
            "id", "created_at", "federation_id", "institution_id", "site", "token_digest", "expires_at",
            "invited_by_id", "state", "public_key", "password_digest", "ended_at",
        )  # fmt: skip
        constraints = [models.UniqueConstraint(fields=["site"], name="invitation_open_once", condition=Q(state="open"))]

    def __str__(self) -> str:
        return f"{self.site} ({self.state})"


class RunEngine(GovernedModel):
    """What carries the orders of a run. A run without such a row is carried by the local workers."""

    class Engine(models.TextChoices):
        LOCAL = "local", "Local: persistent workers on the platform's broker"
        FLARE = "flare", "NVIDIA FLARE: one persistent client a hospital"

    run = models.OneToOneField("federation.TrainingRun", on_delete=models.PROTECT, related_name="engine")
    engine = models.CharField(max_length=10, choices=Engine)

    class Meta:
        ordering = ["created_at"]
        triggers = captured("id", "created_at", "run_id", "engine")

    def __str__(self) -> str:
        return self.engine
