"""Signing, sending the same bytes again, and knowing when to believe a receipt: on both chains."""

import pytest
from eth_account import Account

from provenance.chain.errors import (
    ChainError,
    FeeCapReached,
    NodeRefused,
    NodeUnavailable,
    NonceConsumed,
    PrevMismatch,
    RegistryMissing,
    StaleAnchor,
    WrongChain,
)
from provenance.chain.node import Finality, Node, Sent, connect
from provenance.chain.registry import ZERO_ROOT, Anchored, Registry, wait_for
from provenance.chain.signer import LocalSigner

R1, R2, R3 = (bytes([i]) * 32 for i in (1, 2, 3))


def sign(chain, log_id, root, size, prev, **more):
    return chain.registry.sign_anchor(
        signer=chain.signer, log_id=log_id, root=root, tree_size=size, prev_root=prev, **more
    )


def test_signing_sends_nothing_and_sending_the_same_bytes_twice_anchors_once(chain):
    log_id = chain.new_log()
    signed = sign(chain, log_id, R1, 10, ZERO_ROOT)
    assert chain.registry.head(log_id).seq == 0 and chain.node.inclusion(signed.tx_hash) is None
    assert chain.node.send_raw(signed.raw) is Sent.ACCEPTED
    inclusion = wait_for(chain.node, signed)
    assert chain.node.send_raw(signed.raw) is Sent.MINED
    assert chain.registry.anchored(inclusion) == [Anchored(log_id, 10, 1, R1, ZERO_ROOT)]
    assert chain.registry.head(log_id).seq == 1 and inclusion.tx_hash == signed.tx_hash
    assert chain.registry.head(log_id).time == chain.node.block_time()


def test_what_the_contract_would_refuse_is_not_signed(chain):
    log_id = chain.new_log()
    chain.registry.execute(chain.signer, "anchor", log_id, R1, 10, ZERO_ROOT)
    with pytest.raises(StaleAnchor) as stale:
        sign(chain, log_id, R2, 10, R1)
    assert stale.value.values == {"treeSize": 10, "root": R1}
    with pytest.raises(PrevMismatch) as mismatch:
        sign(chain, log_id, R2, 11, R3)
    assert mismatch.value.values == {"expected": R1}


def test_a_second_transaction_for_the_same_anchor_is_mined_and_changes_nothing(chain):
    log_id = chain.new_log()
    first = sign(chain, log_id, R1, 10, ZERO_ROOT)
    second = sign(chain, log_id, R1, 10, ZERO_ROOT, nonce=first.nonce + 1)  # a worker that forgot its first
    chain.node.send_raw(first.raw)
    wait_for(chain.node, first)
    chain.node.send_raw(second.raw)
    while (inclusion := chain.node.inclusion(second.tx_hash)) is None:
        pass
    assert not inclusion.succeeded and chain.registry.anchored(inclusion) == []
    assert chain.registry.head(log_id).seq == 1


def test_bytes_whose_nonce_another_transaction_took_can_never_be_mined(chain):
    log_id = chain.new_log()
    lost = sign(chain, log_id, R1, 10, ZERO_ROOT)
    winner = sign(chain, log_id, R2, 20, ZERO_ROOT, nonce=lost.nonce)
    chain.node.send_raw(winner.raw)
    wait_for(chain.node, winner)
    with pytest.raises(NonceConsumed):
        chain.node.send_raw(lost.raw)


def test_a_chain_refuses_what_is_no_transaction(chain):
    with pytest.raises(NodeRefused):
        chain.node.send_raw(b"\x02nonsense")
    poor = LocalSigner(Account.from_key((99).to_bytes(32, "big")))
    signed = chain.node.sign(signer=poor, to=chain.registry.address, data=b"", gas=100_000)
    with pytest.raises(NodeRefused):
        chain.node.send_raw(signed.raw)


def test_the_registry_is_deployed_once_and_recognised_by_its_code(chain):
    nonce = chain.node.next_nonce(chain.signer.address)
    assert Registry.deploy_or_load(chain.node, chain.signer).address == chain.registry.address
    assert Registry.deploy_or_load(chain.node, chain.signer, chain.registry.address).address == chain.registry.address
    assert chain.node.next_nonce(chain.signer.address) == nonce
    with pytest.raises(RegistryMissing, match="no code"):
        Registry(chain.node, chain.signer.address)


def test_setting_up_twice_sends_nothing_the_second_time(chain):
    salt = bytes(31) + b"\x01"
    log_id = chain.registry.create_log(chain.signer, salt)
    chain.registry.set_anchorer(chain.signer, log_id, chain.signer.address)
    nonce = chain.node.next_nonce(chain.signer.address)
    assert chain.registry.create_log(chain.signer, salt) == log_id
    chain.registry.set_anchorer(chain.signer, log_id, chain.signer.address)
    assert chain.node.next_nonce(chain.signer.address) == nonce


def test_fees_rise_by_an_eighth_to_replace_and_stop_at_the_cap(chain):
    signed = sign(chain, chain.new_log(), R1, 10, ZERO_ROOT)
    max_fee, tip = chain.node.fees(replacing=signed)
    assert max_fee >= signed.max_fee_per_gas * 1.125 and tip >= signed.max_priority_fee_per_gas * 1.125
    capped = Node(chain.node.w3, fee_cap_wei=signed.max_fee_per_gas)
    assert capped.fees()[0] <= signed.max_fee_per_gas
    with pytest.raises(FeeCapReached, match="wait"):
        capped.fees(replacing=signed)


def test_waiting_bytes_are_known_and_a_replacement_takes_their_place(anvil):
    log_id = anvil.new_log()
    rpc(anvil, "evm_setAutomine", False)
    try:
        stuck = sign(anvil, log_id, R1, 10, ZERO_ROOT)
        assert anvil.node.send_raw(stuck.raw) is Sent.ACCEPTED
        assert anvil.node.send_raw(stuck.raw) is Sent.KNOWN
        faster = sign(anvil, log_id, R1, 10, ZERO_ROOT, replacing=stuck)
        assert faster.nonce == stuck.nonce and anvil.node.send_raw(faster.raw) is Sent.ACCEPTED
        rpc(anvil, "evm_mine")
    finally:
        rpc(anvil, "evm_setAutomine", True)
    assert anvil.node.inclusion(faster.tx_hash).succeeded and anvil.node.inclusion(stuck.tx_hash) is None
    with pytest.raises(NonceConsumed):
        anvil.node.send_raw(stuck.raw)


def test_a_receipt_is_final_when_its_block_is_and_a_reorganisation_takes_it_back(anvil):
    log_id = anvil.new_log()
    signed = sign(anvil, log_id, R1, 10, ZERO_ROOT)
    anvil.node.send_raw(signed.raw)
    inclusion = wait_for(anvil.node, signed)
    assert not anvil.node.is_final(inclusion)
    assert Node(anvil.node.w3, finality=Finality.INCLUSION).is_final(inclusion)
    rpc(anvil, "anvil_reorg", 1, [])
    assert anvil.node.inclusion(signed.tx_hash) is None and anvil.registry.head(log_id).seq == 0
    assert not Node(anvil.node.w3, finality=Finality.INCLUSION).is_final(inclusion)
    anvil.node.send_raw(signed.raw)  # the same bytes bring it back
    again = wait_for(anvil.node, signed)
    rpc(anvil, "anvil_mine", 3)
    assert anvil.node.is_final(again) and not anvil.node.is_final(inclusion)
    assert anvil.registry.head(log_id).root == R1


def test_the_embedded_chain_is_final_at_once(embedded):
    signed = sign(embedded, embedded.new_log(), R1, 10, ZERO_ROOT)
    embedded.node.send_raw(signed.raw)
    assert embedded.node.is_final(wait_for(embedded.node, signed))


def test_a_wrong_or_absent_chain_is_named(anvil_url):
    with pytest.raises(WrongChain, match="expected chain 1, got 31337"):
        connect(anvil_url, chain_id=1)
    with pytest.raises(NodeUnavailable) as caught:
        connect("http://127.0.0.1:9/?token=secret", timeout_seconds=2)
    assert "secret" not in str(caught.value)
    with pytest.raises(ChainError, match="chain URL"):
        connect("ftp://node")


def rpc(chain, method, *params):
    response = chain.node.w3.provider.make_request(method, list(params))
    assert "error" not in response, response
