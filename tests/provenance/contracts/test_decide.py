"""Officers' decisions: one halts, a quorum resumes, and no signature serves twice."""

import itertools
import time
from dataclasses import replace

import pytest
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from provenance.chain.decisions import NO_PROPOSER, Decision, SubjectState, Verdict
from provenance.chain.errors import ContractRefused
from provenance.chain.node import Sent
from provenance.chain.registry import wait_for

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SUBJECTS = (number.to_bytes(32, "big") for number in itertools.count(1))


@pytest.fixture(scope="module")
def office(chain):
    """A log with three officers and a quorum of two."""
    chain.log = chain.registry.create_log(chain.owner, chain.salt())
    chain.officers = [chain.signer() for _ in range(3)]  # without gas
    for officer in chain.officers:
        chain.decisions.appoint(chain.owner, chain.log, officer.address)
    chain.decisions.set_quorum(chain.owner, chain.log, 2)
    return chain


def decision(office, subject, verdict, nonce, **change):
    # The embedded chain's clock gains a second a block; an hour is far enough ahead of it here.
    made = Decision(office.log, subject, verdict, b"\6" * 32, office.owner.address, nonce, int(time.time()) + 3600)
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
def approved(office):
    subject = next(SUBJECTS)
    decide(office, subject, Verdict.APPROVE, 0, office.officers[:2])
    return subject


def test_the_digest_officers_sign_is_the_contracts(office):
    made = decision(office, next(SUBJECTS), Verdict.APPROVE, 0)
    message = encode_typed_data(full_message=office.decisions.typed_data(made))
    assert keccak(b"\x19" + message.version + message.header + message.body) == office.registry.read(
        "digestOf", made.as_tuple()
    )
    signature = office.decisions.sign(made, office.officers[0])
    assert office.decisions.signer_of(made, signature) == office.officers[0].address


def test_one_officer_halts_and_a_quorum_resumes(office, approved):
    (event,) = decide(office, approved, Verdict.HALT, 1, office.officers[2:], proposer=NO_PROPOSER)
    assert (event.verdict, event.state, event.officers) == (
        Verdict.HALT,
        SubjectState.HALTED,
        (office.officers[2].address,),
    )
    assert refused(office, approved, Verdict.RESUME, 2, office.officers[:1]) == "QuorumNotMet"
    assert office.decisions.subject(office.log, approved).state is SubjectState.HALTED
    decide(office, approved, Verdict.RESUME, 2, office.officers)
    after = office.decisions.subject(office.log, approved)
    assert (after.state, after.nonce) == (SubjectState.APPROVED, 3) and after.time > 0


def test_revoking_takes_a_quorum_and_is_for_good(office, approved):
    assert refused(office, approved, Verdict.REVOKE, 1, office.officers[:1]) == "QuorumNotMet"
    decide(office, approved, Verdict.REVOKE, 1, office.officers[1:])
    for verdict in Verdict:
        assert refused(office, approved, verdict, 2, office.officers[:2]) == "WrongState"


@pytest.mark.parametrize("verdict", [Verdict.HALT, Verdict.RESUME, Verdict.REVOKE])
def test_what_was_never_approved_cannot_be_halted_resumed_or_revoked(office, verdict):
    assert refused(office, next(SUBJECTS), verdict, 0, office.officers[:2]) == "WrongState"


def test_an_approval_stands_once(office, approved):
    assert refused(office, approved, Verdict.APPROVE, 1, office.officers[:2]) == "WrongState"


def test_the_proposer_does_not_sign_and_must_be_named(office):
    subject, officers = next(SUBJECTS), office.officers[:2]
    assert refused(office, subject, Verdict.APPROVE, 0, officers, proposer=officers[0].address) == "SelfDecision"
    assert refused(office, subject, Verdict.APPROVE, 0, officers, proposer=NO_PROPOSER) == "ProposerMissing"


def test_a_signature_serves_one_decision(office, approved):
    made = decision(office, approved, Verdict.HALT, 1)
    signatures = [office.decisions.sign(made, office.officers[0])]
    decide(office, approved, Verdict.HALT, 1, office.officers[:1])
    decide(office, approved, Verdict.RESUME, 2, office.officers[:2])
    assert refused_raw(office, made, signatures) == "WrongNonce"
    for change in ({"nonce": 3}, {"verdict": Verdict.REVOKE, "nonce": 3}, {"commitment": b"\7" * 32, "nonce": 3}):
        assert refused_raw(office, replace(made, **change), signatures) in {"NotOfficer", "QuorumNotMet"}


def test_an_expired_signature_is_void(office, approved):
    assert refused(office, approved, Verdict.HALT, 1, office.officers[:1], expires_at=int(time.time()) - 1) == "Expired"


def test_a_stranger_and_a_dismissed_officer_do_not_decide(office, approved):
    assert refused(office, approved, Verdict.HALT, 1, [office.signer()]) == "NotOfficer"
    former = office.signer()
    office.decisions.appoint(office.owner, office.log, former.address)
    office.decisions.appoint(office.owner, office.log, former.address, on=False)
    assert refused(office, approved, Verdict.HALT, 1, [former]) == "NotOfficer"


def test_one_officer_is_not_two(office):
    made = decision(office, next(SUBJECTS), Verdict.APPROVE, 0)
    signature = office.decisions.sign(made, office.officers[0])
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    mirrored = r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v])  # the same signature's other form
    assert refused_raw(office, made, [signature, signature]) == "SignersNotAscending"
    assert refused_raw(office, made, [signature, mirrored]) == "BadSignature"
    assert refused_raw(office, made, [signature[:64], signature]) == "BadSignature"
    assert refused_raw(office, made, [bytes(65), signature]) == "BadSignature"
    assert refused_raw(office, made, [signature] * 17) == "TooManySignatures"


def test_signatures_for_another_log_or_chain_do_not_count(office, approved):
    made = decision(office, approved, Verdict.HALT, 1)
    elsewhere = made.typed_data(chain_id=office.node.chain_id + 1, registry=office.registry.address)
    assert refused_raw(office, made, [office.officers[0].sign_typed_data(elsewhere)]) == "NotOfficer"
    other_log = office.registry.create_log(office.owner, office.salt())
    foreign = replace(made, log_id=other_log)
    assert refused_raw(office, foreign, [office.decisions.sign(foreign, office.officers[0])]) in {
        "WrongNonce",
        "NotOfficer",
    }


def test_without_a_quorum_set_nothing_is_approved(office):
    log_id = office.registry.create_log(office.owner, office.salt())
    for officer in office.officers[:2]:
        office.decisions.appoint(office.owner, log_id, officer.address)
    assert refused(office, next(SUBJECTS), Verdict.APPROVE, 0, office.officers[:2], log_id=log_id) == "QuorumNotMet"
