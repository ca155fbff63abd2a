from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audits.predeployment.external import archive, services
from audits.predeployment.models import ExternalAudit, ExternalData, ExternalRun
from tests.factories.audits import make_audit
from tests.factories.boards import heart_zip, invite, make_heart_version, ready_data, work, zipped


@pytest.fixture
def heart(world, monkeypatch):
    return make_heart_version(world, monkeypatch)


@pytest.fixture
def external(heart, people):
    return invite(heart, people.administrator)


def text_of(answer, status=200) -> str:
    assert answer.status_code == status, answer.content[:800]
    text = answer.content.decode()
    assert not re.search(r"<style|\sstyle=|<script>|\son\w+=|hx-on", text)
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids)) and len(re.findall("<h1", text)) == 1
    return text


def upload(name: str, data: bytes) -> dict:
    return {"site": "cleveland", "file": SimpleUploadedFile(name, data)}


def test_a_board_is_invited_from_the_page_of_an_audit(heart, people, signed_in):
    audit, client = make_audit(heart), signed_in(people.administrator)
    url = reverse("external_new", args=[heart.id])
    assert url in text_of(client.get(reverse("audit", args=[audit.id])))
    assert url not in text_of(signed_in(people.officer_north).get(reverse("audit", args=[audit.id])))
    assert "Bias score" in text_of(client.get(url))
    day = timezone.localdate() + timedelta(days=10)
    sent = {"board": "Board", "name": "Ada", "email": "ada@board.example", "last_day": day, "checks": ["aif360"],
            "purpose": "A second look."}  # fmt: skip
    for change, words in (
        ({"email": people.auditor.email}, "another role here"),
        ({"last_day": day + timedelta(days=400)}, "last day within"),
        ({"checks": []}, "This field is required"),
    ):
        refused = text_of(client.post(url, {**sent, **change}), 400)
        assert words in refused and "A second look." in refused
    answer = client.post(url, sent)
    made = ExternalAudit.objects.get()
    assert answer.url == reverse("external_audit", args=[made.id]) and list(made.policy["checks"]) == ["aif360"]
    assert timezone.localtime(made.expires_at).date() == day
    assert "The auditor has no password yet" in text_of(client.get(answer.url))


def test_a_board_works_on_its_page_and_others_read_it(external, heart, people, signed_in):
    audit, client, here = make_audit(heart), signed_in(external.auditor), reverse("external_audit", args=[external.id])
    assert "You are invited to audit" in text_of(client.get(reverse("home")))
    assert client.post(reverse("external_upload", args=[external.id]), upload("a.zip", heart_zip())).url == here
    assert "hx-get" in text_of(client.get(here))  # it is being read
    work("external.data")
    data = ExternalData.objects.get()
    run = reverse("external_run", args=[external.id])
    assert "This field is required" in text_of(client.post(run, {"data": data.id}), 400)
    assert client.post(run, {"data": data.id, "checks": ["aif360"]}).url == here
    work("external.check")
    finding = {"severity": "critical", "text": "It misses women.", "file": SimpleUploadedFile("a.txt", b"words")}
    assert client.post(reverse("external_finding", args=[external.id]), finding).url == here
    text = text_of(client.get(here))
    assert "It misses women." in text and "a.txt" in text and "120" in text and "hx-get" not in text
    assert "What an outside board found" in text_of(client.get(reverse("audit", args=[audit.id])))
    officer = signed_in(people.officer_south)
    for name, args in (("external_audits", []), ("external_audit", [external.id]), ("audit", [audit.id])):
        assert external.board.name in text_of(officer.get(reverse(name, args=args)))
    assert "found something on" in text_of(officer.get(reverse("home")))
    found = officer.get(reverse("api_external_audit", args=[external.id])).json()
    assert found["findings"][0]["text"] == "It misses women." and found["runs"][0]["results"][0]["check_id"] == "aif360"
    withdrawn = client.post(reverse("external_data_withdraw", args=[external.id, data.id]))
    assert withdrawn.url == here and "Withdrawn" in text_of(client.get(here))
    assert client.post(reverse("external_close", args=[external.id])).url == reverse("home")
    assert client.get(here).status_code in {403, 404}
    assert "Closed" in text_of(officer.get(here))
    assert ExternalRun.objects.get().results.count() == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"no zip", "ZIP archive"), (b"", "empty"), (zipped(**{"../evil": b"x"}), "names inside the archive")],
)
def test_an_archive_that_attacks_is_refused_on_the_page(external, signed_in, data, words):
    client = signed_in(external.auditor)
    answer = client.post(reverse("external_upload", args=[external.id]), upload("a.zip", data))
    assert words in text_of(answer, 400) and not ExternalData.objects.exists()


def test_an_archive_that_is_too_large_is_refused_before_it_is_read(external, signed_in, monkeypatch):
    monkeypatch.setattr(archive, "MOST_BYTES", -64 * 1024 + 10)
    client = signed_in(external.auditor)
    answer = client.post(reverse("external_upload", args=[external.id]), upload("a.zip", heart_zip()))
    assert "at most 256 MiB" in text_of(answer, 413).replace("At most", "at most")


def test_an_upload_from_another_page_is_refused(external, people):
    client = Client(enforce_csrf_checks=True)
    client.force_login(external.auditor, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post(reverse("external_upload", args=[external.id]), upload("a.zip", heart_zip()))
    assert answer.status_code == 403 and not ExternalData.objects.exists()


def test_a_finding_that_is_refused_keeps_its_words(external, signed_in):
    given = {"severity": "note", "text": "Kept words.", "file": SimpleUploadedFile("a.html", b"<b>")}
    answer = signed_in(external.auditor).post(reverse("external_finding", args=[external.id]), given)
    assert "Expected a PDF" in text_of(answer, 400).replace("&#x27;", "'") and "Kept words." in answer.content.decode()


def test_an_invitation_is_revoked_with_a_reason(external, people, signed_in):
    client, url = signed_in(people.administrator2), reverse("external_revoke", args=[external.id])
    assert "This field is required" in text_of(client.post(url), 400)
    assert client.post(url, {"reason": "The trial is over."}).status_code == 302
    assert "The trial is over." in text_of(client.get(reverse("external_audit", args=[external.id])))
    assert client.post(url, {"reason": "again", "next": reverse("home")}).status_code in {302, 409}


def test_strangers_find_no_external_audit(external, people, signed_in):
    ready_data(external)
    client = signed_in(people.outsider)
    assert client.get(reverse("external_audit", args=[external.id])).status_code == 404
    assert "No external audits" in text_of(client.get(reverse("external_audits")))
    assert signed_in(people.external).get(reverse("external_audit", args=[external.id])).status_code == 404
    assert services.offered(external.version)["tier"] == "quick"
