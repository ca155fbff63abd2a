"""Client of the AnchorRegistry contract: anchors. Officers' decisions are in decisions.py.

Trust: the chain's validators are trusted to order transactions and keep them; the node we ask, to tell us what they
kept. Auditors need trust neither us nor our node: they read the same contract through a node of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from eth_utils import keccak, to_canonical_address, to_checksum_address
from rlp import encode as rlp_encode
from web3.exceptions import BadFunctionCallOutput, ContractLogicError
from web3.logs import DISCARD

from provenance.chain.artifact import load_artifact
from provenance.chain.errors import REFUSALS, ContractRefused, NodeRefused, NodeUnavailable, NotThere, RegistryMissing
from provenance.chain.node import Inclusion, Node, SignedTransaction, talking
from provenance.chain.signer import Signer

ZERO_ROOT = bytes(32)
_ANCHORED = "Anchored(bytes32,uint64,uint64,bytes32,bytes32)"
_LOG_SPAN, _LOG_SPANS = 5_000, 40  # blocks asked for at once, and how often, where a node limits the span
_DEPLOY_SEARCH = 32  # first nonces of the deployer among which an earlier deployment is looked for


@dataclass(frozen=True)
class Head:
    """Newest anchor of a log; all zero before the first."""

    root: bytes  # 32 bytes
    tree_size: int  # leaves
    seq: int  # anchors so far
    time: int  # of its block, POSIX seconds


@dataclass(frozen=True)
class Anchored:
    """An anchor, as its receipt tells it."""

    log_id: bytes
    tree_size: int
    seq: int
    root: bytes
    prev_root: bytes


class Registry:
    """One AnchorRegistry contract on one node."""

    def __init__(self, node: Node, address: str) -> None:
        """Attach to the contract at `address`.

        Raises
        ------
        RegistryMissing
            If the code there is not exactly the contract we compiled.
        """
        self.node, self.address = node, to_checksum_address(address)
        self.contract: Any = node.w3.eth.contract(address=self.address, abi=load_artifact().abi)
        with talking():
            code = bytes(node.w3.eth.get_code(self.address))
        if code != load_artifact().deployed_bytecode:
            found = f"{len(code)} bytes of other code" if code else "no code"
            raise RegistryMissing(f"expected AnchorRegistry at {self.address} on chain {node.chain_id}, got {found}")

    @classmethod
    def deploy_or_load(cls, node: Node, signer: Signer, address: str | None = None) -> Registry:
        """Attach to `address`; without one, to the registry this signer deployed before, else deploy it.

        Safe to repeat after a crash: an address follows from the deployer and its nonce, so an earlier deployment is
        found again.
        """
        if address is not None:
            return cls(node, address)
        nonce = node.next_nonce(signer.address)
        for earlier in range(min(nonce, _DEPLOY_SEARCH)):
            try:
                return cls(node, contract_address(signer.address, earlier))
            except RegistryMissing:
                continue
        signed = node.sign(signer=signer, to=None, data=load_artifact().bytecode, nonce=nonce)
        node.send_raw(signed.raw)
        wait_for(node, signed)
        return cls(node, contract_address(signer.address, nonce))

    # --- reading -------------------------------------------------------------------------------------------------

    def log_id(self, owner: str, salt: bytes) -> bytes:
        """Identifier of the log that `owner` has, or would have, for a 32-byte salt."""
        return self.read("logIdOf", to_checksum_address(owner), salt)

    def owner(self, log_id: bytes) -> str | None:
        """Owner of a log; None if there is no such log."""
        owner = self.read("ownerOf", log_id)[0]
        return None if int(owner, 16) == 0 else owner

    def head(self, log_id: bytes, *, final: bool = False) -> Head:
        """Newest anchor of a log; with `final`, the newest that can no longer be taken back."""
        try:
            return Head(*self.read("head", log_id, final=final))
        except NotThere:  # the contract itself is younger than the newest final block
            return Head(ZERO_ROOT, 0, 0, 0)

    def root_at_size(self, log_id: bytes, tree_size: int, *, final: bool = False) -> bytes | None:
        """Root anchored at exactly this size; None if there is none."""
        try:
            root = self.read("rootAtSize", log_id, tree_size, final=final)
        except NotThere:
            return None
        return None if root == ZERO_ROOT else root

    def anchoring_transaction(self, log_id: bytes, tree_size: int) -> bytes | None:
        """Hash of the transaction that anchored this size, from the chain's events; None if no block has it."""
        topics = [keccak(text=_ANCHORED), log_id, tree_size.to_bytes(32, "big")]
        wanted: Any = {"address": self.address, "topics": ["0x" + topic.hex() for topic in topics]}
        newest = self.node.block_number()
        spans = [
            (max(0, last - _LOG_SPAN + 1), last)
            for last in range(newest, max(-1, newest - _LOG_SPAN * _LOG_SPANS), -_LOG_SPAN)
        ]
        for first, last in [(0, newest), *spans]:
            try:
                with talking():
                    found = self.node.w3.eth.get_logs(wanted | {"fromBlock": first, "toBlock": last})
            except NodeRefused:  # public nodes answer for few blocks at a time
                continue
            if found:
                return bytes(found[-1]["transactionHash"])
            if first == 0:
                break
        return None

    def is_anchorer(self, log_id: bytes, address: str) -> bool:
        """Whether an address may anchor to a log."""
        return self.read("isAnchorer", log_id, to_checksum_address(address))

    def anchored(self, inclusion: Inclusion) -> list[Anchored]:
        """Anchors in a receipt; empty where the contract refused."""
        events = self.contract.events.Anchored().process_receipt(inclusion.receipt, errors=DISCARD)
        return [
            Anchored(e.args.logId, e.args.treeSize, e.args.seq, e.args.root, e.args.prevRoot)
            for e in events
            if e.address == self.address
        ]

    # --- writing -------------------------------------------------------------------------------------------------

    def sign_anchor(
        self,
        *,
        signer: Signer,
        log_id: bytes,
        root: bytes,
        tree_size: int,
        prev_root: bytes,
        nonce: int | None = None,
        replacing: SignedTransaction | None = None,
    ) -> SignedTransaction:
        """Sign an anchor without sending it: commit it, then `Node.send_raw` its bytes.

        The contract is asked first whether it would accept, so that a doomed anchor costs no gas.

        Raises
        ------
        StaleAnchor, PrevMismatch, RootUnchanged, ContractRefused
            If the contract would refuse it now.
        """
        arguments = (log_id, root, tree_size, prev_root)
        return self.sign_call(signer, "anchor", *arguments, nonce=nonce, replacing=replacing)

    def create_log(self, signer: Signer, salt: bytes) -> bytes:
        """Create the log of `signer` and `salt` unless it exists; return its identifier."""
        log_id = self.log_id(signer.address, salt)
        if self.owner(log_id) is None:
            self.execute(signer, "createLog", salt)
        return log_id

    def set_anchorer(self, signer: Signer, log_id: bytes, who: str, *, on: bool = True) -> None:
        """Let an address anchor, or no longer; `signer` owns the log. Nothing is sent where it is so already."""
        if self.is_anchorer(log_id, who) != on:
            self.execute(signer, "setAnchorer", log_id, to_checksum_address(who), on)

    def sign_call(
        self,
        signer: Signer,
        function: str,
        *arguments: Any,
        nonce: int | None = None,
        replacing: SignedTransaction | None = None,
    ) -> SignedTransaction:
        """Sign a call of the contract; what it would refuse now is refused here, with its own error."""
        call = self.contract.functions[function](*arguments)
        with self._refusals(), talking():
            call.call({"from": signer.address})
        data = bytes.fromhex(self.contract.encode_abi(function, args=list(arguments))[2:])
        with self._refusals():  # the head may move between the call and the estimate
            return self.node.sign(signer=signer, to=self.address, data=data, nonce=nonce, replacing=replacing)

    def execute(self, signer: Signer, function: str, *arguments: Any) -> Inclusion:
        """Sign, send and wait: for setting a log up, never for anchors, whose bytes are committed first."""
        signed = self.sign_call(signer, function, *arguments)
        self.node.send_raw(signed.raw)
        return wait_for(self.node, signed)

    def read(self, function: str, *arguments: Any, final: bool = False) -> Any:
        """Call a view of the contract at the latest block, or at the newest final one.

        Raises
        ------
        NotThere
            If the contract has no code at that block: it is younger, or the node is behind.
        """
        block = self.node.final_tag if final else "latest"
        with self._refusals(), talking():
            try:
                return self.contract.functions[function](*arguments).call(block_identifier=block)
            except BadFunctionCallOutput:
                raise NotThere(f"expected AnchorRegistry at {self.address} in block {block}, got no code") from None

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except ContractLogicError as error:
            raise self._decode(error) from None

    def _decode(self, error: ContractLogicError) -> ContractRefused:
        data = error.data if isinstance(error.data, str) else ""
        try:
            name, values = self._error_of(bytes.fromhex(data.removeprefix("0x")))
        except ValueError:
            return ContractRefused("revert", {"message": str(error)})
        kind, advice = REFUSALS.get(name, (ContractRefused, ""))
        return kind(name, values, advice)

    def _error_of(self, data: bytes) -> tuple[str, dict[str, Any]]:
        for item in load_artifact().abi:
            if item["type"] != "error":
                continue
            types = [value["type"] for value in item["inputs"]]
            if keccak(text=f"{item['name']}({','.join(types)})")[:4] == data[:4]:
                values = self.node.w3.codec.decode(types, data[4:])
                return item["name"], {value["name"]: v for value, v in zip(item["inputs"], values, strict=True)}
        raise ValueError("not an error of this contract")


def contract_address(deployer: str, nonce: int) -> str:
    """Address of the contract that `deployer` creates with its transaction number `nonce`."""
    return to_checksum_address(keccak(rlp_encode([to_canonical_address(deployer), nonce]))[12:])


def wait_for(node: Node, signed: SignedTransaction, *, timeout_seconds: float = 120.0) -> Inclusion:
    """Wait until a transaction is in a block.

    Raises
    ------
    ContractRefused
        If it was mined and reverted.
    NodeUnavailable
        If it is in no block after `timeout_seconds`.
    """
    deadline, pause = monotonic() + timeout_seconds, 0.01
    while (inclusion := node.inclusion(signed.tx_hash)) is None:
        if monotonic() > deadline:
            raise NodeUnavailable(f"transaction {signed.tx_hash.hex()} is in no block after {timeout_seconds:.0f} s")
        sleep(pause)
        pause = min(2 * pause, 1.0)
    if not inclusion.succeeded:
        raise ContractRefused("revert", {"tx_hash": signed.tx_hash})
    return inclusion
