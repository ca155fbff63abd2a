"""What follows when permission is lost after the data were learned from, and what hospitals agreed on before."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from core.capture import captured
from core.fields import SealedTextField
from core.models import GovernedModel
from federation import querysets


class Reconsideration(GovernedModel):
    """A run has learned from data that it may use no more: what it made is retrained without them, or retired."""

    class Cause(models.TextChoices):
        WITHDRAWAL = "withdrawal", "An institution withdrew its consent"
        OPT_OUT = "opt_out", "A patient opted out"

    class Choice(models.TextChoices):
        RETRAIN = "retrain", "Retrain without these data"
        RETIRE = "retire", "Retire what the run made"

    run = models.ForeignKey("federation.TrainingRun", on_delete=models.PROTECT, related_name="reconsiderations")
    participant = models.ForeignKey("federation.Participant", on_delete=models.PROTECT, related_name="+")
    cause = models.CharField(max_length=10, choices=Cause)
    opened_by = models.ForeignKey(  # who withdrew; none: the site's worker said it
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    due_at = models.DateTimeField()
    choice = models.CharField(max_length=10, choices=Choice, blank=True)  # empty: not decided yet
    reason = SealedTextField(subject="decided_by_id", blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    decided_at = models.DateTimeField(null=True)

    objects = querysets.ReconsiderationQuerySet.as_manager()

    class Meta:
        ordering = ["due_at"]
        triggers = captured(
            "id", "created_at", "run_id", "participant_id", "cause", "opened_by_id", "due_at", "choice", "reason",
            "decided_by_id", "decided_at",
        )  # fmt: skip
        constraints = [
            models.UniqueConstraint(
                fields=["run", "participant", "cause"], condition=Q(decided_at__isnull=True), name="reconsidered_once"
            ),
            models.CheckConstraint(
                condition=Q(choice="", decided_by__isnull=True, decided_at__isnull=True)
                | ~Q(choice="") & Q(decided_by__isnull=False, decided_at__isnull=False),
                name="reconsideration_decided_whole",
            ),
            models.CheckConstraint(
                condition=Q(opened_by__isnull=True) | Q(decided_by__isnull=True) | ~Q(opened_by=F("decided_by")),
                name="who_withdrew_does_not_decide",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run}, {self.participant}: {self.get_cause_display().lower()}"

    @property
    def is_open(self) -> bool:
        return self.decided_at is None

    @property
    def overdue(self) -> bool:
        return self.is_open and self.due_at < timezone.now()


class FederationAgreement(GovernedModel):
    """What an institution and the federation have signed on who answers for what. A new one replaces the last."""

    class Role(models.TextChoices):
        CONTROLLER = "controller", "Controller"
        JOINT = "joint_controller", "Joint controller"
        PROCESSOR = "processor", "Processor"

    participant = models.ForeignKey("federation.Participant", on_delete=models.PROTECT, related_name="agreements")
    role = models.CharField(max_length=20, choices=Role)  # of the institution, under GDPR Art. 4 and 26
    liability = models.TextField()  # who answers for what, in short
    contact = SealedTextField(subject="recorded_by_id")  # whom to call; often a person
    signed_on = models.DateField()
    ends_on = models.DateField(null=True)  # none: until it is replaced
    document_hash = models.CharField(max_length=64)  # SHA-256 of the signed document, which stays with the parties
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-signed_on", "-created_at"]
        triggers = captured(
            "id", "created_at", "participant_id", "role", "liability", "contact", "signed_on", "ends_on",
            "document_hash", "recorded_by_id",
        )  # fmt: skip
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("signed_on")), name="agreement_ends_after_it_began"
            )
        ]

    def __str__(self) -> str:
        return f"{self.participant}: {self.get_role_display().lower()} since {self.signed_on}"

    @property
    def is_current(self) -> bool:
        today = timezone.now().date()
        return self.signed_on <= today and (self.ends_on is None or today <= self.ends_on)
