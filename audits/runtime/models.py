"""Predictions and outcomes are bulk: partitioned by month, one ledger entry a batch, no foreign key points at them."""

from __future__ import annotations

from django.db import models

from core.capture import captured
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
    caller_id = models.UUIDField(null=True)  # who sent it; not captured: the ledger's entry names the actor

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
    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="rollups", db_index=False)
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


class DailyRollup(models.Model):
    """The same sums by day (UTC), written with them: a year of hours is too much to add up for a page."""

    exempt_reason = "sums of bulk rows, rebuilt from them"

    id = models.BigAutoField(primary_key=True)
    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="+", db_index=False)
    hour = models.DateTimeField()  # the first of the day
    site = models.CharField(max_length=40)
    attributes = models.JSONField()
    metric = models.CharField(max_length=20)
    n = models.BigIntegerField(default=0)
    total = models.FloatField(default=0)
    total_sq = models.FloatField(default=0)

    class Meta:
        ordering = ["hour"]
        constraints = [
            models.UniqueConstraint(
                fields=["deployment", "hour", "site", "attributes", "metric"], name="daily_rollup_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.hour:%F} {self.metric}"


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
    predictions = models.BigIntegerField(default=0)  # how many of the counted ones were folded
    state = models.JSONField(default=dict)
    summary = models.JSONField(default=dict)  # what the page shows: streams, gaps, amber
    amber = models.BooleanField(default=False)
    updated_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"folded to {self.position}"


# At the end, for they refer to the models above; in this module, for Django finds models here.
from audits.runtime.models_amber import AmberDecision  # noqa: E402, F401 - a table of this application
from audits.runtime.models_appeals import Appeal  # noqa: E402,F401
from audits.runtime.models_bulk import BulkPrediction  # noqa: E402,F401
from audits.runtime.models_halts import Halt, Reinstatement  # noqa: E402,F401
from audits.runtime.models_incidents import (  # noqa: E402,F401
    Incident,
    IncidentRecord,
    IncidentTask,
    LookBack,
    LookBackCase,
    LookBackMark,
)
from audits.runtime.models_inputs import InputDrift, InputPeriod  # noqa: E402,F401
from audits.runtime.models_latency import RequestTimes  # noqa: E402,F401
from audits.runtime.models_notices import Notice, WebhookSubscription  # noqa: E402,F401
from audits.runtime.models_restrictions import Restriction  # noqa: E402,F401
from audits.runtime.models_reviews import Review  # noqa: E402,F401
