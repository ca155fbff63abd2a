"""What a board does over the API: the same as on its page, held by the same rules."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from audits.predeployment.api.board_work import ExternalDataUpload
from audits.predeployment.models import ExternalAudit, ExternalData, ExternalFinding, ExternalRun
from tests.factories.boards import heart_zip, invite, make_heart_version, make_phantom_version, ready_data, work, zipped


@pytest.fixture
def external(world, people, monkeypatch) -> ExternalAudit:
    return invite(make_heart_version(world, monkeypatch), people.administrator)


@pytest.fixture
def board(external, signed_in) -> Client:
    return signed_in(external.auditor)


def address(name: str, external: ExternalAudit, *more) -> str:
    return reverse(f"api_external_{name}", args=[external.id, *more])


def archive(data: bytes | None = None, site: str = "cleveland") -> dict:
    return {"site": site, "file": SimpleUploadedFile("a.zip", heart_zip() if data is None else data)}


def post(client: Client, where: str, body: dict):
    return client.post(where, json.dumps(body), content_type="application/json")


def test_a_board_works_over_the_api_from_its_patients_to_its_finding(external, board):
    made = board.post(address("data", external), archive())
    assert (made.status_code, made.json()["state"]) == (201, "checking")
    work("external.data")
    audit = reverse("api_external_audit", args=[external.id])
    (data,) = board.get(audit).json()["data_sets"]
    assert (data["state"], data["manifest"]["n_patients"], data["refusal"]) == ("ready", 120, "")
    run = post(board, address("runs", external), {"data": data["id"], "checks": ["bias_score"]})
    assert run.status_code == 201
    work("external.check")
    (found,) = board.get(audit).json()["runs"]
    assert found["state"] == "finished" and [row["check_id"] for row in found["results"]] == ["bias_score"]
    said = {"severity": "major", "text": "Women are missed.", "run": found["id"]}
    file = SimpleUploadedFile("notes.txt", b"seen")
    finding = board.post(address("findings", external), {**said, "file": file})
    assert finding.status_code == 201 and finding.json()["attachment_name"] == "notes.txt"
    assert ExternalFinding.objects.get().author_id == external.auditor_id
    gone = board.post(address("data_withdraw", external, data["id"]))
    assert (gone.status_code, gone.json()["state"]) == (200, "withdrawn")


@pytest.mark.parametrize(("given", "status", "words"), [
    (lambda: archive(b"no zip"), 400, "ZIP archive"),
    (lambda: archive(zipped(**{"../evil": b"x"})), 400, "names inside the archive"),
    (lambda: archive(site="mars"), 400, "mars"),
    (lambda: {"site": "cleveland"}, 400, "file"),
    (lambda: archive(b""), 400, "empty"),
])  # fmt: skip
def test_an_archive_that_is_not_taken_is_refused_in_words(external, board, given, status, words):
    answer = board.post(address("data", external), given())
    assert answer.status_code == status and words in answer.content.decode()
    assert not ExternalData.objects.exists()


def test_patients_that_the_loader_does_not_take_are_refused_and_the_answer_says_why(external, board):
    board.post(address("data", external), archive(zipped(processed__cleveland__data=b"1,2,3\n")))
    work("external.data")
    (data,) = board.get(reverse("api_external_audit", args=[external.id])).json()["data_sets"]
    assert data["state"] == "refused" and "expected" in data["refusal"]


def test_a_request_that_is_too_long_is_refused_before_it_is_read(external, board, monkeypatch):
    monkeypatch.setattr(ExternalDataUpload, "most", -64 * 1024 + 10)
    answer = board.post(address("data", external), archive())
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_body_of_another_kind_and_a_script_of_another_page_are_refused(external, board):
    assert post(board, address("data", external), {"site": "cleveland"}).status_code == 415
    strange = Client(enforce_csrf_checks=True)
    strange.force_login(external.auditor, backend="django.contrib.auth.backends.ModelBackend")
    assert strange.post(address("data", external), archive()).status_code == 403
    assert not ExternalData.objects.exists()


def test_a_version_of_drawn_data_takes_none_and_says_why(world, people, signed_in):
    external = invite(make_phantom_version(world), people.administrator)
    answer = signed_in(external.auditor).post(address("data", external), archive())
    assert answer.status_code == 409 and "drawn data" in answer.json()["message"]


@pytest.mark.parametrize(("who", "status"), [
    ("administrator", 403), ("officer_north", 403), ("auditor", 403), ("external", 404), (None, 403),
])  # fmt: skip
def test_nobody_else_works_on_it(external, people, signed_in, who, status):
    client = signed_in(getattr(people, who)) if who else Client()
    data = ready_data(external)
    for answer in (
        client.post(address("data", external), archive(heart_zip(seed=2))),
        client.post(address("findings", external), {"severity": "note", "text": "x"}),
        client.post(address("data_withdraw", external, data.id)),
        post(client, address("runs", external), {"data": str(data.id), "checks": ["bias_score"]}),
    ):
        assert answer.status_code in {status, 401 if who is None else status}
    assert ExternalData.objects.count() == 1 and not ExternalRun.objects.exists()
    assert not ExternalFinding.objects.exists()


def test_data_of_another_audit_are_not_found(external, board, people):
    other = invite(external.version, people.administrator, email="bob@board.example")
    theirs = ready_data(other)
    assert board.post(address("data_withdraw", external, theirs.id)).status_code == 404
    asked = {"data": str(theirs.id), "checks": ["bias_score"]}
    assert post(board, address("runs", external), asked).status_code == 404
