"""The rows of anchoring: each change is one short transaction, with no call to the chain inside."""

from __future__ import annotations

import logging
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from core.process import lock_key
from provenance.chain.errors import ChainError
from provenance.chain.node import SignedTransaction
from provenance.models import Anchor, Checkpoint
from provenance.models_anchor import AnchorAttempt, AnchorRequest
from provenance.reading import latest_entry

logger = logging.getLogger(__name__)


def anchor_open() -> Anchor | None:
    """The anchor under way: signed and committed, perhaps sent, not known to be final. Never more than one."""
    return Anchor.objects.filter(state=Anchor.State.SIGNED).select_related("checkpoint").first()


def anchor_newest() -> Anchor | None:
    """The final anchor of the largest tree."""
    return Anchor.objects.filter(state=Anchor.State.FINAL).first()


def anchor_commit(
    *, checkpoint: Checkpoint, prev_root: bytes, signed: SignedTransaction, chain_id: int, replacing: Anchor | None
) -> Anchor:
    """Make signed bytes durable, before they are sent.

    Raises
    ------
    ChainError
        If the anchor under way is not the one that is to be replaced: another worker was here meanwhile.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key("anchor-commit")])
        under_way = anchor_open()
        if (under_way and under_way.tx_hash) != (replacing and replacing.tx_hash):
            raise ChainError("another anchor worker runs with this database; stop one of them")
        anchor, _ = Anchor.objects.update_or_create(  # one that failed for this checkpoint is made anew
            checkpoint=checkpoint,
            defaults={
                "prev_root": prev_root, "nonce": signed.nonce, "raw_tx": signed.raw,
                "tx_hash": hash_text(signed.tx_hash),
                "state": Anchor.State.SIGNED, "error": "", "block_number": None, "receipt": None, "confirmed_at": None,
                **({} if replacing else {"created_at": timezone.now()}),
            },
        )  # fmt: skip
        _attempt_record(anchor, signed, chain_id)
    return anchor


def anchor_confirm(*, checkpoint: Checkpoint, prev_root: bytes, tx_hash: bytes, receipt: dict[str, Any]) -> None:
    """Record that the chain holds the anchor for good, in whichever transaction."""
    name = hash_text(tx_hash)
    mined = AnchorAttempt.objects.filter(tx_hash=name).first()  # none if an older database was restored
    Anchor.objects.update_or_create(
        checkpoint=checkpoint,
        defaults={
            "prev_root": prev_root, "nonce": mined.nonce if mined else 0, "raw_tx": mined.raw_tx if mined else b"",
            "tx_hash": name, "state": Anchor.State.FINAL, "error": "", "block_number": receipt["block_number"],
            "receipt": receipt, "confirmed_at": timezone.now(),
        },
    )  # fmt: skip


def anchor_fail(*, anchor: Anchor, why: str) -> None:
    """Give an anchor up; the next step makes it, or a newer one, anew."""
    logger.error("anchor of %s entries failed: %s", anchor.checkpoint_id, why)
    anchor.state, anchor.error = Anchor.State.FAILED, why
    anchor.save(update_fields=["state", "error"])


def anchors_forget(*, beyond: int) -> None:
    """The chain dropped blocks that it had called final: what they held is anchored again."""
    lost = Anchor.objects.filter(state=Anchor.State.FINAL, checkpoint_id__gt=beyond)
    count = lost.update(state=Anchor.State.FAILED, error="the chain dropped the block after calling it final")
    logger.critical("the chain dropped %s final anchors beyond %s entries; anchoring anew", count, beyond)


def anchor_is_asked(*, anchored: int, newest: int) -> bool:
    """Whether the newest checkpoint holds something that cannot wait; what the chain holds is waited for no longer.

    Parameters
    ----------
    anchored, newest : int
        Entries that the chain holds, and that the newest checkpoint does.
    """
    urgent = False
    for request in AnchorRequest.objects.filter(met_at__isnull=True):
        entry = latest_entry(request.object_id)
        if entry is None or entry.seq >= newest:
            continue  # on its way into a checkpoint
        if entry.seq < anchored:
            AnchorRequest.objects.filter(object_id=request.object_id).update(met_at=timezone.now())
        else:
            urgent = True
    return urgent


def attempts_of(anchor: Anchor, *, chain_id: int, sender: str) -> list[AnchorAttempt]:
    """Attempts with the anchor's nonce, newest first; the row itself stands in where none was kept."""
    found = list(anchor.attempts.filter(nonce=anchor.nonce))
    current = AnchorAttempt.objects.filter(tx_hash=anchor.tx_hash).first() or AnchorAttempt(
        anchor=anchor, chain_id=chain_id, sender=sender, nonce=anchor.nonce, number=0, tx_hash=anchor.tx_hash,
        raw_tx=anchor.raw_tx, max_fee_per_gas=0, max_priority_fee_per_gas=0, created_at=anchor.created_at,
    )  # fmt: skip
    return [current, *(attempt for attempt in found if attempt.tx_hash != anchor.tx_hash)]


def attempt_with(*, chain_id: int, sender: str, nonce: int) -> AnchorAttempt | None:
    """Newest transaction ever signed with this nonce: a node may still keep it, and asks a successor to outbid it."""
    return AnchorAttempt.objects.filter(chain_id=chain_id, sender=sender, nonce=nonce).first()


def signed_of(attempt: AnchorAttempt) -> SignedTransaction:
    """The attempt as the chain's client knows it."""
    return SignedTransaction(
        raw=bytes(attempt.raw_tx),
        tx_hash=bytes.fromhex(attempt.tx_hash[2:]),
        sender=attempt.sender,
        nonce=attempt.nonce,
        max_fee_per_gas=int(attempt.max_fee_per_gas),
        max_priority_fee_per_gas=int(attempt.max_priority_fee_per_gas),
    )


def hash_text(tx_hash: bytes) -> str:
    """A transaction's hash as rows hold it."""
    return "0x" + tx_hash.hex()


def _attempt_record(anchor: Anchor, signed: SignedTransaction, chain_id: int) -> None:
    name = hash_text(signed.tx_hash)
    if AnchorAttempt.objects.filter(tx_hash=name).exists():
        return  # the very same bytes once more, on a chain that was begun anew
    same = AnchorAttempt.objects.filter(chain_id=chain_id, sender=signed.sender, nonce=signed.nonce)
    AnchorAttempt.objects.create(
        anchor=anchor, chain_id=chain_id, sender=signed.sender, nonce=signed.nonce, number=same.count() + 1,
        tx_hash=name, raw_tx=signed.raw, max_fee_per_gas=signed.max_fee_per_gas,
        max_priority_fee_per_gas=signed.max_priority_fee_per_gas,
    )  # fmt: skip
