"""The second factor of a sign-in: an authenticator's secret, recovery codes, and resets of a lost device."""

from __future__ import annotations

import hashlib

from django.db import models
from django.db.models import F, Q

from core.capture import captured
from core.fields import SealedSecretField, SealedTextField
from core.models import GovernedModel


class SecondFactor(GovernedModel):
    """An authenticator app of a person. Set up, then confirmed by a first code; one at a time.

    The ledger follows that there is one and since when. Secret and counters never leave the table.
    """

    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="second_factors")
    secret = SealedSecretField(subject="user_id")  # emptied on removal
    confirmed_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)
    last_step = models.BigIntegerField(default=0)  # of the last code used: no code works twice
    failures = models.PositiveIntegerField(default=0)  # wrong codes in a row, from whatever address
    refused_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        triggers = captured("id", "created_at", "user_id", "confirmed_at", "removed_at")
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=Q(removed_at=None), name="second_factor_once"),
        ]

    def __str__(self) -> str:
        return f"Authenticator of {self.user}"


class RecoveryCode(GovernedModel):
    """A code for the day the device is lost: works once, kept as a hash only (80 random bits need no slow one)."""

    factor = models.ForeignKey(SecondFactor, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at"]
        triggers = captured("id", "created_at", "factor_id", "used_at")

    def __str__(self) -> str:
        return f"Recovery code of {self.factor_id}"

    @staticmethod
    def digest_of(factor_id: object, code: str) -> str:
        return hashlib.sha256(f"{factor_id}:{code}".encode()).hexdigest()


class FactorReset(GovernedModel):
    """A lost device: one administrator asks that the factor is removed, another one grants it."""

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
