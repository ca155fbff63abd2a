"""Anchoring on a real chain: py-evm in the worker's own process, in a folder of the test's own."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.db import transaction
from django.utils import timezone

from core.capture import record
from provenance.anchoring import Anchorer
from provenance.chain.connection import ChainOptions, open_chain
from provenance.chain.errors import ChainError
from provenance.chain.signer import LocalSigner
from provenance.models import Anchor, AnchorRequest, ChainState, Entry
from provenance.services import anchor_soon

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def founded(tmp_path_factory):
    """A worker's folder with its key, its chain, the contract and the log on it."""
    folder = tmp_path_factory.mktemp("founded")
    (folder / "keys").mkdir()
    (folder / "keys" / "anchor.passphrase").write_text("for a test")
    options = ChainOptions(
        url=f"embedded://{folder / 'chain' / 'chain.sqlite3'}",
        salt=hashlib.sha256(django_settings.LOG_ORIGIN.encode()).digest(),
        keystore=folder / "keys" / "anchor.json",
        passphrase_file=folder / "keys" / "anchor.passphrase",
    )
    open_chain(options).node.close()
    return folder


@pytest.fixture
def start(settings, tmp_path, founded):
    """Start the anchor worker; starting it again lets go of the first one, as a restart does."""
    shutil.copytree(founded, tmp_path, dirs_exist_ok=True)
    settings.VAR, settings.CHAIN_RPC, settings.ANCHOR_PASSPHRASE_FILE = tmp_path, "", ""
    running: list[Anchorer] = []

    def again() -> Anchorer:
        while running:
            running.pop().node.close()
        running.append(Anchorer())
        return running[0]

    yield again
    for anchorer in running:
        anchorer.node.close()


def test_the_newest_checkpoint_is_anchored_and_final(log, start):
    anchorer = start()
    assert not anchorer.step()  # nothing is signed yet
    log.fill(3)
    log.sign()
    log.fill(4)
    newest = log.sign()
    assert anchorer.step()
    anchor = Anchor.objects.get()
    assert (anchor.checkpoint_id, anchor.state) == (7, Anchor.State.FINAL)
    assert anchor.receipt["tx_hash"] == anchor.tx_hash and anchor.receipt["v"] == 2
    assert anchor.block_number == anchor.receipt["block_number"]
    assert anchor.confirmed_at is not None
    chain = ChainState.objects.get()
    assert (chain.head_size, bytes(chain.head_root), chain.embedded) == (7, bytes(newest.root), True)
    assert anchorer.registry.head(anchorer.log_id).root == bytes(newest.root)


def test_a_second_step_sends_nothing(log, start):
    anchorer = start()
    log.fill(1)
    log.sign()
    assert anchorer.step()
    nonce = anchorer.node.next_nonce(anchorer.signer.address)
    assert not anchorer.step()
    assert anchorer.node.next_nonce(anchorer.signer.address) == nonce
    assert Anchor.objects.count() == 1


def test_anchors_follow_one_another(log, start):
    anchorer = start()
    for _ in range(3):
        log.fill(2)
        log.sign()
        assert anchorer.step()
    anchors = list(Anchor.objects.order_by("checkpoint_id"))
    assert [bytes(a.prev_root) for a in anchors[1:]] == [bytes(a.checkpoint.root) for a in anchors[:-1]]
    assert [a.nonce for a in anchors] == list(range(anchors[0].nonce, anchors[0].nonce + 3))


@pytest.mark.parametrize("sent", [False, True], ids=["before sending", "after sending"])
def test_a_crash_after_the_commit_is_finished_by_the_next_worker(log, start, monkeypatch, sent):
    anchorer = start()
    log.fill(5)
    log.sign()

    def crash(raw):
        if sent:
            type(anchorer.node).send_raw(anchorer.node, raw)
        raise KeyboardInterrupt

    monkeypatch.setattr(anchorer.node, "send_raw", crash)
    with pytest.raises(KeyboardInterrupt):
        anchorer.step()
    left = Anchor.objects.get()
    assert left.state == Anchor.State.SIGNED
    again = start()
    log.fill(5)
    log.sign()  # the log went on meanwhile; what is under way comes first
    assert again.step()
    left.refresh_from_db()
    assert (left.state, left.checkpoint_id) == (Anchor.State.FINAL, 5)
    assert again.step()
    assert ChainState.objects.get().head_size == 10
    assert Anchor.objects.filter(state=Anchor.State.FINAL).count() == 2


def test_a_crash_before_the_commit_leaves_nothing_behind(log, start, monkeypatch):
    anchorer = start()
    log.fill(5)
    log.sign()

    def crash(**fields):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("provenance.anchor_rows.anchor_commit", crash)
        with pytest.raises(KeyboardInterrupt):
            anchorer.step()
    assert not Anchor.objects.exists()
    assert start().step()
    assert ChainState.objects.get().head_size == 5


def test_a_restarted_worker_finds_its_contract_and_its_log(log, start):
    first = start()
    log.fill(1)
    log.sign()
    first.step()
    address, log_id = first.registry.address, first.log_id
    second = start()
    assert (second.registry.address, second.log_id) == (address, log_id)
    assert second.registry.head(log_id).tree_size == 1
    assert not second.step()


def test_a_foreign_root_on_the_chain_stops_anchoring(log, start, monkeypatch):
    anchorer = start()
    log.fill(5)
    log.sign()
    head = anchorer.registry.head(anchorer.log_id)
    monkeypatch.setattr(anchorer.registry, "head", lambda log_id: replace(head, root=b"f" * 32, tree_size=3))
    with pytest.raises(ChainError, match="never signed"):
        anchorer.step()
    assert not Anchor.objects.exists()


def test_a_transaction_that_can_never_be_mined_is_given_up_and_made_anew(log, start, monkeypatch):
    anchorer = start()
    log.fill(5)
    log.sign()

    def robbed(raw):
        nonce = anchorer.node.next_nonce(anchorer.signer.address)
        other = anchorer.node.sign(
            signer=anchorer.signer, to=anchorer.signer.address, data=b"", gas=21_000, nonce=nonce
        )
        for bytes_sent in (other.raw, raw):
            type(anchorer.node).send_raw(anchorer.node, bytes_sent)

    with monkeypatch.context() as patch:
        patch.setattr(anchorer.node, "send_raw", robbed)
        assert anchorer.step()
    assert Anchor.objects.get().state == Anchor.State.FAILED
    assert anchorer.step()
    anchor = Anchor.objects.get()
    assert (anchor.state, anchor.error) == (Anchor.State.FINAL, "")
    assert [attempt.nonce for attempt in anchor.attempts.all()] == [anchor.nonce, anchor.nonce - 1]


def test_a_database_restored_from_before_an_anchor_adopts_it_from_the_chain(log, start):
    anchorer = start()
    log.fill(5)
    log.sign()
    before = transaction.savepoint()
    assert anchorer.step()
    kept = Anchor.objects.get()
    transaction.savepoint_rollback(before)
    again = start()
    assert not Anchor.objects.exists() and not again.step()
    adopted = Anchor.objects.get()
    assert (adopted.tx_hash, adopted.block_number, adopted.state) == (kept.tx_hash, kept.block_number, "final")
    assert adopted.receipt == kept.receipt
    log.fill(1)
    log.sign()
    assert again.step() and ChainState.objects.get().head_size == 6


def test_a_chain_whose_file_was_lost_is_begun_anew_and_says_so(log, start, tmp_path, caplog):
    anchorer = start()
    for _ in range(2):
        log.fill(5)
        log.sign()
        assert anchorer.step()
    anchorer.close()
    shutil.rmtree(tmp_path / "chain")
    again = start()
    assert again.step() and "dropped 2 final anchors" in caplog.text
    states = dict(Anchor.objects.values_list("checkpoint_id", "state"))
    assert states == {5: Anchor.State.FAILED, 10: Anchor.State.FINAL}
    assert ChainState.objects.get().head_size == 10


def test_a_first_start_makes_key_chain_contract_and_log(log, settings, tmp_path):
    settings.VAR, settings.CHAIN_RPC, settings.ANCHOR_PASSPHRASE_FILE = tmp_path, "", ""
    log.fill(1)
    log.sign()
    anchorer = Anchorer()
    assert anchorer.step() and ChainState.objects.get().head_size == 1
    anchorer.close()
    assert (tmp_path / "keys" / "anchor.passphrase").stat().st_mode & 0o777 == 0o600


def test_where_each_anchor_costs_money_they_keep_their_distance(log, start, settings):
    settings.CHAIN_ANCHOR_SECONDS = 3600
    anchorer = start()
    log.fill(1)
    log.sign()
    assert anchorer.step()
    log.fill(1)
    log.sign()
    assert not anchorer.step() and Anchor.objects.count() == 1
    Anchor.objects.update(created_at=timezone.now() - timedelta(seconds=3601))
    assert anchorer.step() and Anchor.objects.count() == 2


def test_what_cannot_wait_is_anchored_at_the_next_step_and_is_then_met(log, start, settings):
    settings.CHAIN_ANCHOR_SECONDS = 3600
    anchorer = start()
    log.fill(1)
    log.sign()
    assert anchorer.step()
    log.fill(1)
    log.sign()
    anchor_soon("a halt")
    assert not anchorer.step()  # on its way into the log
    record(table="provenance", operation="HEARTBEAT", object_id="a halt", body={})
    log.drain()
    asked = Entry.objects.get(object_id="a halt")
    assert not anchorer.step() and Anchor.objects.count() == 1
    log.sign()
    assert anchorer.step()
    assert Anchor.objects.filter(state=Anchor.State.FINAL).first().checkpoint_id == asked.seq + 1
    log.fill(1)
    log.sign()
    assert not anchorer.step() and AnchorRequest.objects.get().met_at is not None


class Courier:
    """Another sender with the anchoring key: busy for a while, now and then in trouble."""

    def __init__(self, anchorer):
        self.anchorer, self.open, self.trouble, self.saw, self.refreshed = anchorer, False, None, [], 0

    def busy(self):
        return self.open

    def refresh(self):
        self.refreshed += 1

    def step(self):
        self.saw.append(Anchor.objects.filter(state=Anchor.State.SIGNED).count())
        if self.trouble:
            raise self.trouble
        return self.open


def test_one_key_never_has_two_transactions_open(log, start, monkeypatch):
    anchorer = start()
    courier = Courier(anchorer)
    anchorer.relays.append(courier)
    log.fill(1)
    log.sign()
    courier.open = True
    assert anchorer.step() and not Anchor.objects.exists()  # theirs is open: no anchor
    courier.open = False
    with monkeypatch.context() as patch:
        patch.setattr(anchorer.node, "is_final", lambda inclusion: False)
        anchorer.step()
        steps = len(courier.saw)
        anchorer.step()
        assert Anchor.objects.get().state == Anchor.State.SIGNED
        assert (len(courier.saw), courier.refreshed) == (steps, 1)  # ours is open: they may read, and not send
    assert anchorer.step() and set(courier.saw) == {0}


def test_trouble_of_a_relay_does_not_stop_the_anchors(log, start, caplog):
    anchorer = start()
    courier = Courier(anchorer)
    courier.trouble = ChainError("no such officer")
    anchorer.relays.append(courier)
    log.fill(1)
    log.sign()
    assert anchorer.step() and Anchor.objects.get().state == Anchor.State.FINAL
    assert "Courier: no such officer" in caplog.text


def test_the_mirror_is_read_again_while_nothing_happens(log, start, monkeypatch):
    anchorer = start()
    first = ChainState.objects.get().read_at
    anchorer.step()
    assert ChainState.objects.get().read_at == first
    monkeypatch.setattr("provenance.anchoring.MIRROR_SECONDS", 0.0)
    anchorer.step()
    assert ChainState.objects.get().read_at > first


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CHAIN_FINALITY", "soon", "finalized or inclusion"),
        ("CHAIN_REGISTRY", "0x12", "registry's address"),
        ("CHAIN_REGISTRY", "0x" + "12" * 20, "got no code"),
        ("CHAIN_LOG_ID", "7", "log's identifier"),
        ("CHAIN_LOG_ID", "0x" + "12" * 32, "set QFL_CHAIN_REGISTRY"),
        ("CHAIN_FEE_CAP_GWEI", 0, "above 0 gwei"),
        ("CHAIN_ID", 5, "expected chain 5"),
        ("CHAIN_RPC", "ftp://node", "chain URL"),
    ],
)
def test_a_setting_that_is_wrong_is_named_and_the_chain_is_let_go(log, start, settings, name, value, said):
    right = getattr(settings, name)
    setattr(settings, name, value)
    with pytest.raises(ChainError, match=said):
        start()
    setattr(settings, name, right)
    start()


def test_a_log_that_another_key_owns_needs_its_owners_leave(log, start, settings, tmp_path):
    owner = start()
    settings.CHAIN_REGISTRY, settings.CHAIN_LOG_ID = owner.registry.address, "0x" + "12" * 32
    with pytest.raises(ChainError, match="its owner must create it"):
        start()
    settings.CHAIN_LOG_ID = "0x" + owner.log_id.hex()
    settings.ANCHOR_KEYSTORE = str(tmp_path / "keys" / "second.json")
    with pytest.raises(ChainError, match="call setAnchorer"):
        start()
    settings.ANCHOR_KEYSTORE = ""
    owner = start()
    second = LocalSigner.from_keystore(tmp_path / "keys" / "second.json", tmp_path / "keys" / "anchor.passphrase")
    owner.registry.set_anchorer(owner.signer, owner.log_id, second.address)
    settings.ANCHOR_KEYSTORE = str(tmp_path / "keys" / "second.json")
    anchorer = start()
    log.fill(1)
    log.sign()
    assert anchorer.signer.address == second.address and anchorer.step()
    assert anchorer.registry.head(owner.log_id).tree_size == 1
