"""What secured runs leave behind: whose keys are vouched for, what was refused, how many bytes went where."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from core.capture import captured
from core.models import GovernedModel


class SiteCertificate(GovernedModel):
    """The coordinator vouches for a site's two public keys, until a day. The newest one counts."""

    participant = models.ForeignKey("federation.Participant", on_delete=models.PROTECT, related_name="certificates")
    content = models.JSONField()  # federation.domain.secure.certificates.Certificate
    signature = models.TextField()  # of the coordinator, base64
    not_after = models.DateTimeField()

    class Meta:
        ordering = ["-created_at"]
        triggers = captured("id", "created_at", "participant_id", "content", "signature", "not_after")

    def __str__(self) -> str:
        return f"{self.participant}, until {self.not_after:%Y-%m-%d}"


class RefusedEnvelope(GovernedModel):
    """Something that came in a site's name and was not taken. The run goes on without it."""

    participant = models.ForeignKey(
        "federation.Participant", on_delete=models.PROTECT, related_name="refused_envelopes"
    )
    run = models.ForeignKey(  # none: it named no run of the federation
        "federation.TrainingRun", on_delete=models.PROTECT, null=True, related_name="refused_envelopes"
    )
    kind = models.CharField(max_length=30)  # federation.domain.secure.envelope.EnvelopeRefused.kind
    reason = models.TextField()
    digest = models.CharField(max_length=64)  # of the text that came

    class Meta:
        ordering = ["-created_at"]
        triggers = captured("id", "created_at", "participant_id", "run_id", "kind", "reason", "digest")
        constraints = [models.UniqueConstraint(fields=["participant", "digest"], name="refused_once")]

    def __str__(self) -> str:
        return f"{self.participant}: {self.kind}"


class RoundTraffic(GovernedModel):
    """Bytes of a finished round, as sent (with base64 and repetitions)."""

    round = models.OneToOneField("federation.Round", on_delete=models.PROTECT, related_name="traffic")
    bytes_to_sites = models.PositiveBigIntegerField()
    bytes_from_sites = models.PositiveBigIntegerField()
    float32_bytes = models.PositiveBigIntegerField()  # what the weights of all sites would take in the open

    class Meta:
        ordering = ["round"]
        triggers = captured("id", "created_at", "round_id", "bytes_to_sites", "bytes_from_sites", "float32_bytes")

    def __str__(self) -> str:
        return f"{self.round}: {self.bytes_from_sites} bytes from the sites"


class OrderTraffic(models.Model):
    """One text that went to a site or came from it."""

    exempt_reason = "transport: summed into RoundTraffic, which is governed, when the round is done"

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey("federation.SiteOrder", on_delete=models.CASCADE, related_name="traffic")
    from_site = models.BooleanField()
    n_bytes = models.PositiveBigIntegerField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.n_bytes} bytes {'from' if self.from_site else 'to'} the site"
