"""Decisions and appointments reach the contract: once, in turn, and whatever dies in between."""

import time
from contextlib import suppress
from datetime import timedelta

import pytest
from django.utils import timezone

from provenance import decisions, officers, subjects
from provenance.chain.errors import NodeUnavailable
from provenance.domain.decision import SubjectState, Verdict
from provenance.models_decisions import ChainDecision, ChainErrand, ChainSubject, DecisionSignature
from provenance.relaying import Relayer
from tests.factories.chain import key_of, make_chain, sign_digest
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db
DIGEST = "ab" * 32


@pytest.fixture
def people():
    return make_people()


@pytest.fixture
def world(people, tmp_path):
    made = make_chain(tmp_path)
    made.enrol(people.administrator, people.officer_north, people.officer_south)
    made.settle()
    yield made
    made.registry.node.close()


@pytest.fixture
def decide(world, people):
    """Open a decision, let its people sign it, and let the relayer carry it."""

    def run(verdict, *signers, settle=True, **changes):
        default = [people.administrator] if verdict is Verdict.PROPOSE else [people.officer_north, people.officer_south]
        signers = signers or default
        values = {"object_id": "dep-1", "content_digest": DIGEST, "rationale": "Because.", **changes}
        decision = decisions.decision_propose(verdict=verdict, actor=signers[0], **values)
        for signer in signers:
            world.sign(decision, signer)
        if settle:
            world.settle()
        decision.refresh_from_db()
        return decision

    return run


def on_chain(world, decision):
    return world.relayer.decisions.subject(world.log_id, bytes.fromhex(decision.subject[2:]))


def test_the_offices_on_the_chain_follow_the_register(world, people):
    chain, north = world.relayer.decisions, world.keys[people.officer_north.id].address
    assert chain.quorum(world.log_id) == (2, 2)
    assert chain.is_officer(world.log_id, north) and not chain.is_proposer(world.log_id, north)
    assert chain.is_proposer(world.log_id, world.keys[people.administrator.id].address)
    sent = world.transactions()
    world.relayer._compared = float("-inf")
    world.settle()
    assert world.transactions() == sent  # nothing to change, nothing sent
    officers.officer_key_revoke(key=officers.live_key(people.officer_north.id), actor=people.administrator, reason="x")
    people.officer_south.memberships.update(is_active=False)  # who loses the role loses the office
    world.settle()
    assert not chain.is_officer(world.log_id, north) and chain.quorum(world.log_id) == (2, 0)


def test_a_model_is_proposed_approved_halted_by_one_and_resumed_by_two(world, people, decide):
    proposal = decide(Verdict.PROPOSE)
    assert proposal.state == "final" and proposal.tx_hash and proposal.block_number
    approval = decide(Verdict.APPROVE)
    assert on_chain(world, approval).state is SubjectState.APPROVED
    view = subjects.subject_state(object_id="dep-1")
    assert (view.state, view.nonce, view.proposer) == (SubjectState.APPROVED, 2, proposal.proposer)
    halt = decide(Verdict.HALT, people.officer_south)
    assert halt.state == "final" and subjects.subject_state(object_id="dep-1").state is SubjectState.HALTED
    decide(Verdict.RESUME)
    assert subjects.subject_state(object_id="dep-1").state is SubjectState.APPROVED
    decide(Verdict.REVOKE)
    assert on_chain(world, halt).state is SubjectState.REVOKED
    assert ChainErrand.objects.exclude(state="final").count() == 0


def test_the_mirror_shows_what_somebody_else_carried(world, people, decide):
    """An officer needs nobody's leave to halt: any account with gas carries the signature."""
    decide(Verdict.PROPOSE)
    decide(Verdict.APPROVE)
    halt = decide(Verdict.HALT, people.officer_north, settle=False)
    waiting = decide(Verdict.REVOKE, settle=False)
    chain, signature = world.relayer.decisions, halt.signatures.get().signature
    values = list(decisions.typed_data(halt)["message"].values())
    world.registry.execute(world.signer, "decide", values, [signature])
    world.relayer.mirror()
    assert subjects.subject_state(object_id="dep-1").state is SubjectState.HALTED
    halt.refresh_from_db()
    waiting.refresh_from_db()
    assert (halt.state, waiting.state) == ("failed", "failed") and "recorded first" in waiting.error
    assert not world.settle() and chain.subject(world.log_id, bytes.fromhex(halt.subject[2:])).nonce == 3


@pytest.mark.parametrize("dies", ["before sending", "while sending", "after sending", "before the receipt counts"])
def test_a_relayer_that_dies_sends_the_same_bytes_and_decides_once(world, people, decide, monkeypatch, dies):
    decision = decide(Verdict.PROPOSE, settle=False)
    node, before = world.registry.node, world.transactions()
    real_send, real_final = node.send_raw, node.is_final

    def send(raw):
        if dies == "before sending":
            raise NodeUnavailable("down")
        real_send(raw)
        if dies == "while sending":
            raise NodeUnavailable("the answer was lost")

    monkeypatch.setattr(node, "send_raw", send)
    monkeypatch.setattr(node, "is_final", lambda inclusion: dies == "after sending" and real_final(inclusion))
    if dies == "after sending":
        monkeypatch.setattr(Relayer, "_finish", lambda *_: (_ for _ in ()).throw(NodeUnavailable("killed")))
    with suppress(NodeUnavailable):
        world.relayer.step()
    decision.refresh_from_db()
    assert decision.state == "sent" and world.relayer.busy()
    raw = ChainErrand.objects.get(state="signed").attempts[0]["raw"]
    monkeypatch.undo()
    world.relayer = Relayer(world.registry, world.signer, world.log_id)  # another process
    world.settle()
    decision.refresh_from_db()
    assert decision.state == "final" and not world.relayer.busy()
    assert world.transactions() == before + 1
    assert ChainErrand.objects.get(decision=decision).attempts[0]["raw"] == raw


def test_a_nonce_that_an_unknown_transaction_took_is_signed_anew(world, decide, monkeypatch):
    decision, node = decide(Verdict.PROPOSE, settle=False), world.registry.node
    monkeypatch.setattr(node, "send_raw", lambda raw: (_ for _ in ()).throw(NodeUnavailable("down")))
    with pytest.raises(NodeUnavailable):
        world.relayer.step()
    monkeypatch.undo()
    world.registry.execute(world.signer, "createLog", b"\x09" * 32)  # takes the nonce of the decision
    world.settle()
    decision.refresh_from_db()
    assert decision.state == "final"
    assert sorted(ChainErrand.objects.filter(decision=decision).values_list("state", flat=True)) == ["failed", "final"]


def test_a_stuck_transaction_is_signed_again_for_more_with_the_same_nonce(world, decide, settings, monkeypatch):
    decision, node = decide(Verdict.PROPOSE, settle=False), world.registry.node
    settings.CHAIN_STUCK_SECONDS = 0
    sent, real = [], node.send_raw
    monkeypatch.setattr(node, "send_raw", sent.append)
    world.relayer.step()
    errand = ChainErrand.objects.get(state="signed")
    first, second = errand.attempts
    assert [raw.hex() for raw in sent] == [first["raw"], second["raw"]]
    assert int(second["max_fee"]) >= 1.125 * int(first["max_fee"])
    real(bytes.fromhex(first["raw"]))  # the earlier bytes were mined after all: they count
    monkeypatch.setattr(node, "send_raw", real)
    world.settle()
    decision.refresh_from_db()
    assert decision.state == "final" and decision.tx_hash == "0x" + first["tx_hash"]


def test_what_the_contract_refuses_fails_with_its_reason_and_blocks_nothing(world, people, decide):
    proposal = decide(Verdict.PROPOSE)
    approval = decide(Verdict.APPROVE, settle=False)
    south = world.keys[people.officer_south.id].address
    world.registry.execute(world.signer, "setOfficer", world.log_id, south, False)  # behind the register's back
    other = decide(Verdict.PROPOSE, object_id="dep-2", settle=False)
    world.settle()
    approval.refresh_from_db()
    other.refresh_from_db()
    assert approval.state == "failed" and "NotOfficer" in approval.error
    assert other.state == "final"
    assert on_chain(world, proposal).state is SubjectState.PROPOSED
    world.relayer._compared = float("-inf")
    world.settle()  # the office is restored, and the decision can be opened again
    assert decide(Verdict.APPROVE).state == "final"


def test_an_expired_decision_is_not_sent(world, decide):
    decision = decide(Verdict.PROPOSE, settle=False)
    ChainDecision.objects.filter(id=decision.id).update(expires_at=timezone.now() - timedelta(seconds=1))
    before = world.transactions()
    world.settle()
    decision.refresh_from_db()
    assert decision.state == "expired" and world.transactions() == before


def test_what_expired_does_not_stand_in_the_way_of_what_follows(world, decide):
    first = decide(Verdict.PROPOSE, settle=False)
    world.relayer.mirror()
    ChainDecision.objects.filter(id=first.id).update(state="expired")
    world.relayer.mirror()
    second = decide(Verdict.PROPOSE)
    world.relayer.mirror()
    assert second.state == "final" and second.subject != first.subject
    row = ChainSubject.objects.get()
    assert (row.subject, row.state) == (second.subject, SubjectState.PROPOSED)
    assert subjects.subject_state(object_id="dep-1").state is SubjectState.PROPOSED


def test_a_signature_put_into_the_database_by_force_convinces_no_contract(world, people, decide):
    """Whoever owns the database still cannot approve: the contract recovers the signers itself."""
    decide(Verdict.PROPOSE)
    made = decisions.decision_propose(
        object_id="dep-1", content_digest=DIGEST, verdict=Verdict.APPROVE, rationale="x", actor=people.officer_north
    )
    world.sign(made, people.officer_north)
    forged = sign_digest(key_of(666), decisions.message_of(made).digest())
    south = world.keys[people.officer_south.id].address
    DecisionSignature.objects.create(decision=made, officer=people.officer_south, address=south, signature=forged)
    ChainDecision.objects.filter(id=made.id).update(state="ready")
    world.settle()
    made.refresh_from_db()
    assert made.state == "failed" and on_chain(world, made).state is SubjectState.PROPOSED


def test_an_approval_counts_once_it_is_final_but_a_halt_at_once(world, decide, monkeypatch):
    decide(Verdict.PROPOSE)
    decide(Verdict.APPROVE)
    chain = world.relayer.decisions
    real = chain.subject
    behind = real(world.log_id, bytes.fromhex(ChainSubject.objects.get().subject[2:]))

    def lagging(log_id, subject, *, final=False):
        found = real(log_id, subject)
        return type(found)(SubjectState.PROPOSED, 1, 1, found.proposer) if final else found

    monkeypatch.setattr(chain, "subject", lagging)
    world.relayer.mirror()
    assert subjects.subject_state(object_id="dep-1").state is SubjectState.PROPOSED
    assert subjects.subject_state(object_id="dep-1").nonce == behind.nonce == 2


def test_the_relayer_is_quiet_when_there_is_nothing_to_do(world):
    started, sent = time.monotonic(), world.transactions()
    assert not any(world.relayer.step() for _ in range(20))
    assert world.transactions() == sent and time.monotonic() - started < 2
