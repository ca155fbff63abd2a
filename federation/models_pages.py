"""What the federation's pages stand on: software of the sites, QKD links and rehearsals, influence of single sites."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from core.capture import captured
from core.models import GovernedModel


class SiteSoftware(GovernedModel):
    """What a site's worker says it runs; changed only when that changes."""

    participant = models.OneToOneField("federation.Participant", on_delete=models.PROTECT, related_name="software")
    version = models.CharField(max_length=40)
    engine = models.CharField(max_length=40)  # what carries its messages
    handlers = models.JSONField()  # kinds of orders that it can do
    reported_at = models.DateTimeField()

    class Meta:
        triggers = captured("id", "created_at", "participant_id", "version", "engine", "handlers", "reported_at")

    def __str__(self) -> str:
        return f"{self.participant}: {self.version}"


class QkdCheck(GovernedModel):
    """What a site's key-management entity said of the link to one peer. No key and no credential is in it."""

    class State(models.TextChoices):
        UP = "up"
        NO_KEY = "no_key", "No key"  # the link answers and hands out nothing: noise, or somebody listens
        DOWN = "down"
        UNCONFIGURED = "unconfigured", "Not configured"

    participant = models.ForeignKey("federation.Participant", on_delete=models.PROTECT, related_name="qkd_checks")
    peer = models.ForeignKey("federation.Participant", on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=12, choices=State)
    simulated = models.BooleanField(null=True)  # None: it did not answer
    qber = models.FloatField(
        null=True
    )  # of the last session; the standard has no field for it, so hardware may not say
    qber_upper = models.FloatField(null=True)
    secure_bits = models.PositiveIntegerField(null=True)  # of the last session
    rate = models.FloatField(null=True)  # secure bits a pulse
    stored_keys = models.PositiveIntegerField(null=True)
    max_keys = models.PositiveIntegerField(null=True)
    key_size = models.PositiveIntegerField(null=True)  # bits
    reason = models.TextField(blank=True)
    message_digest = models.CharField(max_length=64)  # of the site's signed answer

    class Meta:
        ordering = ["-created_at"]
        triggers = captured(
            "id", "created_at", "participant_id", "peer_id", "state", "simulated", "qber", "qber_upper", "secure_bits",
            "rate", "stored_keys", "max_keys", "key_size", "reason", "message_digest",
        )  # fmt: skip
        indexes = [models.Index(fields=["participant", "peer", "-created_at"], name="qkd_newest")]

    def __str__(self) -> str:
        return f"{self.participant} to {self.peer}: {self.state}"


class QkdRehearsal(GovernedModel):
    """The simulated link under an eavesdropper of growing strength: how the key shrinks and dies."""

    federation = models.ForeignKey("federation.Federation", on_delete=models.PROTECT, related_name="qkd_rehearsals")
    loss = models.FloatField()
    error = models.FloatField()
    steps = models.JSONField(null=True)  # None until it is done; figures of one session a strength
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        triggers = captured(
            "id", "created_at", "federation_id", "loss", "error", "steps", "requested_by_id", "finished_at"
        )

    def __str__(self) -> str:
        return f"rehearsal of {self.created_at:%Y-%m-%d %H:%M}"


class InfluenceStudy(GovernedModel):
    """How far each site moved a run's model, found by leaving it out. Only where single updates are visible."""

    run = models.ForeignKey("federation.TrainingRun", on_delete=models.PROTECT, related_name="influence_studies")
    rounds = models.PositiveIntegerField()
    rounds_done = models.PositiveIntegerField(default=0)  # progress; not captured
    result = models.JSONField(null=True)  # None until it is done
    error = models.TextField(blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        triggers = captured("id", "created_at", "run_id", "rounds", "result", "error", "requested_by_id", "finished_at")

    def __str__(self) -> str:
        return f"influence of the sites on {self.run}"
