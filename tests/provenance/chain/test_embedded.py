"""The embedded chain: one owner, durable blocks, nothing half done."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from eth_account import Account

from provenance.chain.embedded import CHAIN_ID
from provenance.chain.errors import ChainDamaged, ChainLocked, NodeRefused
from provenance.chain.node import Sent, connect
from provenance.chain.registry import ZERO_ROOT, Registry, wait_for
from provenance.chain.signer import LocalSigner

SIGNER = LocalSigner(Account.from_key((7).to_bytes(32, "big")))
R1, R2 = b"\1" * 32, b"\2" * 32
WORKER = """
import os, sys
from eth_account import Account
from provenance.chain.node import connect
from provenance.chain.registry import Registry
from provenance.chain.signer import LocalSigner
node, signer = connect(sys.argv[1]), LocalSigner(Account.from_key((7).to_bytes(32, "big")))
registry = Registry.deploy_or_load(node, signer)
log_id = registry.log_id(signer.address, bytes(32))
head = registry.head(log_id)
print(head.seq, flush=True)
while True:
    size, root = head.tree_size + 1, os.urandom(32)
    signed = registry.sign_anchor(signer=signer, log_id=log_id, root=root, tree_size=size, prev_root=head.root)
    node.send_raw(signed.raw)
    head = registry.head(log_id)
    print(head.seq, flush=True)
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A chain file with one log that has one anchor, to copy from."""
    path = tmp_path_factory.mktemp("template") / "chain.sqlite3"
    node = connect(f"embedded://{path}")
    node.w3.provider.fund(SIGNER.address, 10**21)
    registry = Registry.deploy_or_load(node, SIGNER)
    log_id = registry.create_log(SIGNER, bytes(32))
    registry.set_anchorer(SIGNER, log_id, SIGNER.address)
    inclusion = registry.execute(SIGNER, "anchor", log_id, R1, 10, ZERO_ROOT)
    node.close()
    return path, log_id, registry.address, inclusion


@pytest.fixture
def copy(template, tmp_path):
    return shutil.copy(template[0], tmp_path / "chain.sqlite3")


def reopen(path):
    node = connect(f"embedded://{path}")
    return node, Registry.deploy_or_load(node, SIGNER)


def test_everything_is_there_after_a_restart(template, copy):
    _, log_id, address, inclusion = template
    node, registry = reopen(copy)
    assert registry.address == address and node.chain_id == CHAIN_ID
    assert registry.head(log_id).root == R1 and registry.root_at_size(log_id, 10) == R1
    found = node.inclusion(inclusion.tx_hash)
    assert (found.block_number, found.block_hash, found.gas_used) == (
        inclusion.block_number,
        inclusion.block_hash,
        inclusion.gas_used,
    )
    assert registry.anchored(found)[0].root == R1 and node.is_final(found)
    registry.execute(SIGNER, "anchor", log_id, R2, 11, R1)
    assert registry.head(log_id).seq == 2
    node.close()


def test_a_second_owner_is_refused_by_name_and_served_after_the_first_leaves(copy):
    node, _ = reopen(copy)
    with pytest.raises(ChainLocked, match=f"process {os.getpid()}"):
        connect(f"embedded://{copy}")
    node.close()
    reopen(copy)[0].close()


def test_a_forked_child_does_not_own_the_chain(copy, monkeypatch):
    node, registry = reopen(copy)
    with monkeypatch.context() as patch:
        patch.setattr("provenance.chain.embedded.os.getpid", lambda: 1)
        with pytest.raises(ChainLocked, match="fork"):
            registry.head(bytes(32))
    node.close()


def test_a_block_that_fails_half_way_leaves_no_trace(template, copy, monkeypatch):
    log_id = template[1]
    node, registry = reopen(copy)
    signed = registry.sign_anchor(signer=SIGNER, log_id=log_id, root=R2, tree_size=11, prev_root=R1)
    tester, before = node.w3.provider.ethereum_tester, node.w3.eth.block_number
    mine = tester.backend.mine_blocks

    def mine_and_fail(*arguments, **options):
        mine(*arguments, **options)
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(tester.backend, "mine_blocks", mine_and_fail)
        with pytest.raises(ZeroDivisionError):
            node.send_raw(signed.raw)
    assert node.inclusion(signed.tx_hash) is None and node.w3.eth.block_number == before
    assert registry.head(log_id).root == R1
    assert node.send_raw(signed.raw) is Sent.ACCEPTED
    assert wait_for(node, signed).succeeded and registry.head(log_id).root == R2
    node.close()


def test_blocks_are_dated_by_the_clock_even_after_hours_of_silence(template, copy, monkeypatch):
    log_id = template[1]
    node, registry = reopen(copy)
    hours_later = time.time() + 7200
    monkeypatch.setattr("provenance.chain.embedded.time.time", lambda: hours_later)
    registry.execute(SIGNER, "anchor", log_id, R2, 11, R1)
    assert registry.head(log_id).time == int(hours_later)
    node.close()


def test_a_nonce_ahead_of_its_turn_is_refused(copy):
    node, registry = reopen(copy)
    signed = node.sign(signer=SIGNER, to=registry.address, data=b"", gas=100_000, nonce=99)
    with pytest.raises(NodeRefused, match="nonce too high"):
        node.send_raw(signed.raw)
    node.close()


@pytest.mark.parametrize("method", ["evm_revert", "evm_mine", "testing_timeTravel", "eth_sendTransaction"])
def test_no_method_rewrites_or_bends_time(embedded, method):
    assert "Unknown RPC" in embedded.node.w3.provider.make_request(method, [])["error"]["message"]


def test_a_file_that_is_no_chain_of_ours_is_refused(tmp_path, copy):
    garbage = tmp_path / "garbage.sqlite3"
    garbage.write_bytes(b"not a database" * 1000)
    with pytest.raises(ChainDamaged, match="chain file"):
        connect(f"embedded://{garbage}")
    with sqlite3.connect(copy) as db:
        db.execute("UPDATE meta SET value = '1' WHERE name = 'chain_id'")
    db.close()
    for _ in range(2):  # a refusal does not keep the lock
        with pytest.raises(ChainDamaged, match="chain_id"):
            connect(f"embedded://{copy}")


@pytest.mark.chaos
def test_kill_9_loses_no_acknowledged_anchor(template, copy):
    log_id, acknowledged = template[1], 1
    for lines in (4, 6):
        worker = subprocess.Popen(
            [sys.executable, "-u", "-c", WORKER, f"embedded://{copy}"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[3],
        )
        assert int(worker.stdout.readline()) >= acknowledged, "an acknowledged anchor was lost"
        for _ in range(lines):
            acknowledged = int(worker.stdout.readline())
        worker.kill()
        for line in worker.stdout.read().splitlines():
            acknowledged = int(line)
        worker.wait()
        worker.stdout.close()
    node, registry = reopen(copy)
    assert acknowledged >= 11 and registry.head(log_id).seq in (acknowledged, acknowledged + 1)
    node.close()
