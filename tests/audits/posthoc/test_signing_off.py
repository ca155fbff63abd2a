"""Signatures of a report: by the platform, an auditor and a chair; checked by a stranger without the platform."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)
from django.db import DatabaseError, transaction
from django.urls import reverse

from audits.posthoc import boards, rendering, services, signing_off
from audits.posthoc.models import Report, ReportSignOff
from audits.posthoc.packaging import package
from core import jobs
from core.errors import Conflict, Forbidden
from core.models import Job
from models_registry import signatures, signer, webauthn
from models_registry.domain.statement import POSSESSION, REPORT_FORMAT
from models_registry.models import ReviewerKey
from models_registry.signatures import Signed
from provenance import keys
from provenance.domain.archive import read_archive, write_archive
from provenance.domain.canonical import canonical
from provenance.domain.report import sign_manifest
from provenance.verifier.__main__ import check
from provenance.verifier.options import Options
from tests.factories.people import PASSWORD
from tests.factories.webauthn import DOMAIN, ORIGIN, SoftKey

pytestmark = pytest.mark.django_db


class Pen:
    """A person's ML-DSA-65 key, registered, as the signing program keeps it."""

    def __init__(self, user) -> None:
        self.user, self.key = user, MLDSA65PrivateKey.generate()
        public = base64.b64encode(self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
        text = signatures.key_challenge(user=user, public_key=public)
        signatures.key_register(user=user, public_key=public, proof=self.signs(text, POSSESSION))

    def signs(self, text: str, context: bytes = REPORT_FORMAT.encode()) -> str:
        return base64.b64encode(self.key.sign(text.encode(), context)).decode()

    def signs_off(self, report: Report, capacity: str) -> ReportSignOff:
        text = signing_off.statement_for(report=report, capacity=capacity, actor=self.user)
        return signing_off.report_sign_off(
            report=report, capacity=capacity, signed=Signed(text, "", self.signs(text)), actor=self.user
        )


@pytest.fixture
def report(day, today, ledger, monkeypatch) -> Report:
    """A finished report that an officer asked for, in the ledger and under a signed checkpoint."""
    monkeypatch.setattr(rendering, "render_pdf", lambda report, **_: b"%PDF-1.7 drawn elsewhere")
    made = services.report_create(period_start=today, period_end=today, actor=day.people.officer_south)
    assert jobs.run(Job.objects.get(idempotency_key=f"report.render:{made.id}").id)
    made.refresh_from_db()
    assert made.state == "finished", made.stop_reason
    ledger()
    return made


@pytest.fixture
def chaired(day, today) -> boards.BoardReview:
    """A review of this month, signed off, that the northern officer chaired."""
    people = day.people
    made = boards.review_convene(
        month=today, board="Board", members=[people.auditor, people.officer_north], chair=people.officer_north,
        actor=people.auditor,
    )  # fmt: skip
    for member in (people.auditor, people.officer_north):
        boards.conflict_declare(review=made, conflict="", actor=member)
    return boards.review_sign(review=made, actor=people.auditor)


def verdict(data: bytes, tmp_path: Path, **options):
    path = tmp_path / "report.zip"
    path.write_bytes(data)
    return check(Options(path=path, **options))


def trusted(report: Report) -> dict[str, tuple[str, ...]]:
    """The keys as an auditor got them elsewhere."""
    vkeys = tuple(key.vkey for key in keys.log_verifiers())
    return {"keys": vkeys, "report_keys": tuple(f"{s['algorithm']}:{s['public_key']}" for s in report.signatures)}


def changed(data: bytes, **members: bytes) -> bytes:
    return write_archive({**read_archive(data), **members})


class Touch:
    """A person's security key, registered."""

    def __init__(self, user) -> None:
        self.user, self.key = user, SoftKey()
        self.row = ReviewerKey.objects.create(user=user, kind="webauthn", public_key=self.key.credential)

    def signs_off(self, report: Report, capacity: str) -> ReportSignOff:
        text = signing_off.statement_for(report=report, capacity=capacity, actor=self.user)
        signed = Signed(text, "", self.key.signs(text), webauthn.Site(DOMAIN, ORIGIN))
        return signing_off.report_sign_off(report=report, capacity=capacity, signed=signed, actor=self.user)


# --- who signs -----------------------------------------------------------------------------------------------------


def test_an_auditor_and_a_chair_sign_once_each_and_nobody_twice(report, day, chaired):
    people = day.people
    assert signing_off.capacities_of(report, people.auditor) == ["auditor"]
    assert signing_off.capacities_of(report, people.officer_north) == ["board_chair"]
    assert signing_off.capacities_of(report, people.officer_south) == []  # asked for it
    with pytest.raises(Conflict, match="Register one"):
        signing_off.statement_for(report=report, capacity="auditor", actor=people.auditor)
    made = Pen(people.auditor).signs_off(report, "auditor")
    assert (made.capacity, made.key.kind) == ("auditor", "mldsa65")
    chair = Pen(people.officer_north)
    with pytest.raises(Forbidden, match="signed off once"):
        chair.signs_off(report, "auditor")
    assert chair.signs_off(report, "board_chair").institution.slug == "north"
    assert signing_off.capacities_of(report, people.auditor) == []


def test_a_chair_whose_review_is_open_or_of_another_time_signs_nothing(report, day, today):
    people = day.people
    made = boards.review_convene(
        month=today, board="Board", members=[people.auditor, people.officer_north], chair=people.officer_north,
        actor=people.auditor,
    )  # fmt: skip
    assert made.state == "open"
    assert signing_off.capacities_of(report, people.officer_north) == []


@pytest.mark.parametrize("fault", ["another key", "another text", "another capacity", "another report"])
def test_a_signature_that_is_not_of_this_report_is_refused(report, day, today, fault):
    pen = Pen(day.people.auditor)
    text = signing_off.statement_for(report=report, capacity="auditor", actor=pen.user)
    signed = text
    if fault == "another key":
        pen.key = MLDSA65PrivateKey.generate()
    elif fault != "another text":
        told = json.loads(text)
        told |= {"capacity": "board_chair"} if fault == "another capacity" else {"report": str(day.audit.id)}
        signed = canonical(told).decode()
    signature = pen.signs(signed + " " if fault == "another text" else signed)
    with pytest.raises(Conflict):
        signing_off.report_sign_off(
            report=report, capacity="auditor", signed=Signed(signed, "", signature), actor=pen.user
        )
    assert not ReportSignOff.objects.exists()


def test_the_database_takes_no_sign_off_of_who_asked_and_none_with_anothers_key(report, day):
    pen = Pen(day.people.auditor)
    made = pen.signs_off(report, "auditor")
    for fault in ({"signer": day.people.officer_south}, {"signer": day.people.officer_north}):
        with pytest.raises(DatabaseError), transaction.atomic():
            ReportSignOff.objects.create(**{
                "report": report, "capacity": "board_chair", "key": made.key, "statement": made.statement,
                "signature": made.signature, **fault,
            })  # fmt: skip
    with pytest.raises(DatabaseError), transaction.atomic():
        ReportSignOff.objects.update(signature="x")


def test_the_page_and_the_signing_program_sign_it(report, day, tmp_path, client_of, capsys, monkeypatch):
    pen, client = Pen(day.people.auditor), client_of(day.people.auditor)
    page = client.post(reverse("report_sign", args=[report.id]), {"capacity": "auditor"})
    text = page.context["statement"]
    key, passphrase, statement = (tmp_path / name for name in ("my.key", "pass", "to-sign.txt"))
    passphrase.write_text("a passphrase of some length")
    key.write_bytes(
        pen.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.read_bytes()))
    )
    statement.write_text(text)
    assert signer.main(["sign", "--key", str(key), "--passphrase-file", str(passphrase), "--yes", str(statement)]) == 0
    told = capsys.readouterr()
    assert "I have read the report" in told.err
    values = {"capacity": "auditor", "statement": text, "signature": told.out.strip(), "password": "wrong"}
    assert client.post(reverse("report_sign", args=[report.id]), values).status_code == 400
    answer = client.post(reverse("report_sign", args=[report.id]), values | {"password": PASSWORD})
    assert answer.url == reverse("report", args=[report.id])
    assert day.people.auditor.name in client.get(answer.url).content.decode()


# --- the verifier --------------------------------------------------------------------------------------------------


def test_a_report_with_its_signatures_is_verified_without_the_platform(report, day, chaired, tmp_path, ledger):
    for person, capacity in ((day.people.auditor, "auditor"), (day.people.officer_north, "board_chair")):
        Pen(person).signs_off(report, capacity)
    data = package(report=report, actor=day.people.auditor)
    found = verdict(data, tmp_path, **trusted(report))
    assert (found.kind, found.result) == ("report", "verified"), [f.text for f in found.findings]
    said = " ".join(f.text for f in found.of("verified"))
    assert "The ledger recorded this manifest" in said
    assert "as auditor" in said and "as board_chair" in said
    assert verdict(data, tmp_path).facts["keys"]["source"] == "file"


def test_the_ledger_says_whose_key_signed_and_a_security_key_is_checked(report, day, chaired, tmp_path, ledger):
    people = day.people
    Touch(people.auditor).signs_off(report, "auditor")
    chair = Pen(people.officer_north)
    chair.signs_off(report, "board_chair")
    bare, options = package(report=report, actor=people.auditor), trusted(report)
    found = verdict(bare, tmp_path, **options)  # not yet in a signed checkpoint: the platform's word
    assert found.result == "verified" and "people.zip" not in read_archive(bare)
    assert sum("is the platform's word" in f.text and f.check == "signoff" for f in found.of("open")) == 2

    ledger()
    data = package(report=report, actor=people.auditor)
    asked = verdict(data, tmp_path, site=ORIGIN, **options)
    assert asked.result == "verified", [f.text for f in asked.of("false")]
    said = " ".join(f.text for f in asked.of("verified"))
    assert f"with a security key (ES256) at {ORIGIN}." in said and "with the signing program (ML-DSA-65)." in said
    assert said.count("and the key as theirs") == 2
    assert not any("platform's word" in f.text for f in asked.of("open") if f.check == "signoff")
    assert any("give it with --site" in f.text for f in verdict(data, tmp_path, **options).of("open"))
    elsewhere = verdict(data, tmp_path, site="https://evil.example", **options)
    assert "expected https://evil.example" in elsewhere.of("false")[0].text

    signed = json.loads(read_archive(data)["signatures.json"])
    for fault, told in (
        ({"public_key": SoftKey().credential}, "another security key"),
        ({"algorithm": "ml-dsa-65"}, "expected an ML-DSA-65 key"),
        ({"algorithm": "none"}, "expected a signature by"),
        ({"signature": SoftKey().signs(signed["people"][0]["statement"])}, "another security key"),
        ({"statement": signed["people"][0]["statement"].replace("auditor", "auditer")}, "another statement"),
        ({"capacity": "board_chair"}, "another capacity"),
    ):
        rows = [signed["people"][0] | fault, signed["people"][1]]
        forged = changed(data, **{"signatures.json": canonical({**signed, "people": rows})})
        wrong = verdict(forged, tmp_path, **options)
        assert wrong.result == "false" and any(told in f.text for f in wrong.of("false")), fault

    own = SoftKey()  # a forger signs the true statement with a key of their own: good mathematics, no key of the person
    resigned = signed["people"][0] | {
        "public_key": own.credential, "signature": own.signs(signed["people"][0]["statement"]),
    }  # fmt: skip
    forged = changed(data, **{"signatures.json": canonical({**signed, "people": [resigned]})})
    assert "the signature differs" in verdict(forged, tmp_path, **options).of("false")[0].text
    hidden = {name: member for name, member in read_archive(forged).items() if name != "people.zip"}
    (left,) = [f for f in verdict(write_archive(hidden), tmp_path, **options).of("open") if "shows no entry" in f.text]
    assert "is the platform's word" in left.text


def test_a_changed_figure_is_found_however_it_is_covered_up(report, day, tmp_path, ledger):
    """In the file alone; with its digest mended; and signed anew with keys of the forger's own."""
    Pen(day.people.auditor).signs_off(report, "auditor")
    data, options = package(report=report, actor=day.people.auditor), trusted(report)
    told = json.loads(read_archive(data)["files/report.json"])
    told["deployments"][0]["predictions"] += 1
    forged = rendering.report_bytes(told)
    plain = verdict(changed(data, **{"files/report.json": forged}), tmp_path, **options)
    assert plain.result == "false" and "it was changed" in plain.of("false")[0].text

    manifest = json.loads(read_archive(data)["manifest.json"])
    manifest["files"]["report.json"] = {"sha256": hashlib.sha256(forged).hexdigest(), "bytes": len(forged)}
    covered = changed(data, **{"files/report.json": forged, "manifest.json": canonical(manifest)})
    found = verdict(covered, tmp_path, **options)
    told_false = " ".join(f.text for f in found.of("false"))
    assert found.result == "false" and "signature does not fit" in told_false
    assert "other files" in told_false and "another manifest" in told_false

    own = sign_manifest(canonical(manifest), Ed25519PrivateKey.generate(), MLDSA65PrivateKey.generate())
    resigned = changed(covered, **{"signatures.json": canonical({"platform": [asdict(s) for s in own], "people": []})})
    given = " ".join(f.text for f in verdict(resigned, tmp_path, **options).of("false"))
    assert "key that you did not give" in given
    alone = verdict(resigned, tmp_path, keys=options["keys"])  # without the report's keys the ledger finds it
    assert alone.result == "false" and "another manifest" in alone.of("false")[0].text


@pytest.mark.parametrize("gone", ["files/report.csv", "ledger.zip", "one signature"])
def test_what_is_missing_is_told(report, day, tmp_path, gone):
    data, options = package(report=report, actor=day.people.auditor), trusted(report)
    members = read_archive(data)
    if gone == "one signature":
        members["signatures.json"] = canonical({"platform": report.signatures[:1], "people": []})
    else:
        del members[gone]
    found = verdict(write_archive(members), tmp_path, **options)
    if gone == "ledger.zip":
        assert found.result == "verified" and any("nobody vouches" in f.text for f in found.of("open"))
    else:
        assert found.result == "false"


def test_damage_and_strange_files_are_not_taken_for_a_report(report, day, tmp_path):
    data = package(report=report, actor=day.people.auditor)
    assert verdict(data[:-10], tmp_path).exit_code == 2
    strange = verdict(changed(data, **{"files/extra.pdf": b"more"}), tmp_path, **trusted(report))
    assert strange.result == "false" and "does not name it" in " ".join(f.text for f in strange.of("false"))
    for broken in (b"{}", b"not json"):
        assert verdict(changed(data, **{"manifest.json": broken}), tmp_path).exit_code == 2
        assert verdict(changed(data, **{"signatures.json": broken}), tmp_path).exit_code == 2


def test_the_keys_and_the_package_are_given_to_readers(report, day, client_of):
    client = client_of(day.people.auditor)
    assert client.get(reverse("report_keys")).content.decode().splitlines() == list(trusted(report)["report_keys"])
    answer = client.get(reverse("report_package", args=[report.id]))
    assert answer["Content-Type"] == "application/zip"
    assert "manifest.json" in read_archive(answer.content)
