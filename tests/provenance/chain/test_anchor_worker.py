"""The standing process of anchoring, against a node that comes and goes, and on another chain than before."""

from __future__ import annotations

import logging
import time

import pytest
from django.core.management import call_command

from provenance.anchoring import Anchorer
from provenance.chain.errors import WrongChain
from provenance.chain.signer import LocalSigner
from provenance.management.commands.run_anchor import Command
from provenance.models import Anchor, ChainState

pytestmark = pytest.mark.django_db


@pytest.fixture
def configured(anvil, settings, tmp_path):
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "anchor.passphrase").write_text("for a test")
    signer = LocalSigner.from_keystore(keys / "anchor.json", keys / "anchor.passphrase", scrypt_n=2**10)
    anvil.rpc("anvil_setBalance", signer.address, hex(10**20))
    settings.VAR, settings.ANCHOR_PASSPHRASE_FILE, settings.CHAIN_FINALITY = tmp_path, "", "inclusion"
    settings.CHAIN_RPC, settings.CHAIN_REGISTRY, settings.CHAIN_ID = anvil.url, anvil.registry.address, 31337
    return settings


def until_at_rest(step, size):
    """Anvil answers first and mines a moment later."""
    for _ in range(200):
        step()
        if ChainState.objects.get().head_size == size:
            return
        time.sleep(0.02)
    pytest.fail(f"expected {size} entries anchored, got {ChainState.objects.get().head_size}")


def test_a_node_that_is_down_at_the_start_is_waited_for(log, configured, anvil, caplog):
    log.fill(3)
    log.sign()
    command, configured.CHAIN_RPC = Command(), "http://127.0.0.1:9/?token=secret"
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            command.step()
    assert len(caplog.records) == 1 and "secret" not in caplog.text  # told once, not at each step
    configured.CHAIN_RPC = anvil.url
    until_at_rest(command.step, 3)
    assert Anchor.objects.get().state == Anchor.State.FINAL  # where inclusion is enough, at once
    command.anchorer.node.w3.provider.endpoint_uri = "http://127.0.0.1:9"
    log.fill(3)
    log.sign()
    command.step()
    command.anchorer.node.w3.provider.endpoint_uri = anvil.url
    until_at_rest(command.step, 6)
    call_command("health", "--max-age", "60")


def test_the_log_stays_on_the_chain_it_was_on_unless_the_operator_names_another(log, configured):
    ChainState.objects.create(chain_id=1, contract="0x" + "1" * 40, log_id="0x" + "2" * 64)
    configured.CHAIN_ID = 0
    with pytest.raises(WrongChain, match="set QFL_CHAIN_ID=31337 to move there"):
        Anchorer()
    assert ChainState.objects.get().chain_id == 1
    configured.CHAIN_ID = 31337
    log.fill(1)
    log.sign()
    until_at_rest(Anchorer().step, 1)
    assert ChainState.objects.get().chain_id == 31337


def test_anchors_of_the_chain_before_do_not_count_on_the_new_one(log, configured):
    log.fill(4)
    receipt = {"v": 2, "chain_id": 1, "contract": "0x", "log_id": "0x", "block_hash": "0x" + "0" * 64}
    Anchor.objects.create(
        checkpoint=log.sign(), prev_root=bytes(32), nonce=0, raw_tx=b"", tx_hash="0x" + "e" * 64, state="final",
        block_number=10**6, receipt=receipt,
    )  # fmt: skip
    log.fill(4)
    log.sign()
    until_at_rest(Anchorer().step, 8)
    assert set(Anchor.objects.values_list("state", flat=True)) == {"final"}
