"""Backups that were made, and drills that restored one. Neither is ever changed."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from core.capture import append_only, captured
from core.models import GovernedModel


class Backup(GovernedModel):
    """One sealed backup: what it held, so that a drill can be held against it. The files lie elsewhere."""

    name = models.CharField(max_length=60, unique=True)
    taken_at = models.DateTimeField()  # the moment that the database in it shows
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    manifest = models.CharField(max_length=64)  # SHA-256
    size = models.PositiveBigIntegerField()  # bytes
    entries = models.PositiveBigIntegerField()  # of the ledger
    rows = models.PositiveBigIntegerField()  # of all tables
    key = models.CharField(max_length=16)  # name of the key that opens it
    seconds = models.FloatField()

    class Meta:
        ordering = ["-taken_at"]
        triggers = [
            *captured(
                "id", "created_at", "name", "taken_at", "made_by_id", "manifest", "size", "entries", "rows", "key",
                "seconds",
            ),
            append_only()[0],
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name


class RestoreDrill(GovernedModel):
    """A backup restored into an empty database and checked: how long it took, and what would have been lost."""

    class Outcome(models.TextChoices):
        PASSED = "passed", "Passed"
        FAILED = "failed", "Failed"

    backup = models.CharField(max_length=60)  # its name
    taken_at = models.DateTimeField(null=True)  # none: the backup could not be read
    held_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=10, choices=Outcome)
    seconds = models.FloatField()  # from the first byte read to the last check: the recovery time
    lost_seconds = models.FloatField(null=True)  # of work, had the platform been lost when the drill began
    lost_entries = models.PositiveBigIntegerField(null=True)
    problems = models.JSONField(default=list)  # sentences
    figures = models.JSONField(default=dict)  # what was counted and compared

    class Meta:
        ordering = ["-created_at"]
        triggers = [
            *captured(
                "id", "created_at", "backup", "taken_at", "held_by_id", "outcome", "seconds", "lost_seconds",
                "lost_entries", "problems", "figures",
            ),
            append_only()[0],
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"drill of {self.created_at:%d %b %Y}"
