from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Institution
from core.capture import captured
from core.fields import SealedTextField
from core.models import GovernedModel
from federation import guards, querysets
from federation.site.wire import channel_of


class Federation(GovernedModel):
    """Hospitals that train together for one stated purpose."""

    name = models.CharField(max_length=120, unique=True)
    purpose = models.TextField()
    data_title = models.CharField(max_length=200)
    task = models.CharField(max_length=20)  # classification or segmentation
    synthetic = models.BooleanField(default=False)

    objects = querysets.FederationQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        triggers = captured("id", "created_at", "name", "purpose", "data_title", "task", "synthetic")

    def __str__(self) -> str:
        return self.name


class Participant(GovernedModel):
    """An institution in a federation, with the key that signs what its worker sends."""

    federation = models.ForeignKey(Federation, on_delete=models.PROTECT, related_name="participants")
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="participations")
    site = models.SlugField(max_length=40)  # code of the site in the data set
    public_key = models.TextField()  # ML-DSA-65, base64
    is_active = models.BooleanField(default=True)
    is_over_flare = models.BooleanField(default=False)  # its orders come by NVIDIA FLARE alone, also those of no run
    last_seen_at = models.DateTimeField(null=True)  # not captured: sign of life

    class Meta:
        ordering = ["site"]
        triggers = captured(
            "id", "created_at", "federation_id", "institution_id", "site", "public_key", "is_active", "is_over_flare"
        )
        constraints = [
            models.UniqueConstraint(fields=["federation", "institution"], name="participant_once"),
            models.UniqueConstraint(fields=["federation", "site"], name="participant_site_once"),
        ]

    def __str__(self) -> str:
        return self.institution.name

    @property
    def channel(self) -> str:
        return channel_of(self.site, self.federation_id)


class DataManifest(GovernedModel):
    """What a site says it holds: counts, load report and digest; no patient and no path."""

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="manifests")
    digest = models.CharField(max_length=64)
    content = models.JSONField()

    class Meta:
        ordering = ["-created_at"]
        triggers = captured("id", "created_at", "participant_id", "digest", "content")
        constraints = [models.UniqueConstraint(fields=["participant", "digest"], name="manifest_once")]

    def __str__(self) -> str:
        return f"{self.participant}: {self.digest[:12]}"


class TrainingRun(GovernedModel):
    """One training, frozen by the hash of its configuration before any site consents."""

    class State(models.TextChoices):
        PROPOSED = "proposed"  # sites are asked for consent
        APPROVED = "approved"  # all consented
        RUNNING = "running"
        PAUSED = "paused"
        FINISHED = "finished"
        ABORTED = "aborted"
        FAILED = "failed"

    TRANSITIONS = {
        State.PROPOSED: {State.APPROVED, State.ABORTED},
        State.APPROVED: {State.RUNNING, State.PROPOSED, State.ABORTED},
        State.RUNNING: {State.PAUSED, State.FINISHED, State.ABORTED, State.FAILED},
        State.PAUSED: {State.RUNNING, State.ABORTED, State.FAILED},
    }
    OPEN = (State.PROPOSED, State.APPROVED, State.RUNNING, State.PAUSED)

    federation = models.ForeignKey(Federation, on_delete=models.PROTECT, related_name="runs")
    name = models.CharField(max_length=120)
    config = models.JSONField()  # federation.domain.run_config.RunConfig
    config_hash = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State, default=State.PROPOSED)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    health_check = models.ForeignKey(  # the measurement that met what the run requires of a device, when it started
        "federation.QuantumJob", on_delete=models.PROTECT, related_name="+", null=True
    )
    stopped_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    stop_reason = SealedTextField(subject="stopped_by_id", blank=True)  # clear where the platform stopped it

    objects = querysets.RunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        triggers = captured(
            "id", "created_at", "federation_id", "name", "config", "config_hash", "state", "requested_by_id",
            "started_at", "health_check_id", "finished_at", "stopped_by_id", "stop_reason",
        )  # fmt: skip

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def rounds_planned(self) -> int:
        return self.config["rounds"]


class Consent(GovernedModel):
    """One signer's answer to one frozen configuration. Withdrawal is a new row; nothing is rewritten.

    An institution consents by two people, its site's operator and an ethics officer, and at its own site, whose worker
    then says so.
    """

    class Decision(models.TextChoices):
        GIVEN = "given"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"

    class Capacity(models.TextChoices):
        OPERATOR = "operator", "Site operator"
        OFFICER = "officer", "Ethics officer"
        SITE = "site", "The site's worker"

    run = models.ForeignKey(TrainingRun, on_delete=models.PROTECT, related_name="consents")
    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="consents")
    config_hash = models.CharField(max_length=64)
    decision = models.CharField(max_length=10, choices=Decision)
    capacity = models.CharField(max_length=10, choices=Capacity, default=Capacity.OPERATOR)
    reason = SealedTextField(subject="decided_by_id", blank=True)  # clear where the site's worker gave it
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    statement = models.JSONField(default=dict)  # of the site's worker: until when, for which code

    class Meta:
        ordering = ["created_at"]
        triggers = [
            *captured(
                "id", "created_at", "run_id", "participant_id", "config_hash", "decision", "capacity", "reason",
                "decided_by_id", "statement",
            ),
            pgtrigger.Trigger(
                name="two_people", when=pgtrigger.Before, operation=pgtrigger.Insert, func=guards.TWO_PEOPLE_SIGN
            ),
        ]  # fmt: skip
        constraints = [
            models.CheckConstraint(
                condition=Q(capacity="site", decided_by__isnull=True)
                | ~Q(capacity="site") & Q(decided_by__isnull=False),
                name="consent_is_a_persons_or_the_sites",
            )
        ]

    def __str__(self) -> str:
        return f"{self.participant}: {self.decision} ({self.get_capacity_display().lower()})"


class Round(GovernedModel):
    """One pass: every site trains on the current weights, the updates are averaged, every site scores the result."""

    class State(models.TextChoices):
        TRAINING = "training"
        EVALUATING = "evaluating"
        DONE = "done"
        CANCELLED = "cancelled"
        DISCARDED = "discarded"  # too few sites were left for the noise; nothing was opened

    OVER = (State.DONE, State.CANCELLED, State.DISCARDED)

    run = models.ForeignKey(TrainingRun, on_delete=models.PROTECT, related_name="rounds")
    number = models.PositiveIntegerField()  # from 1
    state = models.CharField(max_length=10, choices=State, default=State.TRAINING)
    start_weights = models.JSONField()  # model name ("primary", "baseline") -> SHA-256
    weights = models.JSONField(default=dict)  # after aggregation
    metrics = models.JSONField(default=dict)  # federation.domain.round_metrics
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["run", "number"]
        triggers = captured(
            "id", "created_at", "run_id", "number", "state", "start_weights", "weights", "metrics", "finished_at"
        )
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="round_once")]

    def __str__(self) -> str:
        return f"round {self.number}"


class SiteUpdate(GovernedModel):
    """What one site contributed to one round, with its signature."""

    round = models.ForeignKey(Round, on_delete=models.PROTECT, related_name="updates")
    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="updates")
    weights = models.JSONField()  # model name -> SHA-256
    n_records = models.PositiveIntegerField()
    metrics = models.JSONField(default=dict)  # loss, seconds, steps, sample_rate per model
    message_digest = models.CharField(max_length=64)
    signature = models.TextField()

    class Meta:
        ordering = ["round", "participant"]
        triggers = captured(
            "id", "created_at", "round_id", "participant_id", "weights", "n_records", "metrics", "message_digest",
            "signature",
        )  # fmt: skip
        constraints = [models.UniqueConstraint(fields=["round", "participant"], name="update_once")]

    def __str__(self) -> str:
        return f"{self.participant}, {self.round}"


from federation.models_budget import PrivacyBudget, PrivacyCharge, PrivacyReservation  # noqa: E402, F401
from federation.models_consents import FederationAgreement, Reconsideration  # noqa: E402, F401
from federation.models_orders import RunEvent, SiteOrder  # noqa: E402, F401 - they name the models above
from federation.models_pages import InfluenceStudy, QkdCheck, QkdRehearsal, SiteSoftware  # noqa: E402, F401
from federation.models_participation import Exclusion, RuleMemory  # noqa: E402, F401 - they name the models above
from federation.models_quantum import DeviceConsent, ProviderTask, QuantumJob, QuantumLimit  # noqa: E402, F401 - they name the models above
from federation.models_secure import (  # noqa: E402, F401
    OrderTraffic,
    RefusedEnvelope,
    RoundTraffic,
    SiteCertificate,
)
from federation.models_shift import ContributionCharge, ContributionStudy, FeatureCharge, FeatureStudy  # noqa: E402, F401
from federation.models_sites import EngineState, FlareRequest, RunEngine, SiteInvitation, SitePass  # noqa: E402, F401
