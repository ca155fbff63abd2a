"""Appeals: a prediction about a patient is contested, and a person decides (GDPR Art. 22(3))."""

from __future__ import annotations

import datetime as dt

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import Institution
from audits.runtime import querysets
from audits.runtime.models_reviews import CASE_COLUMNS, OfPrediction
from core.capture import captured
from core.fields import SealedTextField

_DECISION = ("outcome", "decided_by_id", "decided_at", "reason", "feedback")
_FILED = ("event_key", "flagged", "requested_by", "contested_by", "filed_by_id", "grounds")  # what the case rests on


def _changed(*columns: str) -> str:
    old, new = (", ".join(f"{row}.{column}" for column in columns) for row in ("OLD", "NEW"))
    return f"(({old}) IS DISTINCT FROM ({new}))"


class Appeal(OfPrediction):
    """A contested prediction. It is decided by someone of the site who did not make the contested decision."""

    class State(models.TextChoices):
        OPEN = "open"
        UNDER_REVIEW = "under_review"
        DECIDED = "decided"

    class Outcome(models.TextChoices):
        UPHELD = "upheld", "Upheld: the contested answer stands"
        CHANGED = "changed", "Changed: the contested answer no longer stands"
        WITHDRAWN = "withdrawn", "Withdrawn by who filed it"

    class Contester(models.TextChoices):
        CLINICIAN = "clinician", "A clinician"
        PATIENT = "patient", "The patient"
        REPRESENTATIVE = "representative", "A representative of the patient"

    class Feedback(models.TextChoices):
        NONE = "none", "No label was given."
        TOLD = "told", "The label was told to the monitor as the outcome of this case."
        EARLIER = "earlier", "The case had an outcome already; that one stands, and nothing was told again."

    TRANSITIONS = {
        State.OPEN: {State.UNDER_REVIEW, State.DECIDED},  # decided at once: withdrawn
        State.UNDER_REVIEW: {State.DECIDED},
    }

    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="+")  # of the site
    requested_by = models.UUIDField(null=True)  # who asked the model: a person, or the key of a clinical system
    case_name = SealedTextField(subject="filed_by_id", blank=True)  # not captured: emptied when the patient is erased
    contested_by = models.CharField(max_length=20, choices=Contester)
    filed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    grounds = SealedTextField(subject="filed_by_id")
    due_on = models.DateField()
    state = models.CharField(max_length=15, choices=State, default=State.OPEN)
    taken_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    taken_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    decided_at = models.DateTimeField(null=True)
    reason = SealedTextField(subject="decided_by_id", blank=True)
    feedback = models.CharField(max_length=10, choices=Feedback, blank=True)

    objects = querysets.AppealQuerySet.as_manager()

    class Meta:
        ordering = ["due_on", "created_at"]
        triggers = [
            *captured(
                *CASE_COLUMNS, "institution_id", "requested_by", "contested_by", "filed_by_id", "grounds", "due_on",
                "state", "taken_by_id", "taken_at", *_DECISION,
            ),
            pgtrigger.Protect(name="kept", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="decided_stays", operation=pgtrigger.Update,
                condition=pgtrigger.Condition(f"OLD.state = 'decided' AND {_changed('state', *_DECISION)}"),
            ),
            pgtrigger.Protect(
                name="filed_stays", operation=pgtrigger.Update, condition=pgtrigger.Condition(_changed(*_FILED))
            ),
        ]  # fmt: skip
        indexes = [models.Index(fields=["institution", "state", "due_on"], name="appeal_queue")]
        constraints = [
            models.UniqueConstraint(
                fields=["deployment", "event_key"], name="one_open_appeal_a_case", condition=~Q(state="decided")
            ),
            models.CheckConstraint(
                condition=Q(state="decided", decided_by__isnull=False, decided_at__isnull=False) & ~Q(outcome="")
                | ~Q(state="decided") & Q(outcome="", decided_by__isnull=True, decided_at__isnull=True),
                name="appeal_decided_by_someone",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["", "withdrawn"])
                | ~Q(decided_by=F("filed_by")) & (Q(requested_by__isnull=True) | ~Q(decided_by=F("requested_by"))),
                name="appeal_decided_by_another",
            ),
        ]

    def __str__(self) -> str:
        return f"appeal against {self.deployment}"

    @property
    def overdue(self) -> bool:
        """Whether the day by which it had to be decided has passed."""
        return self.state != self.State.DECIDED and self.due_on < today()

    @property
    def shown_state(self) -> str:
        """What a badge shows: the state, and in the end the outcome."""
        return self.outcome if self.state == self.State.DECIDED else self.state


def today() -> dt.date:
    """The date that deadlines are held against: UTC, as everything else that is recorded."""
    return timezone.now().astimezone(dt.UTC).date()
