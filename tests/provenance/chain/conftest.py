"""The client's tests run on the embedded chain and on anvil, an EVM node of another make."""

import itertools
import socket
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from eth_account import Account

from provenance.chain.errors import NodeUnavailable
from provenance.chain.node import connect
from provenance.chain.registry import Registry
from provenance.chain.signer import LocalSigner

ROOT = Path(__file__).resolve().parents[3]
ANVIL = ROOT / "provenance/contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
ANVIL_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"  # funded in every anvil; public


@pytest.fixture(scope="session")
def anvil_url():
    if not ANVIL.exists():
        pytest.fail(f"expected anvil at {ANVIL}, got none; install it with: npm ci --prefix provenance/contracts")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [ANVIL, "--host", "127.0.0.1", "--port", str(port), "--silent", "--slots-in-an-epoch", "1"]
    process = subprocess.Popen(command)
    try:
        yield wait_until_up(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()


def wait_until_up(url):
    deadline = time.monotonic() + 20
    while True:
        try:
            connect(url)
        except NodeUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return url


def world(node, signer):
    """Build a registry with one log that `signer` owns and anchors to."""
    registry = Registry.deploy_or_load(node, signer)
    salts = (time.time_ns().to_bytes(32, "big") for _ in itertools.count())

    def new_log():
        log_id = registry.create_log(signer, next(salts))
        registry.set_anchorer(signer, log_id, signer.address)
        return log_id

    return SimpleNamespace(node=node, registry=registry, signer=signer, new_log=new_log)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    node = connect(f"embedded://{tmp_path_factory.mktemp('chain')}/chain.sqlite3")
    signer = LocalSigner(Account.from_key((7).to_bytes(32, "big")))
    node.w3.provider.fund(signer.address, 10**21)
    yield world(node, signer)
    node.close()


@pytest.fixture(scope="module")
def anvil(anvil_url):
    node = connect(anvil_url)
    made = world(node, LocalSigner(Account.from_key(ANVIL_KEY)))
    made.url, made.rpc = anvil_url, node.ask
    return made


@pytest.fixture(params=["embedded", "anvil"])
def chain(request):
    """Each chain in turn."""
    return request.getfixturevalue(request.param)
