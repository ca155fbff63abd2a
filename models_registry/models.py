from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from core.capture import captured
from core.fields import SealedTextField
from core.models import GovernedModel
from core.roles import Role
from federation.models import Federation, TrainingRun
from models_registry import guards, querysets
from models_registry.models_approvals import ApprovalComment, Delegation, ReviewerKey
from models_registry.models_assessments import Assessment
from models_registry.models_cards import CardPublication, ModelSignature, PublicCard
from models_registry.models_decision import DecisionRow

__all__ = [
    "ApprovalComment", "ApprovalDecision", "ApprovalRequest", "Assessment", "Card", "CardPublication", "Delegation",
    "Deployment", "Evidence", "Model", "ModelSignature", "PublicCard", "ReviewerKey", "Version",
]  # fmt: skip


class Model(GovernedModel):
    """A line of versions for one purpose."""

    federation = models.ForeignKey(Federation, on_delete=models.PROTECT, related_name="models")
    name = models.CharField(max_length=120)
    intended_use = models.TextField()

    objects = querysets.ModelQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        triggers = captured("id", "created_at", "federation_id", "name", "intended_use")
        constraints = [models.UniqueConstraint(fields=["federation", "name"], name="model_name_once")]

    def __str__(self) -> str:
        return self.name


class Version(GovernedModel):
    """The outcome of one run: immutable content, named by digests."""

    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    run = models.OneToOneField(TrainingRun, on_delete=models.PROTECT, related_name="version")
    weights_digest = models.CharField(max_length=64)
    baseline_digest = models.CharField(max_length=64)  # the classical twin
    config_hash = models.CharField(max_length=64)
    config = models.JSONField()
    manifests = models.JSONField()  # site -> digest
    metrics = models.JSONField()
    circuit = models.JSONField()  # facts of the quantum part: backend, shots, depth, parameters

    objects = querysets.VersionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        triggers = captured(
            "id", "created_at", "model_id", "number", "run_id", "weights_digest", "baseline_digest", "config_hash",
            "config", "manifests", "metrics", "circuit",
        ) + [pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete)]  # fmt: skip
        constraints = [models.UniqueConstraint(fields=["model", "number"], name="version_number_once")]

    def __str__(self) -> str:
        return f"{self.model.name} v{self.number}"


class Evidence(GovernedModel):
    """An outcome that a higher floor passed down (an audit), kept with its digest. The gate reads only this."""

    class Verdict(models.TextChoices):
        PASS = "pass"  # noqa: S105 - a verdict
        FAIL = "fail"
        INCONCLUSIVE = "inconclusive"
        NOT_ASSESSABLE = "not_assessable"

    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="evidence")
    kind = models.CharField(max_length=30)  # "predeployment_audit"
    source_id = models.UUIDField()
    verdict = models.CharField(max_length=20, choices=Verdict)
    digest = models.CharField(max_length=64)
    summary = models.JSONField()

    class Meta:
        ordering = ["-created_at"]
        triggers = [
            *captured("id", "created_at", "version_id", "kind", "source_id", "verdict", "digest", "summary"),
            pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete),
        ]
        constraints = [models.UniqueConstraint(fields=["kind", "source_id"], name="evidence_once")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.verdict}"


class Card(GovernedModel):
    """One edition of a version's model card (CHAI Applied Model Card headings). A change is a new edition."""

    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="cards")
    edition = models.PositiveIntegerField()
    content = models.JSONField()
    digest = models.CharField(max_length=64)
    written_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)

    class Meta:
        ordering = ["-edition"]
        triggers = captured("id", "created_at", "version_id", "edition", "content", "digest", "written_by_id") + [
            pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
        constraints = [models.UniqueConstraint(fields=["version", "edition"], name="card_edition_once")]

    def __str__(self) -> str:
        return f"card of {self.version}, edition {self.edition}"


class ApprovalRequest(GovernedModel):
    """A request to use a version, bound to the digests of everything that was reviewed."""

    class Kind(models.TextChoices):
        CLINICAL = "clinical", "Clinical use"
        SHADOW = "shadow", "Shadow deployment"

    class State(models.TextChoices):
        UNDER_REVIEW = "under_review"
        APPROVED = "approved"
        REJECTED = "rejected"
        WITHDRAWN = "withdrawn"
        VOIDED = "voided"  # the content changed under it
        CHANGE_REQUESTED = "change_requested"
        EXPIRED = "expired"  # nobody completed it in time

    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="approval_requests")
    kind = models.CharField(max_length=10, choices=Kind)
    content = models.JSONField()  # weights, card, audit, thresholds, manifests -> digests
    content_digest = models.CharField(max_length=64)
    policy = models.JSONField()  # limits and monitor policy that the approval grants
    state = models.CharField(max_length=20, choices=State, default=State.UNDER_REVIEW)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    justification = SealedTextField(subject="requested_by_id")
    closed_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)  # none on requests older than this column

    objects = querysets.ApprovalQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        triggers = [
            *captured(
                "id", "created_at", "version_id", "kind", "content", "content_digest", "policy", "state",
                "requested_by_id", "justification", "closed_at", "expires_at",
            ),
            pgtrigger.Trigger(
                name="quorum", when=pgtrigger.Before, operation=pgtrigger.Update, func=guards.APPROVAL_NEEDS_QUORUM
            ),
            pgtrigger.Trigger(
                name="evidence", when=pgtrigger.Before, operation=pgtrigger.Insert, func=guards.REQUEST_NEEDS_EVIDENCE
            ),
        ]  # fmt: skip
        constraints = [
            models.UniqueConstraint(
                fields=["version", "kind"], name="one_open_request", condition=Q(state="under_review")
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.version}"


class ApprovalDecision(DecisionRow):
    """One person's decision on one content digest, with their signature if they have a key. Never changed."""

    class Decision(models.TextChoices):
        APPROVE = "approve"
        REJECT = "reject"
        ABSTAIN = "abstain"
        REQUEST_CHANGE = "request_change", "Request a change"

    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="decisions")
    decision = models.CharField(max_length=20, choices=Decision)
    delegation = models.ForeignKey(Delegation, on_delete=models.PROTECT, null=True, related_name="decisions")
    key = models.ForeignKey(ReviewerKey, on_delete=models.PROTECT, null=True, related_name="decisions")
    statement = models.TextField(blank=True)  # what was signed, see `domain.statement`
    signature = models.TextField(blank=True)  # base64 of ML-DSA-65, or the assertion of WebAuthn as JSON
    reason_salt = SealedTextField(subject="decided_by_id", blank=True)  # opens the statement's commitment

    class Meta:
        ordering = ["created_at"]
        triggers = [
            *captured(
                "id", "created_at", "request_id", "decided_by_id", "capacity", "institution_id", "decision", "reason",
                "content_digest", "delegation_id", "key_id", "statement", "signature", "reason_salt",
            ),
            pgtrigger.Trigger(
                name="four_eyes", when=pgtrigger.Before, operation=pgtrigger.Insert, func=guards.DECISION_IS_INDEPENDENT
            ),
            pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete),
        ]  # fmt: skip
        constraints = [
            models.UniqueConstraint(fields=["request", "decided_by"], name="one_decision_each"),
            models.CheckConstraint(condition=~Q(decided_by=F("requested_by")), name="requester_does_not_decide"),
            models.CheckConstraint(
                condition=Q(capacity=Role.ADMINISTRATOR) | Q(institution__isnull=False), name="officer_has_institution"
            ),
        ]


class Deployment(GovernedModel):
    """A version in use. `state` is read under the deployment's advisory lock before anything is served."""

    class State(models.TextChoices):
        ACTIVE = "active"
        HALTED = "halted"
        REVOKED = "revoked"

    TRANSITIONS = {
        State.ACTIVE: {State.HALTED, State.REVOKED},
        State.HALTED: {State.ACTIVE, State.REVOKED},
    }

    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="deployments")
    approval = models.OneToOneField(ApprovalRequest, on_delete=models.PROTECT, related_name="deployment")
    kind = models.CharField(max_length=10, choices=ApprovalRequest.Kind)
    name = models.CharField(max_length=120)
    policy = models.JSONField()
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    deployed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    objects = querysets.DeploymentQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        triggers = [
            *captured(
                "id", "created_at", "version_id", "approval_id", "kind", "name", "policy", "state", "deployed_by_id"
            ),
            pgtrigger.Trigger(
                name="approved", when=pgtrigger.Before, operation=pgtrigger.Insert, func=guards.DEPLOYMENT_IS_CLEARED
            ),
        ]

    def __str__(self) -> str:
        return self.name
