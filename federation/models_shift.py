"""What is found out about the sites' features and contributions, and what asking for it cost."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from core.capture import captured
from core.models import GovernedModel


class FeatureStudy(GovernedModel):
    """One question about features to every site of a federation; the answers are noised counts."""

    federation = models.ForeignKey("federation.Federation", on_delete=models.PROTECT, related_name="feature_studies")
    question = models.JSONField()  # features and noise, see `feature_summaries.Question`
    epsilon = models.FloatField()  # what it spends of each patient, at delta
    delta = models.FloatField()
    result = models.JSONField(null=True)  # of the sites that have answered so far
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    finished_at = models.DateTimeField(null=True)  # every site has answered, or another study took its place

    class Meta:
        ordering = ["-created_at"]
        triggers = captured(
            "id", "created_at", "federation_id", "question", "epsilon", "delta", "result", "requested_by_id",
            "finished_at",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"features of {self.federation}"


class FeatureCharge(GovernedModel):
    """What a question spent at one site. Written when it is asked: an answer that never arrives may have been read."""

    study = models.ForeignKey(FeatureStudy, on_delete=models.PROTECT, related_name="charges")
    participant = models.ForeignKey("federation.Participant", on_delete=models.PROTECT, related_name="feature_charges")
    data_set = models.CharField(max_length=80)
    spend = models.JSONField()

    class Meta:
        ordering = ["created_at"]
        triggers = captured("id", "created_at", "study_id", "participant_id", "data_set", "spend")
        constraints = [models.UniqueConstraint(fields=["study", "participant"], name="feature_charge_once")]

    def __str__(self) -> str:
        return f"{self.participant}, {self.data_set}"


class ContributionStudy(GovernedModel):
    """What each site gained the model of a run, scored by the sites without it. Not under secure aggregation."""

    run = models.ForeignKey("federation.TrainingRun", on_delete=models.PROTECT, related_name="contribution_studies")
    question = models.JSONField(null=True)  # the noise of the answers, see `feature_summaries.Question`; None: exact
    epsilon = models.FloatField(null=True)  # what it spends of each patient who scores, at delta
    delta = models.FloatField(null=True)
    result = models.JSONField(null=True)  # None until every site has answered
    error = models.TextField(blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        triggers = captured(
            "id", "created_at", "run_id", "question", "epsilon", "delta", "result", "error", "requested_by_id",
            "finished_at",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"contributions to {self.run}"


class ContributionCharge(GovernedModel):
    """What noised scores of contributions spent at one site. Written before the site is asked."""

    study = models.ForeignKey(ContributionStudy, on_delete=models.PROTECT, related_name="charges")
    participant = models.ForeignKey(
        "federation.Participant", on_delete=models.PROTECT, related_name="contribution_charges"
    )
    data_set = models.CharField(max_length=80)
    spend = models.JSONField()

    class Meta:
        ordering = ["created_at"]
        triggers = captured("id", "created_at", "study_id", "participant_id", "data_set", "spend")
        constraints = [models.UniqueConstraint(fields=["study", "participant"], name="contribution_charge_once")]

    def __str__(self) -> str:
        return f"{self.participant}, {self.data_set}"
