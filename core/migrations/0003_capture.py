"""Capture at full strength: every value as text, lossless; erasures and re-baselines.

A captured row is a JSON object of column -> text (as PostgreSQL writes the value inside JSON; JSON columns as their own
text) or null. Text loses nothing: a double, a huge integer or a nested document comes back bit for bit when the text is
cast to the column's type, which is how the log is replayed; and it has one canonical form.
"""

from django.db import migrations

FUNCTIONS = """
-- What decides the text of a value is pinned; a session that differs has its own settings back afterwards.
CREATE FUNCTION core_row_text(shown anyelement, columns text[]) RETURNS jsonb
LANGUAGE sql STABLE SET timezone = 'UTC' SET bytea_output = 'hex' SET extra_float_digits = 1 AS $$
    SELECT jsonb_object_agg(key, value) FROM jsonb_each_text(to_jsonb(shown)) WHERE key = ANY (columns)
$$;

CREATE OR REPLACE FUNCTION core_capture() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    before jsonb; after jsonb; body jsonb; pinned boolean;
BEGIN
    IF TG_TABLE_SCHEMA <> 'public' THEN
        RAISE EXCEPTION 'only governed tables are captured, not %', TG_RELID::regclass;
    END IF;
    -- Pinning costs a tenth of the capture, and nearly every session stands right already.
    pinned := current_setting('TimeZone') = 'UTC' AND current_setting('bytea_output') = 'hex'
        AND current_setting('extra_float_digits')::int >= 1;
    IF TG_OP <> 'INSERT' THEN
        IF pinned THEN
            SELECT jsonb_object_agg(key, value) INTO before
            FROM jsonb_each_text(to_jsonb(OLD)) WHERE key = ANY (TG_ARGV);
        ELSE
            before := core_row_text(OLD, TG_ARGV);
        END IF;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        IF pinned THEN
            SELECT jsonb_object_agg(key, value) INTO after
            FROM jsonb_each_text(to_jsonb(NEW)) WHERE key = ANY (TG_ARGV);
        ELSE
            after := core_row_text(NEW, TG_ARGV);
        END IF;
    END IF;
    IF TG_OP = 'UPDATE' AND before = after THEN
        RETURN NULL;  -- only columns outside the allow-list changed
    END IF;
    IF TG_OP = 'UPDATE' AND before ->> TG_ARGV[0] <> after ->> TG_ARGV[0] THEN
        RAISE EXCEPTION '%: the identity of a governed row never changes', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END IF;
    body := coalesce(after, before);
    INSERT INTO core_outbox ("at", "table", operation, object_id, body, actor, action, reason, request_id)
    VALUES (clock_timestamp(), TG_TABLE_NAME, TG_OP, body ->> TG_ARGV[0], body,
            nullif(current_setting('qfl.actor', true), '')::uuid,
            coalesce(current_setting('qfl.action', true), ''),
            coalesce(current_setting('qfl.reason', true), ''),
            coalesce(current_setting('qfl.request', true), ''));
    RETURN NULL;
END $$;

-- What a leaf can carry. A row in another form would hold up the whole log.
ALTER TABLE core_outbox ADD CONSTRAINT outbox_form CHECK (
    "table" ~ '^[a-z][a-z0-9_]{0,62}$' AND length(object_id) <= 1024
    AND operation IN ('INSERT', 'UPDATE', 'DELETE', 'REBASELINE', 'BATCH', 'READ', 'HEARTBEAT', 'ERASURE')
);

-- For what is no row change. It refuses the row operations, so the application cannot forge one.
CREATE OR REPLACE FUNCTION core_record(table_name text, operation text, object_id text, body jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF operation NOT IN ('BATCH', 'READ', 'HEARTBEAT', 'ERASURE') THEN
        RAISE EXCEPTION 'core_record: operation % is not BATCH, READ, HEARTBEAT or ERASURE', operation;
    END IF;
    IF table_name !~ '^[a-z][a-z0-9_]{0,62}$' THEN  -- what a leaf can carry; anything else would stop the sequencer
        RAISE EXCEPTION 'core_record: % is not the name of a table', table_name;
    END IF;
    IF length(object_id) > 1024 OR length(body::text) > 16777216 THEN
        RAISE EXCEPTION 'core_record: expected an object id of at most 1024 characters and a body of at most 16 MiB';
    END IF;
    RETURN core_outbox_insert(table_name, operation, object_id, body);
END $$;

-- For migrations: say in the log how each row of a governed table stands now, after it was rewritten without triggers.
-- The owner's alone, so that the application cannot pass a change off as a re-baseline.
CREATE FUNCTION core_rebaseline(governed regclass) RETURNS bigint
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    columns text[]; written bigint;
BEGIN
    SELECT array_remove(string_to_array(encode(tgargs, 'escape'), '\\000'), '') INTO columns FROM pg_trigger
    WHERE tgrelid = governed AND tgname LIKE 'pgtrigger\\_capture\\_%';
    IF columns IS NULL THEN
        RAISE EXCEPTION '% is not governed: nothing captures it', governed;
    END IF;
    EXECUTE format(
        'WITH stood AS (SELECT core_row_text(t, $1) AS body FROM %s t ORDER BY 1) '
        'SELECT count(core_outbox_insert($2, ''REBASELINE'', body ->> $3, body)) FROM stood', governed)
    INTO written USING columns, governed::text, columns[1];
    RETURN written;
END $$;
REVOKE ALL ON FUNCTION core_rebaseline(regclass) FROM PUBLIC;
"""

# A log from before this migration holds rows in the older form: state how everything stands, once.
REBASELINE = """
DO $$
DECLARE governed regclass;
BEGIN
    IF to_regclass('provenance_entry') IS NULL THEN
        RETURN;
    END IF;
    FOR governed IN SELECT tgrelid::regclass FROM pg_trigger WHERE tgname LIKE 'pgtrigger\\_capture\\_%' ORDER BY 1
    LOOP
        PERFORM core_rebaseline(governed);
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0002_initial")]
    operations = [
        migrations.RunSQL("SET check_function_bodies = off;" + FUNCTIONS, migrations.RunSQL.noop),
        migrations.RunSQL(REBASELINE, migrations.RunSQL.noop),
    ]
