from __future__ import annotations

import pgtrigger
from django.contrib.postgres.indexes import BrinIndex, BTreeIndex
from django.db import models
from django.utils import timezone

from core.capture import append_only, captured
from core.models import GovernedModel
from provenance.fields import HashedTextField, hash_of

# Once a statement, over all rows that it brings: a look at the end of the table for each row would halve the rate.
GAPLESS = """
SELECT min(seq), max(seq), count(*) INTO low, high, rows FROM fresh;
IF rows = 0 THEN
    RETURN NULL;
END IF;
EXECUTE format('SELECT coalesce(max(seq) + 1, 0) FROM %I WHERE seq < $1', TG_TABLE_NAME) INTO expected USING low;
IF low <> expected OR high - low + 1 <> rows THEN
    RAISE EXCEPTION 'ledger entries are gapless: % to % (% rows) do not follow %', low, high, rows, expected - 1
        USING ERRCODE = 'check_violation';
END IF;
RETURN NULL;
"""
GROWING = """
IF NEW.size <= (SELECT coalesce(max(size), 0) FROM provenance_checkpoint)
    OR NEW.size > (SELECT coalesce(max(seq) + 1, 0) FROM provenance_entry) THEN
    RAISE EXCEPTION 'a checkpoint of % entries: checkpoints only grow, and only over entries', NEW.size
        USING ERRCODE = 'check_violation';
END IF;
RETURN NEW;
"""


def gapless() -> pgtrigger.Trigger:
    """Refuse rows whose `seq` does not continue the table's."""
    return pgtrigger.Trigger(
        name="gapless",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="fresh"),
        declare=[("low", "bigint"), ("high", "bigint"), ("rows", "bigint"), ("expected", "bigint")],
        func=GAPLESS,
    )


class Entry(models.Model):
    """One leaf of the transparency log. `leaf` is public; it commits to the body without showing it."""

    exempt_reason = "the ledger itself"

    seq = models.BigIntegerField(primary_key=True)  # 0-based, gapless
    outbox_id = models.BigIntegerField()  # of a row that is gone
    leaf = models.BinaryField()  # canonical JSON, provenance.domain.commit
    leaf_hash = models.BinaryField()  # RFC 6962: SHA-256(0x00 || leaf)
    table = models.TextField()  # copies from the leaf, for look-ups
    operation = models.TextField()
    object_id = HashedTextField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["seq"]
        # Block-range indexes cost an insert next to nothing, and the log only grows.
        indexes = [
            BTreeIndex(hash_of("object_id"), "seq", name="entry_object", deduplicate_items=False),
            BrinIndex(
                fields=["at", "table"], name="entry_at_table", opclasses=["timestamptz_minmax_ops", "text_bloom_ops"]
            ),
            # A leaf is searched for by its hash; each is another one, some 2,500 of them in a range.
            BrinIndex(
                fields=["leaf_hash"], name="entry_leaf_hash", opclasses=["bytea_bloom_ops(n_distinct_per_range=3000)"]
            ),
        ]
        triggers = [*append_only(), gapless()]

    def __str__(self) -> str:
        return f"#{self.seq} {self.operation} {self.table}"


class Body(models.Model):
    """What a leaf commits to: access-controlled, never published, travels only in bundles."""

    exempt_reason = "the ledger itself"

    # No constraint in the database: neither table ever loses a row, and a look-up for each would cost a quarter.
    entry = models.OneToOneField(
        Entry, on_delete=models.PROTECT, primary_key=True, db_column="seq", db_constraint=False
    )
    salt = models.BinaryField()
    body = models.TextField()  # canonical JSON, exactly the committed bytes
    actor = models.UUIDField(null=True)
    action = models.TextField(blank=True)
    reason = models.TextField(blank=True)
    request_id = models.TextField(blank=True)

    class Meta:
        triggers = [*append_only(), gapless()]
        indexes = [
            BrinIndex(
                fields=["actor", "action"], name="body_actor_action", opclasses=["uuid_bloom_ops", "text_bloom_ops"]
            )
        ]

    def __str__(self) -> str:
        return f"body of #{self.entry_id}"


class Tile(models.Model):
    """A full tile of 256 hashes (C2SP tlog-tiles). Partial tiles are derived."""

    exempt_reason = "the ledger itself"

    pk = models.CompositePrimaryKey("level", "index")
    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    hashes = models.BinaryField()  # 256 x 32 bytes
    root = models.BinaryField()  # 32 bytes: this tile's hash in the tile above, so that a proof reads one row a level

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
        triggers = [
            *append_only(),
            pgtrigger.Trigger(name="growing", when=pgtrigger.Before, operation=pgtrigger.Insert, func=GROWING),
        ]

    def __str__(self) -> str:
        return f"checkpoint at {self.size}"


class LogKey(GovernedModel):
    """A generation of the log's keys: the public record. The files beside the log are what signs and verifies."""

    number = models.PositiveIntegerField(unique=True)
    ed25519 = models.TextField()  # verifier keys, C2SP signed-note
    mldsa44 = models.TextField()
    signs_until = models.DateTimeField(null=True)
    last_size = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["number"]
        triggers = captured("id", "created_at", "number", "ed25519", "mldsa44", "signs_until", "last_size")

    def __str__(self) -> str:
        return f"keys {self.number} of the log"


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


# At the end, for they refer to the models above; in this module, for Django finds models here.
from provenance.models_anchor import AnchorAttempt, AnchorRequest  # noqa: E402,F401
from provenance.models_decisions import (  # noqa: E402,F401
    ChainDecision,
    ChainErrand,
    ChainSubject,
    DecisionSignature,
    OfficerKey,
)
from provenance.models_witness import Cosignature, Witness, WitnessState  # noqa: E402,F401
