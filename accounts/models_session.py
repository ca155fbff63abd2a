"""Who signed in and how, where they are signed in, and what the sign-in counts."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from core.capture import append_only, captured
from core.models import GovernedModel


class SignIn(GovernedModel):
    """One sign-in of a person: for the ledger. Failed ones stand in the security log of axes, without names."""

    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="sign_ins")
    ways = models.CharField(max_length=120)  # for example "password, totp"
    provider = models.ForeignKey("accounts.IdentityProvider", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "sign-in"
        ordering = ["-created_at"]
        triggers = [*captured("id", "created_at", "user_id", "ways", "provider_id"), append_only()[0]]

    def __str__(self) -> str:
        return f"Sign-in of {self.user_id} by {self.ways}"


class SignedIn(models.Model):
    """Where a person is signed in: what the list of sessions shows. No address is kept, only the kind of device."""

    exempt_reason = "sessions: short-lived, hold no decision"

    session_key = models.CharField(max_length=40, primary_key=True)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="sessions")
    device = models.CharField(max_length=60)
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-seen_at"]

    def __str__(self) -> str:
        return f"{self.device} of {self.user_id}"


class Cached(models.Model):
    """The table behind Django's cache: failed codes and used ones, for all processes together."""

    exempt_reason = "counts of failed codes and marks of used ones: minutes old, hold no decision"

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "accounts_cached"

    def __str__(self) -> str:
        return self.cache_key
