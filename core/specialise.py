"""A capture function of its own for each governed table, written from the catalogue after each migration.

`core_capture` (the migration) works for every table and looks its columns up each time; what is written here names
them, which halves the price of a captured row. Both give the same values: each as text, lossless (`core.capture`).

The functions run as the owner and name every object by its schema, types too, so nothing a session defines can stand
in for them.
"""

from __future__ import annotations

from collections.abc import Iterator

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
# A session that shortens floats shows them whole for the rest of its transaction: cheaper than pinning, and harmless.
_WHOLE_FLOATS = """    IF pg_catalog.current_setting('extra_float_digits')::pg_catalog.int4 < 1 THEN
        PERFORM pg_catalog.set_config('extra_float_digits', '1', true);
    END IF;
"""
_FUNCTION = """
CREATE OR REPLACE FUNCTION public.{name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {pins} AS $capture$
DECLARE
    body pg_catalog.jsonb;
BEGIN
    IF TG_TABLE_SCHEMA <> 'public' THEN
        RAISE EXCEPTION 'only governed tables are captured, not %', TG_RELID::pg_catalog.regclass;
    END IF;
{floats}    IF TG_OP = 'UPDATE' THEN
        IF {new} OPERATOR(pg_catalog.*=) {old} THEN
            RETURN NULL;  -- only columns outside the allow-list changed
        END IF;
        IF NEW.{key} <> OLD.{key} THEN
            RAISE EXCEPTION '{table}: the identity of a governed row never changes'
                USING ERRCODE = 'restrict_violation';
        END IF;
    END IF;
    IF TG_OP = 'DELETE' THEN
        body := pg_catalog.jsonb_build_object({old_pairs});
    ELSE
        body := pg_catalog.jsonb_build_object({new_pairs});
    END IF;
    INSERT INTO public.core_outbox ("at", "table", operation, object_id, body, actor, action, reason, request_id)
    VALUES (pg_catalog.clock_timestamp(), '{table}', TG_OP, body OPERATOR(pg_catalog.->>) '{column}', body,
            nullif(pg_catalog.current_setting('qfl.actor', true), '')::pg_catalog.uuid,
            coalesce(pg_catalog.current_setting('qfl.action', true), ''),
            coalesce(pg_catalog.current_setting('qfl.reason', true), ''),
            coalesce(pg_catalog.current_setting('qfl.request', true), ''));
    RETURN NULL;
END $capture$
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
            yield _function(name, table, columns, types)
            arguments = ", ".join(f"'{column}'" for column in columns)
            yield _TRIGGER.format(trigger=quote(trigger), table=quote(table), name=name, arguments=arguments)
            yield f"REVOKE ALL ON FUNCTION public.{name}() FROM PUBLIC"


def _function(name: str, table: str, columns: list[str], types: dict[str, str]) -> str:
    quote = connection.ops.quote_name
    row = {side: [f"{side}.{quote(column)}" for column in columns] for side in ("NEW", "OLD")}
    pairs = {
        side: ", ".join(f"'{c}', {_text(field, types[c])}" for c, field in zip(columns, row[side], strict=True))
        for side in row
    }
    # Comparing the rows as they came is cheaper than building rows of the columns that count.
    whole = set(columns) == set(types)
    same = {side: side if whole else f"ROW({', '.join(row[side])})::pg_catalog.record" for side in row}
    return _FUNCTION.format(
        name=name, table=table, key=quote(columns[0]), column=columns[0], new=same["NEW"], old=same["OLD"],
        new_pairs=pairs["NEW"], old_pairs=pairs["OLD"], pins=_pins(columns, types),
        floats=_WHOLE_FLOATS if any(types[column] in _FLOATS for column in columns) else "",
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
