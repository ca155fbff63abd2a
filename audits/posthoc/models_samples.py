"""What an external auditor looked at: a sample that was drawn and kept before the look, and a finding for each item."""

from __future__ import annotations

from typing import Any, Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from core.capture import captured
from core.fields import SealedTextField
from core.models import GovernedModel


class AuditSampleQuerySet(models.QuerySet["AuditSample"]):
    def for_user(self, user: Any) -> Self:
        """Those of the platform see every sample; an external auditor their own."""
        return self if user.sees_all else self.filter(auditor=user.pk)


class AuditSample(GovernedModel):
    """A stratified random sample. Population, seed and items stand in the ledger before anything is found."""

    class Kind(models.TextChoices):
        CONTROLS = "controls", "Controls of the frameworks"
        DECISIONS = "decisions", "Decisions of a period"

    class State(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"

    kind = models.CharField(max_length=10, choices=Kind)
    auditor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    period_start = models.DateField(null=True)  # of decisions
    period_end = models.DateField(null=True)
    words = models.CharField(max_length=200)  # the auditor's part of the seed
    nonce = models.CharField(max_length=64)  # the platform's part, drawn after the auditor's was given
    population_digest = models.CharField(max_length=64)  # artefact: every item that could be drawn
    strata = models.JSONField()  # stratum -> items in the population
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    closed_at = models.DateTimeField(null=True)

    objects = AuditSampleQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        triggers = [
            *captured(
                "id", "created_at", "kind", "auditor_id", "period_start", "period_end", "words", "nonce",
                "population_digest", "strata", "state", "closed_at",
            ),
            pgtrigger.Protect(name="sample_kept", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="sample_stays", operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.state = 'closed' OR (OLD.kind, OLD.auditor_id, OLD.period_start, OLD.period_end, OLD.words, "
                    "OLD.nonce, OLD.population_digest, OLD.strata) IS DISTINCT FROM (NEW.kind, NEW.auditor_id, "
                    "NEW.period_start, NEW.period_end, NEW.words, NEW.nonce, NEW.population_digest, NEW.strata)"
                ),
            ),
        ]  # fmt: skip
        constraints = [
            models.UniqueConstraint(fields=["auditor", "kind"], name="one_open_sample", condition=Q(state="open")),
            models.CheckConstraint(
                condition=Q(kind="controls", period_start__isnull=True, period_end__isnull=True)
                | Q(kind="decisions", period_start__isnull=False, period_end__gte=models.F("period_start")),
                name="decisions_have_a_period",
            ),
        ]

    def __str__(self) -> str:
        return f"sample of {self.kind}, {self.created_at:%d %b %Y}"


class SampleItem(GovernedModel):
    """One item that was drawn, and what was found about it: once, and never changed."""

    class Finding(models.TextChoices):
        CONFORM = "conform", "Conform"
        MINOR = "minor", "Minor nonconformity"
        MAJOR = "major", "Major nonconformity"
        NOT_ASSESSABLE = "not_assessable", "Not assessable"

    sample = models.ForeignKey(AuditSample, on_delete=models.PROTECT, related_name="items")
    number = models.PositiveIntegerField()  # in the order of the draw, from 1
    stratum = models.CharField(max_length=120)
    ref = models.CharField(max_length=120)  # framework/control, or the key of a decision
    title = models.CharField(max_length=300)
    finding = models.CharField(max_length=14, choices=Finding, blank=True)
    text = SealedTextField(subject="found_by_id", blank=True)
    evidence_digest = models.CharField(max_length=64, blank=True)  # artefact that the auditor brought
    evidence_name = models.CharField(max_length=200, blank=True)
    found_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    found_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["number"]
        triggers = [
            *captured(
                "id", "created_at", "sample_id", "number", "stratum", "ref", "title", "finding", "text",
                "evidence_digest", "evidence_name", "found_by_id", "found_at",
            ),
            pgtrigger.Protect(name="item_kept", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="found_once", operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.finding <> '' OR (OLD.sample_id, OLD.number, OLD.stratum, OLD.ref, OLD.title) IS DISTINCT "
                    "FROM (NEW.sample_id, NEW.number, NEW.stratum, NEW.ref, NEW.title)"
                ),
            ),
        ]  # fmt: skip
        constraints = [
            models.UniqueConstraint(fields=["sample", "number"], name="sample_number_once"),
            models.UniqueConstraint(fields=["sample", "ref"], name="sample_ref_once"),
            models.CheckConstraint(
                condition=Q(finding="", found_by__isnull=True, found_at__isnull=True)
                | ~Q(finding="") & Q(found_by__isnull=False, found_at__isnull=False),
                name="found_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.title}"
