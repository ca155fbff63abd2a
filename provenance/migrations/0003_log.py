"""The log at full strength: gapless by statement, growing checkpoints, keys on record, look-ups for the explorer."""

import django.contrib.postgres.indexes
import django.db.models.deletion
import django.utils.timezone
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.db import migrations, models


# What the sequencer has entered leaves the outbox in the same transaction. Only rows that stand in the log can.
SETTLE = """
CREATE FUNCTION provenance_settle_outbox(first_seq bigint, end_seq bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
    WITH gone AS (
        DELETE FROM core_outbox o USING provenance_entry e
        WHERE e.seq >= first_seq AND e.seq < end_seq AND o.id = e.outbox_id
          AND o."table" = e."table" AND o.operation = e.operation AND o.object_id = e.object_id AND o."at" = e."at"
        RETURNING 1
    ) SELECT count(*) FROM gone
$$;
SELECT provenance_prune_outbox();
DROP FUNCTION provenance_prune_outbox();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("provenance", "0002_prune"),
        ("core", "0003_capture"),
    ]

    operations = [
        migrations.RunSQL(SETTLE, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="LogKey",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("number", models.PositiveIntegerField(unique=True)),
                ("ed25519", models.TextField()),
                ("mldsa44", models.TextField()),
                ("signs_until", models.DateTimeField(null=True)),
                ("last_size", models.BigIntegerField(null=True)),
            ],
            options={
                "ordering": ["number"],
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="entry",
            name="gapless",
        ),
        migrations.AlterField(
            model_name="body",
            name="entry",
            field=models.OneToOneField(
                db_column="seq",
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                primary_key=True,
                serialize=False,
                to="provenance.entry",
            ),
        ),
        migrations.AlterField(
            model_name="entry",
            name="outbox_id",
            field=models.BigIntegerField(),
        ),
        migrations.RemoveIndex(model_name="entry", name="provenance__table_338d6b_idx"),
        migrations.AddIndex(
            model_name="entry",
            index=django.contrib.postgres.indexes.BrinIndex(fields=["at"], name="entry_at"),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=django.contrib.postgres.indexes.BrinIndex(
                fields=["table"], name="entry_table", opclasses=["text_bloom_ops"]
            ),
        ),
        migrations.AddIndex(
            model_name="body",
            index=django.contrib.postgres.indexes.BrinIndex(
                fields=["actor", "action"], name="body_actor_action", opclasses=["uuid_bloom_ops", "text_bloom_ops"]
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="body",
            trigger=pgtrigger.compiler.Trigger(
                name="gapless",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE low bigint; high bigint; rows bigint; expected bigint;",
                    func="\nSELECT min(seq), max(seq), count(*) INTO low, high, rows FROM fresh;\nIF rows = 0 THEN\n    RETURN NULL;\nEND IF;\nEXECUTE format('SELECT coalesce(max(seq) + 1, 0) FROM %I WHERE seq < $1', TG_TABLE_NAME) INTO expected USING low;\nIF low <> expected OR high - low + 1 <> rows THEN\n    RAISE EXCEPTION 'ledger entries are gapless: % to % (% rows) do not follow %', low, high, rows, expected - 1\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NULL;\n",
                    hash="62dc5abb95842ef25910638ebd70d5b720a57d05",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_gapless_b9c9a",
                    referencing="REFERENCING NEW TABLE AS fresh ",
                    table="provenance_body",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="checkpoint",
            trigger=pgtrigger.compiler.Trigger(
                name="growing",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF NEW.size <= (SELECT coalesce(max(size), 0) FROM provenance_checkpoint)\n    OR NEW.size > (SELECT coalesce(max(seq) + 1, 0) FROM provenance_entry) THEN\n    RAISE EXCEPTION 'a checkpoint of % entries: checkpoints only grow, and only over entries', NEW.size\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NEW;\n",
                    hash="872f6b72ced09d0ccd9e4c4ef262cff892c324a1",
                    operation="INSERT",
                    pgid="pgtrigger_growing_20cec",
                    table="provenance_checkpoint",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="entry",
            trigger=pgtrigger.compiler.Trigger(
                name="gapless",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE low bigint; high bigint; rows bigint; expected bigint;",
                    func="\nSELECT min(seq), max(seq), count(*) INTO low, high, rows FROM fresh;\nIF rows = 0 THEN\n    RETURN NULL;\nEND IF;\nEXECUTE format('SELECT coalesce(max(seq) + 1, 0) FROM %I WHERE seq < $1', TG_TABLE_NAME) INTO expected USING low;\nIF low <> expected OR high - low + 1 <> rows THEN\n    RAISE EXCEPTION 'ledger entries are gapless: % to % (% rows) do not follow %', low, high, rows, expected - 1\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NULL;\n",
                    hash="7f99841f688eba5ba2bd4155a7f078b379fbc9c0",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_gapless_12e0f",
                    referencing="REFERENCING NEW TABLE AS fresh ",
                    table="provenance_entry",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="logkey",
            trigger=pgtrigger.compiler.Trigger(
                name="capture",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="core_capture('id', 'created_at', 'number', 'ed25519', 'mldsa44', 'signs_until', 'last_size')",
                    func="RETURN NULL;",
                    hash="53ab8c9eb5e73acf4eed0e354f2f2e0913a8eafc",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_capture_90db9",
                    table="provenance_logkey",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="logkey",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="27ccf2df076a746402800b4340e0af57077e58f9",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_e83cf",
                    table="provenance_logkey",
                    when="BEFORE",
                ),
            ),
        ),
    ]
