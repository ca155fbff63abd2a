from __future__ import annotations

from django.db import models
from django.utils import timezone


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
