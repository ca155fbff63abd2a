"""The database functions of capture. First of all migrations: every governed table's trigger calls them."""

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION core_capture() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET timezone = 'UTC' SET bytea_output = 'hex' SET datestyle = 'ISO, YMD'
SET intervalstyle = 'iso_8601' SET extra_float_digits = 1 AS $$
DECLARE
    before jsonb; after jsonb; body jsonb;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        SELECT jsonb_object_agg(key, value) INTO before FROM jsonb_each(to_jsonb(OLD)) WHERE key = ANY (TG_ARGV);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        SELECT jsonb_object_agg(key, value) INTO after FROM jsonb_each(to_jsonb(NEW)) WHERE key = ANY (TG_ARGV);
    END IF;
    IF TG_OP = 'UPDATE' AND before = after THEN
        RETURN NULL;  -- only columns outside the allow-list changed
    END IF;
    body := coalesce(after, before);
    PERFORM core_outbox_insert(TG_TABLE_NAME, TG_OP, body ->> TG_ARGV[0], body);
    RETURN NULL;
END $$;

CREATE FUNCTION core_outbox_insert(table_name text, operation text, object_id text, body jsonb) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO core_outbox ("at", "table", operation, object_id, body, actor, action, reason, request_id)
    VALUES (clock_timestamp(), table_name, operation, object_id, body,
            nullif(current_setting('qfl.actor', true), '')::uuid,
            coalesce(current_setting('qfl.action', true), ''),
            coalesce(current_setting('qfl.reason', true), ''),
            coalesce(current_setting('qfl.request', true), ''))
    RETURNING id
$$;

-- For what is no row change. It refuses the row operations, so the application cannot forge one.
CREATE FUNCTION core_record(table_name text, operation text, object_id text, body jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF operation NOT IN ('BATCH', 'READ', 'HEARTBEAT', 'REBASELINE') THEN
        RAISE EXCEPTION 'core_record: operation % is not BATCH, READ, HEARTBEAT or REBASELINE', operation;
    END IF;
    IF table_name !~ '^[a-z][a-z0-9_]{0,62}$' THEN  -- what a leaf can carry; anything else would stop the sequencer
        RAISE EXCEPTION 'core_record: % is not the name of a table', table_name;
    END IF;
    RETURN core_outbox_insert(table_name, operation, object_id, body);
END $$;
REVOKE ALL ON FUNCTION core_outbox_insert(text, text, text, jsonb) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies: list = []
    operations = [
        migrations.RunSQL("SET check_function_bodies = off;" + FUNCTIONS, migrations.RunSQL.noop),
    ]
