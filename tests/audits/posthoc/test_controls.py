"""The control mapping: what is counted, what people bring, who may, and the files."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import uuid
import zipfile
from xml.etree import ElementTree

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audits.domain.controls.coverage import Status
from audits.domain.controls.names import EVIDENCE
from audits.posthoc import mapping
from audits.posthoc.evidence import findings
from audits.posthoc.evidence.base import PROVIDERS
from audits.posthoc.frameworks import shipped
from audits.posthoc.models import ManualEvidence

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7 a training record"


def soon(days: int = 90) -> dt.date:
    return timezone.now().date() + dt.timedelta(days=days)


def upload(client, *, name="record.pdf", data=PDF, until=None, key="hipaa", control="308-a-5", note="Course of May."):
    given = {"file": SimpleUploadedFile(name, data), "note": note, "valid_until": str(until or soon())}
    return client.post(reverse("control_evidence_add", args=[key, control]), given)


def state_of(key: str, control: str) -> Status:
    view = mapping.views_of([mapping.framework_of(key)])[0]
    return next(row.status for row in view.controls if row.control.id == control)


def test_every_name_has_a_query_and_every_query_a_name():
    assert set(PROVIDERS) == set(EVIDENCE)


def test_on_an_empty_platform_nothing_is_there_that_would_need_a_model(world):
    found = findings()
    assert {found[n].status for n in ("bias_checks", "cards", "halts", "appeals", "risk_register")} == {
        Status.NOT_ASSESSABLE
    }
    assert found["roles"].status is Status.THERE
    assert found["models"].status is Status.NONE


def test_a_day_on_record_is_counted(day):
    found = findings()
    told = {name: (one.status, one.count, one.of) for name, one in found.items()}
    assert told["models"] == (Status.THERE, 1, 1)
    assert told["audits"] == (Status.THERE, 1, 1)
    assert told["bias_checks"] == (Status.THERE, 1, 1)
    assert told["approvals"] == (Status.THERE, 1, 1)
    assert told["halts"] == (Status.THERE, 1, 1)
    assert told["external_audits"] == (Status.NONE, 0, 1)
    assert "2 halts, 1 by the monitor; 1 ended" in found["halts"].sentence
    assert found["trail"].count > 0
    assert found["audits"].link == reverse("audits")
    assert found["audits"].newest == day.audit.finished_at


def test_a_failed_check_is_no_pass(world):
    from tests.factories.audits import make_audit
    from tests.factories.registry import make_version

    make_audit(make_version(world), "fail", actor=world.people.administrator)
    found = findings(["bias_checks", "audits"])
    assert (found["bias_checks"].status, found["audits"].status) == (Status.NONE, Status.THERE)
    assert "0 of 1 versions pass the checks of this kind; 1 were measured." in found["bias_checks"].sentence


def test_the_number_of_queries_is_fixed(day):
    with CaptureQueriesContext(connection) as asked:
        mapping.views_of(mapping.frameworks()[0])
    assert len(asked) <= 60


@pytest.mark.parametrize("role", ["administrator", "auditor", "officer_north"])
def test_who_governs_sees_every_framework_and_control(day, client_of, role):
    client = client_of(getattr(day.people, role))
    page = client.get(reverse("controls")).content.decode()
    for one in shipped():
        assert one.title in page
        view = client.get(reverse("framework", args=[one.key]))
        assert view.status_code == 200
        assert one.controls[-1].text in view.content.decode()
    page = client.get(reverse("control", args=["eu_ai_act", "art-14"])).content.decode()
    assert reverse("approvals") in page
    assert ("Keep as evidence" in page) == (role != "auditor")
    assert "ompliance" not in page


def test_a_state_filters_the_controls(day, client_of):
    page = client_of(day.people.auditor).get(reverse("framework", args=["hipaa"]), {"status": "none"}).content.decode()
    assert "164.308(a)(5)" in page
    assert state_of("hipaa", "312-b") is not Status.NONE
    assert "164.312(b)" not in page


def test_a_file_becomes_evidence_with_its_digest_and_is_withdrawn(world, client_of):
    client = client_of(world.people.officer_north)
    assert state_of("hipaa", "308-a-5") is Status.NONE
    assert upload(client).status_code == 302
    file = ManualEvidence.objects.get()
    assert file.digest == hashlib.sha256(PDF).hexdigest()
    assert (file.uploaded_by, file.media_type, file.size) == (world.people.officer_north, "application/pdf", len(PDF))
    assert state_of("hipaa", "308-a-5") is Status.THERE
    page = client.get(reverse("control", args=["hipaa", "308-a-5"])).content.decode()
    assert file.digest in page
    assert "Course of May." in page
    given = client_of(world.people.auditor).get(reverse("control_evidence_file", args=[file.id]))
    assert given.content == PDF
    assert given.headers["Content-Disposition"] == 'attachment; filename="record.pdf"'
    assert client.post(reverse("control_evidence_withdraw", args=[file.id])).status_code == 302
    assert client.post(reverse("control_evidence_withdraw", args=[file.id])).status_code == 409
    assert state_of("hipaa", "308-a-5") is Status.NONE


def test_after_its_last_day_a_file_is_partly_there(world, client_of, monkeypatch):
    upload(client_of(world.people.officer_north), until=soon(1))
    later = timezone.now() + dt.timedelta(days=3)
    monkeypatch.setattr("audits.posthoc.mapping.timezone.now", lambda: later)
    assert state_of("hipaa", "308-a-5") is Status.PARTLY


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"data": b"MZ program"}, "Expected a PDF"),
        ({"name": "record.exe"}, "Expected a PDF"),
        ({"data": b"%PDF-" + b"x" * (5 * 2**20)}, "Expected a file of at most"),
        ({"data": b""}, "empty"),
        ({"until": dt.date(2020, 1, 1)}, "Expected a last day between"),
        ({"until": dt.date(2190, 1, 1)}, "Expected a last day between"),
        ({"note": " "}, "This field is required"),
    ],
)
def test_a_wrong_file_is_refused_in_words_and_the_note_stays(world, client_of, given, message):
    response = upload(client_of(world.people.officer_north), **given)
    assert response.status_code == 400
    page = response.content.decode()
    assert message in page
    assert "note" in given or "Course of May." in page
    assert not ManualEvidence.objects.exists()


def test_the_same_file_twice_is_told(world, client_of):
    client = client_of(world.people.officer_north)
    upload(client)
    response = upload(client)
    assert response.status_code == 400
    assert "there already for this control" in response.content.decode()


def test_the_database_keeps_what_was_brought(world, client_of):
    upload(client_of(world.people.officer_north))
    for change in (lambda rows: rows.delete(), lambda rows: rows.update(digest="0" * 64)):
        with pytest.raises(DatabaseError), transaction.atomic():
            change(ManualEvidence.objects.all())


@pytest.mark.parametrize("role", ["auditor", "operator_north", "clinician", "external"])
def test_others_bring_nothing(world, client_of, role):
    client = client_of(getattr(world.people, role))
    assert upload(client).status_code == 403
    assert client.post(reverse("control_evidence_withdraw", args=[uuid.uuid4()])).status_code == 403


def test_what_is_not_installed_is_not_found(world, client_of):
    client = client_of(world.people.officer_north)
    assert client.get(reverse("framework", args=["nowhere"])).status_code == 404
    assert client.get(reverse("control", args=["hipaa", "nowhere"])).status_code == 404
    assert upload(client, control="nowhere").status_code == 404
    assert client.get(reverse("controls_export", args=["hipaa", "docx"])).status_code == 404


def test_a_house_loads_its_own_framework_and_a_broken_file_breaks_nothing(world, client_of, tmp_path, settings):
    row = 'id = "r1"\nreference = "1"\ntitle = "Ward"\ntext = "Tell the ward."\nevidence = ["halts"]\n'
    (tmp_path / "house.toml").write_text(f'title = "House rules"\n[[controls]]\n{row}')
    (tmp_path / "broken.toml").write_text("title = ")
    (tmp_path / "gdpr.toml").write_text(f'title = "Mine"\n[[controls]]\n{row}')
    settings.CONTROL_FRAMEWORKS = str(tmp_path)
    client = client_of(world.people.auditor)
    page = client.get(reverse("controls")).content.decode()
    assert "House rules" in page
    assert "broken.toml: expected TOML" in page
    assert "gdpr.toml: this name belongs to a framework of the platform" in page
    assert client.get(reverse("control", args=["house", "r1"])).status_code == 200


def test_the_workbook_holds_every_control_and_no_formula(day, client_of):
    upload(client_of(day.people.officer_north), note="=HYPERLINK(1)")
    response = client_of(day.people.auditor).get(reverse("controls_export", args=["all", "xlsx"]))
    archive = zipfile.ZipFile(io.BytesIO(response.content))
    assert archive.testzip() is None
    book = archive.read("xl/workbook.xml").decode()
    assert book.count("<sheet ") == 1 + len(shipped())
    for name in archive.namelist():
        ElementTree.fromstring(archive.read(name))  # noqa: S314 - our own file
        assert b"<f>" not in archive.read(name)
    act = archive.read("xl/worksheets/sheet2.xml").decode()
    assert act.count("<row ") == 1 + len(shipped()[0].controls)
    hipaa = next(n for n, one in enumerate(shipped(), start=2) if one.key == "hipaa")
    assert hashlib.sha256(PDF).hexdigest() in archive.read(f"xl/worksheets/sheet{hipaa}.xml").decode()


def test_oscal_observes_every_control_and_finds_nothing_satisfied(day, client_of):
    upload(client_of(day.people.officer_north))
    response = client_of(day.people.auditor).get(reverse("controls_export", args=["all", "oscal"]))
    told = json.loads(response.content)["assessment-results"]
    assert [len(result["observations"]) for result in told["results"]] == [len(one.controls) for one in shipped()]
    assert all("findings" not in result for result in told["results"])
    ids = [told["uuid"], *(o["uuid"] for r in told["results"] for o in r["observations"])]
    assert len(set(ids)) == len([uuid.UUID(one) for one in ids])
    resources = {resource["uuid"]: resource for resource in told["back-matter"]["resources"]}
    assert told["import-ap"]["href"][1:] in resources
    linked = [
        evidence["href"][1:]
        for result in told["results"] for o in result["observations"] for evidence in o.get("relevant-evidence", [])
        if "href" in evidence
    ]  # fmt: skip
    assert len(linked) == 1
    assert resources[linked[0]]["rlinks"][0]["hashes"][0]["value"] == hashlib.sha256(PDF).hexdigest()


def test_the_interface_gives_the_same_and_takes_files(day, client_of):
    client = client_of(day.people.officer_north)
    listed = client.get("/api/v1/controls").json()["results"]
    assert [one["key"] for one in listed] == [one.key for one in shipped()]
    assert all(one["coverage"]["total"] == len(of.controls) for one, of in zip(listed, shipped(), strict=True))
    given = {"file": SimpleUploadedFile("a.txt", b"text"), "note": "Plan.", "valid_until": str(soon())}
    made = client.post("/api/v1/controls/hipaa/308-a-5/evidence", given)
    assert made.status_code == 201
    assert made.json()["digest"] == hashlib.sha256(b"text").hexdigest()
    control = next(c for c in client.get("/api/v1/controls/hipaa").json()["controls"] if c["id"] == "308-a-5")
    assert (control["evidence"], len(control["files"])) == ("there", 1)
    assert client.post(f"/api/v1/controls/evidence/{made.json()['id']}/withdraw").status_code == 200
    assert client.post("/api/v1/controls/hipaa/308-a-5/evidence", {}).status_code == 400
