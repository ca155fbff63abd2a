"""Anchors and decisions share a key on anvil, where no block is final at once: one transaction open, none lost."""

import hashlib

import pytest
from django.conf import settings as django_settings

from provenance import decisions, subjects
from provenance.anchoring import Anchorer
from provenance.chain.signer import LocalSigner
from provenance.domain.decision import SubjectState, Verdict
from provenance.models import Anchor
from provenance.models_decisions import ChainDecision, ChainErrand
from provenance.relaying import Relayer
from tests.factories.chain import World
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker(anvil, log, settings, tmp_path):
    """The anchor worker with a relayer, on a chain that finalises two blocks late."""
    settings.VAR, settings.CHAIN_RPC, settings.CHAIN_REGISTRY = tmp_path, anvil.url, anvil.registry.address
    settings.ANCHOR_PASSPHRASE_FILE, settings.CHAIN_STUCK_SECONDS = "", 3600
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/anchor.passphrase").write_text("for a test")
    files = (tmp_path / "keys/anchor.json", tmp_path / "keys/anchor.passphrase")
    signer = LocalSigner.from_keystore(*files, scrypt_n=2**10)
    anvil.rpc("anvil_setBalance", signer.address, hex(10**20))
    log_id = anvil.registry.create_log(signer, hashlib.sha256(django_settings.LOG_ORIGIN.encode()).digest())
    anvil.registry.set_anchorer(signer, log_id, signer.address)
    anvil.rpc("anvil_mine", 8)

    def start():
        made = Anchorer()
        made.relays.append(Relayer(made.registry, made.signer, made.log_id))
        return made

    made = start()
    made.again = start
    yield made
    made.close()


def open_transactions():
    anchors, errands = Anchor.objects.filter(state="signed"), ChainErrand.objects.filter(state="signed")
    return anchors.count() + errands.count()


def test_anchors_and_decisions_take_turns_through_a_reorganisation(worker, anvil, log):
    people = make_people()
    world = World(worker.registry, worker.signer, worker.log_id, worker.relays[0])
    world.enrol(people.administrator, people.officer_north, people.officer_south)
    first = worker.node.next_nonce(worker.signer.address)
    proposal = decisions.decision_propose(
        object_id="dep-1", content_digest="ab" * 32, verdict=Verdict.PROPOSE, rationale="x", actor=people.administrator
    )
    world.sign(proposal, people.administrator)
    log.fill(3)
    reorganised = False
    for turn in range(80):
        if turn % 10 == 0:
            log.sign()
            log.fill(1)
        worker.step()
        assert open_transactions() <= 1
        sent = ChainErrand.objects.filter(state="signed", decision=proposal).first()
        if sent is not None and not reorganised:
            assert worker.relays[0].busy()
            anvil.rpc("anvil_reorg", 1, [])  # the receipt vanishes; the same bytes bring it back
            assert worker.node.inclusion(bytes.fromhex(sent.attempts[0]["tx_hash"])) is None
            worker.relays[:] = worker.again().relays  # and the worker is another one
            reorganised = True
        else:
            anvil.rpc("anvil_mine", 1)
    proposal.refresh_from_db()
    assert reorganised and proposal.state == ChainDecision.State.FINAL
    errand = ChainErrand.objects.get(decision=proposal)
    assert len(errand.attempts) == 1 and proposal.tx_hash == "0x" + errand.attempts[0]["tx_hash"]
    worker.relays[0].mirror()
    assert subjects.subject_state(object_id="dep-1").state is SubjectState.PROPOSED
    used = sorted(
        [*Anchor.objects.values_list("nonce", flat=True), *ChainErrand.objects.values_list("nonce", flat=True)]
    )
    assert used == list(range(first, first + len(used))) and Anchor.objects.filter(state="final").count() >= 3
