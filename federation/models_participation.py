"""Who was left out of a round and why, and what an aggregation rule remembers between rounds."""

from __future__ import annotations

from django.db import models

from core.capture import captured
from core.models import GovernedModel


class Exclusion(GovernedModel):
    """A site's answer that did not count in a round, or did not come. Written once; the run goes on without it."""

    class Phase(models.TextChoices):
        TRAIN = "train", "Training"
        EVALUATE = "evaluate", "Scoring"

    class Kind(models.TextChoices):
        FAILED = "failed", "The site failed"
        REFUSED = "refused", "Refused"
        LATE = "late", "Too late"
        LATE_ANSWER = "late_answer", "Came after the deadline"
        MESSAGE = "message", "Message refused"
        NOT_CHOSEN = "not_chosen", "Not chosen by the rule"

    OUT = (Kind.FAILED, Kind.REFUSED, Kind.LATE)  # nothing more is awaited of the site in this phase

    round = models.ForeignKey("federation.Round", on_delete=models.PROTECT, related_name="exclusions")
    participant = models.ForeignKey("federation.Participant", on_delete=models.PROTECT, related_name="exclusions")
    phase = models.CharField(max_length=10, choices=Phase)
    kind = models.CharField(max_length=12, choices=Kind)
    reason = models.TextField()
    message_digest = models.CharField(max_length=64, blank=True)  # of the answer that was refused, if one came

    class Meta:
        ordering = ["created_at"]
        triggers = captured(
            "id", "created_at", "round_id", "participant_id", "phase", "kind", "reason", "message_digest"
        )
        constraints = [models.UniqueConstraint(fields=["round", "participant", "phase", "kind"], name="exclusion_once")]

    def __str__(self) -> str:
        return f"{self.participant}, {self.round}: {self.kind}"


class RuleMemory(GovernedModel):
    """What the aggregation rule of a run gave to its next round, e.g. the moments of FedAdam."""

    round = models.OneToOneField("federation.Round", on_delete=models.PROTECT, related_name="memory")
    weights = models.JSONField()  # model name -> SHA-256

    class Meta:
        triggers = captured("id", "created_at", "round_id", "weights")

    def __str__(self) -> str:
        return f"memory of {self.round}"
