"""That a model's data protection impact assessment was signed, as a higher floor tells it."""

from __future__ import annotations

import pgtrigger
from django.db import models

from core.capture import captured
from core.models import GovernedModel


class Assessment(GovernedModel):
    """One signed edition: it covers every version of the model until its day of review. The gate reads only this."""

    model = models.ForeignKey("models_registry.Model", on_delete=models.PROTECT, related_name="assessments")
    source_id = models.UUIDField(unique=True)  # of what was signed
    edition = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)  # over what was signed
    in_force_until = models.DateField()

    class Meta:
        ordering = ["-edition"]
        triggers = [
            *captured("id", "created_at", "model_id", "source_id", "edition", "digest", "in_force_until"),
            pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"impact assessment of {self.model}, edition {self.edition}"
