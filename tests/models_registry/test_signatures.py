"""Signatures of decisions: made by the program that people run, verified by the platform and also without it."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import DatabaseError, transaction
from django.urls import reverse
from django.utils import timezone

from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role
from models_registry import services, signatures, signer, webauthn
from models_registry.approvals import acting_of
from models_registry.domain.statement import CONTEXT, POSSESSION, StatementError, in_words, read_statement
from models_registry.models import ApprovalDecision, ApprovalRequest, ReviewerKey
from models_registry.signatures import Signed
from provenance import checkpoints, sequencing
from provenance.bundles import object_bundle
from provenance.domain.decision import rationale_commitment
from provenance.keys import log_verifiers
from provenance.models import Body, Entry
from provenance.verifier.__main__ import check
from provenance.verifier.options import Options
from tests.factories.federation import World
from tests.factories.ledger import sequence_all
from tests.factories.people import PASSWORD
from tests.factories.webauthn import DOMAIN, ORIGIN, SoftKey

REASON = "Wide margins."


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Pen:
    """A person's private key, outside of the platform."""

    def __init__(self) -> None:
        self.key = MLDSA65PrivateKey.generate()
        self.public = b64(self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def signs(self, text: str, context: bytes = CONTEXT) -> str:
        return b64(self.key.sign(text.encode(), context))

    def registered(self, user) -> ReviewerKey:
        text = signatures.key_challenge(user=user, public_key=self.public)
        return signatures.key_register(user=user, public_key=self.public, proof=self.signs(text, POSSESSION))


@pytest.fixture
def pen(world: World) -> Pen:
    """The northern officer's, registered."""
    made = Pen()
    made.registered(world.people.officer_north)
    return made


def statement(request: ApprovalRequest, actor, decision: str = "approve", reason: str = REASON) -> tuple[str, str]:
    return signatures.statement_for(
        request=request, decision=decision, reason=reason, actor=actor, acting=acting_of(request, actor)
    )


def decide(request, actor, signed: Signed | None, decision: str = "approve", reason: str = REASON) -> ApprovalDecision:
    return services.approval_decide(request=request, decision=decision, reason=reason, actor=actor, signed=signed)


def test_a_signed_decision_keeps_statement_and_signature(world: World, approval: ApprovalRequest, pen: Pen) -> None:
    officer = world.people.officer_north
    text, salt = statement(approval, officer)

    made = decide(approval, officer, Signed(text, salt, pen.signs(text)))

    assert (made.statement, made.key.public_key) == (text, pen.public)
    told = json.loads(text)
    assert told["content"] == approval.content and told["content_digest"] == approval.content_digest
    assert told["meaning"].startswith("I have examined") and told["person"] == str(officer.id)
    assert told["reason_commitment"] == rationale_commitment(salt=bytes.fromhex(salt), rationale=REASON)
    assert REASON not in text


def test_the_signature_stands_in_the_ledger_and_verifies_from_there_alone(world, approval, pen) -> None:
    """What a bundle discloses of a decision is enough, with a library of cryptography and nothing of ours."""
    officer = world.people.officer_north
    text, salt = statement(approval, officer)
    made = decide(approval, officer, Signed(text, salt, pen.signs(text)))
    sequence_all()

    entry = Entry.objects.get(object_id=str(made.id))
    row = json.loads(Body.objects.get(pk=entry.seq).body)["row"]
    key = json.loads(Body.objects.get(pk=Entry.objects.get(object_id=str(made.key_id)).seq).body)["row"]
    public = MLDSA65PublicKey.from_public_bytes(base64.b64decode(key["public_key"]))
    public.verify(base64.b64decode(row["signature"]), row["statement"].encode(), b"qfl-ethics/approval-statement/v1")
    assert json.loads(row["statement"])["content_digest"] == row["content_digest"]


def test_a_stranger_checks_a_decision_with_its_bundle_and_that_of_its_key(world, approval, pen, tmp_path) -> None:
    """Of an officer with the signing program, and of one with a security key; revoked keys and exchanged ones too."""
    north, south = world.people.officer_north, world.people.officer_south
    soft = SoftKey()
    ReviewerKey.objects.create(user=south, kind="webauthn", public_key=soft.credential)
    made = []
    for officer, sign, site in ((north, pen.signs, None), (south, soft.signs, webauthn.Site(DOMAIN, ORIGIN))):
        text, salt = statement(approval, officer)
        made.append(decide(approval, officer, Signed(text, salt, sign(text), site)))
    signatures.key_revoke(key=made[0].key, actor=north)  # later: what it signed stays good
    files = bundles_of(tmp_path, *made, *(one.key for one in made))
    keys_given = tuple(key.vkey for key in log_verifiers())

    for one, words in zip(
        made, ("the signing program (ML-DSA-65)", f"a security key (ES256) at {ORIGIN}"), strict=True
    ):
        options = Options(path=files[one.pk], keys=keys_given, site=ORIGIN)
        alone = check(options)
        assert alone.result == "verified" and any("--signer" in f.text for f in alone.of("open"))
        signer_ = (("key.zip", files[one.key.pk].read_bytes()),)
        found = check(replace(options, signers=signer_))
        assert found.result == "verified", [f.text for f in found.of("false")]
        (said,) = [f.text for f in found.of("verified") if f.check == "signature"]
        assert f"signed with {words}, and the ledger has that key as theirs" in said
        assert f"{one.decided_by_id} decided “approve” as ethics officer" in said.replace("_", " ")
        strange = check(replace(options, signers=(("key.zip", files[made[0].pk].read_bytes()), ("x", b"nothing"))))
        assert strange.result == "unchecked" and any("--signer" in f.text for f in strange.of("open"))
    wrong = check(Options(path=files[made[1].pk], keys=keys_given, site="https://evil.example", signers=signer_))
    assert wrong.result == "false" and "expected https://evil.example" in wrong.of("false")[0].text


def bundles_of(folder: Path, *rows: Any) -> dict[Any, Path]:
    frontier = sequencing.load_frontier()
    while sequencing.sequence(frontier):
        pass
    checkpoints.checkpoint_sign(frontier)
    found = {}
    for row in rows:
        found[row.pk] = folder / f"{row.pk}.zip"
        found[row.pk].write_bytes(object_bundle(table=row._meta.db_table, object_id=str(row.pk), actor=None))
    return found


@pytest.mark.parametrize("decision", ["approve", "reject", "abstain", "request_change"])
def test_who_has_a_key_cannot_decide_without_it(world: World, approval: ApprovalRequest, pen: Pen, decision) -> None:
    with pytest.raises(Conflict, match="registered a key"):
        decide(approval, world.people.officer_north, None, decision)
    with pytest.raises(DatabaseError, match="not signed with it"), transaction.atomic():
        raw(approval, world.people.officer_north, decision=decision)


def test_where_signatures_are_required_nobody_decides_without(world: World, approval, settings) -> None:
    settings.APPROVAL_SIGNATURES = "required"

    with pytest.raises(Conflict, match="Register a key"):
        decide(approval, world.people.officer_south, None)
    assert decide(approval, world.people.officer_south, None, "abstain").decision == "abstain"


def another(text: str, **changes) -> str:
    return json.dumps({**json.loads(text), **changes}, sort_keys=True, separators=(",", ":"))


def test_a_signature_of_anything_else_is_refused(world: World, approval: ApprovalRequest, pen: Pen) -> None:
    officer, other = world.people.officer_north, Pen()
    text, salt = statement(approval, officer)
    old = another(text, issued_at=(timezone.now() - timedelta(hours=2)).isoformat(timespec="seconds"))
    foreign = another(text, person=str(world.people.officer_south.id))
    elsewhere = another(text, request=str(uuid.uuid4()))
    for signed, words in (
        (Signed(text, salt, other.signs(text)), "not that of this key"),
        (Signed(text, salt, pen.signs(text, POSSESSION)), "not that of this key"),
        (Signed(text, salt, pen.signs(text + " ")), "not that of this key"),
        (Signed(text, salt, "###"), "in base64"),
        (Signed(text, "00" * 32, pen.signs(text)), "not this decision"),
        (Signed(text, "zz", pen.signs(text)), "cannot be used"),
        (Signed(text + " ", salt, pen.signs(text + " ")), "exactly as the platform gives it"),
        (Signed("{}", salt, pen.signs("{}")), "exactly as the platform gives it"),
        (Signed("[" * 50_000, salt, "x"), "got something else"),
        (Signed(old, salt, pen.signs(old)), "more than an hour old"),
        (Signed(foreign, salt, pen.signs(foreign)), "not this decision"),
        (Signed(elsewhere, salt, pen.signs(elsewhere)), "not this decision"),
        (Signed(another(text, meaning="I read nothing."), salt, pen.signs(text)), "meaning is not that"),
        (Signed(another(text, content={}), salt, pen.signs(text)), "digest is not that of the content"),
    ):
        with pytest.raises(Conflict, match=words):
            decide(approval, officer, signed)
    good = Signed(text, salt, pen.signs(text))
    with pytest.raises(Conflict, match="not this decision"):
        decide(approval, officer, good, "reject")
    with pytest.raises(Conflict, match="not this decision"):
        decide(approval, officer, good, reason="Another reason.")
    assert not approval.decisions.exists()
    assert decide(approval, officer, good).key is not None


def test_a_change_of_the_content_makes_the_signature_void(world: World, approval: ApprovalRequest, pen: Pen) -> None:
    officer = world.people.officer_north
    text, salt = statement(approval, officer)
    services.card_edit(version=approval.version, texts={"HowToUse": "Otherwise."}, actor=world.people.administrator)

    with pytest.raises(Conflict, match="voided|void"):
        decide(approval, officer, Signed(text, salt, pen.signs(text)))
    assert not approval.decisions.exists()


def test_a_revoked_key_signs_nothing(world: World, approval: ApprovalRequest, pen: Pen) -> None:
    officer = world.people.officer_north
    text, salt = statement(approval, officer)
    key = ReviewerKey.objects.get()
    with pytest.raises(Forbidden):
        signatures.key_revoke(key=key, actor=world.people.officer_south)
    signatures.key_revoke(key=key, actor=officer)

    with pytest.raises(Conflict, match="none of your live keys"):
        decide(approval, officer, Signed(text, salt, pen.signs(text)))
    with pytest.raises(Conflict, match="revoked before"):
        signatures.key_revoke(key=key, actor=officer)
    with pytest.raises(Conflict, match="registered already"):
        pen.registered(officer)


def raw(request: ApprovalRequest, user, **fields) -> ApprovalDecision:
    values = {
        "request": request, "decided_by": user, "requested_by": request.requested_by,
        "capacity": Role.ETHICS_OFFICER, "institution": user.institution, "decision": "approve", "reason": "raw",
        "content_digest": request.content_digest, **fields,
    }  # fmt: skip
    return ApprovalDecision.objects.create(**values)


def test_the_database_takes_no_statement_of_something_else(world: World, approval: ApprovalRequest, pen: Pen) -> None:
    officer, key = world.people.officer_north, ReviewerKey.objects.get()
    text, _ = statement(approval, officer)
    for fields, words in (
        ({"key": key, "statement": text, "signature": ""}, "not of this decision"),
        ({"key": key, "statement": "", "signature": "x"}, "not of this decision"),
        ({"key": key, "statement": text, "signature": "x", "decision": "reject"}, "not of this decision"),
        ({"key": key, "statement": another(text, content_digest="f" * 64), "signature": "x"}, "not of this decision"),
        ({"key": key, "statement": another(text, request=str(uuid.uuid4())), "signature": "x"}, "not of this decision"),
    ):
        with pytest.raises(DatabaseError, match=words), transaction.atomic():
            raw(approval, officer, **fields)
    with pytest.raises(DatabaseError, match="not a live one of the decider"), transaction.atomic():
        raw(approval, world.people.officer_south, key=key, statement=text, signature="x")


# --- keys ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["operator_north", "clinician", "external"])
def test_only_who_decides_or_signs_reports_registers_a_key(world: World, who: str) -> None:
    with pytest.raises(Forbidden):
        Pen().registered(getattr(world.people, who))


def test_a_key_is_shown_to_be_the_persons(world: World) -> None:
    pen, officer = Pen(), world.people.officer_north
    others = signatures.key_challenge(user=world.people.officer_south, public_key=pen.public)
    for proof in (pen.signs(others, POSSESSION), "x", pen.signs("I hold this key", POSSESSION)):
        with pytest.raises(ApplicationError, match="not registered"):
            signatures.key_register(user=officer, public_key=pen.public, proof=proof)


def test_a_person_has_few_keys(world: World) -> None:
    for _ in range(signatures.MOST_KEYS):
        Pen().registered(world.people.officer_north)

    with pytest.raises(Conflict, match="5 live keys"):
        Pen().registered(world.people.officer_north)


# --- the program ---------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(tmp_path, capsys):
    """A folder with a key of the program; call it with a command and its arguments: exit status and output."""
    (tmp_path / "secret").write_text("a long passphrase")

    def run(command: str, *arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        shared = ["--key", str(tmp_path / "my.key"), "--passphrase-file", str(tmp_path / "secret")]
        return signer.main([command, *shared, *arguments]), capsys.readouterr().out.strip()

    run.folder = tmp_path
    run.public = run("keygen")[1]
    return run


def test_from_the_program_to_the_record(world: World, approval: ApprovalRequest, desk, page) -> None:
    """Register a key and decide, as a person does: pages, files and the program."""
    client = page(world.people.officer_north)
    keys_url, at = reverse("approval_keys"), desk.folder / "to-sign.txt"
    shown = client.post(keys_url, {"public_key": desk.public})
    text = shown.context["text"]
    at.write_bytes(client.post(reverse("approval_text"), {"text": text}).content)
    proof = desk("prove", str(at))[1]
    wrong = client.post(keys_url, {"public_key": desk.public, "proof": proof, "password": "no"})
    assert wrong.status_code == 400 and proof in wrong.content.decode()
    assert client.post(keys_url, {"public_key": desk.public, "proof": proof, "password": PASSWORD}).status_code == 302

    url = reverse("approval_decide", args=[approval.id])
    asked = client.post(url, {"decision": "approve", "reason": REASON})
    body = asked.content.decode()
    assert "I have examined what the digests below name, and I approve this use of it." in body
    assert not approval.decisions.exists()
    form = {**asked.context["form"].initial, "password": PASSWORD}
    at.write_bytes(client.post(reverse("approval_text"), {"text": form["statement"]}).content)
    status, signature = desk("sign", str(at), "--yes")
    assert status == 0
    sign_url = reverse("approval_sign", args=[approval.id])
    for bad, code in (({"signature": "x"}, 409), ({"signature": signature, "password": "no"}, 400), ({}, 400)):
        assert client.post(sign_url, {**form, **bad}).status_code == code
    assert client.post(sign_url, {**form, "signature": signature}).status_code == 302
    assert approval.decisions.get().signature == signature
    assert "signed: Signing program (ML-DSA-65)" in client.get(reverse("approval", args=[approval.id])).content.decode()


def test_the_program_signs_only_what_it_has_shown(world: World, approval, desk, monkeypatch, capsys) -> None:
    text, _ = statement(approval, world.people.officer_north, "reject")
    at = desk.folder / "statement.txt"
    at.write_text(text)
    monkeypatch.setattr(signer, "ask", lambda question: "approve")
    assert desk("sign", str(at)) == (1, "")
    monkeypatch.setattr(signer, "ask", lambda question: "reject")
    status, signature = desk("sign", str(at))
    assert status == 0 and signature
    for wrong in (
        text.replace("reject this", "approve this"),
        text + "x",
        "{}",
        text.replace(approval.content_digest, "f" * 64),
    ):
        at.write_text(wrong)
        assert desk("sign", str(at), "--yes") == (2, "")
    at.write_text("I hold this key and sign anything.\nKey: other")
    assert desk("prove", str(at)) == (2, "")
    assert desk("keygen")[0] == 2  # never over a key
    assert (desk.folder / "my.key").stat().st_mode & 0o077 == 0 and b"ENCRYPTED" in (
        desk.folder / "my.key"
    ).read_bytes()
    (desk.folder / "secret").write_text("wrong")
    at.write_text(text)
    assert desk("sign", str(at), "--yes") == (2, "")


def test_the_words_name_every_digest(world: World, approval: ApprovalRequest) -> None:
    words = dict(in_words(read_statement(statement(approval, world.people.officer_north)[0])))

    assert set(approval.content.values()) <= set(words.values()) and approval.content_digest in words.values()
    assert words["As"] == "ethics officer of north"


def test_a_statement_of_another_form_is_none() -> None:
    with pytest.raises(StatementError):
        read_statement(json.dumps({"format": "other"}))


def test_the_api_signs_too(world: World, approval: ApprovalRequest, api) -> None:
    client, pen, base = api(world.people.officer_north), Pen(), "/api/v1"
    text = client.post(f"{base}/approval-keys/challenge", {"public_key": pen.public}, format="json").json()["text"]
    key = {"public_key": pen.public, "proof": pen.signs(text, POSSESSION), "password": PASSWORD}
    assert client.post(f"{base}/approval-keys", {**key, "password": "no"}, format="json").status_code == 400
    made = client.post(f"{base}/approval-keys", key, format="json")
    assert made.status_code == 201
    wanted = {"decision": "approve", "reason": REASON}
    url = f"{base}/approval-requests/{approval.id}"
    told = client.post(f"{url}/statements", wanted, format="json").json()
    assert client.post(f"{url}/decisions", {**wanted, "password": PASSWORD}, format="json").status_code == 409
    signed = {**told, "signature": pen.signs(told["statement"])}
    answer = client.post(f"{url}/decisions", {**wanted, "password": PASSWORD, "signature": signed}, format="json")
    assert answer.status_code == 201 and answer.json()["key"] == made.json()["id"]
    assert client.post(f"{base}/approval-keys/{made.json()['id']}/revoke").json()["revoked_at"] is not None
    assert client.get(f"{base}/approval-keys").json()["count"] == 1
    assert api(world.people.auditor).post(f"{url}/statements", wanted, format="json").status_code == 403
    assert api(world.people.administrator).post(f"{url}/statements", wanted, format="json").status_code == 403
