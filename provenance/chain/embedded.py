"""The embedded chain: py-evm in this process, its blocks in one SQLite file.

It runs the same contract through the same client as a public chain, with nothing to install or start. It adds **no
independent trust**: whoever operates the platform operates this chain, and could rewrite both. Independent evidence is
the checkpoints that other institutions keep and cosign, or a chain that others validate.

Every accepted transaction is mined at once into a block of its own, durable before the call returns.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

from eth.chains.base import MiningChain
from eth.exceptions import HeaderNotFound, TransactionNotFound
from eth.vm.forks import PragueVM
from eth.vm.spoof import SpoofTransaction
from eth_account import Account
from eth_keys import KeyAPI
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.backends.pyevm.main import get_default_account_state
from eth_tester.backends.pyevm.serializers import serialize_transaction, serialize_transaction_receipt
from eth_tester.exceptions import TransactionNotFound as TesterTransactionNotFound
from eth_typing import BlockNumber
from eth_utils import ValidationError
from web3 import Web3
from web3.providers.eth_tester import EthereumTesterProvider
from web3.providers.eth_tester.defaults import API_ENDPOINTS

from provenance.chain.errors import ChainLocked
from provenance.chain.store import SqliteStore

CHAIN_ID = 88117
RULES = "prague"  # instruction set; part of the chain's identity, since replay under other rules differs
FAUCET_KEY = (1).to_bytes(32, "big")  # a public secret: it holds play money that pays for gas here, and nothing else
_METHODS = {  # what a client needs; nothing that mines, reverts or travels in time
    "web3": {"clientVersion"},
    "net": {"version"},
    "eth": {
        *("accounts", "blockNumber", "call", "chainId", "estimateGas", "feeHistory", "gasPrice", "getBalance"),
        *("getBlockByHash", "getBlockByNumber", "getCode", "getLogs", "getStorageAt", "getTransactionByHash"),
        *("getTransactionCount", "getTransactionReceipt", "maxPriorityFeePerGas", "sendRawTransaction", "syncing"),
    },
}


class RpcError(Exception):
    """An error that a node would answer over JSON-RPC."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.body = {"code": code, "message": message} | ({"data": data} if data is not None else {})


class EmbeddedRules(MiningChain):
    """Our chain: own id, one instruction set from the first block, a constant gas limit."""

    chain_id = CHAIN_ID
    vm_configuration = ((BlockNumber(0), PragueVM),)

    def create_header_from_parent(self, parent_header: Any, **header_params: Any) -> Any:
        return super().create_header_from_parent(
            parent_header, **(header_params | {"gas_limit": parent_header.gas_limit})
        )

    def get_transaction_builder(self) -> Any:
        return self.get_vm().get_transaction_builder()


class EmbeddedBackend(PyEVMBackend):
    """eth-tester's py-evm backend, over our store, answering as a node does."""

    chain: Any  # EmbeddedRules; py-evm's own types name a base class that lacks the mining half

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        super().__init__()

    def reset_to_genesis(self, *args: Any, **kwargs: Any) -> None:
        """Open the chain in the store; write its genesis block only into an empty one."""
        self.account_keys = (KeyAPI().PrivateKey(FAUCET_KEY),)
        with self._store.transaction():
            self._store.settle("chain_id", str(CHAIN_ID))
            self._store.settle("rules", RULES)
            if self._store.is_empty():
                address = self.account_keys[0].public_key.to_canonical_address()
                state: Any = {address: get_default_account_state({"balance": 10**30})}
                self.chain = EmbeddedRules.from_genesis(self._store, self.generate_genesis_params(), state)
            else:
                self.chain = EmbeddedRules(self._store)

    def forget_pending(self) -> None:
        """Drop the block under construction, after its transaction was rolled back."""
        self.chain = EmbeddedRules(self._store)

    def send_raw_transaction(self, raw_transaction: bytes) -> bytes:
        """Apply a transaction to the pending block; a refusal reads as a node's would."""
        # The pending header was dated when its parent was mined, perhaps hours ago.
        parent = self.chain.get_canonical_head()
        self.chain.set_header_timestamp(max(int(time.time()), parent.timestamp + 1))
        try:
            transaction = self.chain.get_transaction_builder().decode(raw_transaction)
            expected = self.chain.get_vm(parent).state.get_nonce(transaction.sender)
        except Exception as error:  # noqa: BLE001 - rlp, eth-keys and py-evm have no common error
            raise RpcError(-32000, f"invalid transaction: {error}") from None
        if transaction.nonce != expected:
            word = "low" if transaction.nonce < expected else "high"
            raise RpcError(-32000, f"nonce too {word}: next nonce {expected}, tx nonce {transaction.nonce}")
        try:
            return super().send_raw_transaction(raw_transaction)
        except ValidationError as error:
            raise RpcError(-32000, str(error)) from None

    def call(self, transaction: Any, block_number: Any = "latest") -> bytes:
        """Run a call; a revert carries its data, so that the client can read the contract's error."""
        return self._run(transaction, block_number)[0].output

    def estimate_gas(self, transaction: Any, block_number: Any = "latest") -> int:
        """Gas of one run, refunds not deducted: eth-tester's search runs the call many times to save a little gas."""
        computation, gas = self._run(transaction, block_number)
        return gas - computation.get_gas_remaining()

    def _run(self, transaction: Any, block_number: Any) -> tuple[Any, int]:
        """Apply a call to a state that is thrown away; return the computation and the gas it was given."""
        header = self._header(block_number)
        wanted = {"gas": header.gas_limit} | transaction
        unsigned = self._get_normalized_and_unsigned_evm_transaction(wanted, block_number)
        try:
            spoofed: Any = SpoofTransaction(unsigned, from_=transaction["from"])
            computation = self.chain.get_vm(header).state.apply_transaction(spoofed)
        except ValidationError as error:
            raise RpcError(-32000, str(error)) from None
        if computation.is_error:
            raise RpcError(3, "execution reverted", "0x" + computation.output.hex())
        return computation, wanted["gas"]

    def _header(self, block_number: Any) -> Any:
        """Header of a mined block; with one block a transaction, nothing is ever pending."""
        if isinstance(block_number, int) or block_number == "earliest":
            return self.chain.get_canonical_block_header_by_number(0 if block_number == "earliest" else block_number)
        return self.chain.get_canonical_head()

    def get_transaction_by_hash(self, transaction_hash: bytes) -> Any:
        return serialize_transaction(*self._locate(transaction_hash), False)

    def get_transaction_receipt(self, transaction_hash: bytes) -> Any:
        block, transaction, index = self._locate(transaction_hash)
        receipts = block.get_receipts(self.chain.chaindb)
        return serialize_transaction_receipt(
            block, receipts, transaction, index, False, self.chain.get_vm(block.header)
        )

    def _locate(self, transaction_hash: bytes) -> tuple[Any, Any, int]:
        """Find a transaction by the chain's index; eth-tester's own way walks every block."""
        pending = self.chain.get_block()
        for index, transaction in enumerate(pending.transactions):
            if transaction.hash == transaction_hash:
                return pending, transaction, index
        try:
            number, index = self.chain.chaindb.get_transaction_index(transaction_hash)
            block = self.chain.get_canonical_block_by_number(number)
        except (TransactionNotFound, HeaderNotFound):
            raise TesterTransactionNotFound(f"no transaction 0x{transaction_hash.hex()}") from None
        return block, block.transactions[index], index


class EmbeddedTester(EthereumTester):
    """eth-tester with one durable database transaction around each block."""

    def __init__(self, backend: EmbeddedBackend, store: SqliteStore) -> None:
        self._store = store
        super().__init__(backend=backend, auto_mine_transactions=True)

    def send_raw_transaction(self, raw_transaction_hex: str) -> str:
        try:
            with self._store.transaction():
                return super().send_raw_transaction(raw_transaction_hex)
        except BaseException:
            self.backend.forget_pending()
            raise


class EmbeddedProvider(EthereumTesterProvider):
    """web3 provider of the embedded chain. Thread-safe; of use only in the process that opened it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._pid, self._lock = os.getpid(), threading.RLock()
        self._store = SqliteStore(self.path)
        try:
            tester = EmbeddedTester(EmbeddedBackend(self._store), self._store)
        except BaseException:
            self._store.close()
            raise
        endpoints = {space: {name: API_ENDPOINTS[space][name] for name in names} for space, names in _METHODS.items()}
        endpoints["eth"]["chainId"] = lambda *_: CHAIN_ID
        endpoints["net"]["version"] = lambda *_: str(CHAIN_ID)
        super().__init__(tester, endpoints)

    def make_request(self, method: Any, params: Any) -> Any:
        if os.getpid() != self._pid:
            raise ChainLocked(
                f"process {self._pid} opened {self.path}; after a fork, open the chain in one process only"
            )
        with self._lock:
            try:
                return super().make_request(method, params)
            except RpcError as error:
                return {"jsonrpc": "2.0", "id": 0, "error": error.body}

    def block_parts(self, number: int) -> tuple[Any, list[bytes]]:
        """Header of a mined block (its Keccak-256 of RLP is the block's hash) and its receipts' consensus bytes."""
        with self._lock:
            tester: Any = self.ethereum_tester
            chain = tester.backend.chain
            block = chain.get_canonical_block_by_number(BlockNumber(number))
            return block.header, [receipt.encode() for receipt in block.get_receipts(chain.chaindb)]

    def close(self) -> None:
        """Close the file; another process may then own it."""
        with self._lock:
            self._store.close()

    def fund(self, address: str, wei: int) -> None:
        """Send play money from the genesis account, so that `address` can pay for gas on this chain."""
        w3, faucet = Web3(self), Account.from_key(FAUCET_KEY)
        fee = 2 * w3.eth.get_block("latest")["baseFeePerGas"] + 10**9
        signed = faucet.sign_transaction(
            {
                "to": address,
                "value": wei,
                "nonce": w3.eth.get_transaction_count(faucet.address),
                "gas": 21_000,
                "maxFeePerGas": fee,
                "maxPriorityFeePerGas": 10**9,
                "chainId": CHAIN_ID,
            }
        )
        w3.eth.send_raw_transaction(signed.raw_transaction)
