from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Institution
from core.capture import append_only, captured
from core.models import GovernedModel
from provenance.domain.cosignature import verifier_from_vkey
from provenance.domain.note import Verifier


class Witness(GovernedModel):
    """Somebody who keeps the log's newest checkpoint and cosigns what grows from it: a hospital's worker or a stranger.

    Asked over the site's queue if it is a hospital's, over HTTP (C2SP tlog-witness) if it has a URL.
    """

    institution = models.ForeignKey(Institution, null=True, on_delete=models.PROTECT, related_name="witnesses")
    site = models.SlugField(max_length=40, blank=True)  # the worker that witnesses, "" for one asked over HTTP
    name = models.CharField(max_length=200, unique=True)  # in its signature lines; like a URL without its scheme
    vkeys = models.TextField()  # verifier keys of types 0x06 and 0x04, one a line
    url = models.URLField(blank=True)  # submission prefix
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        triggers = captured("id", "created_at", "institution_id", "site", "name", "vkeys", "url", "is_active")
        constraints = [
            models.UniqueConstraint(fields=["site"], name="witness_site_once", condition=~Q(site="")),
            models.CheckConstraint(condition=Q(site="") ^ Q(url=""), name="witness_one_way"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        """The registered keys."""
        return tuple(verifier_from_vkey(vkey) for vkey in self.vkeys.split())


class WitnessState(models.Model):
    """What a witness was last heard to say. The cosignatures themselves are the proof."""

    exempt_reason = "mirror of what a witness keeps; capturing it would make the log chase its own tail"

    class Problem(models.TextChoices):
        NONE = "", "none"
        AWAY = "away", "does not answer"
        REFUSED = "refused", "refuses"
        FALSE = "false", "answers with a false cosignature"
        CLOCK = "clock", "has a wrong clock"
        FORGOT = "forgot", "has forgotten what it cosigned"
        AHEAD = "ahead", "has cosigned more than this database holds"
        SPLIT = "split", "holds another history"

    witness = models.OneToOneField(Witness, on_delete=models.PROTECT, primary_key=True, related_name="state")
    size = models.BigIntegerField(default=0)  # the tree that it says it holds; the next proof starts there
    cosigned_at = models.DateTimeField(null=True)  # by its own clock
    asked_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=10, choices=Problem, blank=True, default=Problem.NONE)
    problem_text = models.TextField(blank=True)
    highest = models.BigIntegerField(default=0)  # the largest tree that it ever said it cosigned; never falls
    highest_root = models.BinaryField(default=b"")  # empty: it named the size and showed no checkpoint
    highest_note = models.TextField(blank=True)  # the checkpoint, as this log signed it: no witness can invent that

    def __str__(self) -> str:
        return f"{self.witness_id} at {self.size}"


class Cosignature(models.Model):
    """A witness's line under a checkpoint (C2SP tlog-cosignature), verified before it was stored."""

    exempt_reason = "the ledger itself: a cosignature is its own proof"

    id = models.BigAutoField(primary_key=True)
    witness = models.ForeignKey(Witness, on_delete=models.PROTECT, related_name="cosignatures")
    checkpoint = models.ForeignKey(
        "provenance.Checkpoint", on_delete=models.PROTECT, db_column="size", related_name="cosignatures"
    )
    key_id = models.CharField(max_length=8)  # hex
    timestamp = models.BigIntegerField()  # POSIX seconds, by the witness's clock
    line = models.TextField()  # the signature line with its newline
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-checkpoint_id", "witness_id", "key_id"]
        triggers = append_only()
        constraints = [models.UniqueConstraint(fields=["checkpoint", "witness", "key_id"], name="cosignature_once")]

    def __str__(self) -> str:
        return f"{self.witness_id} on {self.checkpoint_id}"
