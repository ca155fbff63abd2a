import django.db.models.deletion
import django.utils.timezone
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("provenance", "0004_witness")]

    operations = [
        migrations.CreateModel(
            name="AnchorAttempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("chain_id", models.BigIntegerField()),
                ("sender", models.CharField(max_length=42)),
                ("nonce", models.BigIntegerField()),
                ("number", models.PositiveIntegerField()),
                ("tx_hash", models.CharField(max_length=66, unique=True)),
                ("raw_tx", models.BinaryField()),
                ("max_fee_per_gas", models.DecimalField(decimal_places=0, max_digits=78)),
                ("max_priority_fee_per_gas", models.DecimalField(decimal_places=0, max_digits=78)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "anchor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="attempts", to="provenance.anchor"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("chain_id", "sender", "nonce", "number"), name="attempt_once_a_number"
                    )
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="anchorattempt",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';",  # noqa: E501
                    hash="e1d889771b4e52a7bdaab107c3a1b6c5d749d4a1",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_114b9",
                    table="provenance_anchorattempt",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="anchorattempt",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",  # noqa: E501
                    hash="db601294672c803b0ed279d15a73a00ea24fca2b",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_57cac",
                    table="provenance_anchorattempt",
                    when="BEFORE",
                ),
            ),
        ),
        # Two workers that slipped past the advisory lock still cannot both have an anchor under way.
        migrations.RunSQL(
            "CREATE UNIQUE INDEX provenance_anchor_one_open ON provenance_anchor (state) WHERE state = 'signed'",
            "DROP INDEX provenance_anchor_one_open",
        ),
    ]
