"""What leaves the house with a card: its publication, and the signature of the weights that it speaks of."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from core.capture import captured
from core.models import GovernedModel


class CardPublication(GovernedModel):
    """A person's decision to show one edition to everybody, until it is taken back."""

    version = models.ForeignKey("models_registry.Version", on_delete=models.PROTECT, related_name="publications")
    card = models.ForeignKey("models_registry.Card", on_delete=models.PROTECT, related_name="publications")
    card_digest = models.CharField(max_length=64)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        triggers = captured(
            "id", "created_at", "version_id", "card_id", "card_digest", "published_by_id", "withdrawn_at"
        )
        constraints = [
            models.UniqueConstraint(fields=["version"], condition=Q(withdrawn_at__isnull=True), name="one_public_card")
        ]

    def __str__(self) -> str:
        return f"publication of {self.card_id}"


class PublicCard(GovernedModel):
    """The platform's statement that it shows this content. It names no person: strangers get it with its proof."""

    publication = models.OneToOneField(CardPublication, on_delete=models.PROTECT, related_name="statement")
    edition = models.PositiveIntegerField()
    card_digest = models.CharField(max_length=64)
    weights_digest = models.CharField(max_length=64)
    proof = models.CharField(max_length=64, blank=True)  # artefact: the evidence bundle, made once

    class Meta:
        triggers = [
            *captured("id", "created_at", "publication_id", "edition", "card_digest", "weights_digest"),
            pgtrigger.Protect(
                name="immutable",
                operation=pgtrigger.UpdateOf(
                    "id", "created_at", "publication_id", "edition", "card_digest", "weights_digest"
                )
                | pgtrigger.Delete,
            ),
        ]

    def __str__(self) -> str:
        return f"public card {self.publication_id}"


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
