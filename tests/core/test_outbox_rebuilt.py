"""The outbox is written anew by a migration: what waits goes on waiting, and nothing is numbered twice."""

from importlib import import_module

import pytest
from psycopg2.extensions import cursor as Cursor

pytestmark = pytest.mark.django_db
REBUILD = import_module("core.migrations.0009_outbox_rebuilt").REBUILD
RECORD = "SELECT core_outbox_insert('bench_sample', 'READ', %s, '{\"a\": \"b\"}')"


def test_rows_that_wait_keep_their_number_and_the_next_one_is_larger(owner: Cursor):
    owner.execute(RECORD, ["first"])
    (first,) = owner.fetchone()
    owner.execute("SELECT * FROM core_outbox ORDER BY id")
    waiting = owner.fetchall()
    owner.execute(REBUILD)
    owner.execute("SELECT * FROM core_outbox ORDER BY id")
    assert owner.fetchall() == waiting
    owner.execute(RECORD, ["second"])
    assert owner.fetchone()[0] > first


def test_the_outbox_carries_no_dropped_column_and_its_names_are_the_usual_ones(owner: Cursor):
    owner.execute("SELECT count(*) FROM pg_attribute WHERE attrelid = 'core_outbox'::regclass AND attisdropped")
    assert owner.fetchone() == (0,)
    owner.execute("SELECT pg_get_serial_sequence('core_outbox', 'id'), to_regclass('core_outbox_pkey') IS NOT NULL")
    assert owner.fetchone() == ("public.core_outbox_id_seq", True)
