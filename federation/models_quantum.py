"""Runs on quantum devices: who ordered what, who allowed it, what it took and what came back."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Institution
from core.capture import captured
from core.fields import SealedTextField
from core.models import GovernedModel
from federation import querysets
from federation.domain.quantum.noise import NoiseModel


class QuantumJob(GovernedModel):
    """One run on a device. What is ordered never changes; state, timings and result are filled in."""

    class Purpose(models.TextChoices):
        EVALUATION = "evaluation", "Evaluate a model"
        READOUT = "readout", "Measure the readout error"
        VOLUME = "quantum_volume", "Measure the quantum volume"

    class State(models.TextChoices):
        QUEUED = "queued"  # here: not yet handed in
        SUBMITTED = "submitted"  # in the provider's queue
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"
        CANCELLED = "cancelled"

    OPEN = (State.QUEUED, State.SUBMITTED, State.RUNNING)
    ENDED = (State.FINISHED, State.FAILED, State.CANCELLED)

    device = models.CharField(max_length=40)  # federation.domain.quantum.devices
    purpose = models.CharField(max_length=20, choices=Purpose)
    institution = models.ForeignKey(  # whose limits it counts against; none: the platform's own
        Institution, on_delete=models.PROTECT, null=True, related_name="+"
    )
    participant = models.ForeignKey(  # whose patients are evaluated, by its own worker
        "federation.Participant", on_delete=models.PROTECT, null=True, related_name="quantum_jobs"
    )
    run = models.ForeignKey(  # whose trained model
        "federation.TrainingRun", on_delete=models.PROTECT, null=True, related_name="quantum_jobs"
    )
    consent = models.ForeignKey("federation.DeviceConsent", on_delete=models.PROTECT, null=True, related_name="jobs")
    qubits = models.PositiveIntegerField()
    circuits = models.PositiveIntegerField()  # an evaluation: at most so many patients, one circuit each
    shots = models.PositiveIntegerField()  # per circuit
    estimate = models.JSONField()  # federation.domain.quantum.estimates.Estimate
    cost = models.DecimalField(max_digits=12, decimal_places=4, null=True)  # estimated
    cost_limit = models.DecimalField(max_digits=12, decimal_places=4, null=True)
    min_quantum_volume = models.PositiveIntegerField(null=True)
    noise = models.JSONField(null=True)  # the model a simulator ran under, with its digest: domain.quantum.noise_choice
    mitigation = models.JSONField(null=True)  # the readout errors to invert, and whence: federation.quantum_readout
    health_check = models.ForeignKey(  # the measurement that met the requirement
        "self", on_delete=models.PROTECT, null=True, related_name="+"
    )
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    retry_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="retries")

    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    machine = models.CharField(max_length=80, blank=True)  # as the worker that reached it names it
    note = models.TextField(blank=True)  # the provider's words on where it stands; not captured
    polled_at = models.DateTimeField(null=True)  # not captured
    submitted_at = models.DateTimeField(null=True)  # when the provider took the first task
    finished_at = models.DateTimeField(null=True)
    result = models.JSONField(null=True)
    result_digest = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    cancelled_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    objects = querysets.QuantumJobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        triggers = captured(
            "id", "created_at", "device", "purpose", "institution_id", "participant_id", "run_id", "consent_id",
            "qubits", "circuits", "shots", "estimate", "cost", "cost_limit", "min_quantum_volume", "noise",
            "mitigation", "health_check_id", "requested_by_id", "retry_of_id", "state", "machine", "submitted_at",
            "finished_at", "result", "result_digest", "error", "cancelled_by_id",
        )  # fmt: skip
        indexes = [models.Index(fields=["device", "purpose", "-finished_at"], name="quantum_health")]
        constraints = [
            models.CheckConstraint(
                condition=Q(purpose="evaluation", run__isnull=False, participant__isnull=False)
                | Q(~Q(purpose="evaluation"), run__isnull=True, participant__isnull=True),
                name="quantum_job_subject",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} on {self.device}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def noise_model(self) -> NoiseModel | None:
        return NoiseModel.from_dict(self.noise) if self.noise else None

    @property
    def tag(self) -> str:
        """What the provider knows it by, so that it is found again and never handed in twice."""
        return f"qfl-{self.id}"

    @property
    def total_shots(self) -> int:
        return self.circuits * self.shots

    @property
    def provider_tasks(self) -> list[str]:
        """The provider's ids, in order."""
        return [task.provider_id for task in self.tasks.all() if task.provider_id]


class ProviderTask(GovernedModel):
    """One task at a provider: written before it is handed in, so that nothing lies there without a row here."""

    class State(models.TextChoices):
        SENDING = "sending"  # on its way, or its answer was lost: the provider may have it
        HANDED_IN = "handed_in"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"
        NOT_TAKEN = "not_taken"  # the provider refused it, or knows no such task

    UNSETTLED = (State.SENDING, State.HANDED_IN)

    job = models.ForeignKey(QuantumJob, on_delete=models.PROTECT, related_name="tasks")
    number = models.PositiveIntegerField()  # from 0; with the job's tag, the key under which the provider finds it
    provider_id = models.CharField(max_length=200, blank=True)
    circuits = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.SENDING)
    sent_at = models.DateTimeField(default=timezone.now)  # last, as far as known here; not captured
    handed_in_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)  # when that was learned

    objects = querysets.ProviderTaskQuerySet.as_manager()

    class Meta:
        ordering = ["number"]
        triggers = captured(
            "id", "created_at", "job_id", "number", "provider_id", "circuits", "state", "handed_in_at", "ended_at"
        )
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="provider_task_once")]

    def __str__(self) -> str:
        return f"task {self.number + 1} of {self.job_id}: {self.state}"


class DeviceConsent(GovernedModel):
    """A site's answer to one cloud device for one run. Withdrawal is a new row; nothing is rewritten."""

    class Decision(models.TextChoices):
        GIVEN = "given"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"

    run = models.ForeignKey("federation.TrainingRun", on_delete=models.PROTECT, related_name="device_consents")
    participant = models.ForeignKey("federation.Participant", on_delete=models.PROTECT, related_name="device_consents")
    device = models.CharField(max_length=40)
    config_hash = models.CharField(max_length=64)
    decision = models.CharField(max_length=10, choices=Decision)
    reason = SealedTextField(subject="decided_by_id", blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["created_at"]
        triggers = captured(
            "id",
            "created_at",
            "run_id",
            "participant_id",
            "device",
            "config_hash",
            "decision",
            "reason",
            "decided_by_id",
        )

    def __str__(self) -> str:
        return f"{self.participant}, {self.device}: {self.decision}"


class QuantumLimit(GovernedModel):
    """What an institution (none: the platform) may use in a calendar month. The newest row counts."""

    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, null=True, related_name="quantum_limits")
    shots_per_month = models.PositiveBigIntegerField()
    cost_per_month = models.DecimalField(max_digits=12, decimal_places=2)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-created_at"]
        triggers = captured("id", "created_at", "institution_id", "shots_per_month", "cost_per_month", "set_by_id")

    def __str__(self) -> str:
        return f"{self.shots_per_month} shots, {self.cost_per_month} a month"
