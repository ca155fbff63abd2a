"""The typed client: it is current, and the tutorial's blocks do what they say against a live platform."""

from __future__ import annotations

import contextlib
import io
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client as Browser
from django.utils import timezone
from qfl_ethics_client import Client, Problem, Upload
from qfl_ethics_client.transport import Transport

from accounts.models import ApiKey
from clients.generate import DOCUMENT, PACKAGE, files
from tests.factories.federation import make_federation
from tests.factories.people import make_people

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "api" / "tutorial.md"
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_what_is_generated_is_current():
    for name, text in files(json.loads(DOCUMENT.read_bytes())).items():
        assert (PACKAGE / name).read_text() == text, f"{name} is stale: run `make client`"


def test_only_an_address_of_the_web_is_opened():
    with pytest.raises(ValueError, match="http"):
        Client("file:///etc")


def test_values_are_one_part_of_an_address():
    assert Transport.part("a/b c?") == "a%2Fb%20c%3F"


def session_of(person) -> dict[str, str]:
    browser = Browser()
    browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return {"session": browser.cookies["sessionid"].value, "csrf_token": _get_new_csrf_string()}


@pytest.fixture
def environment(live_server, monkeypatch):
    """What the tutorial finds in its environment."""
    people = make_people()
    make_federation(people)
    _, key = ApiKey.issue(
        name="tutorial", institution=people.north, issued_by=people.administrator,
        actions=["federation.view", "ledger.view"], expires_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    given = {"QFL_URL": live_server.url, "QFL_KEY": key}
    for name, person in (("ADMIN", people.administrator), ("OFFICER", people.officer_north)):
        session = session_of(person)
        given |= {f"QFL_{name}_SESSION": session["session"], f"QFL_{name}_CSRF": session["csrf_token"]}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return people


@pytest.mark.django_db(transaction=True)
def test_the_tutorial_does_what_it_says(environment, live_server):
    blocks, names = BLOCK.findall(TUTORIAL.read_text()), {}
    assert sum(kind == "python" for kind, _ in blocks) >= 7
    printed = ""
    for number, (kind, text) in enumerate(blocks):
        if kind == "text":
            assert printed == text, f"block {number}"
            continue
        with contextlib.redirect_stdout(io.StringIO()) as said:
            exec(compile(text, f"{TUTORIAL.name}, block {number}", "exec"), names)  # noqa: S102 - our own page
        printed = said.getvalue()
    _files_and_forms(environment, live_server.url)


def _files_and_forms(people, url: str) -> None:
    """What the tutorial leaves out; here, so that the live platform is made once."""
    officer = Client(url, **session_of(people.officer_north))
    until = (timezone.now() + timedelta(days=90)).date().isoformat()
    form = {"file": Upload("record.pdf", b"%PDF-1.7 x", "application/pdf"), "note": "May.", "valid_until": until}
    brought = officer.controls_evidence_add("hipaa", "308-a-5", form)
    assert officer.controls_evidence_file(brought["id"]) == b"%PDF-1.7 x"
    assert officer.ledger_verifier()[:2] == b"PK" or officer.ledger_verifier()[:2] == b"#!"
    with pytest.raises(Problem) as refused:
        Client(url).runs_list()
    assert (refused.value.status, refused.value.code) == (401, "not_authenticated")
