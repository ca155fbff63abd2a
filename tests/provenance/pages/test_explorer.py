from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse

from core.errors import Forbidden
from core.models import Outbox
from provenance import exploring, heartbeats
from provenance.domain.commit import parse_leaf
from provenance.models import Entry
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db


def test_an_empty_ledger_says_so(db, client_of):
    page = client_of(make_people().auditor).get(reverse("ledger")).content.decode()
    assert "The ledger is empty" in page


def test_entries_are_paged_by_number(world, log, client_of):
    log.fill(130)
    client, last = client_of(world.people.auditor), Entry.objects.count() - 1
    first = client.get(reverse("ledger")).context["page"]
    assert [entry.seq for entry in first.rows] == list(range(last, last - 50, -1))
    assert (first.newer, first.older) == (None, last - 49)
    second = client.get(f"{reverse('ledger')}?before={first.older}").context["page"]
    assert second.rows[0].seq == last - 50
    back = client.get(f"{reverse('ledger')}?after={second.newer}").context["page"]
    assert [entry.seq for entry in back.rows] == [entry.seq for entry in first.rows]
    oldest = client.get(f"{reverse('ledger')}?before=3").context["page"]
    assert ([entry.seq for entry in oldest.rows], oldest.older) == ([2, 1, 0], None)


def test_entries_are_filtered_and_the_filter_stays_on_the_next_page(world, log, client_of):
    log.fill(60)
    client = client_of(world.people.auditor)
    page = client.get(reverse("ledger"), {"table": "provenance", "operation": "HEARTBEAT"})
    assert {row.entry.table for row in page.context["rows"]} == {"provenance"}
    assert "&amp;table=provenance&amp;operation=HEARTBEAT" in page.content.decode()
    page = client.get(reverse("ledger"), {"object": str(world.federation.id)})
    assert {row.operation for row in page.context["rows"]} == {"Created", "Changed"}
    assert "No entry matches" in client.get(reverse("ledger"), {"object": "nothing"}).content.decode()


@pytest.mark.parametrize("query", ["before=x", "after=-1", "before=99999999999999999999", "table=no_such", "seq=-4"])
def test_a_malformed_query_is_no_error(world, query, client_of):
    assert client_of(world.people.auditor).get(f"{reverse('ledger')}?{query}").status_code == 200


def test_a_number_leads_to_its_entry(world, client_of):
    response = client_of(world.people.auditor).get(reverse("ledger"), {"q": "3"})
    assert response.url == reverse("ledger_entry", args=[3])


# --- one line for all ----------------------------------------------------------------------------------------------


def entries_of(answer) -> list[int]:
    return [row.entry.seq for row in answer.context["rows"]]


def test_a_line_is_taken_for_what_it_is(world, changed, client_of):
    client, url = client_of(world.people.auditor), reverse("ledger")
    actor = parse_leaf(bytes(changed.leaf)).actor
    of_the_federation = entries_of(client.get(url, {"object": str(world.federation.id)}))
    assert entries_of(client.get(url, {"q": str(world.federation.id)})) == of_the_federation
    assert entries_of(client.get(url, {"q": f" {actor} "})) == [changed.seq]
    assert {row.record for row in client.get(url, {"q": "federation"}).context["rows"]} == {"Federation"}
    assert {row.operation for row in client.get(url, {"q": "changed"}).context["rows"]} == {"Changed"}
    assert client.get(url, {"q": "#3"}).url == client.get(url, {"q": "entry 3"}).url == "/ledger/3/"


@pytest.mark.parametrize(
    "line", ["99999999", "psn:" + "0" * 32, "nothing at all", "x", "%", "'; DROP", "no-such-request", "\0"]
)
def test_a_line_that_is_nothing_finds_nothing_and_says_so(world, client_of, line):
    answer = client_of(world.people.auditor).get(reverse("ledger"), {"q": line})
    assert answer.status_code == 200
    assert entries_of(answer) == []
    assert any(words in answer.content.decode() for words in ("Nothing was searched", "No entry matches"))


def test_a_pseudonym_leads_to_everything_one_person_did_and_everybody_may_ask(world, changed, client_of):
    pseudonym = parse_leaf(bytes(changed.leaf)).actor
    answer = client_of(world.people.outsider).get(reverse("ledger"), {"q": pseudonym})
    assert entries_of(answer) == [changed.seq]


# --- time ----------------------------------------------------------------------------------------------------------


def test_times_are_utc_and_both_ends_are_included(world, changed, client_of):
    client, url, at = client_of(world.people.auditor), reverse("ledger"), changed.at

    def found(**query) -> bool:
        return changed.seq in entries_of(client.get(url, {"object": changed.object_id, **query}))

    for shape in ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S UTC"):
        assert found(since=f"{at:{shape}}", until=f"{at:{shape}}"), shape
    assert not found(until=f"{at - timedelta(days=1):%Y-%m-%d}")
    assert not found(since=f"{at + timedelta(minutes=1):%Y-%m-%d %H:%M}")
    assert "To (UTC), inclusive" in client.get(url).content.decode()


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-13-01", "2026-02-30", "9999-12-31", "0001-01-01", "2026-01-01 25:00"]
)
@pytest.mark.parametrize("name", ["since", "until"])
def test_a_time_that_is_none_is_named_and_no_error(world, client_of, name, text):
    answer = client_of(world.people.auditor).get(reverse("ledger"), {name: text})
    assert answer.status_code == 200
    if text[:4] not in ("9999", "0001"):
        assert "Expected a time in UTC" in answer.content.decode()
        assert entries_of(answer) == []


def test_a_window_is_found_in_a_handful_of_look_ups(world, log, client_of, django_assert_max_num_queries):
    log.fill(2000)
    middle = Entry.objects.get(seq=1000).at
    criteria = exploring.Criteria(since=middle, until=middle)
    with django_assert_max_num_queries(40):
        found = list(exploring.entries_matching(criteria, user=world.people.auditor))
    assert 1000 in {entry.seq for entry in found}


# --- the protected content -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", [{"action": "federation.describe"}, {"actor": "officer"}, {"actor": "nobody"}, {"q": "request-id-1"}]
)
def test_members_of_the_platform_search_the_protected_content(world, changed, client_of, query):
    query = {"actor": str(world.people.officer_north.id)} if query.get("actor") == "officer" else query
    client = client_of(world.people.auditor)
    answer = client.get(reverse("ledger"), query)
    assert answer.status_code == 200
    if "action" in query or query.get("actor", "nobody") != "nobody":
        assert entries_of(answer) == [changed.seq]


def test_a_request_is_followed_by_its_id(world, log, client_of):
    client = client_of(world.people.auditor)
    client.get(reverse("ledger_entry", args=[0]), headers={"X-Request-Id": "request-0042"})
    log.drain()
    for query in ({"q": "request-0042"}, {"request": "request-0042"}):
        (row,) = client.get(reverse("ledger"), query).context["rows"]
        assert (row.entry.operation, row.entry.object_id) == ("READ", "0")


def test_a_search_in_the_protected_content_is_recorded_as_a_reading(world, log, client_of):
    client = client_of(world.people.auditor)
    client.get(reverse("ledger"), {"table": "provenance"})
    assert not Outbox.objects.exists()
    client.get(reverse("ledger"), {"action": "federation.describe", "actor": "platform"})
    row = Outbox.objects.get()
    assert (row.operation, row.object_id, row.body) == ("READ", "search", {"by": "actor, action"})
    assert row.said.actor == world.people.auditor.id


def test_others_do_not_and_are_told_why(world, changed, client_of):
    client = client_of(world.people.officer_north)
    page = client.get(reverse("ledger"))
    assert "only people of the platform itself" in page.content.decode()
    assert 'name="action"' not in page.content.decode()
    narrowed = client.get(reverse("ledger"), {"action": "federation.describe"})
    assert len(entries_of(narrowed)) > 1  # the field does not exist for them
    assert "people of the platform itself" in client.get(reverse("ledger"), {"q": "request-0042"}).content.decode()
    with pytest.raises(Forbidden):
        exploring.entries_matching(exploring.Criteria(action="x"), user=world.people.officer_north)


def test_a_change_that_nobody_stands_behind_is_flagged(world, log, client_of):
    """As raw SQL past the platform's code makes it."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE federation_federation SET purpose = 'otherwise'")
    log.drain()
    log.sign()
    client, seq = client_of(world.people.auditor), Entry.objects.count() - 1
    assert "No actor recorded" in client.get(reverse("ledger"), {"table": "federation_federation"}).content.decode()
    assert seq in entries_of(client.get(reverse("ledger"), {"actor": "nobody"}))
    assert "past the platform" in client.get(reverse("ledger_entry", args=[seq])).content.decode()
    log.fill(1)


def test_what_the_platform_does_by_itself_is_no_such_change(world, log, client_of):
    heartbeats.heartbeat_record(log.frontier)
    log.drain()
    answer = client_of(world.people.auditor).get(reverse("ledger"), {"operation": "HEARTBEAT"})
    assert "the platform itself" in answer.content.decode()
    assert "No actor recorded" not in answer.content.decode()


def test_a_search_that_takes_too_long_is_given_up(world, client_of, monkeypatch):
    monkeypatch.setattr("provenance.views.PATIENCE", "1ms")
    monkeypatch.setattr(
        "provenance.exploring._by_actor",
        lambda bodies, actor: bodies.extra(where=["pg_sleep(0.05) IS NOT NULL"]),
    )
    answer = client_of(world.people.auditor).get(reverse("ledger"), {"actor": "platform"})
    assert "was given up" in answer.content.decode()
