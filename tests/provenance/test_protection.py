"""What the application role cannot do to the ledger, by the rights of the database and not by our good will."""

from __future__ import annotations

import pgtrigger
import psycopg2
import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import Institution
from core.models import Outbox
from provenance.models import Anchor, Body, ChainState, Checkpoint, Entry, Tile
from provenance.replay import replay
from tests.factories.people import make_institution, make_people

GROWING = (Entry, Body, Tile, Checkpoint)


def attempt(statement: str) -> str:
    """Run a statement as the application; it must be refused. Returns what the database said."""
    with pytest.raises(DatabaseError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    return str(refused.value)


@pytest.mark.django_db
@pytest.mark.parametrize("model", GROWING, ids=lambda model: model.__name__)
@pytest.mark.parametrize("statement", ["DELETE FROM {t}", "UPDATE {t} SET {c} = {c}", "TRUNCATE {t} CASCADE"])
def test_the_application_cannot_change_or_empty_the_log(log, model, statement):
    log.fill(256)
    log.sign()
    column = model._meta.get_fields()[-1].column if model is not Entry else "leaf"
    said = attempt(statement.format(t=model._meta.db_table, c=column))
    assert "permission denied" in said


@pytest.mark.django_db
def test_switching_our_triggers_off_by_their_own_switch_opens_nothing(log):
    log.fill(1)
    with pgtrigger.ignore():
        assert "permission denied" in attempt("DELETE FROM provenance_entry")
        Institution.objects.create(slug="quiet", name="Quiet")
    assert Outbox.objects.filter(table="accounts_institution").count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE provenance_entry DISABLE TRIGGER ALL",
        "ALTER TABLE accounts_institution DISABLE TRIGGER USER",
        "CREATE OR REPLACE FUNCTION core_capture() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "DROP FUNCTION core_capture() CASCADE",
        "SET session_replication_role = replica",
        "DROP TABLE provenance_entry",
        "GRANT DELETE ON provenance_entry TO PUBLIC",
        "INSERT INTO django_migrations (app, name, applied) VALUES ('x', 'y', now())",
    ],
)
def test_the_application_cannot_lift_the_protection(db, statement):
    if "GRANT" in statement:  # PostgreSQL warns instead of refusing; what counts is that nothing was granted
        with connection.cursor() as cursor:
            cursor.execute(statement)
            cursor.execute("SELECT has_table_privilege('provenance_entry', 'DELETE')")
            assert cursor.fetchone() == (False,)
        return
    said = attempt(statement)
    assert "must be" in said or "permission denied" in said


@pytest.mark.django_db
def test_the_application_cannot_drop_a_trigger():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = 'provenance_entry'::regclass"
        )
        names = [name for (name,) in cursor.fetchall()]
    assert len(names) == 3
    for name in names:
        assert "must be owner" in attempt(f"DROP TRIGGER {name} ON provenance_entry")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        'INSERT INTO core_outbox (at, "table", operation, object_id, body) '
        "VALUES (now(), 'accounts_user', 'INSERT', 'x', '{}')",
        "SELECT core_outbox_insert('accounts_user', 'INSERT', 'x', '{}'::jsonb)",
        "UPDATE core_outbox SET body = '{}'",
        "DELETE FROM core_outbox",
        "TRUNCATE core_outbox",
    ],
)
def test_the_application_cannot_forge_or_lose_what_waits(db, statement):
    make_institution("north")
    assert "permission denied" in attempt(statement)
    assert Outbox.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("operation", ["INSERT", "UPDATE", "DELETE", "REBASELINE", "insert", ""])
def test_what_is_no_row_change_cannot_be_recorded_as_one(operation):
    said = attempt(f"SELECT core_record('accounts_user', '{operation}', 'x', '{{}}'::jsonb)")
    assert "is not BATCH, READ, HEARTBEAT or ERASURE" in said


@pytest.mark.django_db
@pytest.mark.parametrize("seq", [0, 2, 7])
def test_an_entry_out_of_its_place_is_refused(log, seq):
    log.fill(1)
    said = attempt(
        'INSERT INTO provenance_entry (seq, outbox_id, leaf, leaf_hash, "table", operation, object_id, at) '
        f"VALUES ({seq}, 99, '', '', 'x', 'INSERT', 'x', now())"
    )
    assert "gapless" in said or (seq == 0 and "duplicate key" in said)


@pytest.mark.django_db
def test_pruning_takes_nothing_that_is_not_in_the_log(db):
    make_institution("north")
    with connection.cursor() as cursor:
        cursor.execute("SELECT provenance_settle_outbox(0, 1000)")
        assert cursor.fetchone() == (0,)
    assert Outbox.objects.count() == 1


def test_the_mirror_and_the_anchors_are_the_only_rows_of_ours_that_change():
    """They describe the chain, which is their proof; everything else of the ledger only grows."""
    from core.capture import AppendOnly

    for model in (*GROWING, Anchor, ChainState):
        grows = any(isinstance(trigger, AppendOnly) for trigger in getattr(model._meta, "triggers", []))
        assert grows == (model in GROWING)


# --- what the owner is prevented from, and what is only detected ---------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE provenance_entry SET leaf = leaf", "append-only"),
        ("DELETE FROM provenance_entry", "append-only"),
        ("DELETE FROM provenance_body", "append-only"),
        ("TRUNCATE provenance_entry CASCADE", "must not be truncated"),
        ("TRUNCATE accounts_institution CASCADE", "must not be truncated"),
        (
            'INSERT INTO provenance_entry (seq, outbox_id, leaf, leaf_hash, "table", operation, object_id, at) '
            "VALUES (77, 1, '', '', 'x', 'INSERT', 'x', now())",
            "gapless",
        ),
    ],
)
def test_even_a_superuser_in_replica_mode_is_refused(log, superuser, statement, said):
    """Ordinary triggers sleep while `session_replication_role` is replica; these are always awake."""
    log.fill(3)
    with superuser.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg2.DatabaseError, match=said):
            cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_a_governed_change_in_replica_mode_is_captured(log, superuser):
    with superuser.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("INSERT INTO accounts_institution VALUES (gen_random_uuid(), now(), 'quiet', 'Quiet', true)")
    assert log.drain() == 1
    assert replay().complete


@pytest.mark.django_db(transaction=True)
def test_no_trigger_of_ours_is_anything_but_always_awake(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.tgname, t.tgrelid::regclass::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "WHERE NOT tgisinternal AND tgenabled <> 'A' AND c.relnamespace = 'public'::regnamespace "
            "AND NOT c.relispartition"
        )
        assert cursor.fetchall() == []


@pytest.mark.django_db(transaction=True)
def test_an_owner_who_forges_a_waiting_row_cannot_be_prevented_but_is_shown(log, owner):
    make_institution("north")
    with owner.cursor() as cursor:
        cursor.execute("""UPDATE core_outbox SET body = jsonb_set(body, '{name}', '"Forged"')""")
    log.drain()
    assert not replay().complete


# --- what a review found, and stays closed -------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "function", ["core_capture", "core_capture_new_accounts_institution", "core_capture_old_accounts_institution"]
)
def test_the_application_cannot_hang_a_capture_on_a_table_of_its_own(function):
    """It would write entries of rows that never were."""
    said = attempt(
        "CREATE TEMPORARY TABLE accounts_institution (id uuid, name text); "
        "CREATE TRIGGER forge AFTER INSERT ON pg_temp.accounts_institution FOR EACH ROW "
        f"EXECUTE FUNCTION {function}('id', 'name')"
    )
    assert "permission denied for function" in said


@pytest.mark.django_db
def test_an_entry_that_only_names_a_waiting_row_does_not_make_it_leave(log):
    log.fill(1)
    make_institution("north")
    waiting = Outbox.objects.get()
    with connection.cursor() as cursor:
        cursor.execute(
            'INSERT INTO provenance_entry (seq, outbox_id, leaf, leaf_hash, "table", operation, object_id, at) '
            "VALUES (1, %s, '', '', 'provenance', 'HEARTBEAT', 'log', now())",
            [waiting.id],
        )
        cursor.execute("SELECT provenance_settle_outbox(0, 10)")
        assert cursor.fetchone() == (0,)
    assert Outbox.objects.get() == waiting


@pytest.mark.django_db
def test_partitions_give_no_right_that_their_parent_withholds():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relispartition AND c.relnamespace = 'public'::regnamespace "
            "AND c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE')"
        )
        assert cursor.fetchall() == []


@pytest.mark.django_db
def test_a_shredded_key_stays_shredded():
    from core import vault

    subject = make_people().administrator.id
    vault.shred(subject)
    assert "permission denied" in attempt(f"DELETE FROM core_subjectkey WHERE subject = '{subject}'")
    said = attempt(f"UPDATE core_subjectkey SET shredded_at = NULL WHERE subject = '{subject}'")
    assert "stays so" in said


@pytest.mark.django_db
def test_a_key_that_does_not_open_does_not_hold_up_the_log(log):
    from core import vault
    from core.context import governed

    people = make_people()
    log.drain()
    with governed(action="test", actor=people.administrator.id):
        make_institution("fourth")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE core_subjectkey SET wrapped = 'x'::bytea WHERE subject = %s", [people.administrator.id])
    vault.forget_cached()
    assert log.drain() >= 1
