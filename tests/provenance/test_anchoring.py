"""Anchoring on a real chain: py-evm in the worker's own process, in a folder of the test's own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provenance.anchoring import Anchorer
from provenance.chain.errors import ChainError
from provenance.models import Anchor, ChainState

pytestmark = pytest.mark.django_db


@pytest.fixture
def start(settings, tmp_path):
    """Start the anchor worker; starting it again lets go of the first one, as a restart does."""
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
