"""The bulk tables: partitioned by month (events) and by hash (the keys that make them unique)."""

from django.db import migrations

SCHEMA = """
CREATE TABLE runtime_prediction (
    received_at timestamptz NOT NULL, deployment_id uuid NOT NULL, event_key text NOT NULL, batch_id uuid NOT NULL,
    batch_index integer NOT NULL,
    site text NOT NULL, subject text NOT NULL, attributes jsonb NOT NULL,
    score double precision NOT NULL CHECK (score BETWEEN 0 AND 1), flagged boolean NOT NULL,
    output bytea NOT NULL, shape jsonb NOT NULL, warnings jsonb NOT NULL,
    PRIMARY KEY (received_at, deployment_id, event_key)
) PARTITION BY RANGE (received_at);
CREATE INDEX ON runtime_prediction (batch_id);

CREATE TABLE runtime_outcome (
    received_at timestamptz NOT NULL, deployment_id uuid NOT NULL, position bigint NOT NULL, event_key text NOT NULL,
    batch_id uuid NOT NULL, batch_index integer NOT NULL, site text NOT NULL, attributes jsonb NOT NULL, stratum smallint NOT NULL,
    "values" jsonb NOT NULL,
    PRIMARY KEY (received_at, deployment_id, position)
) PARTITION BY RANGE (received_at);
CREATE INDEX ON runtime_outcome (deployment_id, position);
CREATE INDEX ON runtime_outcome (batch_id);

CREATE TABLE runtime_event_key (
    deployment_id uuid NOT NULL, kind text NOT NULL, event_key text NOT NULL, received_at timestamptz NOT NULL,
    PRIMARY KEY (deployment_id, kind, event_key)
) PARTITION BY HASH (event_key);
CREATE TABLE runtime_event_key_0 PARTITION OF runtime_event_key FOR VALUES WITH (MODULUS 4, REMAINDER 0);
CREATE TABLE runtime_event_key_1 PARTITION OF runtime_event_key FOR VALUES WITH (MODULUS 4, REMAINDER 1);
CREATE TABLE runtime_event_key_2 PARTITION OF runtime_event_key FOR VALUES WITH (MODULUS 4, REMAINDER 2);
CREATE TABLE runtime_event_key_3 PARTITION OF runtime_event_key FOR VALUES WITH (MODULUS 4, REMAINDER 3);

-- Run by the application, which does not own the tables: it can only ever add months.
CREATE FUNCTION runtime_ensure_partitions(months_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    month timestamptz; parent text; child text; made integer := 0;
BEGIN
    FOR offset_months IN -1 .. months_ahead LOOP
        month := date_trunc('month', now()) + make_interval(months => offset_months);
        FOREACH parent IN ARRAY ARRAY['runtime_prediction', 'runtime_outcome'] LOOP
            child := parent || to_char(month, '_YYYYMM');
            IF to_regclass(child) IS NULL THEN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                               child, parent, month, month + interval '1 month');
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
SELECT runtime_ensure_partitions(6);
"""


class Migration(migrations.Migration):
    dependencies = [("audits_runtime", "0001_initial")]
    operations = [
        migrations.RunSQL(SCHEMA, "DROP TABLE runtime_prediction, runtime_outcome, runtime_event_key CASCADE"),
    ]
