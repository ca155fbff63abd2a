"""Letting hospitals in: invitations, the certificates that machines come in with, and what carries the orders."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Institution
from core.capture import captured
from core.models import GovernedModel
from federation.site.wire import channel_of


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
        constraints = [
            models.UniqueConstraint(
                fields=["federation", "site"], name="invitation_open_once", condition=Q(state="open")
            )
        ]

    def __str__(self) -> str:
        return f"{self.site} ({self.state})"

    @property
    def channel(self) -> str:
        return channel_of(self.site, self.federation_id)


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


class EngineState(models.Model):
    """How an engine that has processes of its own stands, as whoever watches them last saw it."""

    exempt_reason = "a sign of life, written every few seconds; what an engine did to a run is on the run"

    class State(models.TextChoices):
        MISSING = "missing", "Not installed"
        STARTING = "starting", "Starting"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"

    engine = models.CharField(primary_key=True, max_length=10)
    state = models.CharField(max_length=10, choices=State)
    detail = models.TextField(blank=True)  # what to do, if it is not ready
    sites = models.JSONField(default=dict)  # channel -> {"state": working, starting or away, "heard": seconds or null}
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.engine}: {self.state}"


class FlareRequest(GovernedModel):
    """A site asks for a certificate of NVIDIA FLARE, for a key that it drew; the newest is the one that is signed."""

    participant = models.ForeignKey("federation.Participant", on_delete=models.PROTECT, related_name="flare_requests")
    request = models.TextField()  # PEM
    fingerprint = models.CharField(max_length=64)  # SHA-256 of the public key

    class Meta:
        ordering = ["-created_at"]
        triggers = captured("id", "created_at", "participant_id", "request", "fingerprint")
        constraints = [models.UniqueConstraint(fields=["participant", "fingerprint"], name="flare_request_once")]

    def __str__(self) -> str:
        return f"{self.participant}, {self.fingerprint[:12]}"


class SitePass(GovernedModel):
    """A certificate that lets a hospital's machine in: through the door to the broker, or into FLARE."""

    class Kind(models.TextChoices):
        DOOR = "door", "Door to the broker"
        FLARE = "flare", "NVIDIA FLARE"

    participant = models.ForeignKey("federation.Participant", on_delete=models.PROTECT, related_name="passes")
    kind = models.CharField(max_length=10, choices=Kind)
    fingerprint = models.CharField(max_length=64)  # SHA-256 of the certificate
    not_after = models.DateTimeField()
    handed_to = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    handed_at = models.DateTimeField(null=True)  # when the site had its kit; earlier kits were handed to a person
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        triggers = captured(
            "id", "created_at", "participant_id", "kind", "fingerprint", "not_after", "handed_to_id", "handed_at",
            "revoked_by_id", "revoked_at",
        )  # fmt: skip
        constraints = [models.UniqueConstraint(fields=["fingerprint"], name="pass_once")]

    def __str__(self) -> str:
        return f"{self.participant}, {self.get_kind_display()}"

    @property
    def has_ended(self) -> bool:
        return self.revoked_at is not None or self.not_after <= timezone.now()
