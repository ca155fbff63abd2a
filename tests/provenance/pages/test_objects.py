"""Everything about one object, and the same as a file for a stranger."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest
from django.db import connection
from django.template import engines
from django.test import RequestFactory
from django.urls import reverse

from core.capture import record
from core.context import governed
from core.models import Outbox
from provenance import objects
from provenance.domain.bundle import parse_bundle
from provenance.models import Entry
from provenance.reading import latest_entry

pytestmark = pytest.mark.django_db
LINKS = '{% include "provenance/evidence_links.html" with object_id=thing %}'


def test_a_history_says_who_did_what_and_why_in_order(world, changed, read):
    page = read("ledger_object", changed.object_id)
    created, was_changed = page.index("A federation was created"), page.index("changed a federation")
    assert created < was_changed
    for words in ("Somebody as ethics officer changed", "federation.describe", "wording", "Purpose: Testing", "Signed"):
        assert words in page


def test_who_takes_part_in_nothing_sees_that_there_are_entries_and_no_more(world, changed, read):
    page = read("ledger_object", changed.object_id, who="outsider")
    assert "The content is withheld" in page
    assert "wording" not in page
    assert "Somebody changed a federation" in page
    assert not Outbox.objects.exists()


def test_a_history_is_read_on_the_record_and_stays_what_it_was(world, changed, read, log):
    read("ledger_object", changed.object_id, who="officer_north")
    row = Outbox.objects.get()
    assert (row.table, row.operation, row.object_id) == ("provenance_body", "READ", changed.object_id)
    log.drain()
    assert latest_entry(changed.object_id) == changed
    page = read("ledger_object", changed.object_id)
    assert "Who looked at it" in page
    assert "Nobody, as far as the ledger knows" not in page
    assert page.count('class="activity__item') == 2


def test_a_long_history_is_paged(world, log, read, client_of):
    for n in range(120):
        record(table="things", operation="BATCH", object_id="a/long one", body={"n": str(n)})
    log.drain()
    log.sign()
    first = read("ledger_object", "a/long one")
    assert first.count('class="activity__item') == 50
    following = client_of(world.people.auditor).get(reverse("ledger_object", args=["a/long one"])).context["following"]
    second = read("ledger_object", "a/long one", after=following)
    assert "From the beginning" in second
    assert second.count('class="activity__item') == 50


@pytest.mark.parametrize("name", ["nothing", "a/b/c", "%00", "\N{SNOWMAN}", "x" * 3000])
def test_what_the_log_does_not_know_is_not_found(world, client_of, name):
    client = client_of(world.people.auditor)
    assert client.get(f"/ledger/objects/{name}/").status_code == 404
    assert client.get(f"/ledger/objects/{name}/bundle").status_code == 404
    answer = client.get(f"/api/v1/ledger/objects/{name}/bundle")
    assert answer.status_code == (400 if name == "%00" else 404)


# --- bundles -------------------------------------------------------------------------------------------------------


def bundle_of(client, entry: Entry, **query) -> bytes:
    response = client.get(reverse("ledger_object_bundle", args=[entry.object_id]), query)
    assert response.status_code == 200, response.content
    assert response.headers["Content-Disposition"].endswith('.zip"')
    return response.content


def test_a_bundle_holds_every_entry_about_it_and_the_ledger_notes_that_it_was_taken(world, changed, client_of):
    bundle = parse_bundle(bundle_of(client_of(world.people.auditor), changed))
    about = Entry.objects.filter(object_id=changed.object_id, table="federation_federation")
    assert [entry.seq for entry in bundle.entries] == [entry.seq for entry in about]
    assert bundle.complete
    assert all(entry.body and not entry.redaction for entry in bundle.entries)
    row = Outbox.objects.get()
    assert (row.operation, row.object_id, row.said.action) == ("READ", changed.object_id, "ledger.bundle")
    assert row.said.actor == world.people.auditor.id


def test_what_a_person_may_not_read_is_withheld_and_still_proved(world, changed, client_of):
    bundle = parse_bundle(bundle_of(client_of(world.people.outsider), changed))
    assert all(entry.body is None and entry.salt is None for entry in bundle.entries)
    assert {entry.redaction for entry in bundle.entries} == {objects.OUTSIDE}
    assert b"A secret purpose" not in bundle_of(client_of(world.people.outsider), changed)


def test_the_downloaded_verifier_verifies_the_downloaded_bundle(world, changed, client_of, tmp_path):
    client = client_of(world.people.officer_south)
    (tmp_path / "bundle.zip").write_bytes(bundle_of(client, changed))
    program = client.get(reverse("ledger_verifier"))
    assert program.headers["Content-Disposition"] == 'attachment; filename="verifier.pyz"'
    (tmp_path / "verifier.pyz").write_bytes(program.content)
    (tmp_path / "keys.txt").write_bytes(client.get(reverse("log_keys")).content)
    done = subprocess.run(
        [sys.executable, "-I", "verifier.pyz", "bundle.zip", "--keys", "keys.txt"], cwd=tmp_path, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert hashlib.sha256(program.content).hexdigest() in client.get(reverse("ledger_verification")).content.decode()


def test_the_api_gives_the_same_bundle(world, changed, client_of):
    client = client_of(world.people.auditor)
    answer = client.get(f"/api/v1/ledger/objects/{changed.object_id}/bundle")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/zip"
    assert len(parse_bundle(answer.content).entries) == 2
    wrong = client.get(f"/api/v1/ledger/objects/{changed.object_id}/bundle", {"table": "accounts_user"})
    assert wrong.json()["code"] == "not_found"


def test_too_many_entries_are_for_the_operators_command(world, changed, client_of, monkeypatch):
    monkeypatch.setattr(objects, "MOST", 1)
    client = client_of(world.people.auditor)
    for url in (
        reverse("ledger_object_bundle", args=[changed.object_id]),
        f"/api/v1/ledger/objects/{changed.object_id}/bundle",
    ):
        response = client.get(url)
        assert response.status_code == 413
        assert f"manage.py export_bundle --object {changed.object_id}" in response.content.decode()


def test_what_is_not_signed_yet_is_not_bundled(world, log, client_of):
    with governed(action="test"):
        record(table="things", operation="BATCH", object_id="fresh", body={})
    log.drain()
    client = client_of(world.people.auditor)
    assert "Not signed yet" in client.get(reverse("ledger_object", args=["fresh"])).content.decode()
    response = client.get(reverse("ledger_object_bundle", args=["fresh"]))
    assert response.status_code == 409
    assert "try again" in response.content.decode()


# --- the links on other pages --------------------------------------------------------------------------------------


def links(user, thing) -> str:
    request = RequestFactory().get("/")
    request.user = user
    return engines["django"].from_string(LINKS).render({"thing": thing, "user": user}, request)


def test_every_decision_links_to_its_evidence(world, changed):
    shown = links(world.people.auditor, world.federation.id)
    for url in (
        reverse("ledger_object", args=[changed.object_id]), reverse("ledger_entry", args=[changed.seq]),
        reverse("ledger_object_bundle", args=[changed.object_id]),
    ):  # fmt: skip
        assert url in shown


def test_what_is_on_its_way_says_so_and_who_may_not_open_the_ledger_sees_nothing(world):
    assert "on its way to the ledger" in links(world.people.auditor, "fresh")
    assert links(world.people.clinician, world.federation.id).strip() == ""
    assert links(world.people.auditor, None).strip() == ""


def test_a_change_that_nobody_stands_behind_is_told_as_such(world, changed, log, read):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE federation_federation SET purpose = 'otherwise'")
    log.drain()
    log.sign()
    assert "A federation was changed by nobody on record" in read("ledger_object", changed.object_id)
