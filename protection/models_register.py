"""What people add to the record of processing, and impact assessments."""

from __future__ import annotations

from typing import Any, Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models import Institution
from core.capture import append_only, captured
from core.models import GovernedModel
from models_registry.models import Model


class ProcessingNote(GovernedModel):
    """What an institution (none: the platform) states about a processing activity. The newest one counts."""

    activity = models.CharField(max_length=40)  # key in domain/activities.toml
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="+", null=True)
    revision = models.PositiveIntegerField()
    content = models.JSONField()  # field -> text; a document, as cards are: nobody is named in it
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-revision"]
        triggers = [
            *captured("id", "created_at", "activity", "institution_id", "revision", "content", "author_id"),
            append_only()[0],
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["activity", "institution", "revision"], name="note_revision_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.activity}, revision {self.revision}"


class AssessmentQuerySet(models.QuerySet["ImpactAssessment"]):
    def for_user(self, user: Any) -> Self:
        return self.filter(model__in=Model.objects.for_user(user))


class ImpactAssessment(GovernedModel):
    """One edition of the data protection impact assessment of a model (GDPR Art. 35).

    Facts are gathered by the platform when it is signed and stand still from then on; until then they are shown as they
    are at the moment. The sections are written by people. Who signs did not write the last draft.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        SIGNED = "signed", "Signed off"

    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="impact_assessments")
    edition = models.PositiveIntegerField()
    sections = models.JSONField(default=dict)  # key -> text; nobody is named in it
    facts = models.JSONField(default=dict)  # as signed
    revision = models.PositiveIntegerField(default=1)  # two people editing at once are told
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    written_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    signed_at = models.DateTimeField(null=True)
    digest = models.CharField(max_length=64, blank=True)  # over model, edition, sections and facts
    review_on = models.DateField(null=True)

    objects = AssessmentQuerySet.as_manager()

    class Meta:
        ordering = ["-edition"]
        triggers = [
            *captured(
                "id", "created_at", "model_id", "edition", "sections", "facts", "revision", "state", "written_by_id",
                "signed_by_id", "signed_at", "digest", "review_on",
            ),
            pgtrigger.Protect(name="kept", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="signed_stays", operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.state = 'signed'"),
            ),
        ]  # fmt: skip
        constraints = [
            models.UniqueConstraint(fields=["model", "edition"], name="assessment_edition_once"),
            models.UniqueConstraint(fields=["model"], name="one_draft_a_model", condition=Q(state="draft")),
            models.CheckConstraint(
                condition=Q(state="draft", signed_by__isnull=True, digest="")
                | Q(state="signed", signed_by__isnull=False, signed_at__isnull=False) & ~Q(digest=""),
                name="assessment_signed_whole",
            ),
            models.CheckConstraint(
                condition=Q(signed_by__isnull=True) | ~Q(signed_by=F("written_by")), name="assessment_signed_by_another"
            ),
        ]

    def __str__(self) -> str:
        return f"impact assessment of {self.model}, edition {self.edition}"
