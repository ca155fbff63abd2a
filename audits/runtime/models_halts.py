"""A deployment that was stopped, and the votes to serve again."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Institution
from audits.runtime import guards, querysets
from core.capture import captured
from core.fields import SealedTextField
from core.models import GovernedModel
from models_registry.models import Deployment


class Halt(GovernedModel):
    """A deployment was stopped, whole or at one site: by the monitor, by one officer, or by decision on the chain."""

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="halts")
    automatic = models.BooleanField()
    halted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    reason = SealedTextField(subject="halted_by_id")  # clear where the monitor halted
    alarm = models.JSONField(default=dict)  # stream, groups, gap, wealth, threshold, pairs
    position = models.BigIntegerField()  # outcomes folded when it was decided
    site = models.CharField(max_length=40, blank=True)  # empty: the whole deployment
    closed_at = models.DateTimeField(null=True)

    objects = querysets.HaltQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        triggers = captured(
            "id", "created_at", "deployment_id", "automatic", "halted_by_id", "reason", "alarm", "position", "site",
            "closed_at",
        )  # fmt: skip
        constraints = [
            models.UniqueConstraint(
                fields=["deployment", "site"], name="one_open_halt", condition=Q(closed_at__isnull=True)
            ),
            models.CheckConstraint(condition=~Q(automatic=True) | Q(halted_by__isnull=True), name="halt_has_author"),
        ]

    def __str__(self) -> str:
        return f"halt of {self.deployment}" + (f" at {self.site}" if self.site else "")

    @property
    def source(self) -> str:
        """Who decided: the monitor, an officer, or (nobody here) the decision registry on the chain."""
        return "monitor" if self.automatic else "officer" if self.halted_by_id else "chain"

    @property
    def author(self) -> str:
        return {"monitor": "the monitor", "chain": "decision on the chain"}.get(self.source) or str(self.halted_by)

    @property
    def votes(self) -> list[Reinstatement]:
        """Those that count, in their order; `reinstatements` has the withdrawn ones too."""
        return [vote for vote in self.reinstatements.all() if vote.withdrawn_at is None]


class Reinstatement(GovernedModel):
    """One officer's vote to serve again, on evidence named by its digest. Two of two institutions are needed."""

    class EvidenceKind(models.TextChoices):
        AUDIT = "audit", "Audit"
        DOCUMENT = "document", "Document"

    halt = models.ForeignKey(Halt, on_delete=models.PROTECT, related_name="reinstatements")
    officer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT)
    reason = SealedTextField(subject="officer_id")
    evidence_kind = models.CharField(max_length=10, choices=EvidenceKind, blank=True)  # empty: before it was asked
    evidence_digest = models.CharField(max_length=64, blank=True)  # SHA-256
    evidence_source = models.UUIDField(null=True)  # the audit
    evidence_name = SealedTextField(subject="officer_id", blank=True)  # the document's
    withdrawn_at = models.DateTimeField(null=True)  # before the halt was closed; it counts no more
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    withdrawn_why = SealedTextField(subject="withdrawn_by_id", blank=True)

    objects = querysets.VoteQuerySet.as_manager()

    class Meta:
        ordering = ["created_at"]
        triggers = [
            *captured(
                "id", "created_at", "halt_id", "officer_id", "institution_id", "reason", "evidence_kind",
                "evidence_digest", "evidence_source", "evidence_name", "withdrawn_at", "withdrawn_by_id",
                "withdrawn_why",
            ),
            pgtrigger.Trigger(
                name="independent", when=pgtrigger.Before, operation=pgtrigger.Insert, func=guards.VOTE_IS_INDEPENDENT
            ),
            pgtrigger.Trigger(
                name="withdrawn_only", when=pgtrigger.Before, operation=pgtrigger.Update, func=guards.VOTE_STAYS
            ),
            pgtrigger.Protect(name="kept", operation=pgtrigger.Delete),
        ]  # fmt: skip
        constraints = [
            models.UniqueConstraint(
                fields=["halt", "officer"], name="one_vote_each", condition=Q(withdrawn_at__isnull=True)
            ),
            models.UniqueConstraint(
                fields=["halt", "institution"], name="one_vote_an_institution", condition=Q(withdrawn_at__isnull=True)
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True, withdrawn_by__isnull=True)
                | Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False),
                name="vote_withdrawn_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.officer} for {self.halt}"
