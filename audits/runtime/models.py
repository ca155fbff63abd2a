"""Predictions and outcomes are bulk: partitioned by month, one ledger entry a batch, no foreign key points at them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Institution
from audits.runtime import querysets
from core.capture import captured
from core.fields import SealedTextField
from core.models import GovernedModel
from models_registry.models import Deployment


class Prediction(models.Model):
    """One served prediction. Partitioned by `received_at`; the schema is in the migration."""

    bulk = True

    pk = models.CompositePrimaryKey("received_at", "deployment_id", "event_key")
    received_at = models.DateTimeField()
    deployment_id = models.UUIDField()
    event_key = models.TextField()  # alias of the caller's name of the case (audits.runtime.names)
    batch_id = models.UUIDField()
    batch_index = models.IntegerField()  # row of the batch's Merkle tree
    site = models.TextField()
    subject = models.TextField()  # pseudonym of the patient, severed by deleting a salt (core.pseudonyms)
    attributes = models.JSONField()  # attribute -> group
    score = models.FloatField(null=True)  # [0, 1]; None where a model elsewhere told its label only
    flagged = models.BooleanField()
    output = models.BinaryField()  # segmentation: packed bits of the mask; else empty
    shape = models.JSONField()  # of the mask
    warnings = models.JSONField()
    made_at = models.DateTimeField(null=True)  # by a model that runs elsewhere, in its own words; None: served here
    after_halt = models.BooleanField(default=False)  # made elsewhere while the deployment was halted or revoked

    class Meta:
        managed = False
        db_table = "runtime_prediction"

    def __str__(self) -> str:
        return self.event_key


class Outcome(models.Model):
    """What turned out to be true, with the metric values that follow. `position` is gapless per deployment."""

    bulk = True

    pk = models.CompositePrimaryKey("received_at", "deployment_id", "position")
    received_at = models.DateTimeField()
    deployment_id = models.UUIDField()
    position = models.BigIntegerField()  # from 1, the order in which the monitor folds
    event_key = models.TextField()  # alias, the same as the prediction's
    batch_id = models.UUIDField()
    batch_index = models.IntegerField()
    site = models.TextField()
    attributes = models.JSONField()
    stratum = models.SmallIntegerField()  # the label: cases are paired within it
    values = models.JSONField()  # metric -> value in [0, 1], undefined ones absent; a correction has none to fold
    corrects = models.BigIntegerField(null=True)  # position of the row of the same case that this one replaces
    correction = models.JSONField(null=True)  # of a correction: the values as they are known now

    class Meta:
        managed = False
        db_table = "runtime_outcome"

    def __str__(self) -> str:
        return f"{self.position}: {self.event_key}"


class EventKey(models.Model):
    """Which events were seen: the primary key refuses the second one. Hash-partitioned."""

    bulk = True

    pk = models.CompositePrimaryKey("deployment_id", "kind", "event_key")
    deployment_id = models.UUIDField()
    kind = models.TextField()  # prediction, outcome, or correction (of a position, once)
    event_key = models.TextField()  # blind index of the caller's name; of a correction, the position
    received_at = models.DateTimeField()  # finds the row's partition
    alias = models.TextField()  # what the prediction carries; empty for an outcome
    salt = models.BinaryField()  # of the alias (audits.runtime.names)

    class Meta:
        managed = False
        db_table = "runtime_event_key"

    def __str__(self) -> str:
        return f"{self.kind} {self.event_key}"


class Batch(GovernedModel):
    """One accepted batch: its Merkle root stands in the ledger, so that each row can be proved."""

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="batches")
    kind = models.CharField(max_length=12)  # prediction or outcome
    site = models.CharField(max_length=40)
    rows = models.PositiveIntegerField()
    first_position = models.BigIntegerField(null=True)
    root = models.CharField(max_length=64)
    salt = models.BinaryField()  # not captured: with it, a row can be proved without showing its neighbours

    class Meta:
        ordering = ["-created_at"]
        triggers = captured("id", "created_at", "deployment_id", "kind", "site", "rows", "first_position", "root")
        indexes = [models.Index(fields=["deployment", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.rows} {self.kind}s"


class Rollup(models.Model):
    """Sums by hour, site and group, written with the batch; pages and reports read these, not the rows."""

    exempt_reason = "sums of bulk rows, rebuilt from them"

    id = models.BigAutoField(primary_key=True)
    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="rollups")
    hour = models.DateTimeField()
    site = models.CharField(max_length=40)
    attributes = models.JSONField()
    metric = models.CharField(max_length=20)
    n = models.BigIntegerField(default=0)
    total = models.FloatField(default=0)
    total_sq = models.FloatField(default=0)

    class Meta:
        ordering = ["hour"]
        constraints = [
            models.UniqueConstraint(fields=["deployment", "hour", "site", "attributes", "metric"], name="rollup_once")
        ]

    def __str__(self) -> str:
        return f"{self.hour:%F %H}h {self.metric}"


class RollupTotal(models.Model):
    """The roll-ups of all hours and sites, written with them: what pages show of a deployment's whole life."""

    exempt_reason = "sums of bulk rows, rebuilt from them"

    id = models.BigAutoField(primary_key=True)
    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="rollup_totals")
    attributes = models.JSONField()
    metric = models.CharField(max_length=20)
    n = models.BigIntegerField(default=0)
    total = models.FloatField(default=0)
    total_sq = models.FloatField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["deployment", "attributes", "metric"], name="rollup_total_once")]

    def __str__(self) -> str:
        return f"{self.metric} of all hours"


class RetiredMonth(GovernedModel):
    """A month of bulk rows that was dropped because nobody has to keep it. What it held stays provable as a fact."""

    month = models.DateField(unique=True)  # its first day
    predictions = models.PositiveBigIntegerField()
    outcomes = models.PositiveBigIntegerField()
    batches = models.PositiveIntegerField()
    root = models.CharField(max_length=64)  # Merkle root over the roots of its batches, in the order of their ids

    class Meta:
        ordering = ["month"]
        triggers = captured("id", "created_at", "month", "predictions", "outcomes", "batches", "root")

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class DeploymentCounter(models.Model):
    """The next outcome position of a deployment; its row lock makes positions gapless."""

    exempt_reason = "counter; positions stand on the outcomes and batches"

    deployment = models.OneToOneField(Deployment, on_delete=models.CASCADE, primary_key=True, related_name="counter")
    outcomes = models.BigIntegerField(default=0)
    predictions = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.predictions} predictions, {self.outcomes} outcomes"


class MonitorState(models.Model):
    """Where the monitor stands: cursor and wealth, committed together with a halt. Replayable from the outcomes."""

    exempt_reason = "derived: folding the outcomes again gives the same bytes"

    deployment = models.OneToOneField(Deployment, on_delete=models.CASCADE, primary_key=True, related_name="monitor")
    position = models.BigIntegerField(default=0)
    state = models.JSONField(default=dict)
    summary = models.JSONField(default=dict)  # what the page shows: streams, gaps, amber
    amber = models.BooleanField(default=False)
    updated_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"folded to {self.position}"


class Halt(GovernedModel):
    """A deployment was stopped: by the monitor, or by one officer."""

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="halts")
    automatic = models.BooleanField()
    halted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    reason = SealedTextField(subject="halted_by_id")  # clear where the monitor halted
    alarm = models.JSONField(default=dict)  # stream, groups, gap, wealth, threshold, pairs
    position = models.BigIntegerField()  # outcomes folded when it was decided
    closed_at = models.DateTimeField(null=True)

    objects = querysets.HaltQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        triggers = captured(
            "id", "created_at", "deployment_id", "automatic", "halted_by_id", "reason", "alarm", "position", "closed_at"
        )
        constraints = [
            models.UniqueConstraint(fields=["deployment"], name="one_open_halt", condition=Q(closed_at__isnull=True)),
            models.CheckConstraint(condition=Q(automatic=True) | Q(halted_by__isnull=False), name="halt_has_author"),
        ]

    def __str__(self) -> str:
        return f"halt of {self.deployment}"


class Reinstatement(GovernedModel):
    """One officer's vote to serve again. Two officers of two institutions are needed."""

    halt = models.ForeignKey(Halt, on_delete=models.PROTECT, related_name="reinstatements")
    officer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT)
    reason = SealedTextField(subject="officer_id")

    class Meta:
        ordering = ["created_at"]
        triggers = captured("id", "created_at", "halt_id", "officer_id", "institution_id", "reason")
        constraints = [
            models.UniqueConstraint(fields=["halt", "officer"], name="one_vote_each"),
            models.UniqueConstraint(fields=["halt", "institution"], name="one_vote_an_institution"),
        ]

    def __str__(self) -> str:
        return f"{self.officer} for {self.halt}"
