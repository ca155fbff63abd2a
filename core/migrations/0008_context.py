"""A captured row costs less: what a transaction says of itself waits as one text (`core.said`), no longer as four.

Rows that wait at the moment of the change keep what they say.
"""

from django.db import migrations, models

JOIN = """
UPDATE core_outbox SET context = concat_ws(E'\\x1f', coalesce(actor::text, ''), action, request_id, reason)
WHERE actor IS NOT NULL OR action <> '' OR request_id <> '' OR reason <> ''
"""
INSERT = """
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
    INSERT INTO core_outbox ("at", "table", operation, object_id, body, context)
    VALUES (clock_timestamp(), table_name, core_outbox_insert.operation, core_outbox_insert.object_id,
            core_outbox_insert.body, current_setting('qfl.context', true))
    RETURNING id INTO written;
    RETURN written;
END $$;
"""
# The whole text of a float in a session that shortens them (`core.specialise`).
FLOAT_TEXT = """
CREATE FUNCTION core_float_text(double precision) RETURNS text LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS 'SELECT $1::pg_catalog.text';
CREATE FUNCTION core_float_text(real) RETURNS text LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS 'SELECT $1::pg_catalog.text';
"""
# Nothing calls them any more: each table gets two of other names after the migration.
DROP = """
DO $$
DECLARE found record;
BEGIN
    FOR found IN
        SELECT p.oid::regprocedure AS signature FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'core\\_capture\\_%'
          AND NOT EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgfoid = p.oid)
    LOOP
        EXECUTE format('DROP FUNCTION %s', found.signature);
    END LOOP;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0007_outbox_form")]
    operations = [
        migrations.AddField("outbox", "context", models.TextField(null=True)),
        migrations.RunSQL(JOIN, migrations.RunSQL.noop),
        *(migrations.RemoveField("outbox", name) for name in ("actor", "action", "reason", "request_id")),
        migrations.RunSQL(INSERT, migrations.RunSQL.noop),
        migrations.RunSQL(FLOAT_TEXT, migrations.RunSQL.noop),
        migrations.RunSQL(DROP, migrations.RunSQL.noop),
    ]
