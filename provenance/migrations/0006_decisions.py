import core.fields
import django.db.models.deletion
import django.utils.timezone
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("provenance", "0005_chain"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ChainSubject",
            fields=[
                ("subject", models.CharField(max_length=66, primary_key=True, serialize=False)),
                ("object_id", models.TextField(unique=True)),
                ("state", models.PositiveSmallIntegerField(default=0)),
                ("nonce", models.BigIntegerField(default=0)),
                ("proposer", models.CharField(max_length=42)),
                ("block_number", models.BigIntegerField(default=0)),
                ("read_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="ChainDecision",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("object_id", models.TextField()),
                ("content_digest", models.TextField()),
                ("subject", models.CharField(max_length=66)),
                ("subject_salt", models.BinaryField()),
                (
                    "verdict",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "propose"), (2, "approve"), (3, "halt"), (4, "resume"), (5, "revoke")]
                    ),
                ),
                ("rationale", core.fields.SealedTextField(subject="opened_by_id")),
                ("commitment", models.CharField(max_length=66)),
                ("commitment_salt", models.BinaryField()),
                ("proposer", models.CharField(max_length=42)),
                ("nonce", models.BigIntegerField()),
                ("expires_at", models.DateTimeField()),
                ("chain_id", models.BigIntegerField()),
                ("contract", models.CharField(max_length=42)),
                ("log_id", models.CharField(max_length=66)),
                ("needed", models.PositiveSmallIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("ready", "Ready"),
                            ("sent", "Sent"),
                            ("final", "Final"),
                            ("failed", "Failed"),
                            ("expired", "Expired"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("tx_hash", models.CharField(blank=True, max_length=66)),
                ("block_number", models.BigIntegerField(null=True)),
                ("error", models.TextField(blank=True)),
                (
                    "opened_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="ChainErrand",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("function", models.CharField(max_length=40)),
                ("arguments", models.JSONField()),
                ("chain_id", models.BigIntegerField()),
                ("sender", models.CharField(max_length=42)),
                ("nonce", models.BigIntegerField()),
                ("attempts", models.JSONField()),
                (
                    "state",
                    models.CharField(
                        choices=[("signed", "Signed"), ("final", "Final"), ("failed", "Failed")],
                        default="signed",
                        max_length=10,
                    ),
                ),
                ("block_number", models.BigIntegerField(null=True)),
                ("error", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "decision",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="errands",
                        to="provenance.chaindecision",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="DecisionSignature",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("address", models.CharField(max_length=42)),
                ("signature", models.CharField(max_length=132)),
                (
                    "decision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="signatures",
                        to="provenance.chaindecision",
                    ),
                ),
                (
                    "officer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ["created_at"],
            },
        ),
        migrations.CreateModel(
            name="OfficerKey",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("address", models.CharField(max_length=42, unique=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="officer_keys",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["created_at"],
            },
        ),
        migrations.AddIndex(
            model_name="chaindecision",
            index=models.Index(fields=["object_id", "created_at"], name="provenance__object__9bbfcd_idx"),
        ),
        migrations.AddConstraint(
            model_name="chaindecision",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["open", "ready", "sent"]), models.Q(("verdict", 3), _negated=True)),
                fields=("subject",),
                name="decision_one_under_way",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="chaindecision",
            trigger=pgtrigger.compiler.Trigger(
                name="capture",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="core_capture('id', 'created_at', 'object_id', 'content_digest', 'subject', 'verdict', 'rationale', 'commitment', 'opened_by_id', 'proposer', 'nonce', 'expires_at', 'chain_id', 'contract', 'log_id', 'needed', 'state', 'tx_hash', 'block_number', 'error')",
                    func="RETURN NULL;",
                    hash="6d19ba6ea0da23438045dcd8e801b1e5667a741f",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_capture_fa03a",
                    table="provenance_chaindecision",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="chaindecision",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="a79a0abd1c4ac598ecbc6f58627369bb8c224b88",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_ce47e",
                    table="provenance_chaindecision",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="chainerrand",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "signed")), fields=("state",), name="errand_one_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="decisionsignature",
            constraint=models.UniqueConstraint(fields=("decision", "officer"), name="signature_once"),
        ),
        migrations.AddConstraint(
            model_name="decisionsignature",
            constraint=models.UniqueConstraint(fields=("decision", "address"), name="signature_once_a_key"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="decisionsignature",
            trigger=pgtrigger.compiler.Trigger(
                name="capture",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="core_capture('id', 'created_at', 'decision_id', 'officer_id', 'address', 'signature')",
                    func="RETURN NULL;",
                    hash="5cfcc3ff16c3065173f09b4018b30c754d62aaeb",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_capture_e9369",
                    table="provenance_decisionsignature",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="decisionsignature",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="a180ba9ba3cb8c9594d71a7ae6a13626a4fba936",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_683f6",
                    table="provenance_decisionsignature",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="decisionsignature",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';",
                    hash="ac618979ad47a33b2a6700dde7cfe9a09d0da29b",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_8ae35",
                    table="provenance_decisionsignature",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="officerkey",
            constraint=models.UniqueConstraint(
                condition=models.Q(("revoked_at__isnull", True)), fields=("user",), name="officer_one_live_key"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="officerkey",
            trigger=pgtrigger.compiler.Trigger(
                name="capture",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="core_capture('id', 'created_at', 'user_id', 'address', 'revoked_at')",
                    func="RETURN NULL;",
                    hash="74b60ef851bc03b3d4eae5e716b6b5282de1ebc0",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_capture_57082",
                    table="provenance_officerkey",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="officerkey",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="5642e2d33c0e1e1275746a11554ce03717ef9b45",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_8e6d4",
                    table="provenance_officerkey",
                    when="BEFORE",
                ),
            ),
        ),
    ]
