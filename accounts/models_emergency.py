"""Emergency access ("break glass"): rights that two people lend for an hour, and the review that follows."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from core.capture import captured
from core.fields import SealedTextField
from core.models import GovernedModel


class EmergencyAccess(GovernedModel):
    """One person asks with a reason, another confirms; afterwards a third says whether it was right."""

    class Verdict(models.TextChoices):
        JUSTIFIED = "justified", "Justified"
        UNJUSTIFIED = "unjustified", "Not justified"

    requested_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="emergencies")
    institution = models.ForeignKey("accounts.Institution", on_delete=models.PROTECT, related_name="+")
    reason = SealedTextField(subject="requested_by_id", max_length=2000)
    confirm_until = models.DateTimeField()
    confirmed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)  # by hand, before the hour is over
    review_due_on = models.DateField(null=True)
    reviewed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    reviewed_at = models.DateTimeField(null=True)
    verdict = models.CharField(max_length=12, choices=Verdict, blank=True)
    review = SealedTextField(subject="reviewed_by_id", max_length=2000, blank=True)

    class Meta:
        ordering = ["-created_at"]
        triggers = captured(
            "id", "created_at", "requested_by_id", "institution_id", "reason", "confirm_until", "confirmed_by_id",
            "confirmed_at", "ends_at", "ended_at", "review_due_on", "reviewed_by_id", "reviewed_at", "verdict",
            "review",
        )  # fmt: skip
        constraints = [
            models.CheckConstraint(
                condition=Q(confirmed_by=None) | ~Q(confirmed_by=F("requested_by")), name="emergency_by_two"
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by=None, confirmed_at=None, ends_at=None, review_due_on=None)
                | Q(
                    confirmed_by__isnull=False, confirmed_at__isnull=False, ends_at__isnull=False,
                    review_due_on__isnull=False,
                ),
                name="emergency_confirmed_whole",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at=None) | Q(confirmed_at__lte=F("confirm_until")),
                name="emergency_confirmed_in_time",
            ),
            models.CheckConstraint(
                condition=Q(reviewed_by=None, reviewed_at=None, verdict="")
                | Q(reviewed_by__isnull=False, reviewed_at__isnull=False, confirmed_at__isnull=False)
                & ~Q(verdict="") & ~Q(reviewed_by=F("requested_by")) & ~Q(reviewed_by=F("confirmed_by")),
                name="emergency_reviewed_by_another",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"Emergency access of {self.requested_by}"

    @property
    def is_on(self) -> bool:
        """Whether its rights are lent now."""
        return self.ends_at is not None and self.ended_at is None and self.ends_at > timezone.now()

    @property
    def is_waiting(self) -> bool:
        """Whether somebody may still confirm it."""
        return self.confirmed_at is None and self.ended_at is None and self.confirm_until > timezone.now()

    @property
    def is_over(self) -> bool:
        """Whether its rights were lent, and are not any more."""
        return self.confirmed_at is not None and not self.is_on

    @property
    def review_overdue(self) -> bool:
        return (
            self.reviewed_at is None and self.review_due_on is not None and self.review_due_on < timezone.now().date()
        )
