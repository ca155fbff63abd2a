"""Reviews by a board: who sat, on what, what was found, and what became of each finding."""

from __future__ import annotations

from typing import Any, Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from core.capture import append_only, captured
from core.fields import SealedTextField
from core.models import GovernedModel
from models_registry.models import Version


class BoardReviewQuerySet(models.QuerySet["BoardReview"]):
    def for_user(self, user: Any) -> Self:
        """Those of the platform see every review; others those they sit on, or own a finding of."""
        if user.sees_all:
            return self
        return self.filter(Q(members__user=user.pk) | Q(findings__owner=user.pk)).distinct()


class BoardReview(GovernedModel):
    """One meeting of a board. What it found stays after it is signed; only the follow-up goes on."""

    class State(models.TextChoices):
        OPEN = "open"
        SIGNED = "signed", "Signed off"

    month = models.DateField()  # its first day
    board = models.CharField(max_length=120)
    agenda = models.JSONField()  # the open matters when it was convened: see `agenda.matters`
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    convened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    chair = models.ForeignKey(  # none: convened before there was one
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    signed_at = models.DateTimeField(null=True)

    objects = BoardReviewQuerySet.as_manager()

    class Meta:
        ordering = ["-month", "-created_at"]
        triggers = [
            *captured(
                "id", "created_at", "month", "board", "agenda", "state", "convened_by_id", "chair_id", "signed_by_id",
                "signed_at",
            ),
            pgtrigger.Protect(name="review_kept", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="review_stays", operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.state = 'signed' OR OLD.agenda IS DISTINCT FROM NEW.agenda OR OLD.chair_id <> NEW.chair_id"
                ),
            ),
        ]  # fmt: skip
        constraints = [
            models.UniqueConstraint(fields=["board", "month"], name="board_meets_once_a_month"),
            models.CheckConstraint(condition=Q(month__day=1), name="board_month_by_its_first_day"),
            models.CheckConstraint(
                condition=Q(state="open", signed_by__isnull=True, signed_at__isnull=True)
                | Q(state="signed", signed_by__isnull=False, signed_at__isnull=False),
                name="review_signed_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.board}, {self.month:%B %Y}"

    def is_open_to(self, user: Any) -> bool:
        """Whether this person or key may read all of it: a member, or somebody of the platform."""
        return user.sees_all or self.members.filter(user=user.pk).exists()

    def findings_for(self, user: Any) -> models.QuerySet[BoardFinding]:
        """All findings, or those that the person owns."""
        found = self.findings.select_related("owner", "version__model").prefetch_related("steps")
        return found if self.is_open_to(user) else found.filter(owner=user.pk)


class BoardMember(GovernedModel):
    """Who sits on a review, and which conflict of interest they declared: in their own words, or none."""

    review = models.ForeignKey(BoardReview, on_delete=models.PROTECT, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    conflicted = models.BooleanField(null=True)  # none: not declared yet
    conflict = SealedTextField(subject="user_id", blank=True)
    declared_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at"]
        triggers = [
            *captured("id", "created_at", "review_id", "user_id", "conflicted", "conflict", "declared_at"),
            pgtrigger.Protect(name="member_kept", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="declared_once", operation=pgtrigger.Update, condition=pgtrigger.Q(old__declared_at__isnull=False)
            ),
        ]
        constraints = [models.UniqueConstraint(fields=["review", "user"], name="board_member_once")]

    def __str__(self) -> str:
        return f"member of {self.review}"


class BoardFinding(GovernedModel):
    """What the board found, who answers for it until when, and whether it stands in the way of deployments."""

    class Severity(models.TextChoices):
        MINOR = "minor"
        MAJOR = "major"
        CRITICAL = "critical"

    class State(models.TextChoices):
        OPEN = "open"
        IN_PROGRESS = "in_progress", "In progress"
        DONE = "done", "Done, to be verified"
        CLOSED = "closed", "Verified and closed"

    TRANSITIONS = {
        State.OPEN: {State.IN_PROGRESS, State.DONE},
        State.IN_PROGRESS: {State.DONE},
        State.DONE: {State.CLOSED, State.OPEN},
        State.CLOSED: set[State](),
    }

    review = models.ForeignKey(BoardReview, on_delete=models.PROTECT, related_name="findings")
    severity = models.CharField(max_length=10, choices=Severity)
    text = SealedTextField(subject="author_id")
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="+", null=True)
    blocking = models.BooleanField(default=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    due_on = models.DateField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)

    class Meta:
        ordering = ["due_on", "created_at"]
        triggers = [
            *captured(
                "id", "created_at", "review_id", "severity", "text", "version_id", "blocking", "owner_id", "due_on",
                "author_id", "state", "closed_by_id",
            ),
            pgtrigger.Protect(name="finding_kept", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="finding_stays", operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.state = 'closed' OR (OLD.severity, OLD.version_id, OLD.blocking, OLD.owner_id, OLD.author_id) "
                    "IS DISTINCT FROM (NEW.severity, NEW.version_id, NEW.blocking, NEW.owner_id, NEW.author_id)"
                ),
            ),
        ]  # fmt: skip
        constraints = [
            models.CheckConstraint(
                condition=Q(blocking=False) | Q(version__isnull=False), name="what_blocks_names_a_version"
            ),
            models.CheckConstraint(
                condition=Q(state="closed", closed_by__isnull=False) & ~Q(closed_by=F("owner"))
                | ~Q(state="closed") & Q(closed_by__isnull=True),
                name="finding_closed_by_another",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_severity_display()} finding of {self.review}"

    @property
    def overdue(self) -> bool:
        return self.state != self.State.CLOSED and self.due_on < timezone.now().date()


class BoardStep(GovernedModel):
    """One step of a finding's follow-up. Never changed."""

    finding = models.ForeignKey(BoardFinding, on_delete=models.PROTECT, related_name="steps")
    state = models.CharField(max_length=12, choices=BoardFinding.State)
    text = SealedTextField(subject="author_id")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["created_at"]
        triggers = [*captured("id", "created_at", "finding_id", "state", "text", "author_id"), append_only()[0]]

    def __str__(self) -> str:
        return f"{self.get_state_display()}: {self.finding}"
