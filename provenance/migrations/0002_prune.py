"""The one way to shorten the outbox: rows that stand in the log, and no others."""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION provenance_prune_outbox() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH gone AS (
        DELETE FROM core_outbox o USING provenance_entry e WHERE e.outbox_id = o.id RETURNING o.id
    ) SELECT count(*) FROM gone
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("provenance", "0001_initial")]
    operations = [migrations.RunSQL(FUNCTION, "DROP FUNCTION provenance_prune_outbox()")]
