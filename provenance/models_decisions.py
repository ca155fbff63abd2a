"""Decisions on their way to the chain, the keys that sign them, and a mirror of what the chain says of each subject."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.capture import append_only, captured
from core.fields import SealedTextField
from core.models import GovernedModel
from provenance.domain.decision import Place
from provenance.domain.decision import SubjectState as OnChain
from provenance.domain.decision import Verdict as ChainVerdict


class OfficerKey(GovernedModel):
    """The address of a person's own key, whose possession was shown. `created_at` is when. One live key a person."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="officer_keys")
    address = models.CharField(max_length=42, unique=True)  # with checksum; never another person's, also once revoked
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at"]
        triggers = captured("id", "created_at", "user_id", "address", "revoked_at")
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(revoked_at__isnull=True), name="officer_one_live_key"
            )  # two keys of one person would pass for two officers
        ]

    def __str__(self) -> str:
        return f"{self.address}{' (revoked)' if self.revoked_at else ''}"


class ChainDecision(GovernedModel):
    """One decision on a subject, collecting signatures and then carried to the contract."""

    class State(models.TextChoices):
        OPEN = "open"  # collects signatures
        READY = "ready"  # has enough of them
        SENT = "sent"  # in a transaction
        FINAL = "final"
        FAILED = "failed"
        EXPIRED = "expired"

    class VerdictChoices(models.IntegerChoices):
        PROPOSE = ChainVerdict.PROPOSE, "propose"
        APPROVE = ChainVerdict.APPROVE, "approve"
        HALT = ChainVerdict.HALT, "halt"
        RESUME = ChainVerdict.RESUME, "resume"
        REVOKE = ChainVerdict.REVOKE, "revoke"

    UNDER_WAY = (State.OPEN, State.READY, State.SENT)

    object_id = models.TextField()  # of the deployment or version
    content_digest = models.TextField()  # of what the subject stands for
    subject = models.CharField(max_length=66)
    subject_salt = models.BinaryField()
    verdict = models.PositiveSmallIntegerField(choices=VerdictChoices)
    rationale = SealedTextField(subject="opened_by_id")
    commitment = models.CharField(max_length=66)
    commitment_salt = models.BinaryField()
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    proposer = models.CharField(max_length=42)
    nonce = models.BigIntegerField()
    expires_at = models.DateTimeField()
    chain_id = models.BigIntegerField()
    contract = models.CharField(max_length=42)
    log_id = models.CharField(max_length=66)
    needed = models.PositiveSmallIntegerField()  # signatures
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    tx_hash = models.CharField(max_length=66, blank=True)
    block_number = models.BigIntegerField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-created_at"]
        # The salts stay here: whoever had them could guess what the chain's commitments stand for.
        triggers = captured(
            "id", "created_at", "object_id", "content_digest", "subject", "verdict", "rationale", "commitment",
            "opened_by_id", "proposer", "nonce", "expires_at", "chain_id", "contract", "log_id", "needed", "state",
            "tx_hash", "block_number", "error",
        )  # fmt: skip
        indexes = [models.Index(fields=["object_id", "created_at"])]
        constraints = [
            # Of two decisions with one number the contract takes one. A halt never waits for another decision.
            models.UniqueConstraint(
                fields=["subject"],
                condition=Q(state__in=["open", "ready", "sent"]) & ~Q(verdict=int(ChainVerdict.HALT)),
                name="decision_one_under_way",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} {self.object_id} ({self.state})"

    @property
    def place(self) -> Place:
        return Place(self.chain_id, self.contract, self.log_id)


class DecisionSignature(GovernedModel):
    """One person's signature of a decision; its validity follows from the row alone."""

    decision = models.ForeignKey(ChainDecision, on_delete=models.PROTECT, related_name="signatures")
    officer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    address = models.CharField(max_length=42)
    signature = models.CharField(max_length=132)  # 0x and 65 bytes: r, s, v

    class Meta:
        ordering = ["created_at"]
        triggers = [
            *captured("id", "created_at", "decision_id", "officer_id", "address", "signature"),
            append_only()[0],
        ]
        constraints = [
            models.UniqueConstraint(fields=["decision", "officer"], name="signature_once"),
            models.UniqueConstraint(fields=["decision", "address"], name="signature_once_a_key"),
        ]

    def __str__(self) -> str:
        return f"{self.address} on {self.decision_id}"


class ChainSubject(models.Model):
    """What the chain said of a subject when it was last read; written by the anchor worker alone, and by nobody else.

    Where the newest block and the newest final one differ, the state is the one that serves less.
    """

    exempt_reason = "mirror of the chain"

    subject = models.CharField(max_length=66, primary_key=True)
    object_id = models.TextField(unique=True)
    state = models.PositiveSmallIntegerField(default=int(OnChain.NONE))
    nonce = models.BigIntegerField(default=0)
    proposer = models.CharField(max_length=42)
    block_number = models.BigIntegerField(default=0)
    read_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.object_id}: {OnChain(self.state).name.lower()}"


class ChainErrand(models.Model):
    """One transaction beside the anchors: a decision, or an appointment. Signed and stored before it is sent."""

    exempt_reason = "transactions on their way; the chain is their proof, and the decision that they carry is governed"

    class State(models.TextChoices):
        SIGNED = "signed"
        FINAL = "final"
        FAILED = "failed"

    id = models.BigAutoField(primary_key=True)
    decision = models.ForeignKey(ChainDecision, on_delete=models.PROTECT, null=True, related_name="errands")
    function = models.CharField(max_length=40)
    arguments = models.JSONField()  # bytes as 0x..., for signing the same call again at a higher fee
    chain_id = models.BigIntegerField()
    sender = models.CharField(max_length=42)
    nonce = models.BigIntegerField()
    attempts = models.JSONField()  # newest last: tx_hash, raw, max_fee, tip, at; a receipt of any of them counts
    state = models.CharField(max_length=10, choices=State, default=State.SIGNED)
    block_number = models.BigIntegerField(null=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["state"], condition=Q(state="signed"), name="errand_one_open"),
        ]

    def __str__(self) -> str:
        return f"{self.function} ({self.state})"
