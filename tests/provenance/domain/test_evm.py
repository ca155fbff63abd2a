"""Keccak, RLP, tries and anchor evidence, against the libraries that Ethereum itself is tested with."""

from __future__ import annotations

import eth_utils
import pytest
import rlp
from eth_utils import int_to_big_endian, keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from trie import HexaryTrie

from provenance.domain.errors import FormatError, LedgerError, VerificationError
from provenance.domain.evm import (
    ANCHORED,
    ROOT_AT_SIZE,
    anchored_in,
    parse_evidence,
    parse_header,
    trie_get,
    verify_anchor,
)
from provenance.domain.keccak import keccak256
from provenance.domain.rlp import encode_integer, rlp_decode, rlp_encode, rlp_integer

LOG_ID, CONTRACT, ROOT, PREVIOUS = b"\x11" * 32, b"\x22" * 20, b"\x33" * 32, b"\x44" * 32
items = st.recursive(st.binary(max_size=80), lambda inner: st.lists(inner, max_size=5), max_leaves=12)


def text(raw: bytes) -> str:
    return "0x" + raw.hex()


def anchored_log(*, size: int = 40, seq: int = 3, log_id: bytes = LOG_ID, contract: bytes = CONTRACT) -> list:
    words = [n.to_bytes(32, "big") for n in (size, seq)]
    topic = keccak(text="Anchored(bytes32,uint64,uint64,bytes32,bytes32)")
    return [contract, [topic, log_id, words[0]], words[1] + ROOT + PREVIOUS]


def receipt_of(*logs: list, status: bytes = b"\x01", kind: bytes = b"\x02") -> bytes:
    return kind + rlp.encode([status, b"\x52\x08", bytes(256), list(logs)])


def evidence(*, logs: tuple = (), others: int = 3, fields: int = 21, **changes) -> dict:
    """Evidence of a block of `others` + 1 transactions."""
    receipts = [receipt_of(kind=b"") for _ in range(others)] + [receipt_of(*(logs or (anchored_log(),)))]
    trie = HexaryTrie({})
    for n, receipt in enumerate(receipts):
        trie.set(rlp.encode(n), receipt)
    header = [bytes(32)] * 5 + [trie.root_hash, bytes(256), b"", int_to_big_endian(1234), b"\x01", b"\x01"]
    header += [int_to_big_endian(1_770_000_000), b"x", bytes(32), bytes(8)]
    header += [b"\x07", bytes(32), b"", b"", bytes(32), bytes(32)][: fields - 15]
    raw = rlp.encode(header)
    found = {
        "v": 2, "chain_id": 1337, "contract": eth_utils.to_checksum_address(CONTRACT), "log_id": text(LOG_ID),
        "tx_hash": text(b"\x55" * 32), "block_number": 1234, "block_hash": text(keccak(raw)),
        "block_time": 1_770_000_000, "header": text(raw), "receipt_index": others, "receipt": text(receipts[-1]),
        "receipt_proof": [text(rlp.encode(node)) for node in trie.get_proof(rlp.encode(others))],
    }  # fmt: skip
    return found | changes


# --- keccak and RLP ------------------------------------------------------------------------------------------------


def test_keccak_of_nothing_is_the_known_one():
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@pytest.mark.parametrize("length", [0, 1, 55, 134, 135, 136, 137, 271, 272, 273, 1000])
def test_keccak_at_the_edges_of_its_blocks(length):
    data = bytes(n % 251 for n in range(length))
    assert keccak256(data) == keccak(data)


@given(st.binary(max_size=600))
@settings(max_examples=60, deadline=None)
def test_keccak_is_eth_utils_keccak(data):
    assert keccak256(data) == keccak(data)


@given(items)
def test_rlp_is_pyrlp_both_ways(item):
    assert rlp_encode(item) == rlp.encode(item)
    assert rlp_decode(rlp.encode(item)) == item


@given(st.binary(max_size=40))
@settings(max_examples=500)
def test_rlp_refuses_what_pyrlp_refuses(data):
    try:
        expected = rlp.decode(data)
    except rlp.DecodingError:
        with pytest.raises(FormatError):
            rlp_decode(data)
    else:
        assert rlp_decode(data) == expected


@pytest.mark.parametrize(
    "data",
    ["", "80c0", "8100", "817f", "b800", "b83700", "b90001", "b8", "bf" + "ff" * 8, "c1", "f800", "f83700", "ff" * 9],
)
def test_rlp_has_one_spelling(data):
    with pytest.raises(FormatError):
        rlp_decode(bytes.fromhex(data))


def test_rlp_nests_no_deeper_than_receipts_do():
    item = []
    for _ in range(40):
        item = [item]
    with pytest.raises(FormatError, match="levels"):
        rlp_decode(rlp.encode(item))


def test_rlp_integers_have_no_leading_zero():
    assert encode_integer(0) == b"\x80" == rlp.encode(0)
    assert rlp_integer(b"\x01\x00") == 256
    for wrong in (b"\x00", b"\x00\x01", [b"\x01"], b"\x01" * 33):
        with pytest.raises(FormatError):
            rlp_integer(wrong)


# --- tries ---------------------------------------------------------------------------------------------------------


@given(st.integers(1, 300), st.data())
@settings(max_examples=40, deadline=None)
def test_a_trie_path_leads_to_the_value(count, data):
    trie = HexaryTrie({})
    values = [data.draw(st.binary(min_size=1, max_size=70)) for _ in range(min(count, 20))]
    for n in range(count):
        trie.set(rlp.encode(n), values[n % len(values)])
    key = rlp.encode(data.draw(st.integers(0, count - 1)))
    path = [rlp.encode(node) for node in trie.get_proof(key)]
    kept = [node for i, node in enumerate(path) if i == 0 or len(node) >= 32]  # shorter ones lie inside their parents
    assert trie_get(trie.root_hash, key, kept) == trie.get(key)


@pytest.mark.parametrize("count", [1, 2, 17, 130])
def test_a_trie_path_with_a_fault_is_refused(count):
    trie = HexaryTrie({})
    for n in range(count):
        trie.set(rlp.encode(n), bytes([n]) * 40)
    key = rlp.encode(count - 1)
    path = [rlp.encode(node) for node in trie.get_proof(key)]
    assert trie_get(trie.root_hash, key, path) == bytes([count - 1]) * 40
    for wrong in (
        path[:-1],
        [*path, path[-1]],
        path[::-1] + [b"\x80"],
        [],
        [b"\xc0", *path],
        [path[0][:-1], *path[1:]],
    ):
        with pytest.raises(LedgerError):
            trie_get(trie.root_hash, key, wrong)
    for other in (rlp.encode(count + 500), b"", b"\x80\x80", rlp.encode(count)):
        with pytest.raises(LedgerError):
            trie_get(trie.root_hash, other, path)
    with pytest.raises(VerificationError):
        trie_get(bytes(32), key, path)


# --- anchors -------------------------------------------------------------------------------------------------------


def test_selectors_are_those_of_the_contract():
    assert keccak(text="Anchored(bytes32,uint64,uint64,bytes32,bytes32)") == ANCHORED
    assert keccak(text="rootAtSize(bytes32,uint64)")[:4] == ROOT_AT_SIZE


@pytest.mark.parametrize("others", [0, 1, 15, 127, 128, 200])
@pytest.mark.parametrize("fields", [15, 16, 17, 21])
def test_evidence_from_blocks_of_every_shape_verifies(others, fields):
    fact = verify_anchor(parse_evidence(evidence(others=others, fields=fields)))
    assert (fact.tree_size, fact.seq, fact.root, fact.prev_root) == (40, 3, ROOT, PREVIOUS)


def test_the_anchor_is_found_among_other_events():
    logs = ([b"\x99" * 20, [], b""], anchored_log(contract=b"\x98" * 20), anchored_log(log_id=b"\x97" * 32))
    assert verify_anchor(parse_evidence(evidence(logs=(*logs, anchored_log())))).tree_size == 40


def test_a_legacy_receipt_is_read():
    assert anchored_in(receipt_of(anchored_log(), kind=b""), CONTRACT)[0].root == ROOT


FALSE = {
    "another block hash": {"block_hash": text(bytes(32))},
    "another block number": {"block_number": 1235},
    "another time": {"block_time": 1_770_000_001},
    "another log": {"log_id": text(bytes(32))},
    "another contract": {"contract": text(bytes(20))},
    "another index": {"receipt_index": 0},
    "another receipt": {"receipt": text(receipt_of(anchored_log(size=41)))},
    "no trie": {"receipt_proof": []},
    "a failed transaction": {"logs": (anchored_log(),)},
}


@pytest.mark.parametrize("what", FALSE, ids=lambda what: what.replace(" ", "-"))
def test_false_evidence_is_found_false(what):
    changed = evidence(**FALSE[what])
    if what == "a failed transaction":
        receipt = receipt_of(anchored_log(), status=b"")
        trie = HexaryTrie({})
        trie.set(rlp.encode(0), receipt)
        changed |= {"header": None, "receipt": text(receipt), "receipt_index": 0}
        changed["receipt_proof"] = [text(rlp.encode(node)) for node in trie.get_proof(rlp.encode(0))]
        with pytest.raises(VerificationError, match="failed"):
            verify_anchor(parse_evidence(changed), receipts_root=trie.root_hash)
        return
    with pytest.raises(VerificationError):
        verify_anchor(parse_evidence(changed))


def test_two_anchors_of_a_log_in_one_receipt_are_refused():
    with pytest.raises(VerificationError, match="got 2"):
        verify_anchor(parse_evidence(evidence(logs=(anchored_log(), anchored_log(size=41)))))


MALFORMED = {
    "no object": [],
    "version 1": evidence(v=1),
    "version true": evidence(v=True),
    "an unknown member": evidence(extra=1),
    "a number as text": evidence(block_number="1234"),
    "a negative number": evidence(block_time=-1),
    "a boolean": evidence(receipt_index=True),
    "capitals": evidence(log_id="0x" + "AB" * 32),
    "half a byte": evidence(header="0x123"),
    "no prefix": evidence(receipt="1234"),
    "a short hash": evidence(block_hash="0x12"),
    "no list": evidence(receipt_proof="0x"),
    "too many nodes": evidence(receipt_proof=["0x"] * 100),
    "a number in the list": evidence(receipt_proof=[1]),
}


@pytest.mark.parametrize("what", MALFORMED, ids=lambda what: what.replace(" ", "-"))
def test_malformed_evidence_is_refused(what):
    with pytest.raises(FormatError):
        parse_evidence(MALFORMED[what])


def test_evidence_without_a_header_needs_a_node():
    bare = parse_evidence(evidence(header=None, reason="seals"))
    with pytest.raises(FormatError, match="with a node only"):
        verify_anchor(bare)
    root = parse_header(bytes.fromhex(evidence()["header"][2:])).receipts_root
    assert verify_anchor(bare, receipts_root=root).tree_size == 40
    with pytest.raises(VerificationError, match="another receipts root"):
        verify_anchor(parse_evidence(evidence()), receipts_root=bytes(32))


@pytest.mark.parametrize(
    "header", [b"", b"\x80", rlp.encode([b""] * 14), rlp.encode([b""] * 15), rlp.encode([[]] * 15)]
)
def test_what_is_no_header_is_refused(header):
    with pytest.raises(FormatError):
        parse_header(header)


@pytest.mark.parametrize(
    "receipt",
    [b"", b"\x02", b"\x02\x80", rlp.encode([b"\x01"] * 3), rlp.encode([b"\x01", b"", b"", b""]),
     receipt_of(b"x"), receipt_of([b"", b"", b""]), receipt_of([CONTRACT, [b"short"], b""]),
     receipt_of([CONTRACT, [ANCHORED], b""]), receipt_of([CONTRACT, [ANCHORED, LOG_ID, b"\xff" * 32], bytes(96)])],
)  # fmt: skip
def test_what_is_no_receipt_is_refused(receipt):
    with pytest.raises(FormatError):
        anchored_in(receipt, CONTRACT)


@given(st.integers(0, 10_000), st.integers(1, 255))
@settings(max_examples=150, deadline=None)
def test_no_changed_byte_passes(position, change):
    """Whatever byte of header, receipt or path is changed, something notices."""
    good = evidence(others=20)
    parts = ["header", "receipt", *range(len(good["receipt_proof"]))]
    part = parts[position % len(parts)]
    holder, key = (good, part) if isinstance(part, str) else (good["receipt_proof"], part)
    raw = bytearray.fromhex(holder[key][2:])
    raw[position % len(raw)] ^= change
    holder[key] = text(bytes(raw))
    with pytest.raises(LedgerError):
        verify_anchor(parse_evidence(good))
