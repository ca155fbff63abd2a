"""Evidence of an anchor that needs no chain: the block's header, the receipt, and the path from one to the other.

Checked offline by provenance/domain/evm.py. It proves that the contract logged this root in a block with this hash;
that the block is on the canonical chain, an auditor asks through a node of their own.

Receipts and header are rebuilt from what the node says, and believed only if they hash to the block's own roots. So a
node that leaves something out, or a chain whose blocks are hashed otherwise, gives evidence without a header and says
why; it never gives evidence that does not check.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import rlp
from eth_utils import keccak
from trie import HexaryTrie

from provenance.chain.errors import ChainError, NodeRefused
from provenance.chain.node import Inclusion, Node

_HEADER = (  # yellow paper, then EIPs 1559, 4895, 4844, 4788, 7685, in the order they were added
    *("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom", "difficulty"),
    *("number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce"),
    *("baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash"),
)
_FIRST_ADDED = _HEADER.index("baseFeePerGas")
_NUMBERS = frozenset(
    {"difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas"}
)
_EXTRA_DATA = _HEADER.index("extraData")
_DEPOSIT = 0x7E  # OP Stack: two fields more


class Unprovable(ChainError):
    """What the node says does not hash to what the block says."""


@dataclass(frozen=True)
class BlockParts:
    """What a block's evidence is made of."""

    block_hash: bytes
    number: int
    time: int  # POSIX seconds
    receipts_root: bytes
    header: bytes | None  # RLP whose Keccak-256 is `block_hash`
    receipts: list[bytes]  # consensus bytes, in the block's order; empty where they cannot be rebuilt
    reason: str = ""  # why something is missing


def evidence(node: Node, inclusion: Inclusion, *, contract: str, log_id: bytes) -> dict[str, Any]:
    """Evidence, version 2, of the anchor whose receipt this is.

    Parameters
    ----------
    inclusion : Inclusion
        A final one: evidence of a block that is reorganised away proves nothing.

    Returns
    -------
    dict
        JSON. Where the chain does not allow it, `header` is null, with a `reason`; where the node did not give the
        block's receipts either, `receipt` and `receipt_proof` are empty.

    Raises
    ------
    NodeUnavailable
        If the node does not answer; ask again later.
    """
    index = int(inclusion.receipt["transactionIndex"])
    parts = _embedded_parts(node, inclusion) if hasattr(node.w3.provider, "block_parts") else _parts(node, inclusion)
    header, receipt, path, reason = parts.header, b"", [], parts.reason
    if parts.receipts:
        try:
            path = receipt_proof(parts.receipts, index, parts.receipts_root)
            receipt = parts.receipts[index]
        except Unprovable as error:
            reason = str(error)
    if not path:
        header = None  # alone it proves nothing, and a reader must not take the missing half for a forged one
    found: dict[str, Any] = {
        "v": 2,
        "chain_id": node.chain_id,
        "contract": contract,
        "log_id": _hex(log_id),
        "tx_hash": _hex(inclusion.tx_hash),
        "block_number": parts.number,
        "block_hash": _hex(parts.block_hash),
        "block_time": parts.time,
        "header": None if header is None else _hex(header),
        "receipt_index": index,
        "receipt": _hex(receipt),
        "receipt_proof": [_hex(step) for step in path],
    }
    return found | ({"reason": reason} if reason else {})


def receipt_proof(receipts: list[bytes], index: int, root: bytes) -> list[bytes]:
    """Merkle-Patricia nodes from the root down to a receipt.

    Parameters
    ----------
    receipts : list of bytes
        Consensus bytes of all receipts of the block, in order.
    index : int
        Position of the receipt in question.
    root : bytes
        The block's receiptsRoot.

    Raises
    ------
    Unprovable
        If these receipts do not have this root.
    """
    trie = HexaryTrie(db={})
    for position, receipt in enumerate(receipts):
        trie.set(rlp.encode(position), receipt)
    if trie.root_hash != root:
        raise Unprovable(
            f"the block's {len(receipts)} receipts give the root {trie.root_hash.hex()}, its header says {root.hex()}"
        )
    return [rlp.encode(step) for step in trie.get_proof(rlp.encode(index))]


def header_bytes(block: dict[str, Any]) -> bytes | None:
    """RLP of a block's header as it was hashed; None if no known form hashes to the block's hash.

    Parameters
    ----------
    block : dict
        Result of ``eth_getBlockByHash``, untouched.

    Notes
    -----
    Besu hashes its QBFT blocks without the commit seals and with round 0, its IBFT 2.0 blocks without either, because
    the seals sign the hash [1]_.

    References
    ----------
    .. [1] Hyperledger Besu, BftBlockHashing and QbftExtraDataCodec.
    """
    added = [name for name in _HEADER[_FIRST_ADDED:] if block.get(name) is not None]
    try:
        fields = [_field(name, block[name]) for name in (*_HEADER[:_FIRST_ADDED], *added)]
    except (KeyError, TypeError, ValueError):
        return None
    wanted = _bytes(block["hash"])
    for extra in _as_hashed(fields[_EXTRA_DATA]):
        header = rlp.encode([*fields[:_EXTRA_DATA], extra, *fields[_EXTRA_DATA + 1 :]])
        if keccak(header) == wanted:
            return header
    return None


def receipt_bytes(receipt: dict[str, Any]) -> bytes:
    """Consensus bytes of a receipt, from its JSON-RPC form: type byte (none for legacy) and RLP."""
    kind = int(receipt.get("type") or "0x0", 16)
    outcome = _bytes(receipt["root"]) if receipt.get("status") is None else _number(receipt["status"])
    logs = [[_bytes(log["address"]), list(map(_bytes, log["topics"])), _bytes(log["data"])] for log in receipt["logs"]]
    fields = [outcome, _number(receipt["cumulativeGasUsed"]), _bytes(receipt["logsBloom"]), logs]
    if kind == _DEPOSIT:
        more = (receipt.get("depositNonce"), receipt.get("depositReceiptVersion"))
        fields += [_number(value) for value in more if value is not None]
    return (bytes([kind]) if kind else b"") + rlp.encode(fields)


def _parts(node: Node, inclusion: Inclusion) -> BlockParts:
    """Ask any node over JSON-RPC."""
    block = node.ask("eth_getBlockByHash", _hex(inclusion.block_hash), False)
    if block is None:
        raise NodeRefused(f"the node no longer has block {inclusion.block_number}, which it called final")
    header, reasons = header_bytes(block), []
    if header is None:
        reasons.append("this chain hashes its headers in a way that is not known here, so the header proves nothing")
    try:
        receipts = [receipt_bytes(receipt) for receipt in _receipts(node, block)]
    except (KeyError, TypeError, ValueError, ChainError) as error:
        if not isinstance(error, NodeRefused | KeyError | TypeError | ValueError):
            raise
        receipts = []
        reasons.append(f"the node did not give the block's receipts ({type(error).__name__}: {error})")
    return BlockParts(
        block_hash=_bytes(block["hash"]),
        number=int(block["number"], 16),
        time=int(block["timestamp"], 16),
        receipts_root=_bytes(block["receiptsRoot"]),
        header=header,
        receipts=receipts,
        reason="; ".join(reasons),
    )


def _receipts(node: Node, block: dict[str, Any]) -> list[dict[str, Any]]:
    """All receipts of a block, in order: in one call where the node has it, else one by one."""
    try:
        found = node.ask("eth_getBlockReceipts", block["number"])
    except NodeRefused:
        found = None
    if not found or any(receipt["blockHash"] != block["hash"] for receipt in found):
        found = [node.ask("eth_getTransactionReceipt", tx_hash) for tx_hash in block["transactions"]]
    if [receipt["transactionHash"] for receipt in found] != block["transactions"]:
        raise NodeRefused("the receipts are not those of the block's transactions")
    return found


def _embedded_parts(node: Node, inclusion: Inclusion) -> BlockParts:
    """Take the embedded chain's own objects: eth-tester's JSON leaves fields out."""
    header, receipts = node.w3.provider.block_parts(  # type: ignore[attr-defined]  # the embedded chain's has it
        inclusion.block_number
    )
    return BlockParts(
        block_hash=header.hash,
        number=header.block_number,
        time=header.timestamp,
        receipts_root=header.receipt_root,
        header=rlp.encode(header),
        receipts=receipts,
    )


def _as_hashed(extra: bytes) -> Iterator[bytes]:
    """The forms of extraData that a header may have been hashed with."""
    yield extra
    try:
        vanity, validators, vote, *_ = rlp.decode(extra)
    except (rlp.DecodingError, ValueError, TypeError):
        return
    yield rlp.encode([vanity, validators, vote, b"", []])  # QBFT: round 0, no seals
    yield rlp.encode([vanity, validators, vote])  # IBFT 2.0


def _field(name: str, value: str) -> bytes:
    return _number(value) if name in _NUMBERS else _bytes(value)


def _number(value: str) -> bytes:
    """RLP's integer: big-endian without leading zeros."""
    number = int(value, 16)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _bytes(value: str) -> bytes:
    return bytes.fromhex(value.removeprefix("0x"))


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
