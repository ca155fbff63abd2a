from __future__ import annotations

import hashlib

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey
from core.models import Outbox
from provenance import checking, keys
from provenance.domain.checkpoint import open_checkpoint
from provenance.domain.proof import parse_proof, verify_proof
from provenance.models import Entry
from tests.factories.federation import make_federation
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db
PATHS = ("ledger", "ledger/entries", "ledger/entries/0", "ledger/entries/0/proof", "ledger/checkpoint")


@pytest.fixture
def world(log):
    world = make_federation(make_people())
    log.drain()
    log.sign()
    return world


@pytest.fixture
def ask(world):
    def get(path: str, role: str = "auditor", **query):
        client = Client()
        if role:
            client.force_login(getattr(world.people, role), backend="django.contrib.auth.backends.ModelBackend")
        return client.get(f"/api/v1/{path}", query)

    return get


@pytest.mark.parametrize("path", PATHS)
def test_every_role_gets_what_the_matrix_says(ask, path):
    for role in ("administrator", "auditor", "officer_north", "operator_north", "outsider"):
        assert ask(path, role).status_code == 200, role
    assert ask(path, "clinician").status_code == 403
    assert ask(path, "").status_code in (401, 403)


def test_the_status_says_how_far_the_log_is_signed(ask):
    status = ask("ledger").json()
    count = Entry.objects.count()
    assert (status["entries"], status["checkpoint"]["size"], status["waiting"]) == (count, count, 0)
    assert (status["chain"], status["anchor_lag"]) == (None, count)
    assert status["origin"] == settings.LOG_ORIGIN
    assert status["keys"] == [verifier.vkey for verifier in keys.log_verifiers()]


def test_entries_are_walked_to_the_end(ask):
    seen, page = [], ask("ledger/entries", limit=7).json()
    while page["results"]:
        seen += [entry["seq"] for entry in page["results"]]
        assert (page["count"], page["previous"]) == (None, None)
        assert bool(page["next"]) is (len(seen) < Entry.objects.count())
        page = ask("ledger/entries", limit=7, after=seen[-1]).json()
    assert seen == list(range(Entry.objects.count()))


def test_entries_show_leaves_and_no_bodies(ask, world):
    (entry,) = ask("ledger/entries", object=str(world.federation.id), table="federation_federation").json()["results"]
    assert hashlib.sha256(b"\0" + entry["leaf"].encode()).hexdigest() == entry["leaf_hash"]
    assert "Testing" not in str(entry)  # the federation's purpose


@pytest.mark.parametrize("query", [{"after": "x"}, {"limit": 0}, {"limit": 501}, {"after": -2}])
def test_a_wrong_query_is_refused_with_the_field(ask, query):
    response = ask("ledger/entries", **query)
    assert response.status_code == 400
    assert list(response.json()["fields"]) == list(query)


def test_a_body_opens_its_commitment_for_those_within_reach(ask, world):
    entry = Entry.objects.get(table="federation_federation")
    body = ask(f"ledger/entries/{entry.seq}", "officer_south").json()["body"]
    commitment = hashlib.sha256(
        b"qfl-ethics/commitment/v1\n" + bytes.fromhex(body["salt"]) + body["text"].encode()
    ).hexdigest()
    assert commitment.encode() in bytes(entry.leaf)
    assert body["opens_commitment"] is True
    assert ask(f"ledger/entries/{entry.seq}", "outsider").json()["body"] is None
    assert Outbox.objects.filter(operation="READ").count() == 1


def test_an_entry_tells_its_state(ask, log):
    assert ask("ledger/entries/0").json()["state"] == "verified"
    log.fill(1)
    last = Entry.objects.count() - 1
    assert ask(f"ledger/entries/{last}").json()["state"] == "sequenced"
    assert ask(f"ledger/entries/{last}/proof").json()["code"] == "conflict"
    assert ask("ledger/entries/100000").status_code == 404


def test_proof_and_checkpoint_verify(ask):
    entry = Entry.objects.get(seq=1)
    proof = parse_proof(ask("ledger/entries/1/proof").content)
    verify_proof(proof, entry=bytes(entry.leaf), origin=settings.LOG_ORIGIN, log_keys=keys.log_verifiers())
    note = ask("ledger/checkpoint").content
    opened = open_checkpoint(note, origin=settings.LOG_ORIGIN, log_keys=keys.log_verifiers())
    assert opened.checkpoint.size == Entry.objects.count()


def test_verification_is_started_and_read(world, monkeypatch):
    client = Client()
    client.force_login(world.people.auditor, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/api/v1/ledger/verification").json()["code"] == "not_found"
    done = client.post("/api/v1/ledger/verification")
    assert (done.status_code, done.json()["ok"], done.json()["problems"]) == (200, True, [])
    assert client.get("/api/v1/ledger/verification").json() == done.json()
    monkeypatch.setattr(checking, "AT_ONCE", 1)
    assert client.post("/api/v1/ledger/verification").status_code == 202
    client.force_login(world.people.clinician, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post("/api/v1/ledger/verification").status_code == 403


def test_a_machine_reads_with_a_key_that_names_the_action(world):
    def get(actions: list[str]):
        _, secret = ApiKey.issue(
            name="mirror", institution=world.people.north, actions=actions, issued_by=world.people.administrator,
            expires_at=timezone.now() + timezone.timedelta(hours=1),
        )  # fmt: skip
        return Client().get("/api/v1/ledger/entries/0", headers={"Authorization": f"Api-Key {secret}"})

    assert get(["ledger.view"]).status_code == 200
    assert get(["run.start"]).status_code == 403


def test_entries_are_searched_by_time_and_by_whom(ask, world):
    entry = Entry.objects.get(table="federation_federation")
    at = entry.at.isoformat()
    found = ask("ledger/entries", since=at, until=at).json()["results"]
    assert entry.seq in [row["seq"] for row in found]
    assert ask("ledger/entries", until="2020-01-01T00:00:00Z").json()["results"] == []
    assert ask("ledger/entries", since="noon").status_code == 400
    assert ask("ledger/entries", actor="x").status_code == 400
    assert ask("ledger/entries", actor="nobody").status_code == 200
    refused = ask("ledger/entries", "officer_north", action="federation.describe")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert ask("ledger/entries", "officer_north", actor="psn:" + "0" * 32).json()["results"] == []


def test_a_search_in_bodies_is_recorded(ask):
    ask("ledger/entries", action="federation.describe")
    assert Outbox.objects.get(operation="READ").object_id == "search"


def test_nobody_witnesses_a_new_log(ask):
    assert ask("ledger/witnesses").json()["results"] == []
