"""What stands around a decision: the keys that sign it, who stands in for whom, and what people say meanwhile."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models import Institution
from core.capture import append_only, captured
from core.fields import SealedTextField
from core.models import GovernedModel
from models_registry import guards_approvals


class ReviewerKey(GovernedModel):
    """A public key of a person who decides. The private half is on their own computer or security key, never here."""

    class Kind(models.TextChoices):
        MLDSA65 = "mldsa65", "Signing program (ML-DSA-65)"
        WEBAUTHN = "webauthn", "Security key or passkey (WebAuthn)"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviewer_keys")
    kind = models.CharField(max_length=10, choices=Kind)
    public_key = models.TextField(unique=True)  # base64: of ML-DSA the raw key, of WebAuthn the credential's data
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at"]
        triggers = captured("id", "created_at", "user_id", "kind", "public_key", "revoked_at")

    def __str__(self) -> str:
        return f"{self.get_kind_display()}{' (revoked)' if self.revoked_at else ''}"


class Delegation(GovernedModel):
    """An officer's absence: a colleague of the same institution, who holds no such role, decides in their place."""

    officer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegations")
    deputy = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="deputyships")
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = SealedTextField(subject="officer_id")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        triggers = [
            *captured(
                "id", "created_at", "officer_id", "deputy_id", "institution_id", "starts_at", "ends_at", "reason",
                "revoked_at",
            ),
            pgtrigger.Trigger(
                name="stands_in", when=pgtrigger.Before, operation=pgtrigger.Insert | pgtrigger.Update,
                func=guards_approvals.DELEGATION_IS_LOCAL,
            ),
        ]  # fmt: skip
        constraints = [
            models.CheckConstraint(condition=~Q(officer=F("deputy")), name="deputy_is_another"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="delegation_has_length"),
        ]

    def __str__(self) -> str:
        return f"delegation until {self.ends_at:%Y-%m-%d}"


class ApprovalComment(GovernedModel):
    """What somebody says about a request. It decides nothing and is never changed."""

    request = models.ForeignKey("models_registry.ApprovalRequest", on_delete=models.PROTECT, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = SealedTextField(subject="author_id")

    class Meta:
        ordering = ["created_at"]
        triggers = [*captured("id", "created_at", "request_id", "author_id", "text"), append_only()[0]]

    def __str__(self) -> str:
        return f"comment on {self.request_id}"
