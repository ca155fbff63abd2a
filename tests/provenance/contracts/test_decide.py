"""Decisions: one proposes, others approve, one halts, a quorum resumes, and no signature serves twice."""

import itertools
import time
from dataclasses import replace

import pytest
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from provenance.chain.errors import ContractRefused
from provenance.chain.node import Sent
from provenance.chain.registry import wait_for
from provenance.domain.decision import NOBODY, SubjectState, Verdict
from tests.factories.office import Decision

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SUBJECTS = (number.to_bytes(32, "big") for number in itertools.count(1))


@pytest.fixture(scope="module")
def office(chain):
    """A log with three officers, a quorum of two, and a proposer."""
    chain.log = chain.registry.create_log(chain.owner, chain.salt())
    chain.officers = [chain.signer() for _ in range(3)]  # without gas
    for officer in chain.officers:
        chain.decisions.appoint(chain.owner, chain.log, officer.address)
    chain.decisions.set_quorum(chain.owner, chain.log, 2)
    chain.proposer = chain.signer()
    chain.decisions.register(chain.owner, chain.log, chain.proposer.address)
    return chain


def decision(office, subject, verdict, nonce, **change):
    # The embedded chain's clock gains a second a block; an hour is far enough ahead of it here.
    made = Decision(office.log, subject, verdict, b"\6" * 32, office.proposer.address, nonce, int(time.time()) + 3600)
    return replace(made, **change)


def decide(office, subject, verdict, nonce, officers, **change):
    made = decision(office, subject, verdict, nonce, **change)
    signed = office.decisions.sign_decide(made, [office.decisions.sign(made, o) for o in officers], office.owner)
    assert office.node.send_raw(signed.raw) is Sent.ACCEPTED
    return office.decisions.decided(wait_for(office.node, signed))


def refused(office, *arguments, **change):
    with pytest.raises(ContractRefused) as caught:
        decide(office, *arguments, **change)
    return caught.value.name


def refused_raw(office, made, signatures):
    with pytest.raises(ContractRefused) as caught:
        office.registry.sign_call(office.owner, "decide", made.as_tuple(), signatures)
    return caught.value.name


@pytest.fixture
def proposed(office):
    subject = next(SUBJECTS)
    decide(office, subject, Verdict.PROPOSE, 0, [office.proposer])
    return subject


@pytest.fixture
def approved(office, proposed):
    decide(office, proposed, Verdict.APPROVE, 1, office.officers[:2])
    return proposed


def test_the_digest_officers_sign_is_the_contracts(office):
    made = decision(office, next(SUBJECTS), Verdict.APPROVE, 0)
    message = encode_typed_data(full_message=office.decisions.typed_data(made))
    assert keccak(b"\x19" + message.version + message.header + message.body) == office.registry.read(
        "digestOf", made.as_tuple()
    )
    signature = office.decisions.sign(made, office.officers[0])
    assert office.decisions.signer_of(made, signature) == office.officers[0].address


def test_one_officer_halts_and_a_quorum_resumes(office, approved):
    (event,) = decide(office, approved, Verdict.HALT, 2, office.officers[2:])
    assert (event.verdict, event.state, event.signers) == (
        Verdict.HALT,
        SubjectState.HALTED,
        (office.officers[2].address,),
    )
    assert refused(office, approved, Verdict.RESUME, 3, office.officers[:1]) == "QuorumNotMet"
    assert office.decisions.subject(office.log, approved).state is SubjectState.HALTED
    decide(office, approved, Verdict.RESUME, 3, office.officers)
    after = office.decisions.subject(office.log, approved)
    assert (after.state, after.nonce) == (SubjectState.APPROVED, 4) and after.time > 0


def test_revoking_takes_a_quorum_and_is_for_good(office, approved):
    assert refused(office, approved, Verdict.REVOKE, 2, office.officers[:1]) == "QuorumNotMet"
    decide(office, approved, Verdict.REVOKE, 2, office.officers[1:])
    for verdict in Verdict:
        assert refused(office, approved, verdict, 3, office.officers[:2]) == "WrongState"


@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.HALT, Verdict.RESUME, Verdict.REVOKE])
def test_what_nobody_proposed_cannot_be_decided_on(office, verdict):
    assert refused(office, next(SUBJECTS), verdict, 0, office.officers[:2], proposer=NOBODY) == "WrongState"


@pytest.mark.parametrize("verdict", [Verdict.PROPOSE, Verdict.HALT, Verdict.RESUME])
def test_what_is_only_proposed_is_approved_or_revoked_and_nothing_else(office, proposed, verdict):
    assert refused(office, proposed, verdict, 1, office.officers[:2]) == "WrongState"


def test_a_proposal_can_be_turned_down_for_good(office, proposed):
    (event,) = decide(office, proposed, Verdict.REVOKE, 1, office.officers[:2])
    assert event.state is SubjectState.REVOKED


def test_an_approval_stands_once(office, approved):
    assert refused(office, approved, Verdict.APPROVE, 2, office.officers[:2]) == "WrongState"


def test_a_proposal_is_signed_by_its_registered_proposer_alone(office):
    subject, proposer, officer = next(SUBJECTS), office.proposer, office.officers[0]
    assert refused(office, subject, Verdict.PROPOSE, 0, [officer]) == "ProposerMismatch"
    assert refused(office, subject, Verdict.PROPOSE, 0, [officer], proposer=officer.address) == "NotProposer"
    assert refused(office, subject, Verdict.PROPOSE, 0, [proposer, officer]) == "TooManySignatures"
    assert refused(office, subject, Verdict.PROPOSE, 0, []) == "QuorumNotMet"
    (event,) = decide(office, subject, Verdict.PROPOSE, 0, [proposer])
    assert (event.state, event.signers) == (SubjectState.PROPOSED, (proposer.address,))
    assert office.decisions.subject(office.log, subject).proposer == proposer.address


def test_an_officer_who_proposed_does_not_decide_but_may_halt(office):
    subject, (own, *others) = next(SUBJECTS), office.officers
    office.decisions.register(office.owner, office.log, own.address)
    by_own = {"proposer": own.address}
    decide(office, subject, Verdict.PROPOSE, 0, [own], **by_own)
    assert refused(office, subject, Verdict.APPROVE, 1, office.officers, **by_own) == "SelfDecision"
    assert refused(office, subject, Verdict.APPROVE, 1, others) == "ProposerMismatch"
    decide(office, subject, Verdict.APPROVE, 1, others, **by_own)
    decide(office, subject, Verdict.HALT, 2, [own], **by_own)
    assert refused(office, subject, Verdict.RESUME, 3, [own, others[0]], **by_own) == "SelfDecision"
    office.decisions.register(office.owner, office.log, own.address, on=False)
    assert refused(office, subject, Verdict.RESUME, 3, [own, others[0]], **by_own) == "SelfDecision"


def test_a_signature_serves_one_decision(office, approved):
    made = decision(office, approved, Verdict.HALT, 2)
    signatures = [office.decisions.sign(made, office.officers[0])]
    decide(office, approved, Verdict.HALT, 2, office.officers[:1])
    decide(office, approved, Verdict.RESUME, 3, office.officers[:2])
    assert refused_raw(office, made, signatures) == "WrongNonce"
    for change in ({"nonce": 4}, {"verdict": Verdict.REVOKE, "nonce": 4}, {"commitment": b"\7" * 32, "nonce": 4}):
        assert refused_raw(office, replace(made, **change), signatures) in {"NotOfficer", "QuorumNotMet"}


def test_an_expired_signature_is_void(office, approved):
    assert refused(office, approved, Verdict.HALT, 2, office.officers[:1], expires_at=int(time.time()) - 1) == "Expired"


def test_a_stranger_and_a_dismissed_officer_do_not_decide(office, approved):
    assert refused(office, approved, Verdict.HALT, 2, [office.signer()]) == "NotOfficer"
    former = office.signer()
    office.decisions.appoint(office.owner, office.log, former.address)
    office.decisions.appoint(office.owner, office.log, former.address, on=False)
    assert refused(office, approved, Verdict.HALT, 2, [former]) == "NotOfficer"


def test_one_officer_is_not_two(office, proposed):
    made = decision(office, proposed, Verdict.APPROVE, 1)
    signature = office.decisions.sign(made, office.officers[0])
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    mirrored = r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v])  # the same signature's other form
    assert refused_raw(office, made, [signature, signature]) == "SignersNotAscending"
    assert refused_raw(office, made, [signature, mirrored]) == "BadSignature"
    assert refused_raw(office, made, [signature[:64], signature]) == "BadSignature"
    assert refused_raw(office, made, [bytes(65), signature]) == "BadSignature"
    assert refused_raw(office, made, [signature] * 17) == "TooManySignatures"


def test_signatures_for_another_log_or_chain_do_not_count(office, approved):
    made = decision(office, approved, Verdict.HALT, 2)
    elsewhere = made.typed_data(chain_id=office.node.chain_id + 1, registry=office.registry.address)
    assert refused_raw(office, made, [office.officers[0].sign_typed_data(elsewhere)]) == "NotOfficer"
    other_log = office.registry.create_log(office.owner, office.salt())
    foreign = replace(made, log_id=other_log)
    assert refused_raw(office, foreign, [office.decisions.sign(foreign, office.officers[0])]) in {
        "WrongNonce",
        "NotOfficer",
    }


def test_without_a_quorum_set_nothing_is_approved(office):
    log_id, subject = office.registry.create_log(office.owner, office.salt()), next(SUBJECTS)
    for officer in office.officers[:2]:
        office.decisions.appoint(office.owner, log_id, officer.address)
    office.decisions.register(office.owner, log_id, office.proposer.address)
    decide(office, subject, Verdict.PROPOSE, 0, [office.proposer], log_id=log_id)
    assert refused(office, subject, Verdict.APPROVE, 1, office.officers[:2], log_id=log_id) == "QuorumNotMet"
