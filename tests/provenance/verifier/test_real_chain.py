"""Evidence from a real EVM node, checked offline, then with the node, then after the chain has dropped the block."""

from __future__ import annotations

import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from eth_account import Account

from provenance.chain.errors import NodeUnavailable
from provenance.chain.node import connect
from provenance.chain.proof import evidence
from provenance.chain.registry import Registry, wait_for
from provenance.chain.signer import LocalSigner

ANVIL = Path(__file__).parents[3] / "provenance/contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"  # funded in every anvil; public


@pytest.fixture
def anvil():
    if not ANVIL.exists():
        pytest.fail(f"expected anvil at {ANVIL}, got none; install it with: npm ci --prefix provenance/contracts")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    process = subprocess.Popen([ANVIL, "--port", url.rpartition(":")[2], "--silent"])
    deadline, node = time.monotonic() + 20, None
    while node is None:
        try:
            node = connect(url)
        except NodeUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    signer = LocalSigner(Account.from_key(KEY))
    registry = Registry.deploy_or_load(node, signer)
    log_id = registry.create_log(signer, b"\x07" * 32)
    registry.set_anchorer(signer, log_id, signer.address)
    yield SimpleNamespace(url=url, node=node, signer=signer, registry=registry, log_id=log_id)
    node.close()
    process.kill()
    process.wait()


def test_a_bundle_anchored_on_a_real_chain(anvil, log, verify, made):
    anchors, previous = {}, bytes(32)
    for size in (20, 40):
        signed = anvil.registry.sign_anchor(
            signer=anvil.signer, log_id=anvil.log_id, root=log.root(size), tree_size=size, prev_root=previous
        )
        anvil.node.send_raw(signed.raw)
        inclusion = wait_for(anvil.node, signed)
        anchors[size] = evidence(anvil.node, inclusion, contract=anvil.registry.address, log_id=anvil.log_id)
        previous = log.root(size)
    bundle = replace(log.bundle(), anchors=anchors)
    assert verify(bundle).exit_code == 0
    pins = ["--contract", anvil.registry.address, "--log-id", "0x" + anvil.log_id.hex(), "--rpc", anvil.url]
    verdict = verify(bundle, *pins)
    assert verdict.exit_code == 0, made.words_of(verdict)
    assert sum("your node confirms" in finding.text for finding in verdict.of("verified")) == 2

    anvil.node.ask("anvil_reorg", 1, [])
    verdict = verify(bundle, *pins)
    assert verdict.exit_code == 1
    assert "The anchor of 40 entries is false" in verdict.of("false")[0].text
    assert len(verdict.of("false")) == 1  # the other one stands
