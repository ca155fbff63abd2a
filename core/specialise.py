"""Capture functions of its own for each governed table, written from the catalogue after each migration.

`core_capture` (the migration) works for every table and looks its columns up each time; what is written here names
them, which more than halves the price of a captured row. Each value is text, lossless (`core.capture`); the shared one
goes through JSON, which loses the sign of zero, a JSON null and the quotes of a JSON document that is a word.

A table gets two: of a row that is new there is nothing to ask, and a question costs each row a twentieth of its price.
So that a migration finds the triggers as it made them, each begins with the shared function (`shared`), and ends with
these (`statements`).

What `core_outbox_insert` checks of each row, the form of the table's name and of the identifier, is decided here once
and for all of a table's rows.

The functions run as the owner and name every object by its schema, types too, so nothing a session defines can stand
in for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from core.said import SETTING

_TRIGGERS = """
    SELECT t.tgname, c.relname, array_remove(string_to_array(encode(t.tgargs, 'escape'), '\\000'), '')
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE t.tgname LIKE 'pgtrigger\\_capture\\_%%' AND c.relnamespace = 'public'::regnamespace ORDER BY c.relname
"""
_TYPES = """
    SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""
_AS_TEXT = {"text", "character varying", "character", "uuid", "boolean", "smallint", "integer", "bigint", "numeric",
            "jsonb"}  # fmt: skip
_FLOATS = {"real": "pg_catalog.float4", "double precision": "pg_catalog.float8"}
_MOMENT = "timestamp with time zone"
# Names and identifiers of which every value is what a leaf can carry.
_TABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_IDENTIFIERS = {"uuid", "smallint", "integer", "bigint"}
# Each expression is paid for by each row, so one asks whether anything is out of the ordinary, and only then is it seen
# what. The body is made apart from the INSERT: its expression is then kept for the whole transaction.
_FUNCTION = """
CREATE OR REPLACE FUNCTION public.{name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {pins} AS $capture$
DECLARE
    body pg_catalog.jsonb;
BEGIN
{checks}    body := pg_catalog.jsonb_object(ARRAY[{columns}]::pg_catalog.text[], ARRAY[{values}]);
    INSERT INTO public.core_outbox ("at", "table", operation, object_id, body, context)
    VALUES (pg_catalog.clock_timestamp(), '{table}', {operation}, NEW.{key}::pg_catalog.text, body,
            pg_catalog.current_setting('{setting}', true));
    RETURN NULL;
END $capture$
"""
_CHECKS = """    IF TG_OP = 'DELETE' OR {new} OPERATOR(pg_catalog.*=) {old} OR NEW.{key} <> OLD.{key} THEN
        IF TG_OP = 'UPDATE' THEN
            IF {new} OPERATOR(pg_catalog.*=) {old} THEN
                RETURN NULL;  -- only columns outside the allow-list changed
            END IF;
            IF NEW.{key} <> OLD.{key} THEN
                RAISE EXCEPTION '{table}: the identity of a governed row never changes'
                    USING ERRCODE = 'restrict_violation';
            END IF;
        ELSE
            NEW := OLD;  -- what is recorded of a row that goes is how it stood
        END IF;
    END IF;
"""
_CREATED = "core_capture_created"  # the trigger of rows that are new, by the same name on each table
_SHARED = """
DROP TRIGGER IF EXISTS {created} ON public.{table};
CREATE OR REPLACE TRIGGER {trigger} AFTER INSERT OR UPDATE OR DELETE ON public.{table}
FOR EACH ROW EXECUTE FUNCTION public.core_capture({arguments})
"""
_OWN = """
CREATE OR REPLACE TRIGGER {created} AFTER INSERT ON public.{table}
FOR EACH ROW EXECUTE FUNCTION public.{create}();
CREATE OR REPLACE TRIGGER {trigger} AFTER UPDATE OR DELETE ON public.{table}
FOR EACH ROW EXECUTE FUNCTION public.{change}({arguments});
REVOKE ALL ON FUNCTION public.{create}(), public.{change}() FROM PUBLIC
"""


def shared() -> Iterator[str]:
    """The statements that give every governed table back to the shared function; run them as the owner."""
    for trigger, table, columns in _triggers():
        yield _SHARED.format(created=_CREATED, **_named(trigger, table, columns))


def statements() -> Iterator[str]:
    """The statements that give every governed table its own functions; run them as the owner."""
    quote = connection.ops.quote_name
    for trigger, table, columns in _triggers():
        with connection.cursor() as cursor:
            cursor.execute(_TYPES, [quote(table)])
            types = dict(cursor.fetchall())
        create, change = (quote(f"core_capture_{way}_{table}"[:63]) for way in ("new", "old"))
        yield function(create, table, columns, types, of_new=True)
        yield function(change, table, columns, types, of_new=False)
        yield _OWN.format(created=_CREATED, create=create, change=change, **_named(trigger, table, columns))


def _triggers() -> list[tuple[str, str, list[str]]]:
    with connection.cursor() as cursor:
        cursor.execute(_TRIGGERS)
        return cursor.fetchall()


def _named(trigger: str, table: str, columns: list[str]) -> dict[str, str]:
    quote = connection.ops.quote_name
    arguments = ", ".join(f"'{column}'" for column in columns)
    return {"trigger": quote(trigger), "table": quote(table), "arguments": arguments}


def function(name: str, table: str, columns: list[str], types: dict[str, str], *, of_new: bool) -> str:
    """The statement that creates a table's capture function.

    Parameters
    ----------
    name, table : str
        The function, quoted, and the table, bare.
    columns : list of str
        What is captured, the identifier first.
    types : dict
        PostgreSQL's name of each column's type; columns that are not captured too.
    of_new : bool
        For rows that are inserted, or for those that change or go.

    Raises
    ------
    ImproperlyConfigured
        If there could be rows that no leaf can carry: by the table's name or by the type of the identifier.
    """
    quote = connection.ops.quote_name
    if not _TABLE_NAME.fullmatch(table) or types[columns[0]] not in _IDENTIFIERS:
        raise ImproperlyConfigured(
            f"{table}: expected a lower-case name of at most 63 letters, digits and _, and a key of type "
            f"{', '.join(sorted(_IDENTIFIERS))}, got {types[columns[0]]}"
        )
    key, fields = quote(columns[0]), [f"NEW.{quote(column)}" for column in columns]
    return _FUNCTION.format(
        name=name, table=table, key=key, pins=_pins(columns, types), setting=SETTING,
        checks="" if of_new else _checks(table, key, columns, types),
        columns=", ".join(f"'{column}'" for column in columns), operation="'INSERT'" if of_new else "TG_OP",
        values=", ".join(_text(field, types[column]) for column, field in zip(columns, fields, strict=True)),
    )  # fmt: skip


def _checks(table: str, key: str, columns: list[str], types: dict[str, str]) -> str:
    """What is asked of a row that changes or goes."""
    quote = connection.ops.quote_name
    row = {side: ", ".join(f"{side}.{quote(column)}" for column in columns) for side in ("NEW", "OLD")}
    # Comparing the rows as they came is cheaper than building rows of the columns that count.
    whole = set(columns) == set(types)
    same = {side: side if whole else f"ROW({row[side]})::pg_catalog.record" for side in row}
    return _CHECKS.format(table=table, key=key, new=same["NEW"], old=same["OLD"])


def _text(field: str, kind: str) -> str:
    """A value as the text that casts back to it, whatever the session's settings.

    A moment is ISO 8601 with the offset of the session's time zone. Another offset is another text of the same moment;
    to hide that with to_char would take a tenth of a captured row.
    """
    if kind in _AS_TEXT:
        return f"{field}::pg_catalog.text"
    if kind in _FLOATS:
        # A session can shorten floats. To read the text back is cheaper than to ask for the setting.
        text = f"{field}::pg_catalog.text"
        lost = f"{text}::{_FLOATS[kind]} OPERATOR(pg_catalog.<>) {field}"
        return f"CASE WHEN {lost} THEN public.core_float_text({field}) ELSE {text} END"
    if kind == "bytea":
        return f"('\\x' OPERATOR(pg_catalog.||) pg_catalog.encode({field}, 'hex'))"
    return f"pg_catalog.to_jsonb({field}) OPERATOR(pg_catalog.#>>) '{{}}'"


def _pins(columns: list[str], types: dict[str, str]) -> str:
    """Pinning costs a tenth of a capture, so only tables pay that hold a type whose text depends on settings."""
    plain = _AS_TEXT | _FLOATS.keys() | {_MOMENT, "bytea"}
    if all(types[column] in plain for column in columns):
        return ""
    return "SET timezone = 'UTC' SET bytea_output = 'hex'"
