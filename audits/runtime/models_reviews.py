"""What a clinician did with a prediction: the measure of how far people rely on the model."""

from __future__ import annotations

import pgtrigger
from django.db import models

from audits.runtime.models import Batch
from core.capture import captured
from core.fields import SealedTextField
from core.models import GovernedModel
from models_registry.models import Deployment

CASE_COLUMNS: tuple[str, ...] = (
    "id", "created_at", "deployment_id", "batch_id", "batch_index", "site", "predicted_at", "event_key", "flagged",
)  # fmt: skip


class OfPrediction(GovernedModel):
    """A row about one prediction. No foreign key points at a bulk table, so the prediction's place is copied."""

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="%(class)ss")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="+")
    batch_index = models.PositiveIntegerField()
    site = models.CharField(max_length=40)
    predicted_at = models.DateTimeField()  # finds the prediction's partition
    event_key = models.CharField(max_length=64)  # alias of the case, as the prediction carries it
    flagged = models.BooleanField()  # what the model said

    class Meta:
        abstract = True


class Review(OfPrediction):
    """One clinician's word on one prediction. Never changed."""

    class Decision(models.TextChoices):
        ACCEPTED = "accepted"
        OVERRODE = "overrode"
        NOT_USED = "not_used", "Not used"

    class Why(models.TextChoices):
        CLINICAL_PICTURE = "clinical_picture", "The clinical picture says otherwise"
        OTHER_TEST = "other_test", "Another test says otherwise"
        INPUT_QUALITY = "input_quality", "The input is of poor quality or incomplete"
        OUT_OF_SCOPE = "out_of_scope", "The patient is not one that the model is for"
        PATIENT_WISH = "patient_wish", "The patient wishes it so"
        OTHER = "other", "Another reason"

    decision = models.CharField(max_length=10, choices=Decision)
    why = models.CharField(max_length=20, choices=Why, blank=True)
    note = SealedTextField(subject="recorded_by", blank=True)
    recorded_by = models.UUIDField()  # a person, or the key of a clinical system

    class Meta:
        ordering = ["-created_at"]
        triggers = [
            *captured(*CASE_COLUMNS, "decision", "why", "note", "recorded_by"),
            pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete),
        ]
        constraints = [models.UniqueConstraint(fields=["deployment", "event_key"], name="one_review_a_case")]

    def __str__(self) -> str:
        return f"{self.get_decision_display()}, {self.site}"
