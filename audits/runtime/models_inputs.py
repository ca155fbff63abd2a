"""Histograms of the models' inputs, which are not stored themselves, and what the monitor made of them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from models_registry.models import Deployment


class InputPeriod(models.Model):
    """The inputs of one site's cases in an hour (UTC), counted into fixed cells. Never of fewer than 20 cases."""

    exempt_reason = "sums of inputs that are not stored: they warn and never halt"

    id = models.BigAutoField(primary_key=True)
    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="+", db_index=False)
    site = models.CharField(max_length=40)
    hour = models.DateTimeField()
    cases = models.BigIntegerField()
    counts = ArrayField(models.BigIntegerField())  # input by input, histograms.CELLS of each

    class Meta:
        ordering = ["hour"]
        constraints = [models.UniqueConstraint(fields=["deployment", "site", "hour"], name="input_period_once")]

    def __str__(self) -> str:
        return f"{self.hour:%F %H}h {self.site}"


class InputDrift(models.Model):
    """Where the watch over one site's inputs stands, in the present epoch of the monitor."""

    exempt_reason = "derived from the histograms; it warns and never halts"

    id = models.BigAutoField(primary_key=True)
    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="+", db_index=False)
    site = models.CharField(max_length=40)
    hour = models.DateTimeField(null=True)  # of the newest period that was read
    read = ArrayField(models.BigIntegerField())  # what of it was read
    state = models.JSONField()  # input_drift.InputState

    class Meta:
        ordering = ["site"]
        constraints = [models.UniqueConstraint(fields=["deployment", "site"], name="input_drift_once")]

    def __str__(self) -> str:
        return f"inputs at {self.site}"
