"""The form of a waiting row is checked by the functions that write it, no longer by a constraint.

Nobody else can write one (the application may not INSERT), and PostgreSQL prepares a constraint anew for each statement:
this one took a quarter of the price of a captured row. What `core.specialise` writes needs no check: there the table's
name is known and every identifier is of a type that fits.
"""

from django.db import migrations

FUNCTIONS = """
ALTER TABLE core_outbox DROP CONSTRAINT IF EXISTS outbox_form;  -- a database of the time before it has none

-- A row that a leaf cannot carry would hold up the whole log.
CREATE OR REPLACE FUNCTION core_outbox_insert(table_name text, operation text, object_id text, body jsonb)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    written bigint;
BEGIN
    IF (table_name ~ '^[a-z][a-z0-9_]{0,62}$' AND length(object_id) <= 1024
        AND operation IN ('INSERT', 'UPDATE', 'DELETE', 'REBASELINE', 'BATCH', 'READ', 'HEARTBEAT', 'ERASURE'))
        IS NOT TRUE
    THEN
        RAISE EXCEPTION 'core_outbox_insert: no leaf can carry % of % %', operation, table_name, left(object_id, 1024)
            USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO core_outbox ("at", "table", operation, object_id, body, actor, action, reason, request_id)
    VALUES (clock_timestamp(), table_name, core_outbox_insert.operation, core_outbox_insert.object_id,
            core_outbox_insert.body, nullif(current_setting('qfl.actor', true), '')::uuid,
            coalesce(current_setting('qfl.action', true), ''),
            coalesce(current_setting('qfl.reason', true), ''),
            coalesce(current_setting('qfl.request', true), ''))
    RETURNING id INTO written;
    RETURN written;
END $$;

-- What a table has until `core.specialise` has written a function of its own.
CREATE OR REPLACE FUNCTION core_capture() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    before jsonb; after jsonb; body jsonb;
BEGIN
    IF TG_TABLE_SCHEMA <> 'public' THEN
        RAISE EXCEPTION 'only governed tables are captured, not %', TG_RELID::regclass;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        before := core_row_text(OLD, TG_ARGV);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        after := core_row_text(NEW, TG_ARGV);
    END IF;
    IF TG_OP = 'UPDATE' AND before = after THEN
        RETURN NULL;  -- only columns outside the allow-list changed
    END IF;
    IF TG_OP = 'UPDATE' AND before ->> TG_ARGV[0] <> after ->> TG_ARGV[0] THEN
        RAISE EXCEPTION '%: the identity of a governed row never changes', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END IF;
    body := coalesce(after, before);
    PERFORM core_outbox_insert(TG_TABLE_NAME, TG_OP, body ->> TG_ARGV[0], body);
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0006_shredded")]
    operations = [migrations.RunSQL("SET check_function_bodies = off;" + FUNCTIONS, migrations.RunSQL.noop)]
