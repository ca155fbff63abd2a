"""The database functions of capture, and the tables they need. First of all migrations: every governed table's trigger calls them.

A captured row is a JSON object of column -> text (as PostgreSQL writes the value inside JSON; JSON columns as their own
text) or null. Text loses nothing: a double, a huge integer or a nested document comes back bit for bit when the text is
cast to the column's type, which is how the log is replayed; and it has one canonical form.
"""

import django.utils.timezone
import uuid
from django.db import migrations, models

FUNCTIONS = """
-- What decides the text of a value is pinned; a session that differs has its own settings back afterwards.
CREATE FUNCTION core_row_text(shown anyelement, columns text[]) RETURNS jsonb
LANGUAGE sql STABLE SET timezone = 'UTC' SET bytea_output = 'hex' SET extra_float_digits = 1 AS $$
    SELECT jsonb_object_agg(key, value) FROM jsonb_each_text(to_jsonb(shown)) WHERE key = ANY (columns)
$$;

CREATE FUNCTION core_float_text(double precision) RETURNS text LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS 'SELECT $1::pg_catalog.text';
CREATE FUNCTION core_float_text(real) RETURNS text LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS 'SELECT $1::pg_catalog.text';

-- A row that a leaf cannot carry would hold up the whole log.
CREATE FUNCTION core_outbox_insert(table_name text, operation text, object_id text, body jsonb)
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

REVOKE ALL ON FUNCTION core_outbox_insert(text, text, text, jsonb) FROM PUBLIC;

-- What a table has until `core.specialise` has written a function of its own.
CREATE FUNCTION core_capture() RETURNS trigger
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

-- For what is no row change. It refuses the row operations, so the application cannot forge one.
CREATE FUNCTION core_record(table_name text, operation text, object_id text, body jsonb) RETURNS bigint
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

# A shredded key stays shredded: no second key is ever made for the same person.
GUARD = """
CREATE FUNCTION core_shredded_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.shredded_at IS NOT NULL AND (NEW.shredded_at IS NULL OR NEW.wrapped <> ''::bytea) THEN
        RAISE EXCEPTION 'the key of % was shredded; it stays so', OLD.subject USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER shredded_stays BEFORE UPDATE ON core_subjectkey FOR EACH ROW EXECUTE FUNCTION core_shredded_stays();
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.RunSQL("SET check_function_bodies = off;" + FUNCTIONS, migrations.RunSQL.noop),
            migrations.CreateModel(
                name='Outbox',
                fields=[
                    ('id', models.BigAutoField(primary_key=True, serialize=False)),
                    ('at', models.DateTimeField()),
                    ('table', models.TextField()),
                    ('operation', models.TextField()),
                    ('object_id', models.TextField()),
                    ('body', models.JSONField()),
                    ('context', models.TextField(null=True)),
                ],
                options={
                    'db_table': 'core_outbox',
                    'ordering': ['id'],
                },
            ),
                migrations.CreateModel(
                name='PatientKey',
                fields=[
                    ('index', models.BinaryField(primary_key=True, serialize=False)),
                    ('salt', models.BinaryField()),
                    ('created_at', models.DateTimeField()),
                ],
            ),
                migrations.CreateModel(
                name='DomainEvent',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('kind', models.CharField(max_length=80)),
                    ('payload', models.JSONField(default=dict)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ],
                options={
                    'ordering': ['created_at'],
                    'indexes': [models.Index(fields=['kind', 'created_at'], name='event_of_kind')],
                },
            ),
                migrations.CreateModel(
                name='IdempotencyKey',
                fields=[
                    ('id', models.BigAutoField(primary_key=True, serialize=False)),
                    ('scope', models.CharField(max_length=120)),
                    ('key', models.CharField(max_length=200)),
                    ('request_digest', models.CharField(max_length=64)),
                    ('status', models.PositiveSmallIntegerField()),
                    ('response', models.JSONField()),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('scope', 'key'), name='idempotency_once')],
                },
            ),
                migrations.CreateModel(
                name='Job',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('kind', models.CharField(max_length=80)),
                    ('payload', models.JSONField(default=dict)),
                    ('idempotency_key', models.CharField(max_length=200, unique=True)),
                    ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('done', 'Done'), ('dead', 'Dead')], default='queued', max_length=10)),
                    ('attempts', models.PositiveIntegerField(default=0)),
                    ('max_attempts', models.PositiveIntegerField(default=5)),
                    ('lease_token', models.UUIDField(null=True)),
                    ('lease_until', models.DateTimeField(null=True)),
                    ('next_run_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('finished_at', models.DateTimeField(null=True)),
                    ('last_error', models.TextField(blank=True)),
                ],
                options={
                    'ordering': ['created_at'],
                    'indexes': [models.Index(condition=models.Q(('state__in', ['queued', 'running'])), fields=['next_run_at'], name='job_open')],
                },
            ),
                migrations.CreateModel(
                name='SubjectKey',
                fields=[
                    ('subject', models.UUIDField(primary_key=True, serialize=False)),
                    ('wrapped', models.BinaryField()),
                    ('kek', models.CharField(blank=True, max_length=12)),
                    ('created_at', models.DateTimeField()),
                    ('shredded_at', models.DateTimeField(null=True)),
                ],
                options={
                    'indexes': [models.Index(fields=['kek'], name='core_subjec_kek_49be17_idx')],
                },
            ),
        migrations.RunSQL(GUARD, "DROP FUNCTION core_shredded_stays() CASCADE"),
    ]
