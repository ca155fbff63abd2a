"""Decisions and officers' keys, as far as they go without a chain."""

import json
from datetime import timedelta

import pytest
from django.core import signing
from django.db import connection
from django.test import Client
from django.utils import timezone
from eth_account.messages import encode_defunct, encode_typed_data
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Membership, User
from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role
from provenance import decisions, officers, subjects
from provenance.domain.decision import (
    LEADS,
    Message,
    Place,
    SubjectState,
    Verdict,
    message_from,
    personal_digest,
    subject_commitment,
)
from provenance.domain.errors import LedgerError
from provenance.models import ChainState
from provenance.models_decisions import ChainDecision, ChainSubject, OfficerKey
from tests.factories.chain import chain_state, key_of, register, sign_digest
from tests.factories.people import make_people, make_user

DIGEST = "ab" * 32
hexes = st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex())
messages = st.builds(
    Message,
    place=st.builds(Place, st.integers(1, 2**62), st.just(key_of(5).address), hexes),
    subject=hexes,
    verdict=st.sampled_from(Verdict),
    commitment=hexes,
    proposer=st.just(key_of(6).address),
    nonce=st.integers(0, 2**40),
    expires_at=st.integers(0, 2**40),
)


@given(messages)
def test_the_digest_is_the_one_that_wallets_sign(message):
    encoded = encode_typed_data(full_message=message.typed_data())
    assert message.digest() == keccak(b"\x19" + encoded.version + encoded.header + encoded.body)
    assert message_from(message.typed_data()) == message


@given(st.text())
def test_a_challenge_is_signed_as_wallets_sign_texts(text):
    encoded = encode_defunct(text=text)
    assert personal_digest(text) == keccak(b"\x19" + encoded.version + encoded.header + encoded.body)


@given(messages, st.sampled_from(["extra", "type", "domain", "short", "verdict"]))
def test_typed_data_of_anything_else_is_refused(message, fault):
    typed = message.typed_data()
    if fault == "extra":
        typed["message"]["permit"] = 1
    elif fault == "type":
        typed["primaryType"] = "Permit"
    elif fault == "domain":
        typed["domain"]["name"] = "Another"
    elif fault == "short":
        typed["message"]["subject"] = "0x00"
    else:
        typed["message"]["verdict"] = 9
    with pytest.raises(LedgerError):
        message_from(typed)


def test_a_commitment_shows_nothing_and_binds_content():
    salt = bytes(32)
    one = subject_commitment(salt=salt, object_id="a", content_digest="b")
    assert one != subject_commitment(salt=salt, object_id="a", content_digest="c")
    assert one != subject_commitment(salt=b"\1" * 32, object_id="a", content_digest="b")
    with pytest.raises(LedgerError):
        subject_commitment(salt=b"", object_id="a", content_digest="b")


@pytest.fixture
def people(db):
    chain_state()
    made = make_people()
    made.keys = {
        user.id: key_of(number)
        for number, user in enumerate(
            (made.administrator, made.administrator2, made.officer_north, made.officer_south, made.outsider), 100
        )
    }
    for user in (made.administrator, made.officer_north, made.officer_south):
        register(user, made.keys[user.id])
    return made


def opened(people, verdict=Verdict.PROPOSE, actor=None, **changes):
    values = {"object_id": "dep-1", "content_digest": DIGEST, "rationale": "The audit passed.", **changes}
    actor = actor or (people.administrator if verdict is Verdict.PROPOSE else people.officer_north)
    return decisions.decision_propose(verdict=verdict, actor=actor, **values)


def sign(people, decision, user, key=None):
    signature = sign_digest(key or people.keys[user.id], decisions.message_of(decision).digest())
    return decisions.decision_sign(decision=decision, signature=signature, actor=user)


def stands(decision, state, nonce, **changes):
    """Let the mirror say where the subject stands."""
    defaults = {"object_id": decision.object_id, "state": int(state), "nonce": nonce, "proposer": decision.proposer}
    ChainDecision.objects.filter(id=decision.id).update(state="final")
    ChainSubject.objects.update_or_create(subject=decision.subject, defaults=defaults | changes)


# --- keys ----------------------------------------------------------------------------------------------------------


def test_a_key_is_registered_by_signing_a_challenge(people):
    key = officers.live_key(people.officer_north.id)
    assert key.address == people.keys[people.officer_north.id].address
    assert officers.offices()[key.address] == (True, False)
    assert officers.offices()[people.keys[people.administrator.id].address] == (False, True)


@pytest.mark.parametrize("fault", ["other key", "other person", "changed", "old", "short", "mirrored", "role"])
def test_a_key_is_not_registered_without_showing_it(people, fault, monkeypatch):
    user, account = people.outsider, people.keys[people.outsider.id]
    challenge = officers.officer_key_challenge(user=user, address=account.address)
    signature = sign_digest(key_of(9) if fault == "other key" else account, personal_digest(challenge))
    if fault == "other person":
        user = people.administrator2
    elif fault == "changed":
        challenge = challenge.replace("sign decisions", "sign cheques")
        signature = sign_digest(account, personal_digest(challenge))
    elif fault == "old":
        monkeypatch.setattr(officers, "CHALLENGE_SECONDS", -1)
    elif fault == "short":
        signature = signature[:-2]
    elif fault == "mirrored":
        order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
        s = order - int(signature[66:130], 16)
        signature = signature[:66] + f"{s:064x}" + ("1b" if signature.endswith("1c") else "1c")
    elif fault == "role":
        user = people.clinician
    with pytest.raises((ApplicationError, Forbidden)):
        officers.officer_key_register(user=user, challenge=challenge, signature=signature)
    assert not OfficerKey.objects.filter(address=account.address).exists()


def test_a_person_has_one_live_key_and_a_key_one_person_for_ever(people):
    with pytest.raises(Conflict, match="live key"):
        register(people.officer_north, key_of(300))
    key = officers.live_key(people.officer_north.id)
    with pytest.raises(Forbidden):
        officers.officer_key_revoke(key=key, actor=people.officer_south, reason="no")
    officers.officer_key_revoke(key=key, actor=people.administrator, reason="lost")
    assert officers.offices()[key.address] == (False, False)
    with pytest.raises(Conflict):
        officers.officer_key_revoke(key=key, actor=people.administrator, reason="lost")
    with pytest.raises(Conflict, match="registered already"):
        register(people.outsider, people.keys[people.officer_north.id])
    register(people.officer_north, key_of(300))


def test_a_ticket_of_another_kind_is_no_challenge(people):
    with pytest.raises(ApplicationError, match="every character"):
        officers.officer_key_register(user=people.outsider, challenge=f"x\nTicket: {signing.dumps(1)}", signature="0x")


# --- decisions -----------------------------------------------------------------------------------------------------


def test_a_proposal_is_ready_once_its_proposer_signed(people):
    proposal = opened(people)
    assert (proposal.needed, proposal.nonce, proposal.state) == (1, 0, "open")
    assert proposal.proposer == people.keys[people.administrator.id].address
    with pytest.raises(Forbidden, match="nobody else"):
        sign(people, proposal, people.officer_north)
    sign(people, proposal, people.administrator)
    proposal.refresh_from_db()
    assert proposal.state == "ready" and list(decisions.decisions_ready()) == [proposal]


def test_an_approval_takes_two_officers_and_not_the_proposer(people):
    stands(opened(people), SubjectState.PROPOSED, 1)
    approval = opened(people, Verdict.APPROVE)
    assert (approval.needed, approval.nonce) == (2, 1)
    with pytest.raises(Forbidden, match="ethics officers"):
        sign(people, approval, people.administrator)
    sign(people, approval, people.officer_north)
    with pytest.raises(Conflict, match="have signed"):
        sign(people, approval, people.officer_north)
    assert not decisions.decisions_ready()
    sign(people, approval, people.officer_south)
    assert list(decisions.decisions_ready()) == [approval]


def test_whoever_proposed_may_halt_and_not_approve_with_both_roles(people):
    """The contract would refuse it as well; here it is told before a person waits for that."""
    Membership.objects.create(user=people.administrator, institution=people.north, role=Role.ETHICS_OFFICER)
    both = User.objects.get(id=people.administrator.id)  # read again: a person's roles are looked up once
    proposal = opened(people)
    stands(proposal, SubjectState.PROPOSED, 1)
    approval = opened(people, Verdict.APPROVE)
    with pytest.raises(Forbidden, match="You proposed this"):
        sign(people, approval, both)
    assert not approval.signatures.exists()
    ChainDecision.objects.filter(id=approval.id).update(state="final")
    ChainSubject.objects.update(state=int(SubjectState.APPROVED), nonce=2)
    assert sign(people, opened(people, Verdict.HALT), both).officer == both


def test_a_signature_counts_for_its_person_only(people):
    stands(opened(people), SubjectState.APPROVED, 2)
    halt = opened(people, Verdict.HALT)
    with pytest.raises(Forbidden, match="own registered key"):
        sign(people, halt, people.officer_north, key=people.keys[people.officer_south.id])
    officers.officer_key_revoke(
        key=officers.live_key(people.officer_south.id), actor=people.officer_south, reason="lost"
    )
    with pytest.raises(Forbidden, match="own registered key"):
        sign(people, halt, people.officer_south)
    assert halt.needed == 1
    sign(people, halt, people.officer_north)
    halt.refresh_from_db()
    assert halt.state == "ready"


@pytest.mark.parametrize("state", SubjectState)
@pytest.mark.parametrize("verdict", Verdict)
def test_only_what_the_contract_would_take_is_opened(people, state, verdict):
    stands(opened(people), state, 3)
    if (state, verdict) in LEADS:
        assert opened(people, verdict).nonce == 3
    else:
        with pytest.raises(Conflict, match=state.name.lower()):
            opened(people, verdict)


def test_roles_and_keys_are_asked_for(people):
    with pytest.raises(Forbidden, match="administrator proposes"):
        opened(people, actor=people.officer_north)
    with pytest.raises(Forbidden, match="officer decides"):
        opened(people, Verdict.APPROVE, actor=people.administrator)
    with pytest.raises(Forbidden, match="Register"):
        opened(people, actor=people.administrator2)


def test_one_decision_at_a_time_but_a_halt_never_waits(people):
    stands(opened(people), SubjectState.APPROVED, 2)
    opened(people, Verdict.REVOKE)
    with pytest.raises(Conflict, match="under way"):
        opened(people, Verdict.REVOKE)
    halt = opened(people, Verdict.HALT)
    sign(people, halt, people.officer_north)
    assert decisions.decisions_ready().first() == halt


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"rationale": " "}, ApplicationError),
        ({"rationale": "x" * 4001}, ApplicationError),
        ({"expires_in": timedelta(seconds=1)}, ApplicationError),
        ({"expires_in": timedelta(days=90)}, ApplicationError),
        ({"content_digest": "cd" * 32}, Conflict),
    ],
)
def test_what_is_out_of_bounds_is_refused(people, change, error):
    stands(opened(people), SubjectState.NONE, 0)
    with pytest.raises(error):
        opened(people, **change)


def test_without_a_chain_nothing_is_opened(people):
    ChainState.objects.all().delete()
    with pytest.raises(Conflict, match="No chain"):
        opened(people)


def test_a_decision_that_expired_takes_no_signature_and_is_closed(people):
    proposal = opened(people)
    ChainDecision.objects.filter(id=proposal.id).update(
        expires_at=timezone.now().replace(microsecond=0) - timedelta(seconds=1)
    )
    proposal.refresh_from_db()
    with pytest.raises(Conflict, match="expired"):
        sign(people, proposal, people.administrator)
    assert decisions.decisions_expire() == 1 and decisions.decisions_expire() == 0
    opened(people)  # and another may be opened


def test_salts_and_clear_reasons_stay_out_of_the_capture(people):

    proposal = opened(people, rationale="Because Dr Jones asked for it.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT body::text || context FROM core_outbox")
        told = "".join(row[0] for row in cursor.fetchall())
    assert proposal.commitment in told and "Jones" not in told
    assert bytes(proposal.subject_salt).hex() not in told and bytes(proposal.commitment_salt).hex() not in told


def test_what_expired_or_failed_binds_nobody(people, approved_objects):
    """One wrong proposal must not keep an object from being decided on for ever."""
    for state in ("expired", "failed"):
        wrong = opened(people, content_digest=None)
        ChainDecision.objects.filter(id=wrong.id).update(state=state)
        assert subjects.subject_state(object_id="dep-1") is None
        approved_objects["dep-1"] = (approved_objects["dep-1"][0], state[:2].encode().hex() * 16)
    right = opened(people, content_digest=None)
    assert right.content_digest == approved_objects["dep-1"][1] and subjects.subjects() == {"dep-1": right.subject}


def test_the_digest_is_the_approvals_and_not_the_callers(people):
    with pytest.raises(Conflict, match="approved content"):
        opened(people, content_digest="cd" * 32)
    assert opened(people, content_digest=None).content_digest == DIGEST


@pytest.mark.parametrize("name", ["dep-7", "", "\u0000", "x" * 200])
def test_nothing_is_proposed_on_what_nobody_approved(people, name):
    with pytest.raises(subjects.NoSuchSubject):
        opened(people, object_id=name)


def local_administrator(people, institution, number):
    user = make_user(f"local.{institution.slug}@test.example", Role.ADMINISTRATOR, institution)
    people.keys[user.id] = key_of(number)
    register(user, people.keys[user.id])
    return user


def test_a_hospital_that_takes_part_in_nothing_decides_nothing(people, api):
    local = local_administrator(people, people.outsider.institution, 200)
    register(people.outsider, people.keys[people.outsider.id])
    with pytest.raises(subjects.NoSuchSubject):
        opened(people, actor=local, object_id="dep-north")
    made = opened(people, object_id="dep-north")
    path = f"decisions/{made.id}"
    for user in (local, people.outsider, people.officer_south):
        assert api(user, "GET", "decisions").json()["results"] == []
        assert api(user, "GET", "decisions?object=dep-north").json()["results"] == []
        assert api(user, "GET", "subjects?object=dep-north").status_code == 404
        assert api(user, "GET", path).status_code == api(user, "GET", f"{path}/typed-data").status_code == 404
        assert api(user, "POST", f"{path}/signatures", {"signature": "0x" + "00" * 65}).status_code == 404
        with pytest.raises(subjects.NoSuchSubject):
            sign(people, made, user)
    for user in (people.administrator, people.officer_north):
        assert len(api(user, "GET", "decisions").json()["results"]) == 1
        assert api(user, "GET", f"{path}/typed-data").status_code == 200


def test_a_key_is_revoked_by_an_administrator_of_its_holders_institution_alone(people):
    key = officers.live_key(people.officer_north.id)
    with pytest.raises(Forbidden):
        officers.officer_key_revoke(key=key, actor=local_administrator(people, people.south, 201), reason="x")
    local = local_administrator(people, people.north, 202)
    assert officers.officer_key_revoke(key=key, actor=local, reason="x").revoked_at


@pytest.mark.parametrize(
    "signature", ["0x" + "ab " * 65, "ab " * 44, "0x" + " " * 130, "0x" + "ab" * 64 + " 1", "0x" + "\u0661" * 130, "0x"]
)
def test_what_is_no_signature_is_refused(people, signature):
    with pytest.raises(ApplicationError, match="130 hexadecimal"):
        decisions.decision_sign(decision=opened(people), signature=signature, actor=people.administrator)


# --- over the API --------------------------------------------------------------------------------------------------


@pytest.fixture
def api(people):
    def call(user, method, path, body=None):
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client.generic(
            method, f"/api/v1/ledger/{path}", data=json.dumps(body or {}), content_type="application/json"
        )

    return call


def test_an_officer_downloads_signs_and_uploads(people, api):
    told = {"object": "dep-9", "content_digest": DIGEST, "verdict": "propose", "rationale": "Ready."}
    made = api(people.administrator, "POST", "decisions", told)
    assert made.status_code == 201, made.content
    path = f"decisions/{made.json()['id']}"
    download = api(people.administrator, "GET", f"{path}/typed-data").json()
    digest = message_from(download["typed_data"]).digest()
    signature = sign_digest(people.keys[people.administrator.id], digest)
    assert api(people.officer_north, "POST", f"{path}/signatures", {"signature": signature}).status_code == 403
    answer = api(people.administrator, "POST", f"{path}/signatures", {"signature": signature})
    assert answer.status_code == 201 and answer.json()["state"] == "ready"
    listed = api(people.auditor, "GET", "decisions?object=dep-9").json()
    assert listed["results"][0]["signed_by"] == [people.keys[people.administrator.id].address]
    assert api(people.auditor, "GET", "subjects?object=dep-9").json()["state"] == "none"
    assert api(people.auditor, "GET", f"{path}/typed-data").status_code == 403


def test_a_key_is_registered_and_revoked_over_the_api(people, api):
    account = people.keys[people.outsider.id]
    challenge = api(people.outsider, "POST", "officer-keys/challenge", {"address": account.address}).json()["challenge"]
    body = {"challenge": challenge, "signature": sign_digest(account, personal_digest(challenge))}
    made = api(people.outsider, "POST", "officer-keys", body)
    assert made.status_code == 201 and made.json()["address"] == account.address
    assert account.address in {key["address"] for key in api(people.auditor, "GET", "officer-keys").json()["results"]}
    path = f"officer-keys/{made.json()['id']}/revoke"
    assert api(people.officer_north, "POST", path, {"reason": "x"}).status_code == 403
    assert api(people.outsider, "POST", path, {"reason": "a new laptop"}).json()["revoked_at"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("decisions", {"object": "x", "content_digest": "nope", "verdict": "propose", "rationale": "y"}),
        ("decisions", {"object": "x", "content_digest": DIGEST, "verdict": "pardon", "rationale": "y"}),
        ("officer-keys", {"challenge": "x\nTicket: y", "signature": "0x00"}),
        ("officer-keys", {"challenge": "\u0000", "signature": "zz"}),
        ("officer-keys/challenge", {"address": "0x" + "0" * 40}),
        ("officer-keys/challenge", {"address": "me"}),
    ],
)
def test_bad_input_is_refused_and_told(people, api, path, body):
    answer = api(people.administrator2, "POST", path, body)
    assert answer.status_code == 400 and answer.json()["message"]
