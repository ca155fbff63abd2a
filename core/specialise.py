"""A capture function of its own for each governed table, written from the catalogue after each migration.

`core_capture` (the migration) works for every table and looks its columns up each time; what is written here names
them, which more than halves the price of a captured row. Each value is text, lossless (`core.capture`); the shared one
goes through JSON, which loses the sign of zero, a JSON null and the quotes of a JSON document that is a word.

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
_FLOATS = {"real", "double precision"}
# Names and identifiers of which every value is what a leaf can carry.
_TABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_IDENTIFIERS = {"uuid", "smallint", "integer", "bigint"}
_SHORT_FLOATS = "pg_catalog.current_setting('extra_float_digits')::pg_catalog.int4 < 1"
# Each expression is paid for by each row, so one asks whether anything is out of the ordinary, and only then is it seen
# what. The body is made apart from the INSERT: its expression is then kept for the whole transaction.
_FUNCTION = """
CREATE OR REPLACE FUNCTION public.{name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {pins} AS $capture$
DECLARE
    body pg_catalog.jsonb;
BEGIN
    IF TG_RELID <> 'public.{table}'::pg_catalog.regclass
        OR TG_OP <> 'INSERT'
            AND (TG_OP = 'DELETE' OR {new} OPERATOR(pg_catalog.*=) {old} OR NEW.{key} <> OLD.{key}){floats}
    THEN
        IF TG_RELID <> 'public.{table}'::pg_catalog.regclass THEN
            RAISE EXCEPTION 'only {table} is captured by this function, not %', TG_RELID::pg_catalog.regclass;
        END IF;
        IF TG_OP = 'UPDATE' THEN
            IF {new} OPERATOR(pg_catalog.*=) {old} THEN
                RETURN NULL;  -- only columns outside the allow-list changed
            END IF;
            IF NEW.{key} <> OLD.{key} THEN
                RAISE EXCEPTION '{table}: the identity of a governed row never changes'
                    USING ERRCODE = 'restrict_violation';
            END IF;
        ELSIF TG_OP = 'DELETE' THEN
            NEW := OLD;  -- what is recorded of a row that goes is how it stood
        END IF;
{whole_floats}    END IF;
    body := pg_catalog.jsonb_object(ARRAY[{columns}]::pg_catalog.text[], ARRAY[{values}]);
    INSERT INTO public.core_outbox ("at", "table", operation, object_id, body, actor, action, reason, request_id)
    VALUES (pg_catalog.clock_timestamp(), '{table}', TG_OP, NEW.{key}::pg_catalog.text, body,
            nullif(pg_catalog.current_setting('qfl.actor', true), '')::pg_catalog.uuid,
            coalesce(pg_catalog.current_setting('qfl.action', true), ''),
            coalesce(pg_catalog.current_setting('qfl.reason', true), ''),
            coalesce(pg_catalog.current_setting('qfl.request', true), ''));
    RETURN NULL;
END $capture$
"""
# A session that shortens floats shows them whole for the rest of its transaction: cheaper than pinning, and harmless.
_WHOLE_FLOATS = f"""        IF {_SHORT_FLOATS} THEN
            PERFORM pg_catalog.set_config('extra_float_digits', '1', true);
        END IF;
"""
_TRIGGER = """
CREATE OR REPLACE TRIGGER {trigger} AFTER INSERT OR UPDATE OR DELETE ON public.{table}
FOR EACH ROW EXECUTE FUNCTION public.{name}({arguments})
"""


def statements() -> Iterator[str]:
    """The statements that give every governed table its own function; run them as the owner."""
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(_TRIGGERS)
        triggers = cursor.fetchall()
        for trigger, table, columns in triggers:
            cursor.execute(_TYPES, [quote(table)])
            types = dict(cursor.fetchall())
            name = quote(f"core_capture_{table}"[:63])
            yield function(name, table, columns, types)
            arguments = ", ".join(f"'{column}'" for column in columns)
            yield _TRIGGER.format(trigger=quote(trigger), table=quote(table), name=name, arguments=arguments)
            yield f"REVOKE ALL ON FUNCTION public.{name}() FROM PUBLIC"


def function(name: str, table: str, columns: list[str], types: dict[str, str]) -> str:
    """The statement that creates a table's capture function.

    Parameters
    ----------
    name, table : str
        The function, quoted, and the table, bare.
    columns : list of str
        What is captured, the identifier first.
    types : dict
        PostgreSQL's name of each column's type; columns that are not captured too.

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
    row = {side: [f"{side}.{quote(column)}" for column in columns] for side in ("NEW", "OLD")}
    # Comparing the rows as they came is cheaper than building rows of the columns that count.
    whole = set(columns) == set(types)
    same = {side: side if whole else f"ROW({', '.join(row[side])})::pg_catalog.record" for side in row}
    floating = any(types[column] in _FLOATS for column in columns)
    return _FUNCTION.format(
        name=name, table=table, key=quote(columns[0]), new=same["NEW"], old=same["OLD"], pins=_pins(columns, types),
        columns=", ".join(f"'{column}'" for column in columns),
        values=", ".join(_text(field, types[c]) for c, field in zip(columns, row["NEW"], strict=True)),
        floats=f"\n        OR {_SHORT_FLOATS}" if floating else "", whole_floats=_WHOLE_FLOATS if floating else "",
    )  # fmt: skip


def _text(field: str, kind: str) -> str:
    """A value as the text that casts back to it, whatever the session's settings."""
    if kind in _AS_TEXT | _FLOATS:
        return f"{field}::pg_catalog.text"
    if kind == "timestamp with time zone":
        utc = f"pg_catalog.timezone('UTC', {field})"
        usual = f"""pg_catalog.to_char({utc}, 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""
        # Infinity and years before Christ have no such form; raw SQL can write them.
        odd = f"pg_catalog.to_jsonb({field}) OPERATOR(pg_catalog.#>>) '{{}}'"
        rare = f"NOT pg_catalog.isfinite({field}) OR {field} < '0001-01-02 00:00:00+00'::pg_catalog.timestamptz"
        return f"CASE WHEN {rare} THEN {odd} ELSE {usual} END"
    if kind == "bytea":
        return f"('\\x' OPERATOR(pg_catalog.||) pg_catalog.encode({field}, 'hex'))"
    return f"pg_catalog.to_jsonb({field}) OPERATOR(pg_catalog.#>>) '{{}}'"


def _pins(columns: list[str], types: dict[str, str]) -> str:
    """Pinning costs a tenth of a capture, so only tables pay that hold a type whose text depends on settings."""
    plain = _AS_TEXT | _FLOATS | {"timestamp with time zone", "bytea"}
    if all(types[column] in plain for column in columns):
        return ""
    return "SET timezone = 'UTC' SET bytea_output = 'hex'"
