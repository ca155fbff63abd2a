"""Evidence that needs no chain, checked by our verifier and by py-trie, which know nothing of one another."""

import pytest
import rlp
from eth_account import Account
from eth_utils import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from trie import HexaryTrie

from provenance.chain.errors import NodeRefused, NodeUnavailable
from provenance.chain.proof import Unprovable, evidence, header_bytes, receipt_bytes, receipt_proof
from provenance.chain.registry import ZERO_ROOT, wait_for
from provenance.domain.errors import FormatError
from provenance.domain.evm import parse_evidence, verify_anchor

ROOT = b"\7" * 32
EMPTY_TRIE, EMPTY_LIST = keccak(b"\x80"), keccak(rlp.encode([]))


def anchor(chain):
    log_id = chain.new_log()
    signed = chain.registry.sign_anchor(
        signer=chain.signer, log_id=log_id, root=ROOT, tree_size=10, prev_root=ZERO_ROOT
    )
    chain.node.send_raw(signed.raw)
    return log_id, wait_for(chain.node, signed)


def made(chain, log_id, inclusion):
    return evidence(chain.node, inclusion, contract=chain.registry.address, log_id=log_id)


def raw(text):
    return bytes.fromhex(text[2:])


def independent_check(found):
    """With py-trie and rlp only: the header's hash, the receipt's path, the event."""
    header = rlp.decode(raw(found["header"]))
    assert keccak(raw(found["header"])) == raw(found["block_hash"])
    assert int.from_bytes(header[8], "big") == found["block_number"]
    assert int.from_bytes(header[11], "big") == found["block_time"]
    path = [rlp.decode(raw(step)) for step in found["receipt_proof"]]
    assert keccak(raw(found["receipt_proof"][0])) == header[5]
    receipt = HexaryTrie.get_from_proof(header[5], rlp.encode(found["receipt_index"]), path)
    assert receipt == raw(found["receipt"])
    status, _, _, logs = rlp.decode(receipt[1:] if receipt[0] < 0x80 else receipt)
    assert status == b"\1"
    return logs


def test_the_evidence_of_an_anchor_stands_on_its_own(chain):
    log_id, inclusion = anchor(chain)
    found = made(chain, log_id, inclusion)
    (address, topics, data), *_ = independent_check(found)
    assert address == raw(chain.registry.address) and topics[1:] == [log_id, (10).to_bytes(32, "big")]
    assert data == (1).to_bytes(32, "big") + ROOT + ZERO_ROOT
    fact = verify_anchor(parse_evidence(found))
    assert (fact.log_id, fact.tree_size, fact.seq, fact.root, fact.prev_root) == (log_id, 10, 1, ROOT, ZERO_ROOT)
    assert found["chain_id"] == chain.node.chain_id and raw(found["tx_hash"]) == inclusion.tx_hash


def test_an_anchor_among_many_transactions_of_each_kind_is_proven(anvil):
    log_id = anvil.new_log()
    signed = anvil.registry.sign_anchor(
        signer=anvil.signer, log_id=log_id, root=ROOT, tree_size=10, prev_root=ZERO_ROOT
    )
    price, account = anvil.node.w3.eth.gas_price * 3, Account.create()
    anvil.rpc("anvil_setBalance", account.address, hex(10**20))
    anvil.rpc("evm_setAutomine", False)
    try:
        for nonce in range(140):  # above 127 the trie's keys are two bytes
            common = {"to": account.address, "value": 1, "nonce": nonce, "gas": 21_000, "chainId": anvil.node.chain_id}
            fees = [{"gasPrice": price}, {"maxFeePerGas": price, "maxPriorityFeePerGas": price // 2}][nonce % 2]
            raw_bytes = account.sign_transaction(common | fees).raw_transaction
            anvil.rpc("eth_sendRawTransaction", "0x" + raw_bytes.hex())
        anvil.node.send_raw(signed.raw)
        anvil.rpc("evm_mine")
    finally:
        anvil.rpc("evm_setAutomine", True)
    found = made(anvil, log_id, anvil.node.inclusion(signed.tx_hash))
    independent_check(found)
    assert verify_anchor(parse_evidence(found)).root == ROOT and found["receipt_index"] >= 128


def test_a_node_without_block_receipts_is_asked_for_each(anvil, monkeypatch):
    log_id, inclusion = anchor(anvil)
    whole, ask = made(anvil, log_id, inclusion), anvil.node.ask

    def old_node(method, *parameters):
        if method == "eth_getBlockReceipts":
            raise NodeRefused("the method eth_getBlockReceipts does not exist")
        return ask(method, *parameters)

    monkeypatch.setattr(anvil.node, "ask", old_node)
    assert made(anvil, log_id, inclusion) == whole


def test_receipts_that_do_not_fit_the_block_give_evidence_that_says_so(anvil, monkeypatch):
    log_id, inclusion = anchor(anvil)
    ask = anvil.node.ask

    def forgetful(method, *parameters):
        answer = ask(method, *parameters)
        return [r | {"cumulativeGasUsed": "0x1"} for r in answer] if method == "eth_getBlockReceipts" else answer

    monkeypatch.setattr(anvil.node, "ask", forgetful)
    found = made(anvil, log_id, inclusion)
    assert (found["header"], found["receipt"], found["receipt_proof"]) == (None, "0x", [])
    assert "give the root" in found["reason"]
    with pytest.raises(FormatError, match="with a node only"):
        verify_anchor(parse_evidence(found))


def test_a_node_that_does_not_answer_is_asked_again_later(anvil, monkeypatch):
    log_id, inclusion = anchor(anvil)

    def down(method, *parameters):
        raise NodeUnavailable("down")

    monkeypatch.setattr(anvil.node, "ask", down)
    with pytest.raises(NodeUnavailable):
        made(anvil, log_id, inclusion)


def test_a_block_hashed_in_an_unknown_way_has_evidence_without_a_header(anvil, monkeypatch):
    log_id, inclusion = anchor(anvil)
    ask = anvil.node.ask

    def strange(method, *parameters):
        answer = ask(method, *parameters)
        return answer | {"gasUsed": "0x0"} if method == "eth_getBlockByHash" else answer

    monkeypatch.setattr(anvil.node, "ask", strange)
    found = made(anvil, log_id, inclusion)
    assert found["header"] is None and "hashes its headers" in found["reason"] and found["receipt_proof"]
    root = raw(ask("eth_getBlockByHash", found["block_hash"], False)["receiptsRoot"])
    assert verify_anchor(parse_evidence(found), receipts_root=root).root == ROOT  # with a node it can be checked


GENESIS = {  # Ethereum's first block, known by heart to every node
    "hash": "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
    "parentHash": "0x" + "00" * 32,
    "sha3Uncles": "0x" + EMPTY_LIST.hex(),
    "miner": "0x" + "00" * 20,
    "stateRoot": "0xd7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544",
    "transactionsRoot": "0x" + EMPTY_TRIE.hex(),
    "receiptsRoot": "0x" + EMPTY_TRIE.hex(),
    "logsBloom": "0x" + "00" * 256,
    "difficulty": "0x400000000",
    "number": "0x0",
    "gasLimit": "0x1388",
    "gasUsed": "0x0",
    "timestamp": "0x0",
    "extraData": "0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa",
    "mixHash": "0x" + "00" * 32,
    "nonce": "0x0000000000000042",
}


def test_the_header_of_ethereums_first_block_is_rebuilt():
    header = header_bytes(GENESIS)
    assert keccak(header) == raw(GENESIS["hash"])
    assert header_bytes(GENESIS | {"nonce": "0x0000000000000043"}) is None
    assert header_bytes({name: value for name, value in GENESIS.items() if name != "mixHash"}) is None


@pytest.mark.parametrize("kind", ["qbft", "ibft2"])
def test_the_header_of_a_besu_block_is_rebuilt_as_it_was_hashed(kind):
    vanity, validators, seals = bytes(32), [b"\1" * 20, b"\2" * 20], [b"\3" * 65, b"\4" * 65]
    vote = [] if kind == "qbft" else b""
    hashed = [vanity, validators, vote, b"", []] if kind == "qbft" else [vanity, validators, vote]
    parent = rlp.decode(header_bytes(GENESIS))
    header = rlp.encode([*parent[:12], rlp.encode(hashed), *parent[13:]])
    shown = "0x" + rlp.encode([vanity, validators, vote, b"\5", seals]).hex()  # as the node shows it: round 5
    assert header_bytes(GENESIS | {"extraData": shown, "hash": "0x" + keccak(header).hex()}) == header


@pytest.mark.parametrize("count", [1, 2, 127, 128, 129, 300])
def test_each_receipt_of_a_block_has_a_path_of_its_own(count):
    receipts = [rlp.encode([b"\1", number.to_bytes(4, "big"), bytes(256), []]) for number in range(count)]
    trie = HexaryTrie(db={})
    for index, receipt in enumerate(receipts):
        trie.set(rlp.encode(index), receipt)
    for index in {0, 1, count // 2, count - 1} & set(range(count)):
        path = [rlp.decode(step) for step in receipt_proof(receipts, index, trie.root_hash)]
        assert HexaryTrie.get_from_proof(trie.root_hash, rlp.encode(index), path) == receipts[index]
    with pytest.raises(Unprovable):
        receipt_proof(receipts, 0, ROOT)


WORDS = st.lists(st.binary(min_size=32, max_size=32), max_size=4)
LOGS = st.lists(st.tuples(st.binary(min_size=20, max_size=20), WORDS, st.binary(max_size=80)), max_size=4)


@settings(max_examples=60, deadline=None)
@given(kind=st.integers(0, 4), status=st.integers(0, 1), gas=st.integers(0, 2**40), logs=LOGS)
def test_a_receipts_bytes_hold_what_the_node_said(kind, status, gas, logs):
    said = {
        "type": hex(kind),
        "status": hex(status),
        "cumulativeGasUsed": hex(gas),
        "logsBloom": "0x" + "00" * 256,
        "logs": [
            {"address": "0x" + a.hex(), "topics": ["0x" + t.hex() for t in topics], "data": "0x" + d.hex()}
            for a, topics, d in logs
        ],
    }
    found = receipt_bytes(said)
    assert (found[0] == kind) if kind else found[0] >= 0xC0
    fields = rlp.decode(found[1:] if kind else found)
    assert int.from_bytes(fields[0], "big") == status and int.from_bytes(fields[1], "big") == gas
    assert [(a, list(t), d) for a, t, d in fields[3]] == logs
