"""Talking to one EVM node: fees, signing, sending the same bytes again, and when a transaction is final.

The protocol of sending, for whoever keeps the rows (reference: docs of the ledger):

1. `Node.sign` builds and signs; nothing is sent. Commit the raw bytes, hash and nonce to the database.
2. `Node.send_raw` sends them. After a crash, or any doubt, send the *same bytes* again: it cannot happen twice.
3. `Node.inclusion` finds the receipt; `Node.is_final` says when to believe it.
4. Never sign nonce n + 1 while n is not final: a gap wedges some nodes. Stuck? `Node.sign(..., replacing=...)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from eth_utils import keccak, to_checksum_address
from web3 import Web3
from web3.exceptions import BlockNotFound, ContractLogicError, TransactionNotFound
from web3.middleware import ExtraDataToPOAMiddleware

from provenance.chain.errors import (
    ChainError,
    FeeCapReached,
    NodeRefused,
    NonceConsumed,
    Underpriced,
    WrongChain,
)
from provenance.chain.signer import Signer
from provenance.chain.talking import talking

GWEI = 10**9
DEFAULT_FEE_CAP_WEI = 500 * GWEI
REPLACEMENT_PERCENT = 113  # nodes ask for at least 110 % of both fees, some for 112.5 %
GAS_MARGIN_PERCENT = 125
_KNOWN = ("already known", "already imported", "known transaction", "alreadyknown", "already_exists")
_LOW_NONCE = ("nonce too low", "nonce is too low", "nonce_too_low", "oldnonce", "invalid nonce")
_UNDERPRICED = (
    *("underpriced", "fee too low", "feetoolow", "less than block base fee", "lower than the current base fee"),
    *("below configured minimum", "below current base fee", "fee cap less than"),
)


class Sent(Enum):
    """What became of bytes that were sent. All three are success."""

    ACCEPTED = "accepted"  # new to this node
    KNOWN = "known"  # waiting there already
    MINED = "mined"  # in a block already


class Finality(Enum):
    """When to believe a receipt."""

    FINALIZED = "finalized"  # its block is canonical and at or below the node's `finalized` block
    INCLUSION = "inclusion"  # its block is canonical: right for chains that never reorganise (Besu QBFT)


@dataclass(frozen=True)
class SignedTransaction:
    """A signed transaction: commit it before sending it."""

    raw: bytes
    tx_hash: bytes  # 32 bytes
    sender: str
    nonce: int
    max_fee_per_gas: int  # wei
    max_priority_fee_per_gas: int  # wei


@dataclass(frozen=True)
class Inclusion:
    """A receipt: the transaction is in this block, for now. Ask `Node.is_final` before relying on it."""

    tx_hash: bytes
    block_number: int
    block_hash: bytes
    gas_used: int
    succeeded: bool  # False: mined, and the contract refused it
    receipt: Any  # web3's receipt, for decoding events


class Node:
    """One EVM node, reached through web3."""

    def __init__(
        self,
        w3: Web3,
        *,
        chain_id: int | None = None,
        finality: Finality = Finality.FINALIZED,
        fee_cap_wei: int = DEFAULT_FEE_CAP_WEI,
    ) -> None:
        self.w3, self.finality, self.fee_cap_wei = w3, finality, fee_cap_wei
        with talking():
            self.chain_id = w3.eth.chain_id
        if chain_id is not None and chain_id != self.chain_id:
            raise WrongChain(f"expected chain {chain_id}, got {self.chain_id}; check the node's URL")

    def next_nonce(self, address: str, *, final: bool = False) -> int:
        """Nonce of the next transaction of `address`, counting mined ones only; with `final`, final ones only."""
        block: Any = self.final_tag if final else "latest"
        with talking():
            return self.w3.eth.get_transaction_count(to_checksum_address(address), block)

    @property
    def final_tag(self) -> Any:
        """Name of the newest block that is to be believed here."""
        return "finalized" if self.finality is Finality.FINALIZED else "latest"

    def block_number(self) -> int:
        """Number of the node's newest block."""
        with talking():
            return self.w3.eth.block_number

    def block_time(self) -> int:
        """POSIX seconds of the node's newest block."""
        with talking():
            return int(self.w3.eth.get_block("latest")["timestamp"])

    def block_hash(self, number: int) -> bytes | None:
        """Hash of the canonical block with this number; None if the node has not got that far."""
        with talking():
            try:
                return bytes(self.w3.eth.get_block(number)["hash"])
            except BlockNotFound:
                return None

    def ask(self, method: str, *parameters: Any) -> Any:
        """Result of a JSON-RPC method exactly as the node gave it, past every formatter of web3's."""
        with talking():
            answer = self.w3.provider.make_request(method, list(parameters))  # type: ignore[arg-type]  # any method's name
        if not isinstance(answer, dict) or answer.get("error") is not None:
            error = answer.get("error") if isinstance(answer, dict) else answer
            raise NodeRefused(f"{method}: {error.get('message') if isinstance(error, dict) else error}")
        return answer.get("result")

    def balance_wei(self, address: str) -> int:
        """Balance that pays for gas."""
        with talking():
            return self.w3.eth.get_balance(to_checksum_address(address))

    def fees(self, replacing: SignedTransaction | None = None) -> tuple[int, int]:
        """Maximum fee and tip, wei per gas: room for the base fee to double, and an eighth above what is replaced.

        Raises
        ------
        FeeCapReached
            If the current price, or the least replacement, is above the cap.
        """
        with talking():
            base = int(self.w3.eth.get_block("latest").get("baseFeePerGas", 0))
            tip = int(self.w3.eth.max_priority_fee)
        fee, least = 2 * base + tip, base + tip
        if replacing is not None:
            tip = max(tip, _raised(replacing.max_priority_fee_per_gas))
            least = max(base + tip, _raised(replacing.max_fee_per_gas))
            fee = max(fee, least)
        if least > self.fee_cap_wei:
            raise FeeCapReached(f"expected at most {self.fee_cap_wei} wei per gas, the chain asks for {least}; wait")
        return min(fee, self.fee_cap_wei), min(tip, self.fee_cap_wei)

    def sign(
        self,
        *,
        signer: Signer,
        to: str | None,
        data: bytes,
        gas: int | None = None,
        nonce: int | None = None,
        replacing: SignedTransaction | None = None,
    ) -> SignedTransaction:
        """Build and sign a call to a contract (`to` None: its creation). Nothing is sent.

        Parameters
        ----------
        gas : int, optional
            Gas limit; estimated with a quarter to spare when absent, which also refuses what would revert.
        nonce : int, optional
            Next of the signer when absent. Pass the committed one to sign the same step again.
        replacing : SignedTransaction, optional
            A stuck transaction, whose nonce is used again with fees at least an eighth higher.
        """
        max_fee, tip = self.fees(replacing)
        if replacing is not None:
            nonce = replacing.nonce
        transaction: dict[str, Any] = {"from": signer.address, "data": "0x" + data.hex(), "value": 0}
        if to is not None:
            transaction["to"] = to_checksum_address(to)
        if gas is None:
            with talking():
                needed = self.w3.eth.estimate_gas(transaction)  # type: ignore[arg-type]  # web3 wants its TypedDict
            gas = needed * GAS_MARGIN_PERCENT // 100
        transaction |= {
            "gas": gas,
            "nonce": self.next_nonce(signer.address) if nonce is None else nonce,
            "maxFeePerGas": max_fee,
            "maxPriorityFeePerGas": min(tip, max_fee),
            "chainId": self.chain_id,
        }
        del transaction["from"]
        raw = signer.sign_transaction(transaction)
        return SignedTransaction(
            raw, keccak(raw), signer.address, transaction["nonce"], max_fee, transaction["maxPriorityFeePerGas"]
        )

    def send_raw(self, raw: bytes) -> Sent:
        """Send signed bytes; sending them again is harmless and answers how far they have come.

        Raises
        ------
        NodeUnavailable
            If the node did not answer: they may or may not have arrived. Send them again.
        NonceConsumed
            If another transaction took their nonce: they never will be mined.
        Underpriced
            If another transaction with this nonce waits, and these bytes do not outbid it.
        NodeRefused
            For any other reason the node gives.
        """
        try:
            with talking():
                self.w3.eth.send_raw_transaction(raw)
        except ContractLogicError as error:  # a node that runs what it is sent, and tells
            raise NodeRefused(str(error)) from None
        except NodeRefused as error:
            return self._after_refusal(raw, error)
        return Sent.ACCEPTED

    def _after_refusal(self, raw: bytes, error: NodeRefused) -> Sent:
        said = str(error).lower()
        if any(word in said for word in _KNOWN):
            return Sent.KNOWN
        if self.inclusion(keccak(raw)) is not None:
            return Sent.MINED
        if any(word in said for word in _LOW_NONCE):
            raise NonceConsumed(
                f"expected this transaction in a block, but another one took its nonce ({error})"
            ) from None
        if any(word in said for word in _UNDERPRICED):
            raise Underpriced(f"the node keeps another transaction with this nonce ({error})") from None
        raise error

    def inclusion(self, tx_hash: bytes) -> Inclusion | None:
        """Receipt of a transaction; None while it is in no block (unknown, waiting, or reorganised away)."""
        with talking():
            try:
                receipt = self.w3.eth.get_transaction_receipt(tx_hash)  # type: ignore[arg-type]  # web3 takes bytes, too
            except TransactionNotFound:
                return None
        return Inclusion(
            tx_hash=tx_hash,
            block_number=receipt["blockNumber"],
            block_hash=bytes(receipt["blockHash"]),
            gas_used=receipt["gasUsed"],
            succeeded=receipt["status"] == 1,
            receipt=receipt,
        )

    def is_final(self, inclusion: Inclusion) -> bool:
        """Whether the receipt's block is canonical and, unless inclusion is enough here, finalized."""
        with talking():
            try:
                block = self.w3.eth.get_block(inclusion.block_number)
                if bytes(block["hash"]) != inclusion.block_hash:
                    return False
                if self.finality is Finality.INCLUSION:
                    return True
                return self.w3.eth.get_block("finalized")["number"] >= inclusion.block_number
            except BlockNotFound:
                return False

    def close(self) -> None:
        """Let go of the node; the embedded chain's file becomes free for another process."""
        if (close := getattr(self.w3.provider, "close", None)) is not None:
            close()


def connect(url: str, *, timeout_seconds: float = 10.0, **options: Any) -> Node:
    """Connect to a chain by URL; `options` are `Node`'s.

    Parameters
    ----------
    url : str
        ``embedded:///path/to/chain.sqlite3`` owns and runs the embedded chain in this process; ``http://`` or
        ``https://`` is a node's JSON-RPC endpoint.

    Raises
    ------
    ChainLocked
        If another process owns the embedded chain.
    NodeUnavailable
        If the node does not answer.
    WrongChain
        If it is not on the chain given as `chain_id`.
    """
    if url.startswith("embedded://"):
        from provenance.chain.embedded import EmbeddedProvider  # py-evm costs a second to import

        provider = EmbeddedProvider(url.removeprefix("embedded://"))
        try:
            return Node(Web3(provider), **options)
        except BaseException:
            provider.close()
            raise
    if not url.startswith(("http://", "https://")):
        raise ChainError(
            f"expected a chain URL embedded:///path, http://... or https://..., got {url.partition(':')[0]!r}"
        )
    # No retries inside a call: whoever calls repeats the step, and a down node must not hold it up for a minute.
    w3 = Web3(Web3.HTTPProvider(url, request_kwargs={"timeout": timeout_seconds}, exception_retry_configuration=None))
    w3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)  # Besu QBFT puts validator seals in extraData
    return Node(w3, **options)


def _raised(wei: int) -> int:
    """At least an eighth more; at least a wei more, where gas is free."""
    return max(wei + 1, -(-wei * REPLACEMENT_PERCENT // 100))
