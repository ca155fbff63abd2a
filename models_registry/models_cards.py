"""What leaves the house with a card: its publication, and the signature of the weights that it speaks of."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from core.capture import captured
from core.models import GovernedModel


class CardPublication(GovernedModel):
    """One edition shown to everybody. Captured without the publisher: this row is disclosed with its proof."""

    version = models.ForeignKey("models_registry.Version", on_delete=models.PROTECT, related_name="publications")
    card = models.ForeignKey("models_registry.Card", on_delete=models.PROTECT, related_name="publications")
    card_digest = models.CharField(max_length=64)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)
    proof = models.CharField(max_length=64, blank=True)  # artefact: the evidence bundle, made once

    class Meta:
        ordering = ["-created_at"]
        triggers = captured("id", "created_at", "version_id", "card_id", "card_digest", "withdrawn_at")
        constraints = [
            models.UniqueConstraint(fields=["version"], condition=Q(withdrawn_at__isnull=True), name="one_public_card")
        ]

    def __str__(self) -> str:
        return f"publication of {self.card_id}"


class ModelSignature(GovernedModel):
    """The OpenSSF model signature of a version's weights (a Sigstore bundle as JSON text)."""

    version = models.OneToOneField("models_registry.Version", on_delete=models.PROTECT, related_name="signature")
    bundle = models.TextField()
    public_key = models.TextField()  # PEM

    class Meta:
        triggers = [
            *captured("id", "created_at", "version_id", "bundle", "public_key"),
            pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"signature of {self.version_id}"
