from __future__ import annotations

from django.db import models
from django.utils import timezone

from core.capture import append_only


class AnchorAttempt(models.Model):
    """One signed transaction for an anchor, committed before it is sent.

    A stuck anchor is signed again under the same nonce for a higher fee. Any of its attempts may be the one that is
    mined, also long after, so none is ever forgotten.
    """

    exempt_reason = "describes the ledger itself, as the anchor does whose transactions these are"

    anchor = models.ForeignKey("provenance.Anchor", on_delete=models.PROTECT, related_name="attempts")
    chain_id = models.BigIntegerField()
    sender = models.CharField(max_length=42)
    nonce = models.BigIntegerField()
    number = models.PositiveIntegerField()  # 1 is the first with this nonce
    tx_hash = models.CharField(max_length=66, unique=True)
    raw_tx = models.BinaryField()
    max_fee_per_gas = models.DecimalField(max_digits=78, decimal_places=0)  # wei
    max_priority_fee_per_gas = models.DecimalField(max_digits=78, decimal_places=0)  # wei
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["chain_id", "sender", "nonce", "number"], name="attempt_once_a_number")
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"attempt {self.number} with nonce {self.nonce}"


class AnchorRequest(models.Model):
    """The newest entry about an object is to stand on the chain without waiting for the next anchor's turn."""

    exempt_reason = "a wish about the ledger itself; the anchor that meets it is the record"

    object_id = models.TextField(primary_key=True)
    asked_at = models.DateTimeField(default=timezone.now)
    met_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["asked_at"]
        indexes = [models.Index(fields=["asked_at"], name="anchor_asked", condition=models.Q(met_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.object_id} ({'anchored' if self.met_at else 'waits'})"
