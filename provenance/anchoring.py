"""Checkpoints onto the chain. One worker per key; sign -> commit -> send -> confirm, so a crash repeats, never doubles.

1. Only the newest checkpoint is anchored: an outage costs delay, never a queue.
2. Every signed transaction is committed (`AnchorAttempt`) before it is sent; in doubt the same bytes are sent again.
3. One nonce at a time, shared with everything else this key sends (`Relay`): no gaps, and no second anchor beside one.
4. Stuck: the same nonce again, both fees an eighth higher, up to the cap. Any attempt's receipt counts.
5. Final only if the receipt's block is, and the contract, read at that finality, holds the root for the size.

The contract refuses a second anchor of a size, so nothing that goes wrong here can anchor twice. What the chain holds
is the truth: an anchor that stands there and not here is adopted, one that no longer stands there is made anew.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Protocol

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from provenance import anchor_rows
from provenance.anchoring_options import chain_options
from provenance.chain.connection import open_chain
from provenance.chain.errors import (
    ChainError,
    FeeCapReached,
    NodeBehind,
    NonceConsumed,
    PrevMismatch,
    RootUnchanged,
    StaleAnchor,
    Underpriced,
    WrongChain,
)
from provenance.chain.node import Inclusion, SignedTransaction
from provenance.chain.proof import evidence
from provenance.chain.registry import Head
from provenance.models import Anchor, ChainState, Checkpoint
from provenance.models_anchor import AnchorAttempt

logger = logging.getLogger(__name__)

MIRROR_SECONDS = 15.0  # an idle worker reads the chain this often, so that the mirror's age tells of a dead one


class Relay(Protocol):
    """Something else that sends with the anchoring key, one transaction at a time by the same rules."""

    def busy(self) -> bool:
        """Whether a transaction of its own is signed and not final."""

    def step(self) -> bool:
        """Finish what is under way, else begin the next. True if something moved."""

    def refresh(self) -> None:
        """Read what it mirrors of the chain, if it is time: asked while an anchor is open, when `step` is not."""


class Anchorer:
    """Owns the anchor key and, if it is embedded, the chain."""

    def __init__(self, relays: Sequence[Relay] = ()) -> None:
        opened = open_chain(chain_options())
        self.node, self.signer, self.registry = opened.node, opened.signer, opened.registry
        self.log_id, self.embedded = opened.log_id, opened.embedded
        self.relays = list(relays)
        self._mirrored = 0.0  # when, by the monotonic clock
        self._waiting = ("", 0)  # attempt in no block, and the chain's height when it was first seen so
        try:
            self._refuse_a_foreign_chain()
            self.mirror()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the chain; another process may then own it."""
        self.node.close()

    def step(self) -> bool:
        """Finish what is under way, else begin the next thing. True if something moved."""
        moved = self._step()
        if time.monotonic() - self._mirrored >= MIRROR_SECONDS:
            self.mirror()
        return moved

    def mirror(self) -> None:
        """Copy the head, as far as it is final, to the database, where pages and the gateway read it.

        Not an anchor of ours that is not on record as final yet: both are written together, in `_conclude`, so that
        whoever verifies in between does not miss the anchor that the mirror speaks of.
        """
        head = self.registry.head(self.log_id, final=True)
        if Anchor.objects.filter(checkpoint_id=head.tree_size, state=Anchor.State.SIGNED).exists():
            return
        ChainState.objects.update_or_create(
            id=1,
            defaults={
                **self._place(),
                "head_size": head.tree_size,
                "head_root": head.root,
                "block_number": self.node.block_number(),
                "embedded": self.embedded,
                "read_at": timezone.now(),
            },
        )
        self._mirrored = time.monotonic()

    # --- whose turn it is ----------------------------------------------------------------------------------------

    def _step(self) -> bool:
        if (anchor := anchor_rows.anchor_open()) is not None:
            for relay in self.relays:
                self._relayed(relay, relay.refresh)
            return self._pursue(anchor)
        moved = False
        for relay in self.relays:
            moved = bool(self._relayed(relay, relay.step)) or moved
            if relay.busy():
                return moved
        anchor = self._begin()
        return moved if anchor is None else self._pursue(anchor) or moved

    def _relayed(self, relay: Relay, turn: Callable[[], bool | None]) -> bool | None:
        """Let a relay take its turn; what goes wrong there must not stop the anchors."""
        try:
            return turn()
        except ChainError as error:
            logger.error("chain: %s: %s", type(relay).__name__, error)
            return False

    # --- beginning -----------------------------------------------------------------------------------------------

    def _begin(self) -> Anchor | None:
        """Sign and commit an anchor of the newest checkpoint, if the chain's head is ours and behind it."""
        newest = Checkpoint.objects.first()
        head = self.registry.head(self.log_id)
        self._check_ground(head)
        if newest is None or not self._adopted(head) or newest.size <= head.tree_size or self._too_soon(head, newest):
            return None
        nonce = self.node.next_nonce(self.signer.address)
        earlier = anchor_rows.attempt_with(chain_id=self.node.chain_id, sender=self.signer.address, nonce=nonce)
        signed = self._sign(newest, head.root, nonce, earlier)
        return None if signed is None else self._commit(newest, head.root, signed, replacing=None)

    def _too_soon(self, head: Head, newest: Checkpoint) -> bool:
        if anchor_rows.anchor_is_asked(anchored=head.tree_size, newest=newest.size):
            return False
        last = Anchor.objects.filter(state=Anchor.State.FINAL).order_by("-created_at").first()
        pause = timedelta(seconds=settings.CHAIN_ANCHOR_SECONDS)
        return last is not None and timezone.now() - last.created_at < pause

    def _check_ground(self, head: Head) -> None:
        """Compare the chain's head with what we know to be final.

        Raises
        ------
        NodeBehind
            If the node has not got as far as our newest final anchor.
        ChainError
            If the head is a root that this log never signed.
        """
        last = anchor_rows.anchor_newest()
        if last is not None and last.receipt and head.tree_size < last.checkpoint_id and self._is_here(last.receipt):
            known = bytes.fromhex(str(last.receipt["block_hash"]).removeprefix("0x"))
            found = self.node.block_hash(last.block_number or 0)
            if found == known or (found is None and not self.embedded):
                raise NodeBehind(
                    f"expected {last.checkpoint_id} entries anchored by block {last.block_number}, the node knows of "
                    f"{head.tree_size}; it is still catching up, or its chain was begun anew"
                )
            anchor_rows.anchors_forget(beyond=head.tree_size)
        if head.tree_size and not Checkpoint.objects.filter(size=head.tree_size, root=head.root).exists():
            raise ChainError(
                f"the chain holds a root for {head.tree_size} entries that this log never signed; "
                "an old or foreign database is running. Nothing is anchored until that is cleared up."
            )

    def _adopted(self, head: Head) -> bool:
        """Whether the head is on record here; if it is not (an older database was restored), record it once final."""
        if not head.tree_size or self._on_record(head.tree_size):
            return True
        tx_hash = self.registry.anchoring_transaction(self.log_id, head.tree_size)
        inclusion = None if tx_hash is None else self.node.inclusion(tx_hash)
        if inclusion is None or not self.node.is_final(inclusion):
            return False
        anchored = next(a for a in self.registry.anchored(inclusion) if a.tree_size == head.tree_size)
        self._confirm(Checkpoint.objects.get(size=head.tree_size), anchored.prev_root, inclusion)
        logger.warning("adopted the anchor of %s entries: the chain held it, this database did not", head.tree_size)
        return True

    def _on_record(self, size: int) -> bool:
        found = Anchor.objects.filter(checkpoint_id=size, state=Anchor.State.FINAL).first()
        return found is not None and (found.receipt is None or self._is_here(found.receipt))

    # --- signing -------------------------------------------------------------------------------------------------

    def _sign(
        self, checkpoint: Checkpoint, prev_root: bytes, nonce: int, replacing: AnchorAttempt | None
    ) -> SignedTransaction | None:
        """Sign an anchor; None if it must wait: for lower fees, or because the head has just moved."""
        try:
            return self.registry.sign_anchor(
                signer=self.signer,
                log_id=self.log_id,
                root=bytes(checkpoint.root),
                tree_size=checkpoint.size,
                prev_root=prev_root,
                nonce=nonce,
                replacing=None if replacing is None else anchor_rows.signed_of(replacing),
            )
        except FeeCapReached as error:
            logger.warning("anchor of %s entries waits: %s", checkpoint.size, error)
        except (StaleAnchor, PrevMismatch, RootUnchanged) as error:
            logger.info("anchor of %s entries: %s; looking again", checkpoint.size, error)
        return None

    def _commit(
        self, checkpoint: Checkpoint, prev_root: bytes, signed: SignedTransaction, *, replacing: Anchor | None
    ) -> Anchor:
        return anchor_rows.anchor_commit(
            checkpoint=checkpoint, prev_root=prev_root, signed=signed, chain_id=self.node.chain_id, replacing=replacing
        )

    # --- pursuing ------------------------------------------------------------------------------------------------

    def _pursue(self, anchor: Anchor) -> bool:
        """Look for a receipt of any attempt; else send the newest one's bytes (again), and bid higher if stuck."""
        attempts = anchor_rows.attempts_of(anchor, chain_id=self.node.chain_id, sender=self.signer.address)
        inclusion = self._included(attempts)
        if inclusion is None:
            try:
                self.node.send_raw(bytes(attempts[0].raw_tx))
            except NonceConsumed as error:
                return self._nonce_taken(anchor, attempts, str(error))
            except Underpriced as error:
                logger.warning("anchor of %s entries: %s", anchor.checkpoint_id, error)
            inclusion = self._included(attempts)
        if inclusion is None:
            return self._unstick(anchor, attempts[0])
        return self._conclude(anchor, inclusion)

    def _included(self, attempts: Sequence[AnchorAttempt]) -> Inclusion | None:
        for attempt in attempts:
            if (inclusion := self.node.inclusion(bytes.fromhex(attempt.tx_hash[2:]))) is not None:
                return inclusion
        return None

    def _nonce_taken(self, anchor: Anchor, attempts: Sequence[AnchorAttempt], why: str) -> bool:
        """Another transaction has our nonce. Until it is final a reorganisation may yet give it back."""
        if self._included(attempts) is not None:  # one of ours after all, mined in between
            return False
        if self.node.next_nonce(attempts[0].sender, final=True) <= anchor.nonce:
            return False
        return self._give_up(anchor, why)

    def _unstick(self, anchor: Anchor, newest: AnchorAttempt) -> bool:
        """Sign the same anchor with the same nonce for more, if it has waited long enough."""
        block = self.node.block_number()
        if self._waiting[0] != newest.tx_hash:
            self._waiting = (newest.tx_hash, block)
        passed = timezone.now() - newest.created_at >= timedelta(seconds=settings.CHAIN_STUCK_SECONDS)
        if not passed or block <= self._waiting[1]:  # a chain that stands still is not to be outbid
            return False
        nonce = self.node.next_nonce(newest.sender)
        if nonce < anchor.nonce:  # what came before it was reorganised away: it can never be mined in its turn
            self._check_ground(self.registry.head(self.log_id))
            return self._give_up(anchor, f"the chain went back to nonce {nonce}, before this transaction's")
        if nonce > anchor.nonce or newest.sender != self.signer.address:
            return False
        signed = self._sign(anchor.checkpoint, bytes(anchor.prev_root), anchor.nonce, newest)
        if signed is None:
            return False
        logger.warning("anchor of %s entries is stuck: bidding %s wei", anchor.checkpoint_id, signed.max_fee_per_gas)
        self._commit(anchor.checkpoint, bytes(anchor.prev_root), signed, replacing=anchor)
        self.node.send_raw(signed.raw)
        return True

    def _conclude(self, anchor: Anchor, inclusion: Inclusion) -> bool:
        if not self.node.is_final(inclusion):
            return False
        if not inclusion.succeeded:
            return self._give_up(anchor, "the contract refused the transaction")
        root, size = bytes(anchor.checkpoint.root), anchor.checkpoint_id
        head = self.registry.head(self.log_id, final=True)
        if head.tree_size < size or self.registry.root_at_size(self.log_id, size, final=True) != root:
            raise NodeBehind(f"the receipt of {size} entries is final, yet the contract does not hold their root")
        with transaction.atomic():
            self._confirm(anchor.checkpoint, bytes(anchor.prev_root), inclusion)
            self.mirror()
        return True

    def _confirm(self, checkpoint: Checkpoint, prev_root: bytes, inclusion: Inclusion) -> None:
        receipt = evidence(self.node, inclusion, contract=self.registry.address, log_id=self.log_id)
        anchor_rows.anchor_confirm(
            checkpoint=checkpoint, prev_root=prev_root, tx_hash=inclusion.tx_hash, receipt=receipt
        )

    def _give_up(self, anchor: Anchor, why: str) -> bool:
        anchor_rows.anchor_fail(anchor=anchor, why=why)
        return True

    # --- where we are --------------------------------------------------------------------------------------------

    def _place(self) -> dict[str, Any]:
        return {
            "chain_id": self.node.chain_id,
            "contract": self.registry.address,
            "log_id": "0x" + self.log_id.hex(),
        }

    def _is_here(self, receipt: Any) -> bool:
        """Whether an anchor's evidence speaks of this log in this contract on this chain."""
        return isinstance(receipt, dict) and all(receipt.get(name) == value for name, value in self._place().items())

    def _refuse_a_foreign_chain(self) -> None:
        """A log stays where it was first anchored, unless the operator names the new chain."""
        known = ChainState.objects.values(*self._place()).first()
        if known is None or known == self._place():
            return
        if self.embedded or self.node.chain_id == settings.CHAIN_ID:
            logger.warning("anchoring moves from %s to %s", known, self._place())
            return
        raise WrongChain(
            f"expected {known}, where this log is anchored, got {self._place()}; check QFL_CHAIN_RPC, or set "
            f"QFL_CHAIN_ID={self.node.chain_id} to move there"
        )
