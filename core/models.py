from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from core.said import Said, read


class GovernedModel(models.Model):
    """A row that the ledger follows: opaque UUID key, creation time. Its Meta lists `triggers = captured(...)`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True


class Outbox(models.Model):
    """Changes on their way to the ledger. Written by database functions only; pruned once sequenced."""

    exempt_reason = "the way into the ledger itself"

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    table = models.TextField()
    operation = models.TextField()  # INSERT UPDATE DELETE, or BATCH READ HEARTBEAT from `capture.record`
    object_id = models.TextField()
    body = models.JSONField()
    context = models.TextField(null=True)  # as the session's setting stood, see `core.said`

    class Meta:
        db_table = "core_outbox"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.operation} {self.table} {self.object_id}"

    @property
    def said(self) -> Said:
        """Who, what and why."""
        return read(self.context)


class Job(models.Model):
    """Long work. This row is the truth; the broker only carries its id."""

    exempt_reason = "work queue: the effects of a job are governed rows of their own"

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        DEAD = "dead"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=80)
    payload = models.JSONField(default=dict)
    idempotency_key = models.CharField(max_length=200, unique=True)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveIntegerField(default=5)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    next_run_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    class Meta:
        ordering = ["created_at"]
        indexes = [
            models.Index(fields=["next_run_at"], name="job_open", condition=models.Q(state__in=["queued", "running"])),
        ]

    def __str__(self) -> str:
        return f"{self.kind} ({self.state})"


class DomainEvent(models.Model):
    """What a higher floor must learn from a lower one, written in the business transaction."""

    exempt_reason = "internal notice: the row it speaks of is governed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=80)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["created_at"]
        indexes = [models.Index(fields=["kind", "created_at"], name="event_of_kind")]

    def __str__(self) -> str:
        return self.kind


class IdempotencyKey(models.Model):
    """The stored answer to a request that carried an `Idempotency-Key`, so that a retry does nothing twice."""

    exempt_reason = "cache of answers; the effects are governed or bulk rows"

    id = models.BigAutoField(primary_key=True)
    scope = models.CharField(max_length=120)
    key = models.CharField(max_length=200)
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    response = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="idempotency_once")]

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"


class SubjectKey(models.Model):
    """The key under which one person's texts are sealed, itself wrapped (`core.vault`). Empty once shredded.

    Backed up apart from everything else, and kept for days only: a key must not outlive its erasure in a backup.
    """

    exempt_reason = "keys themselves; that one was shredded stands in the ledger as an ERASURE entry"

    subject = models.UUIDField(primary_key=True)
    wrapped = models.BinaryField()  # AES-256-GCM under the KEK: nonce, key, tag
    kek = models.CharField(max_length=12, blank=True)  # name of the KEK
    created_at = models.DateTimeField()
    shredded_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["kek"])]

    def __str__(self) -> str:
        return f"key of {self.subject}{' (shredded)' if self.shredded_at else ''}"


class PatientKey(models.Model):
    """The salt of one patient's pseudonym (`core.pseudonyms`). Deleted on erasure; backed up like `SubjectKey`."""

    exempt_reason = "salts themselves; that one was deleted stands in the ledger as an ERASURE entry"

    index = models.BinaryField(primary_key=True)  # blind index of hospital and patient number
    salt = models.BinaryField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"salt of patient {bytes(self.index).hex()[:12]}"
