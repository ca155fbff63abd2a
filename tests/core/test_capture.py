from __future__ import annotations

import pytest
from django.db import connection

from accounts.models import Institution
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
    assert (row.actor, row.action) == (people.administrator.id, "test.rename")
    assert opened_reason(row.actor, row.reason) == "because"


def test_a_change_without_an_actor_is_recorded_as_such():
    Institution.objects.create(slug="x", name="X")
    assert Outbox.objects.last().actor is None


def test_personal_data_and_passwords_are_not_captured():
    people = make_people()
    bodies = str(list(Outbox.objects.values_list("body", flat=True)))
    assert people.administrator.email not in bodies
    assert "password" not in bodies
