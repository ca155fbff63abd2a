"""Policies of audits: which checks, which thresholds, for which class of risk. Approved as models are."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from audits.predeployment import guards, querysets
from core.capture import captured
from core.fields import SealedTextField
from core.models import GovernedModel
from core.roles import Role
from models_registry.models_decision import Decision, DecisionRow


class AuditPolicy(GovernedModel):
    """One version of the policy of a class of risk. Its content never changes; a change is a new number."""

    class RiskClass(models.TextChoices):
        LIMITED = "limited", "Limited risk"
        HIGH = "high", "High risk"

    class State(models.TextChoices):
        UNDER_REVIEW = "under_review"
        APPROVED = "approved"
        REJECTED = "rejected"
        WITHDRAWN = "withdrawn"

    risk_class = models.CharField(max_length=10, choices=RiskClass)
    number = models.PositiveIntegerField()
    content = models.JSONField()  # `policy.checked`
    content_digest = models.CharField(max_length=64)
    state = models.CharField(max_length=20, choices=State, default=State.UNDER_REVIEW)
    shipped = models.BooleanField(default=False)  # came with the platform; nobody here has decided on it
    # Who asked for it; None for a shipped one.
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    justification = SealedTextField(subject="requested_by_id", blank=True)
    closed_at = models.DateTimeField(null=True)

    objects = querysets.PolicyQuerySet.as_manager()

    class Meta:
        ordering = ["risk_class", "-number"]
        triggers = [
            *captured(
                "id", "created_at", "risk_class", "number", "content", "content_digest", "state", "shipped",
                "requested_by_id", "justification", "closed_at",
            ),
            pgtrigger.Trigger(
                name="begins", when=pgtrigger.Before, operation=pgtrigger.Insert, func=guards.POLICY_BEGINS
            ),
            pgtrigger.Trigger(
                name="quorum", when=pgtrigger.Before, operation=pgtrigger.Update, func=guards.POLICY_NEEDS_QUORUM
            ),
            pgtrigger.Protect(name="kept", operation=pgtrigger.Delete),
        ]  # fmt: skip
        constraints = [
            models.UniqueConstraint(fields=["risk_class", "number"], name="policy_number_once"),
            models.UniqueConstraint(fields=["risk_class"], name="one_open_policy", condition=Q(state="under_review")),
            models.CheckConstraint(
                condition=Q(shipped=True) ^ Q(requested_by__isnull=False), name="policy_shipped_or_requested"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_risk_class_display()} policy, version {self.number}"


class PolicyDecision(DecisionRow):
    """One person's decision on one policy. Never changed."""

    Decision = Decision

    policy = models.ForeignKey(AuditPolicy, on_delete=models.PROTECT, related_name="decisions")

    class Meta:
        ordering = ["created_at"]
        triggers = [
            *captured(
                "id", "created_at", "policy_id", "decided_by_id", "requested_by_id", "capacity", "institution_id",
                "decision", "reason", "content_digest",
            ),
            pgtrigger.Trigger(
                name="four_eyes", when=pgtrigger.Before, operation=pgtrigger.Insert,
                func=guards.POLICY_DECISION_IS_INDEPENDENT,
            ),
            pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete),
        ]  # fmt: skip
        constraints = [
            models.UniqueConstraint(fields=["policy", "decided_by"], name="one_policy_decision_each"),
            models.CheckConstraint(condition=~Q(decided_by=F("requested_by")), name="policy_requester_does_not_decide"),
            models.CheckConstraint(
                condition=Q(capacity=Role.ADMINISTRATOR) | Q(institution__isnull=False),
                name="policy_officer_has_institution",
            ),
        ]
