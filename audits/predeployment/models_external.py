"""Audits by outside boards: who may look at what until when, on which data, what was measured and what they found."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Institution
from audits.predeployment import guards, querysets
from audits.predeployment.models_result import RESULT_COLUMNS, ResultRow
from core.capture import captured
from core.fields import SealedTextField
from core.models import GovernedModel
from models_registry.models import Version


def _only_while_open() -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name="open_audit", when=pgtrigger.Before, operation=pgtrigger.Insert, func=guards.EXTERNAL_IS_OPEN
    )


class ExternalAudit(GovernedModel):
    """An invitation of an outside board to audit one version, until a day. It opens nothing else."""

    class State(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"  # by the board: it has finished
        REVOKED = "revoked"  # by an administrator, with a reason
        EXPIRED = "expired"

    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="external_audits")
    board = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="+")
    auditor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="external_audits")
    policy = models.JSONField()  # the checks that may be run, with their settings, fixed before the board's data came
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    purpose = SealedTextField(subject="invited_by_id")
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    close_reason = SealedTextField(subject="closed_by_id", blank=True)

    objects = querysets.ExternalAuditQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        triggers = [
            *captured(
                "id", "created_at", "version_id", "board_id", "auditor_id", "policy", "expires_at", "state",
                "invited_by_id", "purpose", "closed_at", "closed_by_id", "close_reason",
            ),
            pgtrigger.Trigger(
                name="bound", when=pgtrigger.Before, operation=pgtrigger.Update, func=guards.EXTERNAL_STAYS
            ),
            pgtrigger.Protect(name="kept", operation=pgtrigger.Delete),
        ]  # fmt: skip
        constraints = [
            models.UniqueConstraint(
                fields=["version", "auditor"], name="one_open_external", condition=Q(state="open")
            ),
            models.CheckConstraint(condition=~Q(auditor=models.F("invited_by")), name="external_is_somebody_else"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"audit of {self.version} by {self.board}"


class ExternalData(GovernedModel):
    """A board's own held-out patients. The bytes are in the artefact store until withdrawn; the digest stays."""

    class State(models.TextChoices):
        CHECKING = "checking"
        READY = "ready"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"

    external = models.ForeignKey(ExternalAudit, on_delete=models.PROTECT, related_name="data_sets")
    site = models.SlugField(max_length=40)  # whose layout the files follow
    digest = models.CharField(max_length=64)  # SHA-256 of the uploaded archive
    stored = models.CharField(max_length=64)  # name of the artefact; see `external.archive.sealed_in`
    size = models.PositiveBigIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.CHECKING)
    manifest = models.JSONField(default=dict)  # counts and groups, as of a site's data; no patient's id
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    refusal = SealedTextField(subject="uploaded_by_id", blank=True)  # may quote a value of the file
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        triggers = [
            *captured(
                "id", "created_at", "external_id", "site", "digest", "stored", "size", "state", "manifest",
                "uploaded_by_id", "refusal", "withdrawn_at",
            ),
            _only_while_open(),
            pgtrigger.Trigger(
                name="bound", when=pgtrigger.Before, operation=pgtrigger.Update, func=guards.EXTERNAL_DATA_STAY
            ),
            pgtrigger.Protect(name="kept", operation=pgtrigger.Delete),
        ]  # fmt: skip
        constraints = [
            models.UniqueConstraint(
                fields=["external", "digest"], name="external_data_once", condition=~Q(state="withdrawn")
            )
        ]

    def __str__(self) -> str:
        return f"data {self.digest[:12]} of {self.external.board}"


class ExternalRun(GovernedModel):
    """Some checks, run in the platform on a board's data."""

    class State(models.TextChoices):
        RUNNING = "running"
        FINISHED = "finished"

    external = models.ForeignKey(ExternalAudit, on_delete=models.PROTECT, related_name="runs")
    data = models.ForeignKey(ExternalData, on_delete=models.PROTECT, related_name="runs")
    policy = models.JSONField()  # the part of the invitation's policy that was run
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    verdict = models.CharField(max_length=20, blank=True)  # the worst of its checks; it gates nothing
    digest = models.CharField(max_length=64, blank=True)  # over version, data, policy and results
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        triggers = [
            *captured(
                "id", "created_at", "external_id", "data_id", "policy", "state", "verdict", "digest",
                "requested_by_id", "finished_at",
            ),
            _only_while_open(),
            pgtrigger.Protect(name="kept", operation=pgtrigger.Delete),
        ]  # fmt: skip
        constraints = [
            models.UniqueConstraint(
                fields=["external"], name="one_running_external", condition=Q(state="running")
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"run of {self.external}"


class ExternalResult(ResultRow):
    """What one check measured on a board's data. Never changed."""

    run = models.ForeignKey(ExternalRun, on_delete=models.PROTECT, related_name="results")

    class Meta:
        ordering = ["run", "check_id"]
        triggers = [
            *captured("id", "created_at", "run_id", *RESULT_COLUMNS),
            pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete),
        ]
        constraints = [models.UniqueConstraint(fields=["run", "check_id"], name="external_check_once")]


class ExternalFinding(GovernedModel):
    """What a board says, in its own words, perhaps with a file. Never changed."""

    class Severity(models.TextChoices):
        NOTE = "note", "Note"
        MINOR = "minor", "Minor"
        MAJOR = "major", "Major"
        CRITICAL = "critical", "Critical"

    external = models.ForeignKey(ExternalAudit, on_delete=models.PROTECT, related_name="findings")
    run = models.ForeignKey(ExternalRun, on_delete=models.PROTECT, related_name="findings", null=True)
    severity = models.CharField(max_length=10, choices=Severity)
    text = SealedTextField(subject="author_id")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    attachment = models.CharField(max_length=64, blank=True)  # artefact
    attachment_name = models.CharField(max_length=120, blank=True)
    attachment_type = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["created_at"]
        triggers = [
            *captured(
                "id", "created_at", "external_id", "run_id", "severity", "text", "author_id", "attachment",
                "attachment_name", "attachment_type",
            ),
            _only_while_open(),
            pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.get_severity_display()} finding on {self.external.version}"
