"""How long requests took: counted by each web process, added up here."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class RequestTimes(models.Model):
    """The durations of one kind of request with one class of answer, since the platform was set up."""

    exempt_reason = "figures of operation for Prometheus; they name nobody and decide nothing"

    request = models.CharField(max_length=20)
    code = models.CharField(max_length=3)  # 2xx, 4xx, 5xx
    counts = ArrayField(models.BigIntegerField())  # by bucket of latency.BOUNDS, the last one beyond them
    seconds = models.FloatField()

    class Meta:
        ordering = ["request", "code"]
        constraints = [models.UniqueConstraint(fields=["request", "code"], name="request_times_once")]

    def __str__(self) -> str:
        return f"{self.request} {self.code}"
