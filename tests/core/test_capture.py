from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import Institution
from core import grants, specialise
from core.context import governed, opened_reason
from core.models import Outbox
from core.tables import classify
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db


def test_every_table_is_governed_bulk_or_exempt_with_a_reason():
    declared = classify()
    with connection.cursor() as cursor:
        tables = {t.name for t in connection.introspection.get_table_list(cursor) if t.type in {"t", "p"}}
    partitions = {t for t in tables if t.startswith(("runtime_prediction_", "runtime_outcome_", "runtime_event_key_"))}
    assert tables - partitions - {"django_migrations"} == set(declared)


def test_raw_and_bulk_statements_are_captured_with_actor_and_reason():
    people = make_people()
    with governed(action="test.rename", actor=people.administrator.id, reason="because"):
        Institution.objects.filter(slug="north").update(name="New")
    row = Outbox.objects.filter(table="accounts_institution").last()
    assert (row.operation, row.object_id, row.body["name"]) == ("UPDATE", str(people.north.id), "New")
    assert (row.said.actor, row.said.action) == (people.administrator.id, "test.rename")
    assert opened_reason(row.said.actor, row.said.reason) == "because"


def test_a_change_without_an_actor_is_recorded_as_such():
    Institution.objects.create(slug="x", name="X")
    assert Outbox.objects.last().said.actor is None


def test_personal_data_and_passwords_are_not_captured():
    people = make_people()
    bodies = str(list(Outbox.objects.values_list("body", flat=True)))
    assert people.administrator.email not in bodies
    assert "password" not in bodies


def capturing(cursor) -> set[tuple[str, int, str, str, bool]]:
    """Table, events (PostgreSQL's bits: 4 insert, 8 delete, 16 update), function, when enabled, as the owner."""
    cursor.execute(
        "SELECT c.relname, t.tgtype & 28, p.proname, t.tgenabled, p.prosecdef FROM pg_trigger t "
        "JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid WHERE p.proname LIKE 'core\\_capture%'"
    )
    return set(cursor.fetchall())


def test_every_governed_table_has_capture_functions_of_its_own():
    governed_tables = {table for table, (kind, _) in classify().items() if kind == "governed"}
    with connection.cursor() as cursor:
        found = capturing(cursor)
    assert found == {
        (table, events, f"core_capture_{of}_{table}"[:63], "A", True)
        for table in governed_tables
        for of, events in (("new", 4), ("old", 8 + 16))
    }


def test_during_a_migration_the_shared_function_captures_everything_once(owner):
    """A migration may change columns, and may write rows into what it has just made."""
    for statement in [*specialise.shared(), grants.ALWAYS]:
        owner.execute(statement)
    assert {row[1:] for row in capturing(owner)} == {(4 + 8 + 16, "core_capture", "A", True)}
    owner.execute(
        "INSERT INTO accounts_institution (id, created_at, slug, name, is_active) "
        "VALUES (gen_random_uuid(), now(), 'x', 'X', true)"
    )
    owner.execute("SELECT count(*) FROM core_outbox WHERE body ->> 'slug' = 'x'")
    assert owner.fetchone() == (1,)
    for statement in [*specialise.statements(), grants.ALWAYS]:
        owner.execute(statement)
    assert {events for _, events, *_ in capturing(owner)} == {4, 8 + 16}


def test_a_session_cannot_put_its_own_things_in_the_place_of_the_captures():
    """A type or a setting of the session would otherwise decide what a value looks like, or stop the capture."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE text (x int); CREATE TEMPORARY TABLE core_outbox (y int)")
        cursor.execute("SET LOCAL search_path = pg_temp, public; SET LOCAL timezone = 'Asia/Kathmandu'")
        Institution.objects.create(slug="x", name="X")
        cursor.execute("SET LOCAL search_path = public; DROP TABLE pg_temp.text, pg_temp.core_outbox")
    row = Outbox.objects.get()
    assert row.body["name"] == "X" and row.body["created_at"].endswith("+05:45")


def test_the_identity_of_a_row_never_changes():
    institution = Institution.objects.create(slug="x", name="X")
    with pytest.raises(DatabaseError, match="identity of a governed row"), transaction.atomic():
        Institution.objects.filter(pk=institution.pk).update(id="00000000-0000-0000-0000-000000000001")
