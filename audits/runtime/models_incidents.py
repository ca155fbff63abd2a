"""What a halt sets in motion: the incident, what people say and do about it, and the look-back over its patients."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from audits.runtime import querysets
from core.capture import append_only, captured
from core.fields import SealedTextField
from core.models import GovernedModel
from models_registry.models import Deployment


class Incident(GovernedModel):
    """Opened with a halt, in its transaction."""

    class State(models.TextChoices):
        OPEN = "open"
        CONTAINED = "contained"
        RESOLVED = "resolved"
        CLOSED = "closed"

    NEXT = {State.OPEN: State.CONTAINED, State.CONTAINED: State.RESOLVED, State.RESOLVED: State.CLOSED}

    halt = models.OneToOneField("audits_runtime.Halt", on_delete=models.PROTECT, related_name="incident")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="incidents")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    responsible = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    closed_at = models.DateTimeField(null=True)

    objects = querysets.IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        triggers = captured("id", "created_at", "halt_id", "deployment_id", "state", "responsible_id", "closed_at")

    def __str__(self) -> str:
        return f"incident of {self.deployment}, {self.created_at:%d %b %Y}"


class IncidentRecord(GovernedModel):
    """What one person said of an incident. Never changed: the newest of its kind (and key) counts."""

    class Kind(models.TextChoices):
        FACTS = "facts", "Facts"
        CLOCK = "clock", "Regulator clock"
        DOWNTIME = "downtime", "Downtime plan"
        ROOT_CAUSE = "root_cause", "Root cause"
        ACTION = "action", "Corrective action"
        REMARK = "remark", "Remark"
        STATE = "state", "State"

    class Action(models.TextChoices):
        RETRAIN = "retrain", "Retrain the model"
        RECALIBRATE = "recalibrate", "Recalibrate thresholds"
        RESTRICT = "restrict", "Restrict the scope"
        RETIRE = "retire", "Retire the model"

    class Answer(models.TextChoices):
        APPLIES = "applies", "Applies"
        DOES_NOT_APPLY = "does_not_apply", "Does not apply"
        DONE = "done", "Reported"

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="records")
    kind = models.CharField(max_length=12, choices=Kind)
    key = models.CharField(max_length=30, blank=True)  # a clock's, a corrective action's, the new state's
    answer = models.CharField(max_length=20, blank=True)  # of a clock
    data = models.JSONField(default=dict)  # of facts: {"aware_at": ..., "known": {fact: true | false | null}}
    text = SealedTextField(subject="author_id", blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["created_at"]
        triggers = [
            *captured("id", "created_at", "incident_id", "kind", "key", "answer", "data", "text", "author_id"),
            append_only()[0],
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.incident_id}"


class IncidentTask(GovernedModel):
    """Something that somebody must do until a day."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="tasks")
    title = SealedTextField(subject="created_by_id")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    due_on = models.DateField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    done_at = models.DateTimeField(null=True)
    done_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)

    class Meta:
        ordering = ["due_on", "created_at"]
        triggers = captured(
            "id", "created_at", "incident_id", "title", "owner_id", "due_on", "created_by_id", "done_at", "done_by_id"
        )

    def __str__(self) -> str:
        return self.title

    @property
    def overdue(self) -> bool:
        return self.done_at is None and self.due_on < timezone.now().date()


class LookBack(GovernedModel):
    """Which predictions are looked at again: a period and a group, with the reason for both."""

    incident = models.OneToOneField(Incident, on_delete=models.PROTECT, related_name="look_back")
    since = models.DateTimeField()
    until = models.DateTimeField()
    attribute = models.CharField(max_length=80, blank=True)  # empty: everyone
    group = models.CharField(max_length=80, blank=True)
    basis = models.TextField()  # the platform's own words: why this period and group
    estimate = models.JSONField(default=dict)  # when the change may have begun: {"position", "since"}; informs only
    built_at = models.DateTimeField(null=True)

    class Meta:
        triggers = captured(
            "id", "created_at", "incident_id", "since", "until", "attribute", "group", "basis", "estimate", "built_at"
        )

    def __str__(self) -> str:
        return f"look-back of {self.incident_id}"


class LookBackCase(models.Model):
    """One prediction to be looked at again, by pseudonym and alias; its site knows whose it is."""

    exempt_reason = "derived: predictions of the look-back's period, with what LookBackMark says of them"

    class Reread(models.TextChoices):
        CONFIRMED = "confirmed", "Re-read: the answer stands"
        CHANGED = "changed", "Re-read: the answer was wrong"
        NOT_POSSIBLE = "not_possible", "Cannot be re-read"

    class Disclosed(models.TextChoices):
        TOLD = "told", "Patient was told"
        NOT_NEEDED = "not_needed", "Nothing to tell"
        UNREACHABLE = "unreachable", "Patient could not be reached"

    id = models.BigAutoField(primary_key=True)
    look_back = models.ForeignKey(LookBack, on_delete=models.CASCADE, related_name="cases")
    site = models.CharField(max_length=40)
    event_key = models.CharField(max_length=64)  # alias of the site's name of the case
    subject = models.CharField(max_length=64)  # pseudonym of the patient
    predicted_at = models.DateTimeField()
    attributes = models.JSONField()
    score = models.FloatField()
    flagged = models.BooleanField()
    in_scope = models.BooleanField(default=True)  # false: the period was narrowed after it was listed
    reread = models.CharField(max_length=12, choices=Reread, blank=True)
    disclosed = models.CharField(max_length=12, choices=Disclosed, blank=True)

    objects = querysets.CaseQuerySet.as_manager()

    class Meta:
        ordering = ["predicted_at", "id"]
        constraints = [models.UniqueConstraint(fields=["look_back", "event_key"], name="look_back_case_once")]
        indexes = [
            models.Index(fields=["look_back", "site", "predicted_at", "id"], name="look_back_of_site"),
            models.Index(
                fields=["look_back", "site"], name="look_back_waiting",
                condition=Q(in_scope=True) & (Q(reread="") | Q(disclosed="")),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.event_key


class LookBackMark(GovernedModel):
    """One person's mark of some cases of their site; the ledger's entry names the cases by their aliases."""

    class What(models.TextChoices):
        REREAD = "reread", "Re-reading"
        DISCLOSED = "disclosed", "Disclosure"

    look_back = models.ForeignKey(LookBack, on_delete=models.PROTECT, related_name="marks")
    site = models.CharField(max_length=40)
    what = models.CharField(max_length=10, choices=What)
    result = models.CharField(max_length=12)
    cases = models.JSONField()  # aliases
    note = SealedTextField(subject="author_id", blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["created_at"]
        triggers = [
            *captured("id", "created_at", "look_back_id", "site", "what", "result", "cases", "note", "author_id"),
            append_only()[0],
        ]

    def __str__(self) -> str:
        return f"{len(self.cases)} {self.result}"
