"""The search over everything: what is found, by whom, and that nothing typed breaks it."""

from __future__ import annotations

import pytest
from django.test import Client

from provenance.models import Entry
from qflethics.home.search import SHOWN, found, understood
from tests.factories.federation import make_federation, make_run
from tests.factories.ledger import sequence_all
from tests.factories.people import make_people
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db
DIGEST = "0123456789abcdef" * 4


@pytest.fixture
def world():
    return make_federation(make_people())


def titles(who, text: str) -> dict[str, list[str]]:
    return {group.key: [hit.title for hit in group.hits] for group in found(who, understood(text))}


@pytest.mark.parametrize(
    ("text", "number", "digest", "identifier"),
    [
        ("ward", None, "", False), ("#12", 12, "", False), ("7", 7, "", False), (DIGEST, None, DIGEST, False),
        (f"sha256:{DIGEST[:8].upper()}", None, DIGEST[:8], False), ("abcdef0", None, "", False),
        ("12345678-1234-1234-1234-123456789abc", None, "", True), ("", None, "", False),
    ],
)  # fmt: skip
def test_a_line_is_taken_apart(text, number, digest, identifier):
    asked = understood(text)
    assert (asked.number, asked.digest, asked.identifier is not None) == (number, digest, identifier)


def test_words_find_what_they_begin_in_every_kind_that_the_person_may_open(world):
    deployment = make_deployment(world, name="Ward Seven")
    people = world.people
    assert titles(people.auditor, "ward sev")["deployments"] == ["Ward Seven"]
    assert titles(people.clinician, "WARD")["deployments"] == ["Ward Seven"]
    assert "deployments" not in titles(people.auditor, "ward eight")
    everything = titles(people.administrator, "trial")
    assert everything["federations"] == ["Trial"] and everything["versions"] == [str(deployment.version)]
    assert titles(people.auditor, f"v{deployment.version.number}")["versions"] == [str(deployment.version)]
    assert titles(people.auditor, "clinical approved")["approvals"]


def test_nothing_outside_of_a_persons_institutions_and_rights_is_found(world):
    make_deployment(world, name="Ward Seven")
    assert titles(world.people.outsider, "ward") == {} == titles(world.people.outsider, "trial")
    assert set(titles(world.people.clinician, "trial")) <= {"models", "versions", "deployments", "appeals", "incidents"}
    assert titles(world.people.external, "ward") == {}


def test_entries_are_found_by_number_hash_and_object(world):
    run = make_run(world)
    sequence_all()
    entry = Entry.objects.filter(object_id=str(run.id)).get()
    auditor = world.people.auditor
    for text in (str(entry.seq), f"#{entry.seq}", bytes(entry.leaf_hash).hex()):
        assert titles(auditor, text)["ledger"] == [f"Entry {entry.seq}"], text
    by_id = titles(auditor, str(run.id))
    assert by_id["ledger"] == [f"Entry {entry.seq}"] and by_id["runs"] == [run.name]
    assert titles(auditor, run.config_hash[:12])["runs"] == [run.name]
    assert titles(auditor, "999999") == {} and "ledger" not in titles(world.people.clinician, str(entry.seq))


def test_the_newest_are_shown_and_it_is_said_that_there_are_more(world):
    for _ in range(SHOWN + 1):
        make_run(world)
    (runs,) = [group for group in found(world.people.auditor, understood("run")) if group.key == "runs"]
    assert len(runs.hits) == SHOWN and runs.more


def test_whatever_is_typed_the_page_answers_and_shows_it_as_text(world):
    client = Client()
    client.force_login(world.people.auditor, backend="django.contrib.auth.backends.ModelBackend")
    for text in (
        "' | !",
        "a & b:*",
        "\\",
        "a\0b",
        "x" * 5000,
        "<script>alert(1)</script>",
        "'); DROP TABLE",
        "   ",
        "€",
    ):
        answer = client.get("/search/", {"q": text})
        assert answer.status_code == 200 and "<script>alert" not in answer.content.decode(), text
    empty = client.get("/search/", {"q": "zzz"}).content.decode()
    assert "Nothing was found" in empty and "What are you looking for?" in client.get("/search/").content.decode()
