"""One shape of row, four ways to follow it: not at all, by our capture, by django-pghistory, by django-auditlog."""

from __future__ import annotations

import uuid

import pghistory
from auditlog.registry import auditlog
from django.db import models
from django.utils import timezone

from core.capture import captured


class Shape(models.Model):
    """A decision of ordinary size."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=100)
    state = models.CharField(max_length=20, default="open")
    score = models.FloatField(default=0.5)
    version = models.IntegerField(default=1)
    details = models.JSONField(default=dict)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True


class Plain(Shape):
    exempt_reason = "the yardstick: a table that nothing follows"

    class Meta:
        db_table = "bench_plain"


class Governed(Shape):
    class Meta:
        db_table = "bench_governed"
        triggers = captured("id", "name", "state", "score", "version", "details", "changed_at")


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class History(Shape):
    exempt_reason = "followed by django-pghistory"

    class Meta:
        db_table = "bench_history"


class Audited(Shape):
    exempt_reason = "followed by django-auditlog"

    class Meta:
        db_table = "bench_audited"


auditlog.register(Audited)
