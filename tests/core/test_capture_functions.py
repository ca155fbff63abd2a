"""The capture function that is written for each table, beside the one that works for all."""

from __future__ import annotations

from datetime import datetime

import psycopg2
import pytest
from django.core.exceptions import ImproperlyConfigured
from psycopg2.extensions import cursor as Cursor

from core import specialise

pytestmark = pytest.mark.django_db

TYPES = {
    "id": "uuid", "word": "text", "exact": "numeric", "double": "double precision", "single": "real",
    "yes": "boolean", "document": "jsonb", "moment": "timestamp with time zone", "raw": "bytea", "day": "date",
    "span": "interval", "counter": "integer",
}  # fmt: skip
CAPTURED = [column for column in TYPES if column != "counter"]
CAST = ", ".join(f"(body ->> '{column}')::{TYPES[column]}" for column in CAPTURED)
ONE, TWO = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
USUAL = (ONE, "Süd\t\\\"'", "1.00", 0.1 + 0.2, 0.1, True, '{"a": [1.0, {}, null]}', "2026-02-03 04:05:06.789+01",
         b"\x00\\x", "2026-02-03", "1 day 02:00", 0)  # fmt: skip
ODD = (TWO, "", "NaN", "NaN", "Infinity", False, "[]", "infinity", b"", "infinity", "-1 mon", 0)
MISSING = (TWO, *[None] * (len(TYPES) - 1))
ANCIENT = (TWO, *[None] * 6, "0044-03-15 12:00:00+00 BC", *[None] * 4)


ODDLY = (
    "SET timezone = 'Asia/Kathmandu'; SET datestyle = 'German'; SET extra_float_digits = 0; SET bytea_output = 'escape'"
)
USUALLY = "SET timezone = 'UTC'; SET datestyle = 'ISO, MDY'; SET extra_float_digits = 1; SET bytea_output = 'hex'"


@pytest.fixture(params=[ODDLY, USUALLY], ids=["a session unlike ours", "a session as ours"])
def kinds(owner: Cursor, request) -> Cursor:
    """A table of every kind of column that both functions follow."""
    columns = ", ".join(f"{column} {kind}" for column, kind in TYPES.items())
    arguments = ", ".join(f"'{column}'" for column in CAPTURED)
    owner.execute(f"CREATE TABLE public.kinds ({columns}, PRIMARY KEY (id))")
    for name, of_new in (("kinds_new", True), ("kinds_old", False)):
        owner.execute(specialise.function(name, "kinds", CAPTURED, TYPES, of_new=of_new))
    for name, events, function in (
        ("own_new", "INSERT", "kinds_new"),
        ("own_old", "UPDATE OR DELETE", "kinds_old"),
        ("shared", "INSERT OR UPDATE OR DELETE", "core_capture"),
    ):
        owner.execute(
            f"CREATE TRIGGER {name} AFTER {events} ON public.kinds "
            f"FOR EACH ROW EXECUTE FUNCTION public.{function}({arguments})"
        )
    owner.execute(request.param)
    return owner


def captured(cursor: Cursor) -> list[tuple]:
    """What was captured since the last call, by the table's own function, if the shared one says the same."""
    cursor.execute(
        f"""WITH taken AS (DELETE FROM core_outbox WHERE "table" = 'kinds' RETURNING *)
        SELECT operation, object_id, body, ROW({CAST})::text FROM taken ORDER BY id"""
    )
    rows = cursor.fetchall()
    said = [(operation, object_id, values) for operation, object_id, _, values in rows]
    assert said[0::2] == said[1::2]
    return rows[0::2]


def insert(cursor: Cursor, row: tuple) -> None:
    cursor.execute(f"INSERT INTO kinds VALUES ({', '.join(['%s'] * len(row))})", row)


@pytest.mark.parametrize("row", [USUAL, ODD, MISSING, ANCIENT], ids=["usual", "odd", "missing", "ancient"])
def test_both_functions_give_every_value_as_text_that_casts_back_to_it(kinds, row):
    insert(kinds, row)
    kinds.execute(f"SELECT ROW({', '.join(CAPTURED)})::text FROM kinds")
    (stood,) = kinds.fetchone()
    kinds.execute("DELETE FROM kinds")
    added, gone = captured(kinds)
    assert (added[0], gone[0], added[1]) == ("INSERT", "DELETE", row[0])
    assert added[1:] == gone[1:]  # what goes is recorded as it stood
    assert added[3] == stood and set(added[2]) == set(CAPTURED)


def test_the_text_does_not_depend_on_the_session(kinds):
    insert(kinds, USUAL)
    ((_, _, body, _),) = captured(kinds)
    assert body["double"] == "0.30000000000000004" and body["raw"] == "\\x005c78"
    assert body["exact"] == "1.00" and datetime.fromisoformat(body["moment"]) == datetime.fromisoformat(USUAL[7])


@pytest.mark.parametrize(
    ("column", "value"), [("document", "null"), ("document", '"word"'), ("double", "-0"), ("document", None)]
)
def test_what_json_does_not_tell_apart_is_told_apart(kinds, column, value):
    """The shared function goes through JSON and loses these."""
    kinds.execute("DROP TRIGGER shared ON kinds")
    kinds.execute(f"INSERT INTO kinds (id, {column}) VALUES (%s, %s)", [ONE, value])
    kinds.execute("""SELECT body ->> %s FROM core_outbox WHERE "table" = 'kinds'""", [column])
    assert kinds.fetchall() == [(value,)]


def test_only_a_change_of_what_is_followed_is_captured(kinds):
    insert(kinds, USUAL)
    captured(kinds)
    kinds.execute("UPDATE kinds SET counter = counter + 1, word = word")
    assert captured(kinds) == []
    kinds.execute("UPDATE kinds SET exact = 1.000")  # equal to 1.00, but not the same
    assert [(operation, body["exact"]) for operation, _, body, _ in captured(kinds)] == [("UPDATE", "1.000")]


@pytest.mark.parametrize(("table", "key"), [("Kinds", "uuid"), ("kinds", "text"), ("k" * 64, "uuid")])
def test_a_table_whose_rows_no_leaf_could_carry_gets_no_function(table, key):
    with pytest.raises(ImproperlyConfigured, match="expected a lower-case name"):
        specialise.function("x", table, ["id"], {"id": key}, of_new=True)


@pytest.mark.parametrize(
    ("table", "operation", "object_id"),
    [("Kinds", "INSERT", "x"), ("kinds", "UPSERT", "x"), ("kinds", "INSERT", "x" * 1025), ("kinds", "INSERT", None)],
    ids=["name", "operation", "long", "no object"],
)
def test_what_no_leaf_could_carry_does_not_wait(owner, table, operation, object_id):
    with pytest.raises(psycopg2.errors.CheckViolation, match="no leaf can carry"):
        owner.execute("SELECT core_outbox_insert(%s, %s, %s, '{}')", [table, operation, object_id])
