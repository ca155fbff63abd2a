"""Erasing somebody: nothing of them is left to read anywhere, and every proof of the ledger still holds."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts import erasure
from accounts.models import Membership, User
from accounts.signin import blind_name
from audits.predeployment.models import AuditRun
from audits.runtime.batches import batch_intact
from audits.runtime.models import Batch, EventKey, Halt, Outcome, Prediction, Reinstatement
from core import vault
from core.errors import ApplicationError, Conflict, Forbidden
from core.fields import ERASED
from core.models import PatientKey, SubjectKey
from core.pseudonyms import patient_pseudonyms
from federation.models import Consent, TrainingRun
from provenance import keys, reading
from provenance.domain.checkpoint import open_checkpoint
from provenance.domain.commit import open_commitment, parse_leaf
from provenance.domain.merkle import hash_leaf, verify_inclusion
from provenance.models import Body, ChainDecision, Entry, OfficerKey
from provenance.presentation import body_read
from provenance.verification import verify_ledger

pytestmark = pytest.mark.django_db

PATIENT, CASE, RETRY = "MRN-4711-0815", "biopsy of MRN-4711-0815", "retry-of-MRN-4711"
GROUND = erasure.Ground.OBJECTION.value
TOKEN = re.compile(r"v1:[A-Za-z0-9_-]{38,}=*")


@pytest.fixture
def _nothing_held(settings):
    settings.DECISION_RETENTION_DAYS = 0


def erase(story, who: User, **changes) -> erasure.Receipt:
    given = {"subject": who, "actor": story.people.administrator2, "ground": GROUND, "confirm": str(who.email)}
    return erasure.subject_erase(**{**given, **changes})


def erase_patient(story, **changes) -> erasure.Receipt:
    given = {"institution": story.people.north, "patient": PATIENT, "confirm": PATIENT, "ground": GROUND}
    return erasure.patient_erase(**{**given, "actor": story.people.administrator2, **changes})


def in_clear(text: str, story, spellings) -> list[str]:
    return [what for what, secret in story.secrets.items() if any(spelt in text for spelt in spellings(secret))]


def check_every_proof() -> int:
    """Every leaf is in the signed tree, and every body opens its commitment; returns how many."""
    for entry in Entry.objects.select_related("body"):
        inclusion = reading.prove(entry)
        note = inclusion.checkpoint.note.encode()
        signed = open_checkpoint(note, origin="qfl-ethics.example/log", log_keys=keys.verifiers_for(note)).checkpoint
        verify_inclusion(
            leaf_hash=hash_leaf(bytes(entry.leaf)), index=entry.seq, size=signed.size, proof=inclusion.path,
            root=signed.root,
        )  # fmt: skip
        leaf = parse_leaf(bytes(entry.leaf))
        open_commitment(leaf.commitment, bytes(entry.body.salt), entry.body.body.encode())
    return Entry.objects.count()


# --- before anybody is erased --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_dump_of_the_database_shows_nobody_and_nothing_that_people_wrote(story, dump, spellings):
    text = dump()
    assert "Hospital north" in text and len(TOKEN.findall(text)) > 50
    assert in_clear(text, story, spellings) == []


def test_no_leaf_names_a_person_a_patient_or_an_actor(story, spellings):
    leaves = b"\n".join(bytes(leaf) for leaf in Entry.objects.values_list("leaf", flat=True)).decode()
    assert in_clear(leaves, story, spellings) == []
    actors = set(Body.objects.exclude(actor=None).values_list("actor", flat=True))
    objects = set(Entry.objects.values_list("object_id", flat=True))
    assert len(actors) >= 7
    for leaf in Entry.objects.values_list("leaf", flat=True):
        assert not {str(actor) for actor in actors} & {parse_leaf(bytes(leaf)).actor}
    assert not any(secret in objects for secret in story.secrets.values())


def test_those_who_may_still_read_everything(story):
    people = story.people
    assert Halt.objects.get().reason == story.secrets["halt"]
    assert Reinstatement.objects.get().reason == story.secrets["vote"]
    assert Consent.objects.get(decision="refused").reason == story.secrets["refusal"]
    assert TrainingRun.objects.get(pk=story.aborted.pk).stop_reason == story.secrets["abort"]
    assert story.secrets["refusal"] in TrainingRun.objects.get(pk=story.refused.pk).stop_reason
    assert AuditRun.objects.get().stop_reason == f"Stopped: {story.secrets['stop']}"
    opened = body_read(entry=reading.latest_entry(story.halt.pk), user=people.auditor)
    assert (opened.reason, opened.row["reason"]) == (story.secrets["halt"], story.secrets["halt"])
    assert story.secrets["halt"] not in opened.text and opened.problem == ""


# --- a person ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_nothing_held")
def test_after_erasure_nobody_reads_what_the_person_was_or_wrote(story, dump, spellings, ledger):
    officer, before = story.people.officer_north, dump()
    mine = [t for t in TOKEN.findall(before) if opens(officer, t)]
    assert len(mine) >= 4  # name, address, reasons in table and log
    erase(story, officer)
    ledger()
    vault.forget_cached()
    after = dump()
    assert in_clear(after, story, spellings) == []
    assert set(mine) <= set(TOKEN.findall(after))  # the ciphertext stays, and opens for nobody
    assert not any(opens(officer, token) for token in mine)
    again = User.objects.get(pk=officer.pk)
    assert (str(again), again.email, again.email_index) == (ERASED, ERASED, None)
    assert Halt.objects.get().reason == ERASED
    opened = body_read(entry=reading.latest_entry(story.halt.pk), user=story.people.auditor)
    assert (opened.reason, opened.row["reason"], opened.problem) == (ERASED, ERASED, "")
    assert Reinstatement.objects.get().reason == story.secrets["vote"]  # of somebody else


def opens(user: User, token: str) -> bool:
    """Whether a sealed text opens under this person's key, wherever it stands."""
    places = ["reason", *(f"accounts_user.{column}:{user.pk}" for column in ("name", "email"))]
    places += [f"audits_runtime_halt.reason:{pk}" for pk in Halt.objects.values_list("pk", flat=True)]
    for place in places:
        try:
            return vault.open(user.pk, token, place) is not None
        except vault.SealError:
            continue
    return False


@pytest.mark.usefixtures("_nothing_held")
def test_every_proof_still_holds_after_erasures(story, ledger):
    first = Entry.objects.count()
    for who in (story.people.officer_north, story.people.operator_north, story.people.administrator):
        erase(story, who)
    erase_patient(story)
    ledger()
    assert check_every_proof() > first
    found = verify_ledger()
    assert found.ok, found.problems
    assert all(batch_intact(batch) for batch in Batch.objects.all())


@pytest.mark.usefixtures("_nothing_held")
def test_the_log_rebuilds_the_tables_after_an_erasure(story, ledger):
    from provenance.replay import replay

    erase(story, story.people.officer_north)
    ledger()
    result = replay()
    assert [table for table in result.tables if table.found != table.expected] == []


@pytest.mark.usefixtures("_nothing_held")
def test_rights_sessions_and_the_log_of_sign_ins_go(story, client_of):
    officer = story.people.officer_north
    client, other = client_of(officer), client_of(story.people.auditor)
    assert AccessLog.objects.count() + AccessAttempt.objects.count() > 0
    receipt = erase(story, officer)
    assert receipt.forgotten["sessions ended"] >= 1
    assert receipt.forgotten["memberships ended"] == 1
    names = {row.username for log in (AccessLog, AccessAttempt) for row in log.objects.all()}
    assert names == {blind_name(str(story.people.auditor.email))}
    assert not Membership.objects.filter(user=officer, is_active=True).exists()
    assert client.get("/").status_code == 302
    assert other.get("/").status_code == 200
    assert Session.objects.count() == 1
    again = User.objects.get(pk=officer.pk)
    assert not again.is_active and not again.has_usable_password()


@pytest.mark.usefixtures("_nothing_held")
def test_the_ledger_says_that_it_was_done_and_only_the_receipt_says_to_whom(story, ledger):
    officer = story.people.officer_north
    receipt = erase(story, officer)
    ledger()
    entry = Entry.objects.get(operation="ERASURE")
    assert entry.object_id == receipt.reference == erasure.reference_of(receipt.salt, str(officer.pk))
    assert str(officer.pk) not in Body.objects.get(entry=entry).body
    assert receipt.salt not in Body.objects.get(entry=entry).body
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM core_subjectkey WHERE subject = %s AND wrapped = ''", [officer.pk])
        assert cursor.fetchone() == (1,)


@pytest.mark.usefixtures("_nothing_held")
def test_old_pseudonyms_in_the_leaves_cannot_be_made_again(story, ledger):
    from provenance.sequencing import pseudonym_of

    officer = story.people.officer_north
    known = pseudonym_of(officer.pk)
    assert any(parse_leaf(bytes(leaf)).actor == known for leaf in Entry.objects.values_list("leaf", flat=True))
    erase(story, officer)
    assert known not in {pseudonym_of(officer.pk) for _ in range(3)}


@pytest.mark.usefixtures("_nothing_held")
def test_the_key_for_the_chain_is_revoked_and_commitments_on_it_are_blinded(story):
    officer = story.people.officer_south
    OfficerKey.objects.create(user=officer, address="0x" + "a" * 40)
    decision = ChainDecision.objects.create(
        object_id=str(story.deployment.pk), content_digest="d" * 64, subject="0x" + "1" * 64, subject_salt=b"s" * 32,
        verdict=3, rationale="Severin saw it happen.", commitment="0x" + "2" * 64, commitment_salt=b"c" * 32,
        opened_by=officer, proposer="0x" + "a" * 40, nonce=1, expires_at=timezone.now(), chain_id=1,
        contract="0x" + "b" * 40, log_id="0x" + "3" * 64, needed=1, state="final",
    )  # fmt: skip
    receipt = erase(story, officer)
    assert receipt.forgotten["keys for the chain revoked"] == receipt.forgotten["commitments on the chain blinded"] == 1
    decision = ChainDecision.objects.get(pk=decision.pk)
    assert (str(decision.rationale), bytes(decision.commitment_salt)) == (ERASED, b"")


def test_decisions_under_legal_retention_are_not_blinded(story, settings):
    officer = story.people.officer_north
    with pytest.raises(Conflict, match=r"kept by law until .*17\(3\)\(b\)"):
        erase(story, officer)
    assert not vault.erased(officer.pk) and User.objects.get(pk=officer.pk).is_active
    settings.DECISION_RETENTION_DAYS = 0
    assert erase(story, officer).reference


def test_who_decided_nothing_may_go_at_once(story):
    clinician = story.people.clinician
    assert erasure.losses(clinician) == [] and erasure.held_until([]) is None
    assert erase(story, clinician).reference


def test_the_losses_are_counted_by_kind(story):
    what = {loss.what: loss.count for loss in erasure.losses(story.people.officer_north)}
    assert what == {"approval decision: reason": 1, "halt: reason": 1}


def test_the_hold_ends_with_the_retention_of_the_newest_decision(settings):
    settings.DECISION_RETENTION_DAYS = 10
    now = timezone.now()
    old, new = erasure.Loss("a", 1, now - timedelta(days=11)), erasure.Loss("b", 1, now - timedelta(days=4))
    assert erasure.held_until([old]) is None
    assert erasure.held_until([old, new]) == new.newest + timedelta(days=10)


@pytest.mark.usefixtures("_nothing_held")
def test_only_administrators_erase(story):
    for who in ("officer_south", "auditor", "clinician", "operator_south"):
        with pytest.raises(Forbidden):
            erase(story, story.people.officer_north, actor=getattr(story.people, who))
        with pytest.raises(Forbidden):
            erase_patient(story, actor=getattr(story.people, who))
    assert not vault.erased(story.people.officer_north.pk)


@pytest.mark.usefixtures("_nothing_held")
def test_nobody_erases_themselves_or_people_of_other_institutions(story):
    people = story.people
    with pytest.raises(Forbidden, match="another administrator"):
        erase(story, people.administrator2)
    Membership.objects.create(user=people.operator_south, institution=people.south, role="administrator")
    local = User.objects.get(pk=people.operator_south.pk)
    with pytest.raises(Forbidden):
        erase(story, people.officer_north, actor=local)
    with pytest.raises(Forbidden):
        erase_patient(story, actor=local)
    assert erase(story, people.officer_south, actor=local).reference


@pytest.mark.usefixtures("_nothing_held")
def test_a_slip_erases_nothing(story):
    for change in ({"confirm": "somebody@else.example"}, {"confirm": ""}, {"ground": "z"}):
        with pytest.raises(ApplicationError):
            erase(story, story.people.officer_north, **change)
    assert not vault.erased(story.people.officer_north.pk)


@pytest.mark.usefixtures("_nothing_held")
def test_nobody_is_erased_twice(story):
    address = str(story.people.officer_north.email)
    erase(story, story.people.officer_north)
    with pytest.raises(Conflict, match="already"):
        erase(story, story.people.officer_north, confirm=address)


@pytest.mark.usefixtures("_nothing_held")
def test_an_erasure_that_fails_leaves_everything_as_it_was(story, monkeypatch):
    monkeypatch.setitem(erasure._hooks, "person", [lambda user_id: 1 / 0])
    with pytest.raises(ZeroDivisionError):
        erase(story, story.people.officer_north)
    vault.forget_cached()
    again = User.objects.get(pk=story.people.officer_north.pk)
    assert again.is_active and again.name.startswith("Ottokar") and SubjectKey.objects.filter(kek="").count() == 0


# --- a patient -----------------------------------------------------------------------------------------------------


def test_after_erasure_nothing_links_the_patient_to_the_rows_that_stay(story, ledger):
    (pseudonym,) = patient_pseudonyms("north", [PATIENT])
    assert Prediction.objects.filter(subject=pseudonym).count() == 1
    assert (EventKey.objects.count(), PatientKey.objects.count()) == (3, 2)
    receipt = erase_patient(story)
    assert receipt.forgotten == {"names of cases forgotten": 1}
    assert receipt.reference == erasure.reference_of(receipt.salt, f"north\n{PATIENT}")
    assert (Prediction.objects.count(), Outcome.objects.count()) == (2, 1)
    assert (EventKey.objects.count(), PatientKey.objects.count()) == (1, 1)
    assert patient_pseudonyms("north", [PATIENT]) != [pseudonym]
    ledger()
    assert all(batch_intact(batch) for batch in Batch.objects.all())


def test_a_case_of_an_erased_patient_is_unknown_and_others_are_not(story, post):
    erase_patient(story)
    answer = post(story, "outcomes", {"records": [{"event_key": CASE, "label": 1}]})
    assert answer.status_code == 422 and "no prediction" in answer.json()["message"]
    assert post(story, "outcomes", {"records": [{"event_key": "another case", "label": 1}]}).status_code == 200


def test_an_answer_kept_for_a_retry_opens_for_its_caller_only(story):
    with connection.cursor() as cursor:
        cursor.execute("SELECT key, response::text FROM core_idempotencykey")
        ((key, response),) = cursor.fetchall()
    assert RETRY not in key and CASE not in response and "sealed" in response


def test_a_patient_who_is_not_there_is_told_so_and_nothing_is_erased(story):
    for change in (
        {"patient": "MRN-9", "confirm": "MRN-9"},
        {"confirm": "MRN-4711"},
        {"institution": story.people.south},
        {"ground": ""},
    ):
        with pytest.raises(ApplicationError):
            erase_patient(story, **change)
    assert PatientKey.objects.count() == 2


# --- pages and the command -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_nothing_held")
def test_an_administrator_erases_on_the_page(story, client_of):
    officer, client = story.people.officer_north, client_of(story.people.administrator2)
    page = client.get("/people/").content.decode()
    assert str(officer.name) in page and f"/people/{officer.pk}/erase/" in page
    assert f"/people/{story.people.administrator2.pk}/erase/" not in page
    page = client.get(f"/people/{officer.pk}/erase/").content.decode()
    assert "Approval decision: reason" in page and "Erase for good" in page
    page = client.post(f"/people/{officer.pk}/erase/", {"ground": "c", "confirm": "wrong"}).content.decode()
    assert "not this person" in page and not vault.erased(officer.pk)
    page = client.post(f"/people/{officer.pk}/erase/", {"ground": "c", "confirm": str(officer.email)}).content.decode()
    assert "receipt" in page.lower() and vault.erased(officer.pk)
    page = client.get("/people/").content.decode()
    assert ERASED in page and f"/people/{officer.pk}/erase/" not in page


def test_the_page_says_what_the_law_keeps(story, client_of):
    page = (
        client_of(story.people.administrator2).get(f"/people/{story.people.officer_north.pk}/erase/").content.decode()
    )
    assert "Kept by law" in page and "Erase for good" not in page


def test_a_patient_is_erased_on_the_page(story, client_of):
    client = client_of(story.people.administrator)
    form = {"institution": str(story.people.north.pk), "patient": PATIENT, "ground": "c"}
    assert "differ" in client.post("/people/erase-patient/", {**form, "confirm": "MRN"}).content.decode()
    page = client.post("/people/erase-patient/", {**form, "confirm": PATIENT}).content.decode()
    assert "receipt" in page.lower() and PATIENT not in page
    assert PatientKey.objects.count() == 1


def test_who_administers_one_hospital_is_offered_its_patients_alone(story, client_of):
    people = story.people
    Membership.objects.create(user=people.operator_south, institution=people.south, role="administrator")
    client = client_of(User.objects.get(pk=people.operator_south.pk))
    page = client.get("/people/erase-patient/").content.decode()
    assert "Hospital south" in page and "Hospital north" not in page
    form = {"patient": PATIENT, "confirm": PATIENT, "ground": "c"}
    page = client.post("/people/erase-patient/", {**form, "institution": str(people.north.pk)}).content.decode()
    assert "not one of the available choices" in page
    where, kind = "/api/v1/patient-erasures", "application/json"
    assert client.post(where, {**form, "institution": "north"}, kind).status_code == 403
    answer = client.post(where, {**form, "institution": "nowhere"}, kind)
    assert answer.status_code == 400 and "expected one of: south" in answer.json()["message"]
    assert PatientKey.objects.count() == 2
    answer = client_of(people.administrator).post(where, {**form, "institution": "north"}, kind)
    assert answer.status_code == 201 and PatientKey.objects.count() == 1


def test_people_of_an_institution_see_their_own(story, client_of):
    people = story.people
    Membership.objects.create(user=people.operator_south, institution=people.south, role="administrator")
    page = client_of(people.operator_south).get("/people/").content.decode()
    assert str(people.officer_south.name) in page and str(people.officer_north.name) not in page
    assert client_of(people.operator_south).get(f"/people/{people.officer_north.pk}/erase/").status_code == 404


@pytest.mark.usefixtures("_nothing_held")
def test_the_command_erases_and_prints_the_receipt(story, capsys):
    officer, admin = story.people.officer_north, str(story.people.administrator2.email)
    given = {"by": admin, "ground": "b"}
    call_command("erase_subject", "--patient", "north", PATIENT, "--confirm", PATIENT, **given)
    call_command("erase_subject", f"--user={officer.pk}", f"--confirm={officer.email}", **given)
    assert capsys.readouterr().out.count("salt is kept nowhere") == 2
    assert vault.erased(officer.pk) and PatientKey.objects.count() == 1
    for wrong in ({"by": "nobody@x.example"}, {"confirm": "other"}):
        with pytest.raises(CommandError):
            call_command("erase_subject", f"--user={admin_id(admin)}", **{"confirm": admin, **given, **wrong})


def admin_id(address: str) -> str:
    return str(User.objects.get(email=address).pk)
