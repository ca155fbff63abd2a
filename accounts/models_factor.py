"""What allauth keeps of a person's factors and providers, under the ledger's eye; and resets of a lost device."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.db import models
from django.db.models import F, Q

from core.capture import captured
from core.fields import SealedTextField
from core.models import GovernedModel


class Factor(Authenticator):
    """An authenticator app, a security key or the recovery codes of a person.

    The ledger follows that there is one and since when. Secrets, sealed under the person's key, never leave the table.
    """

    class Meta:
        proxy = True
        verbose_name = "second factor"
        triggers = captured("id", "user_id", "type", "created_at")


class ProviderLink(SocialAccount):
    """Whom an identity provider signs in. The name that the provider has for the person is not captured."""

    class Meta:
        proxy = True
        verbose_name = "link to an identity provider"
        triggers = captured("id", "user_id", "provider", "date_joined")


class FactorReset(GovernedModel):
    """A lost device: one administrator asks that the factors are removed, another one grants it."""

    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="factor_resets")
    requested_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    reason = SealedTextField(subject="requested_by_id", max_length=500)
    expires_at = models.DateTimeField()
    granted_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    granted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        triggers = captured(
            "id", "created_at", "user_id", "requested_by_id", "reason", "expires_at", "granted_by_id", "granted_at"
        )
        constraints = [
            models.CheckConstraint(
                condition=~Q(requested_by=F("user"))
                & (Q(granted_by=None) | (~Q(granted_by=F("requested_by")) & ~Q(granted_by=F("user")))),
                name="factor_reset_by_two_others",
            ),
            models.CheckConstraint(
                condition=Q(granted_by=None, granted_at=None) | Q(granted_by__isnull=False, granted_at__isnull=False),
                name="factor_reset_granted_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"Reset of {self.user}’s second factor"
