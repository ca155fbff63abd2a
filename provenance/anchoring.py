"""Checkpoints onto the chain. One worker per key; sign -> commit -> send -> confirm, so a crash repeats, never doubles.

Only the newest checkpoint is anchored: an outage costs delay, never a queue. Never two transactions at once, so no
nonce gaps.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from provenance.chain.errors import ChainError, ContractRefused, NonceConsumed, RootUnchanged
from provenance.chain.node import Node, connect
from provenance.chain.registry import Registry
from provenance.chain.signer import LocalSigner
from provenance.models import Anchor, ChainState, Checkpoint

logger = logging.getLogger(__name__)


class Anchorer:
    """Owns the anchor key and, if it is embedded, the chain."""

    def __init__(self) -> None:
        keys = Path(settings.VAR) / "keys"
        keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.signer = LocalSigner.from_keystore(keys / "anchor.json", _passphrase(keys), scrypt_n=2**14)
        self.embedded = not settings.CHAIN_RPC
        path = Path(settings.VAR) / "chain"
        path.mkdir(parents=True, exist_ok=True)
        self.node: Node = connect(settings.CHAIN_RPC or f"embedded://{path / 'chain.sqlite3'}")
        if self.embedded and self.node.balance_wei(self.signer.address) < 10**18:
            self.node.w3.provider.fund(self.signer.address, 10**21)  # type: ignore[attr-defined]
        self.registry = Registry.deploy_or_load(self.node, self.signer)
        self.log_id = self.registry.create_log(self.signer, hashlib.sha256(settings.LOG_ORIGIN.encode()).digest())
        self.registry.set_anchorer(self.signer, self.log_id, self.signer.address)
        self.mirror()

    def step(self) -> bool:
        """Finish what is under way, else anchor the newest checkpoint. True if something moved."""
        open_anchor = Anchor.objects.filter(state=Anchor.State.SIGNED).select_related("checkpoint").first()
        if open_anchor is not None:
            return self._finish(open_anchor)
        newest = Checkpoint.objects.first()
        head = self.registry.head(self.log_id)
        if newest is None or newest.size <= head.tree_size:
            return False
        if not Checkpoint.objects.filter(size=head.tree_size, root=head.root).exists() and head.tree_size:
            raise ChainError(
                f"the chain holds a root for {head.tree_size} entries that this log never signed; "
                "an old or foreign database is running. Nothing is anchored until that is cleared up."
            )
        try:
            signed = self.registry.sign_anchor(
                signer=self.signer, log_id=self.log_id, root=bytes(newest.root), tree_size=newest.size,
                prev_root=head.root,
            )  # fmt: skip
        except RootUnchanged:
            return False
        with transaction.atomic():
            anchor, _ = Anchor.objects.update_or_create(  # one that failed for this checkpoint is made anew
                checkpoint=newest,
                defaults={
                    "prev_root": head.root, "nonce": signed.nonce, "raw_tx": signed.raw,
                    "tx_hash": "0x" + signed.tx_hash.hex(), "state": Anchor.State.SIGNED, "error": "",
                },
            )  # fmt: skip
        return self._finish(anchor)

    def _finish(self, anchor: Anchor) -> bool:
        """Send the stored bytes (again), and believe the receipt once its block is final."""
        try:
            self.node.send_raw(bytes(anchor.raw_tx))
        except (NonceConsumed, ContractRefused) as error:
            return self._give_up(anchor, str(error))
        inclusion = self.node.inclusion(bytes.fromhex(anchor.tx_hash[2:]))
        if inclusion is None:
            return False
        if not inclusion.succeeded:
            return self._give_up(anchor, "the contract refused the transaction")
        if not self.node.is_final(inclusion):
            return False
        anchor.state, anchor.block_number = Anchor.State.FINAL, inclusion.block_number
        anchor.receipt, anchor.confirmed_at = self.node.evidence(inclusion), timezone.now()
        anchor.save(update_fields=["state", "block_number", "receipt", "confirmed_at"])
        self.mirror()
        return True

    def _give_up(self, anchor: Anchor, why: str) -> bool:
        logger.error("anchor of %s failed: %s", anchor.checkpoint_id, why)
        anchor.state, anchor.error = Anchor.State.FAILED, why
        anchor.save(update_fields=["state", "error"])
        return False

    def mirror(self) -> None:
        """Copy the head to the database, where pages and the gateway read it."""
        head = self.registry.head(self.log_id)
        ChainState.objects.update_or_create(
            id=1,
            defaults={
                "chain_id": self.node.chain_id,
                "contract": self.registry.address,
                "log_id": "0x" + self.log_id.hex(),
                "head_size": head.tree_size,
                "head_root": head.root,
                "block_number": self.node.w3.eth.block_number,
                "embedded": self.embedded,
                "read_at": timezone.now(),
            },
        )


def _passphrase(keys: Path) -> Path:
    """The file with the keystore's passphrase: given by the operator, else made beside it for a trial."""
    if settings.ANCHOR_PASSPHRASE_FILE:
        return Path(settings.ANCHOR_PASSPHRASE_FILE)
    path = keys / "anchor.passphrase"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path
