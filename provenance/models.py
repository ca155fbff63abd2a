from __future__ import annotations

import pgtrigger
from django.db import models
from django.utils import timezone

from core.capture import append_only

GAPLESS = """
IF NEW.seq <> (SELECT coalesce(max(seq) + 1, 0) FROM provenance_entry) THEN
    RAISE EXCEPTION 'ledger entries are gapless: % does not follow', NEW.seq USING ERRCODE = 'check_violation';
END IF;
RETURN NEW;
"""


class Entry(models.Model):
    """One leaf of the transparency log. `leaf` is public; it commits to the body without showing it."""

    exempt_reason = "the ledger itself"

    seq = models.BigIntegerField(primary_key=True)  # 0-based, gapless
    outbox_id = models.BigIntegerField(unique=True)
    leaf = models.BinaryField()  # canonical JSON, provenance.domain.commit
    leaf_hash = models.BinaryField()  # RFC 6962: SHA-256(0x00 || leaf)
    table = models.TextField()  # copies from the leaf, for look-ups
    operation = models.TextField()
    object_id = models.TextField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["seq"]
        indexes = [models.Index(fields=["object_id", "seq"]), models.Index(fields=["table", "seq"])]
        triggers = [
            *append_only(),
            pgtrigger.Trigger(name="gapless", when=pgtrigger.Before, operation=pgtrigger.Insert, func=GAPLESS),
        ]

    def __str__(self) -> str:
        return f"#{self.seq} {self.operation} {self.table}"


class Body(models.Model):
    """What a leaf commits to: access-controlled, never published, travels only in bundles."""

    exempt_reason = "the ledger itself"

    entry = models.OneToOneField(Entry, on_delete=models.PROTECT, primary_key=True, db_column="seq")
    salt = models.BinaryField()
    body = models.TextField()  # canonical JSON, exactly the committed bytes
    actor = models.UUIDField(null=True)
    action = models.TextField(blank=True)
    reason = models.TextField(blank=True)
    request_id = models.TextField(blank=True)

    class Meta:
        triggers = append_only()

    def __str__(self) -> str:
        return f"body of #{self.entry_id}"


class Tile(models.Model):
    """A full tile of 256 hashes (C2SP tlog-tiles). Partial tiles are derived."""

    exempt_reason = "the ledger itself"

    pk = models.CompositePrimaryKey("level", "index")
    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    hashes = models.BinaryField()  # 256 x 32 bytes

    class Meta:
        triggers = append_only()

    def __str__(self) -> str:
        return f"tile {self.level}/{self.index}"


class Checkpoint(models.Model):
    """A signed statement of size and root (C2SP tlog-checkpoint), Ed25519 and ML-DSA-44."""

    exempt_reason = "the ledger itself"

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField()
    note = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-size"]
        triggers = append_only()

    def __str__(self) -> str:
        return f"checkpoint at {self.size}"


class Anchor(models.Model):
    """One transaction that puts a checkpoint's root on the chain. Signed and stored before it is sent."""

    exempt_reason = "describes the ledger itself; the chain is its proof, and capturing it would never come to rest"

    class State(models.TextChoices):
        SIGNED = "signed"  # committed here, perhaps sent
        FINAL = "final"
        FAILED = "failed"

    checkpoint = models.OneToOneField(Checkpoint, on_delete=models.PROTECT, primary_key=True, db_column="size")
    prev_root = models.BinaryField()
    nonce = models.BigIntegerField()
    raw_tx = models.BinaryField()
    tx_hash = models.CharField(max_length=66, unique=True)
    state = models.CharField(max_length=10, choices=State, default=State.SIGNED)
    block_number = models.BigIntegerField(null=True)
    receipt = models.JSONField(null=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-checkpoint_id"]

    def __str__(self) -> str:
        return f"anchor of {self.checkpoint_id} ({self.state})"


class ChainState(models.Model):
    """The mirror of the chain that pages read; written by the anchor worker alone."""

    exempt_reason = "mirror of the chain"

    id = models.SmallIntegerField(primary_key=True, default=1)
    chain_id = models.BigIntegerField()
    contract = models.CharField(max_length=42)
    log_id = models.CharField(max_length=66)
    head_size = models.BigIntegerField(default=0)
    head_root = models.BinaryField(default=b"")
    block_number = models.BigIntegerField(default=0)
    embedded = models.BooleanField(default=True)
    read_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"chain {self.chain_id} at {self.block_number}"
