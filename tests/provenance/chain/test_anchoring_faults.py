"""The fault table of anchoring, on anvil: whatever goes wrong, each size is anchored once and none is lost.

A row is a fault. The same story runs under each: a checkpoint is to be anchored, the fault strikes, the log goes on,
and a worker (a new one after a crash) works until there is nothing more to do.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from types import SimpleNamespace

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, transaction
from eth_account import Account
from eth_utils import keccak
from requests.exceptions import ConnectionError as Unreachable
from web3 import HTTPProvider

from provenance import anchor_rows
from provenance.anchoring import Anchorer
from provenance.chain.errors import ChainError, FeeCapReached, NodeBehind
from provenance.chain.registry import wait_for
from provenance.chain.signer import LocalSigner
from provenance.domain.evm import parse_evidence, verify_anchor
from provenance.models import Anchor, ChainState, Checkpoint
from provenance.models_anchor import AnchorAttempt
from provenance.verification import verify_ledger

pytestmark = pytest.mark.django_db

SEND, RECEIPT = "eth_sendRawTransaction", "eth_getTransactionReceipt"
STEPS = {  # step of the protocol -> the call it makes: to the node by name, or to the database
    "sign": "eth_estimateGas",
    "commit": "anchor_commit",
    "send": SEND,
    "receipt": RECEIPT,
    "prove": "eth_getBlockByHash",
    "confirm": "anchor_confirm",
}


class Killed(BaseException):
    """kill -9, as far as this process can survive it."""


class Faults:
    """Strikes once, before or after the call that is named."""

    def __init__(self, monkeypatch):
        self.armed = self.answers = None
        self.calls = Counter()
        ask = HTTPProvider.make_request
        monkeypatch.setattr(HTTPProvider, "make_request", lambda p, m, a: self.pass_on(m, lambda: ask(p, m, a)))
        for name in ("anchor_commit", "anchor_confirm"):
            real = getattr(anchor_rows, name)
            monkeypatch.setattr(anchor_rows, name, lambda n=name, f=real, **k: self.pass_on(n, lambda: f(**k)))

    def arm(self, call, when, error):
        self.armed = (call, when, error)

    def pass_on(self, call, make):
        self.calls[call] += 1
        when, error = self.armed[1:] if self.armed and self.armed[0] == call else (None, None)
        if error is not None:
            self.armed = None
        if when == "before":
            raise error
        answer = make()
        if when == "after":
            raise error
        if self.answers and call in self.answers:
            return self.answers.pop(call)(answer)
        return answer


@pytest.fixture(scope="module")
def home(anvil, tmp_path_factory):
    """The worker's folder: a key with money, which owns a log."""
    folder = tmp_path_factory.mktemp("anchorer")
    (folder / "keys").mkdir()
    (folder / "keys/anchor.passphrase").write_text("for a test")
    signer = LocalSigner.from_keystore(folder / "keys/anchor.json", folder / "keys/anchor.passphrase", scrypt_n=2**10)
    anvil.rpc("anvil_setBalance", signer.address, hex(10**20))
    log_id = anvil.registry.create_log(signer, hashlib.sha256(django_settings.LOG_ORIGIN.encode()).digest())
    anvil.registry.set_anchorer(signer, log_id, signer.address)
    anvil.rpc("anvil_mine", 8)
    return folder


@pytest.fixture
def story(log, anvil, home, monkeypatch, settings):
    """A log, a worker, and the means to do it harm. The chain goes back to where it was afterwards."""
    settings.VAR, settings.CHAIN_RPC, settings.CHAIN_REGISTRY = home, anvil.url, anvil.registry.address
    settings.ANCHOR_PASSPHRASE_FILE, settings.CHAIN_STUCK_SECONDS = "", 0
    for memory in (home / "log").glob("signed-*.json"):  # each story is a log of its own
        memory.unlink()
    told = SimpleNamespace(log=log, chain=anvil, faults=Faults(monkeypatch), settings=settings, monkeypatch=monkeypatch)
    told.mining = True  # each transaction at once
    told.start = lambda: setattr(told, "worker", Anchorer())
    snapshot = anvil.rpc("evm_snapshot")
    told.start()
    yield told
    anvil.rpc("evm_setAutomine", True)
    assert anvil.rpc("evm_revert", snapshot)


def grow(story, entries=3):
    story.log.fill(entries)
    return story.log.sign()


def step(story):
    """One turn of the worker's loop: trouble is logged there, a crash starts a new worker."""
    try:
        return story.worker.step()
    except (ChainError, OperationalError):
        return False
    except Killed:
        story.start()
        return False
    finally:
        while story.mining and int(story.chain.rpc("txpool_status")["pending"], 16):
            time.sleep(0.01)  # anvil answers first and mines a moment later


def automine(story, *, on):
    story.chain.rpc("evm_setAutomine", on)
    story.mining = on


def settle(story):
    for _ in range(12):
        moved = step(story)
        story.chain.rpc("anvil_mine", 3)
        head = story.worker.registry.head(story.worker.log_id)
        if not moved and head.tree_size == Checkpoint.objects.first().size and anchor_rows.anchor_open() is None:
            return
    pytest.fail("the worker did not come to rest")


def anchored_sizes(story):
    topics = [
        "0x" + keccak(text="Anchored(bytes32,uint64,uint64,bytes32,bytes32)").hex(),
        "0x" + story.worker.log_id.hex(),
    ]
    logs = story.chain.node.w3.eth.get_logs({"address": story.chain.registry.address, "fromBlock": 0, "topics": topics})
    return [int.from_bytes(entry["topics"][2], "big") for entry in logs]


def check(story):
    """Never two anchors for one size, never one lost, and the chain's head is the newest checkpoint."""
    newest, sizes = Checkpoint.objects.first(), anchored_sizes(story)
    head = story.worker.registry.head(story.worker.log_id)
    assert (head.tree_size, head.root) == (newest.size, bytes(newest.root))
    assert len(sizes) == len(set(sizes)) == head.seq
    final = Anchor.objects.filter(state=Anchor.State.FINAL)
    assert sorted(final.values_list("checkpoint_id", flat=True)) == sorted(sizes)
    assert not Anchor.objects.filter(state=Anchor.State.SIGNED).exists()
    for anchor in final:
        fact = verify_anchor(parse_evidence(anchor.receipt))
        assert (fact.tree_size, fact.root) == (anchor.checkpoint_id, bytes(anchor.checkpoint.root))
        assert anchor.receipt["tx_hash"] == anchor.tx_hash
    mirror = ChainState.objects.get()
    assert (mirror.head_size, bytes(mirror.head_root)) == (newest.size, bytes(newest.root))


# --- the faults -------------------------------------------------------------------------------------------------------


def strike(call, when, error):
    """A crash, or no answer, before or after one call."""

    def fault(story):
        grow(story)
        story.faults.arm(call, when, error)
        for _ in range(4):  # the later steps come once the block is final
            step(story)
            if story.faults.armed is None:
                return
            story.chain.rpc("anvil_mine", 3)
        assert story.faults.armed is None, "the fault never struck"

    return fault


def outage(story):
    """The node is down for long: the lag grows, nothing is queued."""
    grow(story)
    url, story.settings.CHAIN_RPC = story.settings.CHAIN_RPC, "http://127.0.0.1:9"
    down = story.worker.node.w3.provider
    down.endpoint_uri, kept = "http://127.0.0.1:9", down.endpoint_uri
    for _ in range(3):
        with pytest.raises(ChainError):
            story.worker.step()
        grow(story)
    assert not Anchor.objects.exists()
    down.endpoint_uri, story.settings.CHAIN_RPC = kept, url


def duplicate(story):
    """A forgetful twin has anchored this very size with the next nonce but one of ours."""
    newest = grow(story)
    worker = story.worker
    twin = worker.registry.sign_anchor(
        signer=worker.signer, log_id=worker.log_id, root=bytes(newest.root), tree_size=newest.size, prev_root=bytes(32)
    )
    worker.node.send_raw(twin.raw)
    wait_for(worker.node, twin)


def revert(story):
    """Another anchorer of the log is first, after ours was signed: ours is mined and refused."""
    newest = grow(story)
    worker, other = story.worker, LocalSigner(Account.create())
    story.chain.rpc("anvil_setBalance", other.address, hex(10**20))
    worker.registry.set_anchorer(worker.signer, worker.log_id, other.address)
    story.faults.arm("anchor_commit", "after", Killed())
    step(story)
    worker.registry.execute(other, "anchor", worker.log_id, bytes(newest.root), newest.size, bytes(32))
    step(story)
    attempt = AnchorAttempt.objects.get()
    assert not story.worker.node.inclusion(bytes.fromhex(attempt.tx_hash[2:])).succeeded


def nonce_taken(story):
    """Another program uses our key and is faster."""
    grow(story)
    story.faults.arm("anchor_commit", "after", Killed())
    step(story)
    worker = story.worker
    nonce = worker.node.next_nonce(worker.signer.address)
    theirs = worker.node.sign(signer=worker.signer, to=worker.signer.address, data=b"", gas=21_000, nonce=nonce)
    worker.node.send_raw(theirs.raw)
    wait_for(worker.node, theirs)
    assert not story.worker.step() and Anchor.objects.get().state == Anchor.State.SIGNED  # not final yet: not given up
    story.chain.rpc("anvil_mine", 3)
    assert story.worker.step() and Anchor.objects.get().state == Anchor.State.FAILED


def old_nonce(story):
    """A node that is behind names a nonce which is long used."""
    grow(story)
    story.faults.answers = {
        "eth_getTransactionCount": lambda answer: answer | {"result": hex(int(answer["result"], 16) - 1)}
    }
    step(story)
    assert AnchorAttempt.objects.get().nonce == story.worker.node.next_nonce(story.worker.signer.address) - 1


def old_database(story):
    """A backup from before the anchor is restored: the chain knows more than we do, and is believed."""
    newest = grow(story)
    before = transaction.savepoint()
    step(story)
    story.chain.rpc("anvil_mine", 3)
    step(story)
    assert Anchor.objects.get().state == Anchor.State.FINAL
    transaction.savepoint_rollback(before)
    story.start()
    assert not Anchor.objects.exists()
    step(story)
    adopted = Anchor.objects.get()
    assert (adopted.checkpoint_id, adopted.state, bytes(adopted.raw_tx)) == (newest.size, Anchor.State.FINAL, b"")


def reorganised(story):
    """The block with the anchor is dropped before it was final: the same bytes are sent again."""
    grow(story)
    step(story)
    sent = AnchorAttempt.objects.get()
    story.chain.rpc("anvil_reorg", 1, [])
    assert story.worker.node.inclusion(bytes.fromhex(sent.tx_hash[2:])) is None
    story.start()
    step(story)
    assert story.worker.node.inclusion(bytes.fromhex(sent.tx_hash[2:])) is not None
    assert AnchorAttempt.objects.count() == 1


def reorganised_when_final(story):
    """The chain breaks its word and drops what it had called final: it is anchored anew."""
    grow(story)
    step(story)
    story.chain.rpc("anvil_mine", 3)
    assert step(story) and Anchor.objects.get().state == Anchor.State.FINAL
    story.chain.rpc("anvil_reorg", 4, [])
    assert anchored_sizes(story) == []


def stay_behind(story):
    """Sign and send an anchor, and raise the fees so that the next block passes without it."""
    grow(story)
    automine(story, on=False)
    step(story)
    first = AnchorAttempt.objects.get()
    story.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(int(first.max_fee_per_gas) + 10**9))
    story.chain.rpc("evm_mine")
    return first


def stuck(story):
    """The same nonce again, both fees an eighth higher or more (anvil would take 5 %; other nodes would not)."""
    first = stay_behind(story)
    assert step(story)
    second = AnchorAttempt.objects.first()
    assert (second.nonce, second.number) == (first.nonce, 2)
    assert second.max_fee_per_gas * 8 >= first.max_fee_per_gas * 9
    assert second.max_priority_fee_per_gas * 8 >= first.max_priority_fee_per_gas * 9
    automine(story, on=True)


def late_first_attempt(story):
    """The second attempt never reaches the node, and the first is mined after all: its receipt counts."""
    first = stay_behind(story)
    with story.monkeypatch.context() as patch:
        patch.setattr(story.worker.node, "send_raw", lambda raw: None)
        assert step(story) and AnchorAttempt.objects.count() == 2
    story.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(1))
    story.chain.rpc("evm_mine")
    story.chain.node.send_raw(bytes(first.raw_tx))  # some other node of the network had kept it
    story.chain.rpc("anvil_mine", 4)
    story.start()
    assert step(story)
    anchor = Anchor.objects.get()
    assert (anchor.state, anchor.tx_hash) == (Anchor.State.FINAL, first.tx_hash)
    automine(story, on=True)


def standing_still(story):
    """The chain makes no blocks: that is no reason to bid higher."""
    grow(story)
    automine(story, on=False)
    for _ in range(3):
        assert not step(story) and AnchorAttempt.objects.count() == 1
    automine(story, on=True)
    story.chain.rpc("evm_mine")


def fee_spike(story):
    """The market is above the cap: nothing is signed, nothing is queued, until it falls."""
    grow(story)
    story.worker.node.fee_cap_wei = 10**9
    story.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(2 * 10**9))
    story.chain.rpc("evm_mine")
    with pytest.raises(FeeCapReached):
        story.worker.node.fees()
    assert not story.worker.step() and not Anchor.objects.exists()
    story.worker.node.fee_cap_wei = 10**12
    story.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(10**9))
    story.chain.rpc("evm_mine")


def two_workers(story):
    """A second worker commits between our look and our commit: we stand back."""
    grow(story)
    twin, sign = Anchorer(), story.worker._sign
    with story.monkeypatch.context() as patch:
        patch.setattr(story.worker, "_sign", lambda *given: (sign(*given), twin.step())[0])
        with pytest.raises(ChainError, match="another anchor worker"):
            story.worker.step()
    assert AnchorAttempt.objects.count() == 1


def node_behind(story):
    """Behind a load balancer another node answers, which has not seen our final anchor: wait."""
    grow(story)
    step(story)
    story.chain.rpc("anvil_mine", 3)
    step(story)
    grow(story)
    empty = story.worker.registry.head(keccak(b"nothing"))
    with story.monkeypatch.context() as patch:
        patch.setattr(story.worker.registry, "head", lambda log_id, final=False: empty)
        with pytest.raises(NodeBehind):
            story.worker.step()
    assert Anchor.objects.get().state == Anchor.State.FINAL


ROWS = {
    **{f"crash {w} {s}": strike(c, w, Killed()) for s, c in STEPS.items() for w in ("before", "after")},
    **{
        f"down {w} {s}": strike(c, w, OperationalError() if c.startswith("anchor_") else Unreachable())
        for s, c in STEPS.items()
        for w in ("before", "after")
    },
    "node down for long": outage,
    "duplicate": duplicate,
    "revert": revert,
    "nonce too low": nonce_taken,
    "old nonce from the node": old_nonce,
    "old database": old_database,
    "re-org before finality, and restart": reorganised,
    "re-org of what was final": reorganised_when_final,
    "stuck, and bid higher": stuck,
    "first attempt mined after the second was signed": late_first_attempt,
    "chain stands still": standing_still,
    "fee spike": fee_spike,
    "two workers": two_workers,
    "node behind": node_behind,
}


@pytest.mark.parametrize("fault", ROWS.values(), ids=ROWS)
def test_whatever_goes_wrong_each_size_is_anchored_once_and_none_is_lost(story, fault):
    fault(story)
    grow(story, 2)
    settle(story)
    check(story)


def test_who_verifies_between_finality_and_record_misses_no_anchor(story):
    grow(story)
    step(story)
    story.chain.rpc("anvil_mine", 8)
    assert story.worker.registry.head(story.worker.log_id, final=True).tree_size == Checkpoint.objects.first().size
    story.worker.mirror()  # it is due at any time
    assert anchor_rows.anchor_open() is not None and ChainState.objects.get().head_size == 0
    assert verify_ledger().problems == []
    settle(story)
    check(story)
    assert verify_ledger().problems == []
