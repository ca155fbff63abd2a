"""Evidence that a root stands on an Ethereum-like chain, checked offline from a block header and a receipt.

The evidence is a block's header, the receipt of the anchoring transaction, and the path between them in the block's
receipts trie. Checked offline it shows that *a block of this hash* holds the anchor. That the block lies on the chain
everybody sees takes one question to a node the auditor trusts: is the block of this number the block of this hash?

References
----------
.. [1] Ethereum yellow paper, sections 4.3 and 4.4, appendix D (the modified Merkle-Patricia tree).
.. [2] EIP-2718, typed transaction envelope (receipts).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provenance.domain.errors import FormatError, VerificationError
from provenance.domain.keccak import keccak256
from provenance.domain.rlp import Item, encode_integer, rlp_decode, rlp_encode, rlp_integer

VERSION = 2
ANCHORED = keccak256(b"Anchored(bytes32,uint64,uint64,bytes32,bytes32)")
ROOT_AT_SIZE = keccak256(b"rootAtSize(bytes32,uint64)")[:4]  # selector of the contract's view
MAX_FIELD_BYTES = 1 << 20
MAX_TRIE_NODES = 66  # a key of 32 bytes is 64 nibbles
_HEX = re.compile(r"0x(?:[0-9a-f]{2})*")
_MEMBERS = {
    "v", "chain_id", "contract", "log_id", "tx_hash", "block_number", "block_hash", "block_time", "header",
    "receipt_index", "receipt", "receipt_proof",
}  # fmt: skip
_OPTIONAL = {"reason"}  # why there is no header


@dataclass(frozen=True)
class AnchorEvidence:
    """Parsed evidence; nothing in it is verified."""

    chain_id: int
    contract: bytes  # 20 bytes
    log_id: bytes  # 32 bytes
    tx_hash: bytes  # 32 bytes; no receipt names its transaction, so only a node can confirm it
    block_number: int
    block_hash: bytes  # 32 bytes
    block_time: int  # POSIX seconds
    header: bytes | None  # RLP; None where the chain hashes its headers in another way
    receipt_index: int
    receipt: bytes  # as in the receipts trie
    receipt_proof: tuple[bytes, ...]  # trie nodes from the root down


@dataclass(frozen=True)
class Header:
    """What a block header says, of what is needed here."""

    number: int
    time: int  # POSIX seconds
    receipts_root: bytes
    block_hash: bytes


@dataclass(frozen=True)
class AnchorFact:
    """An anchor that a receipt holds."""

    log_id: bytes
    tree_size: int
    seq: int  # of the anchor, from 1
    root: bytes
    prev_root: bytes


def parse_evidence(value: Any) -> AnchorEvidence:
    """Read the evidence of one anchor, as JSON gives it.

    Raises
    ------
    FormatError
        If a member is missing, unknown, or out of its form.
    """
    if not isinstance(value, Mapping) or value.get("v") != VERSION or value["v"] is True:
        raise FormatError(f"expected anchor evidence of version {VERSION}, got {_shown(value)}")
    if missing := _MEMBERS ^ (set(value) - _OPTIONAL):
        raise FormatError(f"expected the members {sorted(_MEMBERS)}, got a difference in {sorted(map(str, missing))}")
    proof = value["receipt_proof"]
    if not isinstance(proof, list) or len(proof) > MAX_TRIE_NODES:
        raise FormatError(f"expected a list of at most {MAX_TRIE_NODES} trie nodes, got {_shown(proof)}")
    return AnchorEvidence(
        chain_id=_number(value, "chain_id"),
        contract=_bytes(value["contract"], "contract", 20),
        log_id=_bytes(value["log_id"], "log_id", 32),
        tx_hash=_bytes(value["tx_hash"], "tx_hash", 32),
        block_number=_number(value, "block_number"),
        block_hash=_bytes(value["block_hash"], "block_hash", 32),
        block_time=_number(value, "block_time"),
        header=None if value["header"] is None else _bytes(value["header"], "header"),
        receipt_index=_number(value, "receipt_index"),
        receipt=_bytes(value["receipt"], "receipt"),
        receipt_proof=tuple(_bytes(node, "receipt_proof") for node in proof),
    )


def verify_anchor(evidence: AnchorEvidence, *, receipts_root: bytes | None = None) -> AnchorFact:
    """Check the evidence against itself, down to the event of the contract.

    Parameters
    ----------
    evidence : AnchorEvidence
    receipts_root : bytes, 32, optional
        Of the block, from a node you trust; needed where the evidence has no header.

    Raises
    ------
    FormatError
        If header, receipt or trie are malformed, or there is neither a header nor a root.
    VerificationError
        If they contradict one another, the transaction failed, or the contract said nothing about this log.
    """
    if evidence.header is not None:
        header = parse_header(evidence.header)
        said = (evidence.block_hash, evidence.block_number, evidence.block_time)
        if said != (header.block_hash, header.number, header.time):
            raise VerificationError(
                f"the header is that of block {header.number}, hash {header.block_hash.hex()}, not of the block named"
            )
        if receipts_root not in (None, header.receipts_root):
            raise VerificationError("the header has another receipts root than the node's block")
        receipts_root = header.receipts_root
    if receipts_root is None:
        raise FormatError("expected a block header, got none: this anchor can be checked with a node only")
    key = encode_integer(evidence.receipt_index)
    found = trie_get(receipts_root, key, evidence.receipt_proof)
    if found != evidence.receipt:
        raise VerificationError("the block's receipts trie holds another receipt at this index")
    facts = [fact for fact in anchored_in(evidence.receipt, evidence.contract) if fact.log_id == evidence.log_id]
    if len(facts) != 1:
        raise VerificationError(f"expected one anchor of this log by this contract in the receipt, got {len(facts)}")
    return facts[0]


def parse_header(data: bytes) -> Header:
    """Read a block header of any fork; its hash is the Keccak-256 of these bytes.

    Raises
    ------
    FormatError
        If it is not a header.
    """
    fields = rlp_decode(data)
    if not isinstance(fields, list) or not 15 <= len(fields) <= 32:
        raise FormatError("expected a block header of at least 15 fields, got something else")
    receipts_root = fields[5]
    if not isinstance(receipts_root, bytes) or len(receipts_root) != 32:
        raise FormatError("expected a receipts root of 32 bytes in the header's field 5")
    return Header(rlp_integer(fields[8]), rlp_integer(fields[11]), receipts_root, keccak256(data))


def anchored_in(receipt: bytes, contract: bytes) -> list[AnchorFact]:
    """Read the anchors that `contract` logged in a receipt.

    Raises
    ------
    FormatError
        If the bytes are not a receipt.
    VerificationError
        If the transaction failed.
    """
    typed = bool(receipt) and receipt[0] < 0x80  # EIP-2718: a type byte before the list
    fields = rlp_decode(receipt[1:] if typed else receipt)
    if not isinstance(fields, list) or len(fields) != 4 or not isinstance(fields[3], list):
        raise FormatError("expected a receipt of status, gas, bloom and logs, got something else")
    if fields[0] != b"\x01":
        raise VerificationError("the transaction failed: its receipt has not the status 1")
    facts = []
    for entry in fields[3]:
        address, topics, data = _log(entry)
        if address == contract and topics[:1] == [ANCHORED]:
            if len(topics) != 3 or len(data) != 96:
                raise FormatError("expected 3 topics and 96 bytes in an Anchored event, got another event")
            facts.append(AnchorFact(topics[1], _uint64(topics[2]), _uint64(data[:32]), data[32:64], data[64:]))
    return facts


def trie_get(root: bytes, key: bytes, nodes: Sequence[bytes]) -> bytes:
    """Follow a key from a Merkle-Patricia root through the nodes given, each of which must be used.

    Returns
    -------
    bytes
        The value at the key.

    Raises
    ------
    FormatError
        If a node is malformed.
    VerificationError
        If a node is not the one its parent names, nodes are missing or left over, or the key leads nowhere.
    """
    path = [nibble for byte in key for nibble in (byte >> 4, byte & 15)]
    left = list(nodes)
    node: Item = root
    while True:
        if isinstance(node, bytes):  # a reference by hash
            if not left or keccak256(left[0]) != node:
                raise VerificationError("the trie's nodes do not lead from the block's receipts root to the receipt")
            node = rlp_decode(left.pop(0))
        if not isinstance(node, list):
            raise FormatError("expected a trie node of 2 or 17 items, got bytes")
        following, rest = _child(node, path)
        if rest is None:
            if left or not isinstance(following, bytes):
                raise VerificationError("expected the trie's last node to hold the receipt")
            return following
        node, path = _referenced(following), rest


def _child(node: list[Item], path: list[int]) -> tuple[Item, list[int] | None]:
    """What a node holds for a path, and what is left of the path; None where the value is reached."""
    if len(node) == 17:
        return (node[path[0]], path[1:]) if path else (node[16], None)
    if len(node) != 2 or not isinstance(node[0], bytes) or not node[0]:
        raise FormatError(f"expected a trie node of 2 or 17 items, got {len(node)}")
    flag, odd = divmod(node[0][0] >> 4, 2)
    part = [nibble for byte in node[0] for nibble in (byte >> 4, byte & 15)][1 if odd else 2 :]
    if flag > 1 or (not odd and node[0][0] & 15) or path[: len(part)] != part:
        raise VerificationError("the trie's nodes lead to another receipt")
    rest = path[len(part) :]
    if flag == 0:
        return node[1], rest
    if rest:
        raise VerificationError("the trie's nodes lead to another receipt")
    return node[1], None


def _referenced(item: Item) -> Item:
    """A child: its hash, or the node itself where that is shorter than a hash."""
    if isinstance(item, bytes) and len(item) != 32:
        raise VerificationError("the receipts trie holds nothing at this index")
    if isinstance(item, list) and len(rlp_encode(item)) >= 32:
        raise FormatError("expected a trie node of 32 bytes or more to be named by its hash")
    return item


def _log(entry: Item) -> tuple[bytes, list[bytes], bytes]:
    if isinstance(entry, list) and len(entry) == 3:
        address, topics, data = entry
        if isinstance(address, bytes) and isinstance(topics, list) and isinstance(data, bytes):
            texts = [topic for topic in topics if isinstance(topic, bytes) and len(topic) == 32]
            if len(texts) == len(topics):
                return address, texts, data
    raise FormatError("expected a log of address, topics and data, got something else")


def _uint64(word: bytes) -> int:
    value = int.from_bytes(word, "big")
    if value >= 1 << 64:
        raise FormatError(f"expected an unsigned integer of 64 bits in the event, got {word.hex()}")
    return value


def _number(value: Mapping[str, Any], name: str) -> int:
    number = value[name]
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1 << 63:
        raise FormatError(f"expected a number from 0 in {name}, got {_shown(number)}")
    return number


def _bytes(value: Any, name: str, length: int | None = None) -> bytes:
    if not isinstance(value, str) or len(value) > 2 * MAX_FIELD_BYTES:
        raise FormatError(f"expected 0x and hexadecimal digits in {name}, got {_shown(value)}")
    text = value.lower() if length == 20 else value  # an address may be written with its checksum
    if not _HEX.fullmatch(text) or (length is not None and len(text) != 2 + 2 * length):
        raise FormatError(f"expected 0x and hexadecimal digits in {name}, got {_shown(value)}")
    return bytes.fromhex(text[2:])


def _shown(value: Any) -> str:
    return repr(value)[:60]
