"""Completeness, measured: the governed tables are rebuilt from the log and compared row by row."""

from __future__ import annotations

import json
import os
import uuid

import psycopg2
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Institution
from core.context import governed
from core.grants import ALWAYS
from federation.models import TrainingRun
from provenance.replay import replay
from tests.factories.federation import make_federation, make_run
from tests.factories.people import make_people


@pytest.mark.django_db
def test_a_log_that_captured_everything_gives_every_table_exactly(log):
    make_people()
    found = replay()
    assert found.complete and found.expected > 20
    log.drain()
    assert replay().found == found.found
    assert {table.table for table in found.tables} >= {"accounts_user", "provenance_logkey", "audits_runtime_halt"}


@pytest.mark.django_db
def test_changed_and_deleted_rows_are_rebuilt_as_they_were_last(log):
    kept, gone = Institution.objects.create(slug="a", name="A"), Institution.objects.create(slug="b", name="B")
    log.drain()
    Institution.objects.filter(pk=kept.pk).update(name="A2")
    gone.delete()
    assert replay().complete  # from the log and from what waits
    log.drain()
    assert replay().complete


@pytest.mark.django_db
def test_values_of_every_kind_come_back_bit_for_bit_also_from_a_session_with_other_settings(log):
    run = make_run(make_federation(make_people()))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'Asia/Kathmandu'; SET LOCAL extra_float_digits = 0")
    run.config |= {"big": 2**60, "float": 0.1 + 0.2, "word": "Süßwasser\t\\\"'", "Süd": 1.0, "nested": [[], {}, None]}
    run.save(update_fields=["config"])
    log.drain()
    assert replay().complete
    assert TrainingRun.objects.get(pk=run.pk).config["float"] == 0.1 + 0.2


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE accounts_institution SET name = 'rewritten in secret' WHERE slug = 'north'", "other values"),
        ("DELETE FROM accounts_membership WHERE id = (SELECT id FROM accounts_membership LIMIT 1)", "not in the table"),
        (
            "INSERT INTO accounts_institution (id, created_at, slug, name, is_active) "
            "VALUES (gen_random_uuid(), now(), 'ghost', 'Ghost', true)",
            "not in the log",
        ),
    ],
    ids=["changed", "deleted", "inserted"],
)
@pytest.mark.django_db(transaction=True)
def test_a_change_past_the_triggers_is_named(log, owner, statement, kind):
    """Only the owner of the database can switch them off, and the replay shows that it happened."""
    make_people()
    log.drain()
    with owner.cursor() as cursor:
        for switch in ("DISABLE", "ENABLE"):
            for table in ("accounts_institution", "accounts_membership"):
                cursor.execute(f"ALTER TABLE {table} {switch} TRIGGER USER")
            if switch == "DISABLE":
                cursor.execute(statement)
        cursor.execute(ALWAYS)
    found = replay()
    assert found.expected - found.found == 1
    assert len(found.problems) == 1 and kind in found.problems[0]
    with pytest.raises(CommandError, match="1 rows are not as the log gives them"):
        call_command("replay_ledger")


@pytest.mark.django_db(transaction=True)
def test_the_owner_may_keep_the_rebuilt_tables(log, owner):
    make_people()
    log.drain()
    with owner.cursor() as cursor:
        cursor.execute("SELECT current_user")
        role = cursor.fetchone()[0]
    settings_dict = connection.settings_dict
    before = dict(settings_dict)
    opened = psycopg2.extensions.parse_dsn(os.environ["DATABASE_OWNER_URL"])
    connection.close()
    settings_dict.update(USER=role, PASSWORD=opened.get("password", ""))
    try:
        call_command("replay_ledger", keep="kept_2026")
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM kept_2026.accounts_institution")
            assert cursor.fetchone() == (4,)
            cursor.execute("DROP SCHEMA kept_2026 CASCADE")
    finally:
        connection.close()
        settings_dict.clear()
        settings_dict.update(before)


@pytest.mark.django_db
def test_the_application_is_told_why_it_cannot_keep_them(capsys):
    with pytest.raises(CommandError, match="Use the owner role"), transaction.atomic():
        call_command("replay_ledger", keep="kept")
    with pytest.raises(CommandError, match="Expected a schema name"):
        call_command("replay_ledger", keep="x; DROP TABLE y")


@pytest.mark.django_db
def test_the_command_speaks_json(log, capsys):
    make_people()
    call_command("replay_ledger", json=True)
    said = json.loads(capsys.readouterr().out)
    assert said["expected"] == said["found"] > 0


@pytest.mark.django_db(transaction=True)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["orm", "bulk", "update", "raw", "upsert", "delete", "rollback", "savepoint", "crash", "drain"]
            ),
            st.text(st.characters(blacklist_characters="\x00", blacklist_categories=("Cs",)), max_size=20),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_no_workload_escapes_the_log(log, workload):
    """Rows made by the ORM, in bulk, by raw SQL, rolled back, or lost in a crash: the log gives what stands."""
    for step, text in workload:
        STEPS[step](log, text)
    found = replay()
    assert found.complete, found.problems
    log.drain()
    found = replay()
    assert found.complete, found.problems


def _slug() -> str:
    return f"s-{uuid.uuid4().hex[:12]}"


def _orm(log, text: str) -> None:
    with governed(action="test", reason=text):
        Institution.objects.create(slug=_slug(), name=text)


def _bulk(log, text: str) -> None:
    Institution.objects.bulk_create([Institution(slug=_slug(), name=text + str(i)) for i in range(3)])


def _update(log, text: str) -> None:
    Institution.objects.filter(slug__startswith="s-").update(name=text, is_active=len(text) % 2 == 0)


def _raw(log, text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH made AS (INSERT INTO accounts_institution VALUES (gen_random_uuid(), now(), %s, %s, true) "
            "RETURNING id) SELECT * FROM made",
            [_slug(), text],
        )


def _upsert(log, text: str) -> None:
    with connection.cursor() as cursor:
        for _ in range(2):
            cursor.execute(
                "INSERT INTO accounts_institution VALUES (gen_random_uuid(), now(), 's-one', %s, true) "
                "ON CONFLICT (slug) DO UPDATE SET name = EXCLUDED.name || '+'",
                [text],
            )


def _delete(log, text: str) -> None:
    Institution.objects.filter(slug__gt="s-8").delete()


def _rollback(log, text: str) -> None:
    with transaction.atomic():
        _orm(log, text)
        transaction.set_rollback(True)


def _savepoint(log, text: str) -> None:
    with transaction.atomic():
        _orm(log, text)
        with transaction.atomic():
            _update(log, text)
            transaction.set_rollback(True)


def _crash(log, text: str) -> None:
    """A writer dies between its change and its commit; another one's commit stands."""
    died = psycopg2.connect(os.environ["DATABASE_URL"])
    with died.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_institution VALUES (gen_random_uuid(), now(), %s, 'lost', true)", [_slug()]
        )
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    _orm(log, text)
    died.close()


def _drain(log, text: str) -> None:
    log.drain()


STEPS = {
    "orm": _orm, "bulk": _bulk, "update": _update, "raw": _raw, "upsert": _upsert, "delete": _delete,
    "rollback": _rollback, "savepoint": _savepoint, "crash": _crash, "drain": _drain,
}  # fmt: skip
