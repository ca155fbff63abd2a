"""A file of cases to predict in the background, and how far it has come."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from core.capture import captured
from core.models import GovernedModel
from models_registry.models import Deployment


class BulkPrediction(GovernedModel):
    """One file of one person. Its cases and answers name patients, so both are kept sealed under that person's key."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        FINISHED = "finished"
        CANCELLED = "cancelled"  # by the person; what was predicted stays
        STOPPED = "stopped"  # by a halt, a limit or an error; what was predicted stays

    OPEN = (State.QUEUED, State.RUNNING)

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="bulk_predictions")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    site = models.CharField(max_length=40)
    rows = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)  # SHA-256 of the sealed cases
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    why = models.TextField(blank=True)  # it stopped
    finished_at = models.DateTimeField(null=True)
    done = models.PositiveIntegerField(default=0)  # rows looked at; not captured, nor are the next three: progress
    predicted = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    results = models.CharField(max_length=64, blank=True)  # SHA-256 of the sealed answers so far

    class Meta:
        ordering = ["-created_at"]
        triggers = captured(
            "id", "created_at", "deployment_id", "requested_by_id", "site", "rows", "digest", "state", "why",
            "finished_at",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.rows} cases for {self.deployment}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    def end(self, state: State, why: str = "") -> bool:
        """Close it, if nobody has. The caller has named the action."""
        open_ = type(self).objects.filter(id=self.id, state__in=self.OPEN)
        return bool(open_.update(state=state, why=why, finished_at=timezone.now()))
