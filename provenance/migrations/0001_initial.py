import core.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.utils.timezone
import pgtrigger.compiler
import pgtrigger.migrations
import provenance.fields
import uuid
from django.conf import settings
from django.db import migrations, models

from core.operations import Together

SETTLE = """
-- The one way to shorten the outbox: rows that stand in the log, and no others.
CREATE FUNCTION provenance_settle_outbox(first_seq bigint, end_seq bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
    WITH gone AS (
        DELETE FROM core_outbox o USING provenance_entry e
        WHERE e.seq >= first_seq AND e.seq < end_seq AND o.id = e.outbox_id
          AND o."table" = e."table" AND o.operation = e.operation AND o.object_id = e.object_id AND o."at" = e."at"
        RETURNING 1
    ) SELECT count(*) FROM gone
$$;
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together(operations=[
            migrations.CreateModel(
                name='Checkpoint',
                fields=[
                    ('size', models.BigIntegerField(primary_key=True, serialize=False)),
                    ('root', models.BinaryField()),
                    ('note', models.TextField()),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ],
                options={
                    'ordering': ['-size'],
                },
            ),
            migrations.CreateModel(
                name='AnchorAttempt',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('chain_id', models.BigIntegerField()),
                    ('sender', models.CharField(max_length=42)),
                    ('nonce', models.BigIntegerField()),
                    ('number', models.PositiveIntegerField()),
                    ('tx_hash', models.CharField(max_length=66, unique=True)),
                    ('raw_tx', models.BinaryField()),
                    ('max_fee_per_gas', models.DecimalField(decimal_places=0, max_digits=78)),
                    ('max_priority_fee_per_gas', models.DecimalField(decimal_places=0, max_digits=78)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('anchor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='attempts', to='provenance.anchor')),
                ],
                options={
                    'ordering': ['-id'],
                    'constraints': [models.UniqueConstraint(fields=('chain_id', 'sender', 'nonce', 'number'), name='attempt_once_a_number')],
                },
            ),
            migrations.CreateModel(
                name='AnchorRequest',
                fields=[
                    ('object_id', models.TextField(primary_key=True, serialize=False)),
                    ('asked_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('met_at', models.DateTimeField(null=True)),
                ],
                options={
                    'ordering': ['asked_at'],
                    'indexes': [models.Index(condition=models.Q(('met_at__isnull', True)), fields=['asked_at'], name='anchor_asked')],
                },
            ),
            migrations.CreateModel(
                name='Entry',
                fields=[
                    ('seq', models.BigIntegerField(primary_key=True, serialize=False)),
                    ('outbox_id', models.BigIntegerField()),
                    ('leaf', models.BinaryField()),
                    ('leaf_hash', models.BinaryField()),
                    ('table', models.TextField()),
                    ('operation', models.TextField()),
                    ('object_id', provenance.fields.HashedTextField()),
                    ('at', models.DateTimeField()),
                ],
                options={
                    'ordering': ['seq'],
                    'indexes': [django.contrib.postgres.indexes.BTreeIndex(models.Func(models.F('object_id'), function='hashtext', output_field=models.IntegerField()), models.F('seq'), deduplicate_items=False, name='entry_object'), django.contrib.postgres.indexes.BrinIndex(fields=['at', 'table'], name='entry_at_table', opclasses=['timestamptz_minmax_ops', 'text_bloom_ops']), django.contrib.postgres.indexes.BrinIndex(fields=['leaf_hash'], name='entry_leaf_hash', opclasses=['bytea_bloom_ops(n_distinct_per_range=3000)'])],
                },
            ),
            migrations.CreateModel(
                name='ChainDecision',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('object_id', models.TextField()),
                    ('content_digest', models.TextField()),
                    ('subject', models.CharField(max_length=66)),
                    ('subject_salt', models.BinaryField()),
                    ('verdict', models.PositiveSmallIntegerField(choices=[(1, 'propose'), (2, 'approve'), (3, 'halt'), (4, 'resume'), (5, 'revoke')])),
                    ('rationale', core.fields.SealedTextField(subject='opened_by_id')),
                    ('commitment', models.CharField(max_length=66)),
                    ('commitment_salt', models.BinaryField()),
                    ('proposer', models.CharField(max_length=42)),
                    ('nonce', models.BigIntegerField()),
                    ('expires_at', models.DateTimeField()),
                    ('chain_id', models.BigIntegerField()),
                    ('contract', models.CharField(max_length=42)),
                    ('log_id', models.CharField(max_length=66)),
                    ('needed', models.PositiveSmallIntegerField()),
                    ('state', models.CharField(choices=[('open', 'Open'), ('ready', 'Ready'), ('sent', 'Sent'), ('final', 'Final'), ('failed', 'Failed'), ('expired', 'Expired')], default='open', max_length=10)),
                    ('tx_hash', models.CharField(blank=True, max_length=66)),
                    ('block_number', models.BigIntegerField(null=True)),
                    ('error', models.TextField(blank=True)),
                    ('opened_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'indexes': [models.Index(fields=['object_id', 'created_at'], name='provenance__object__9bbfcd_idx')],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('state__in', ['open', 'ready', 'sent']), models.Q(('verdict', 3), _negated=True)), fields=('subject',), name='decision_one_under_way')],
                },
            ),
            migrations.CreateModel(
                name='ChainErrand',
                fields=[
                    ('id', models.BigAutoField(primary_key=True, serialize=False)),
                    ('function', models.CharField(max_length=40)),
                    ('arguments', models.JSONField()),
                    ('chain_id', models.BigIntegerField()),
                    ('sender', models.CharField(max_length=42)),
                    ('nonce', models.BigIntegerField()),
                    ('attempts', models.JSONField()),
                    ('state', models.CharField(choices=[('signed', 'Signed'), ('final', 'Final'), ('failed', 'Failed')], default='signed', max_length=10)),
                    ('block_number', models.BigIntegerField(null=True)),
                    ('error', models.TextField(blank=True)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('decision', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='errands', to='provenance.chaindecision')),
                ],
                options={
                    'ordering': ['-id'],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'signed')), fields=('state',), name='errand_one_open')],
                },
            ),
            migrations.CreateModel(
                name='ChainState',
                fields=[
                    ('id', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                    ('chain_id', models.BigIntegerField()),
                    ('contract', models.CharField(max_length=42)),
                    ('log_id', models.CharField(max_length=66)),
                    ('head_size', models.BigIntegerField(default=0)),
                    ('head_root', models.BinaryField(default=b'')),
                    ('block_number', models.BigIntegerField(default=0)),
                    ('embedded', models.BooleanField(default=True)),
                    ('read_at', models.DateTimeField(default=django.utils.timezone.now)),
                ],
            ),
            migrations.CreateModel(
                name='ChainSubject',
                fields=[
                    ('subject', models.CharField(max_length=66, primary_key=True, serialize=False)),
                    ('object_id', models.TextField(unique=True)),
                    ('state', models.PositiveSmallIntegerField(default=0)),
                    ('nonce', models.BigIntegerField(default=0)),
                    ('proposer', models.CharField(max_length=42)),
                    ('block_number', models.BigIntegerField(default=0)),
                    ('read_at', models.DateTimeField(default=django.utils.timezone.now)),
                ],
            ),
            migrations.CreateModel(
                name='Cosignature',
                fields=[
                    ('id', models.BigAutoField(primary_key=True, serialize=False)),
                    ('key_id', models.CharField(max_length=8)),
                    ('timestamp', models.BigIntegerField()),
                    ('line', models.TextField()),
                    ('received_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('checkpoint', models.ForeignKey(db_column='size', on_delete=django.db.models.deletion.PROTECT, related_name='cosignatures', to='provenance.checkpoint')),
                    ('witness', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cosignatures', to='provenance.witness')),
                ],
                options={
                    'ordering': ['-checkpoint_id', 'witness_id', 'key_id'],
                    'constraints': [models.UniqueConstraint(fields=('checkpoint', 'witness', 'key_id'), name='cosignature_once')],
                },
            ),
            migrations.CreateModel(
                name='DecisionSignature',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('address', models.CharField(max_length=42)),
                    ('signature', models.CharField(max_length=132)),
                    ('decision', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='signatures', to='provenance.chaindecision')),
                    ('officer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['created_at'],
                    'constraints': [models.UniqueConstraint(fields=('decision', 'officer'), name='signature_once'), models.UniqueConstraint(fields=('decision', 'address'), name='signature_once_a_key')],
                },
            ),
            migrations.CreateModel(
                name='LogKey',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('number', models.PositiveIntegerField(unique=True)),
                    ('ed25519', models.TextField()),
                    ('mldsa44', models.TextField()),
                    ('signs_until', models.DateTimeField(null=True)),
                    ('last_size', models.BigIntegerField(null=True)),
                ],
                options={
                    'ordering': ['number'],
                },
            ),
            migrations.CreateModel(
                name='OfficerKey',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('address', models.CharField(max_length=42, unique=True)),
                    ('revoked_at', models.DateTimeField(null=True)),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='officer_keys', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['created_at'],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('revoked_at__isnull', True)), fields=('user',), name='officer_one_live_key')],
                },
            ),
            migrations.CreateModel(
                name='Tile',
                fields=[
                    ('pk', models.CompositePrimaryKey('level', 'index', blank=True, editable=False, primary_key=True, serialize=False)),
                    ('level', models.SmallIntegerField()),
                    ('index', models.BigIntegerField()),
                    ('hashes', models.BinaryField()),
                    ('root', models.BinaryField()),
                ],
            ),
            migrations.CreateModel(
                name='Witness',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('site', models.SlugField(blank=True, max_length=40)),
                    ('name', models.CharField(max_length=200, unique=True)),
                    ('vkeys', models.TextField()),
                    ('url', models.URLField(blank=True)),
                    ('is_active', models.BooleanField(default=True)),
                    ('institution', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='witnesses', to='accounts.institution')),
                ],
                options={
                    'ordering': ['name'],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('site', ''), _negated=True), fields=('site',), name='witness_site_once'), models.CheckConstraint(condition=models.Q(('site', ''), ('url', ''), _connector='XOR'), name='witness_one_way')],
                },
            ),
            migrations.CreateModel(
                name='Anchor',
                fields=[
                    ('checkpoint', models.OneToOneField(db_column='size', on_delete=django.db.models.deletion.PROTECT, primary_key=True, serialize=False, to='provenance.checkpoint')),
                    ('prev_root', models.BinaryField()),
                    ('nonce', models.BigIntegerField()),
                    ('raw_tx', models.BinaryField()),
                    ('tx_hash', models.CharField(max_length=66, unique=True)),
                    ('state', models.CharField(choices=[('signed', 'Signed'), ('final', 'Final'), ('failed', 'Failed')], default='signed', max_length=10)),
                    ('block_number', models.BigIntegerField(null=True)),
                    ('receipt', models.JSONField(null=True)),
                    ('error', models.TextField(blank=True)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('confirmed_at', models.DateTimeField(null=True)),
                ],
                options={
                    'ordering': ['-checkpoint_id'],
                },
            ),
            migrations.CreateModel(
                name='Body',
                fields=[
                    ('entry', models.OneToOneField(db_column='seq', db_constraint=False, on_delete=django.db.models.deletion.PROTECT, primary_key=True, serialize=False, to='provenance.entry')),
                    ('salt', models.BinaryField()),
                    ('body', models.TextField()),
                    ('actor', models.UUIDField(null=True)),
                    ('action', models.TextField(blank=True)),
                    ('reason', models.TextField(blank=True)),
                    ('request_id', models.TextField(blank=True)),
                ],
                options={
                    'indexes': [django.contrib.postgres.indexes.BrinIndex(fields=['actor', 'action'], name='body_actor_action', opclasses=['uuid_bloom_ops', 'text_bloom_ops'])],
                },
            ),
            migrations.CreateModel(
                name='WitnessState',
                fields=[
                    ('witness', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='state', serialize=False, to='provenance.witness')),
                    ('size', models.BigIntegerField(default=0)),
                    ('cosigned_at', models.DateTimeField(null=True)),
                    ('asked_at', models.DateTimeField(null=True)),
                    ('answered_at', models.DateTimeField(null=True)),
                    ('problem', models.CharField(blank=True, choices=[('', 'none'), ('away', 'does not answer'), ('refused', 'refuses'), ('false', 'answers with a false cosignature'), ('clock', 'has a wrong clock'), ('forgot', 'has forgotten what it cosigned'), ('ahead', 'has cosigned more than this database holds'), ('split', 'holds another history')], default='', max_length=10)),
                    ('problem_text', models.TextField(blank=True)),
                    ('highest', models.BigIntegerField(default=0)),
                    ('highest_root', models.BinaryField(default=b'')),
                    ('highest_note', models.TextField(blank=True)),
                ],
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='checkpoint',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='e03ff86d9b647e64b5f1ed172adb95c205b0d4a3', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_a755a', table='provenance_checkpoint', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='checkpoint',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='45e844dd91fa2781e0b249150c73d4b8c9b0e3cd', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_d51af', table='provenance_checkpoint', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='checkpoint',
                trigger=pgtrigger.compiler.Trigger(name='growing', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF NEW.size <= (SELECT coalesce(max(size), 0) FROM provenance_checkpoint)\n    OR NEW.size > (SELECT coalesce(max(seq) + 1, 0) FROM provenance_entry) THEN\n    RAISE EXCEPTION 'a checkpoint of % entries: checkpoints only grow, and only over entries', NEW.size\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NEW;\n", hash='872f6b72ced09d0ccd9e4c4ef262cff892c324a1', operation='INSERT', pgid='pgtrigger_growing_20cec', table='provenance_checkpoint', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='anchorattempt',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='e1d889771b4e52a7bdaab107c3a1b6c5d749d4a1', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_114b9', table='provenance_anchorattempt', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='anchorattempt',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='db601294672c803b0ed279d15a73a00ea24fca2b', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_57cac', table='provenance_anchorattempt', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='entry',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='49b230bb29851b1004bd458ae6aef9880781621d', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_dc655', table='provenance_entry', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='entry',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='0087939f3042d26dbd738483b8c354d4e91e83ae', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_22767', table='provenance_entry', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='entry',
                trigger=pgtrigger.compiler.Trigger(name='gapless', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE low bigint; high bigint; rows bigint; expected bigint;', func="\nSELECT min(seq), max(seq), count(*) INTO low, high, rows FROM fresh;\nIF rows = 0 THEN\n    RETURN NULL;\nEND IF;\nEXECUTE format('SELECT coalesce(max(seq) + 1, 0) FROM %I WHERE seq < $1', TG_TABLE_NAME) INTO expected USING low;\nIF low <> expected OR high - low + 1 <> rows THEN\n    RAISE EXCEPTION 'ledger entries are gapless: % to % (% rows) do not follow %', low, high, rows, expected - 1\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NULL;\n", hash='7f99841f688eba5ba2bd4155a7f078b379fbc9c0', level='STATEMENT', operation='INSERT', pgid='pgtrigger_gapless_12e0f', referencing='REFERENCING NEW TABLE AS fresh ', table='provenance_entry', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='chaindecision',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'object_id', 'content_digest', 'subject', 'verdict', 'rationale', 'commitment', 'opened_by_id', 'proposer', 'nonce', 'expires_at', 'chain_id', 'contract', 'log_id', 'needed', 'state', 'tx_hash', 'block_number', 'error')", func='RETURN NULL;', hash='6d19ba6ea0da23438045dcd8e801b1e5667a741f', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_fa03a', table='provenance_chaindecision', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='chaindecision',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='a79a0abd1c4ac598ecbc6f58627369bb8c224b88', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_ce47e', table='provenance_chaindecision', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='cosignature',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='13bf04331fc90a19434a43b1e073d3e6962eee4a', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_86342', table='provenance_cosignature', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='cosignature',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='ad265812d0406f808010b19e296129b254c2a2f1', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_11c7f', table='provenance_cosignature', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='decisionsignature',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'decision_id', 'officer_id', 'address', 'signature')", func='RETURN NULL;', hash='5cfcc3ff16c3065173f09b4018b30c754d62aaeb', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_e9369', table='provenance_decisionsignature', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='decisionsignature',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='a180ba9ba3cb8c9594d71a7ae6a13626a4fba936', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_683f6', table='provenance_decisionsignature', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='decisionsignature',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='ac618979ad47a33b2a6700dde7cfe9a09d0da29b', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_8ae35', table='provenance_decisionsignature', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='logkey',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'number', 'ed25519', 'mldsa44', 'signs_until', 'last_size')", func='RETURN NULL;', hash='53ab8c9eb5e73acf4eed0e354f2f2e0913a8eafc', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_90db9', table='provenance_logkey', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='logkey',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='27ccf2df076a746402800b4340e0af57077e58f9', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_e83cf', table='provenance_logkey', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='officerkey',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'user_id', 'address', 'revoked_at')", func='RETURN NULL;', hash='74b60ef851bc03b3d4eae5e716b6b5282de1ebc0', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_57082', table='provenance_officerkey', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='officerkey',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='5642e2d33c0e1e1275746a11554ce03717ef9b45', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_8e6d4', table='provenance_officerkey', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='tile',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='0218b03e204e8b02ab6a00866a12242f7e174cc7', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_60807', table='provenance_tile', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='tile',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='a5c8d4f5fb7b695eeb6ebdbb7255251898233f84', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_26ae5', table='provenance_tile', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='witness',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'institution_id', 'site', 'name', 'vkeys', 'url', 'is_active')", func='RETURN NULL;', hash='4f569cbb2ec889bc79eda94f1ed7e42e338c06df', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_cdeb9', table='provenance_witness', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='witness',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='d396be95fc2c0daccc78b2d75b5eaabb555abeb0', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_41c89', table='provenance_witness', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='body',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='c96aff08bed3daedc83dc2ac9ac7f7e63d58fe28', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_576d4', table='provenance_body', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='body',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='bc8b3d5accf7908f829cf80155aaeff3b962390b', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_7aa0f', table='provenance_body', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='body',
                trigger=pgtrigger.compiler.Trigger(name='gapless', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE low bigint; high bigint; rows bigint; expected bigint;', func="\nSELECT min(seq), max(seq), count(*) INTO low, high, rows FROM fresh;\nIF rows = 0 THEN\n    RETURN NULL;\nEND IF;\nEXECUTE format('SELECT coalesce(max(seq) + 1, 0) FROM %I WHERE seq < $1', TG_TABLE_NAME) INTO expected USING low;\nIF low <> expected OR high - low + 1 <> rows THEN\n    RAISE EXCEPTION 'ledger entries are gapless: % to % (% rows) do not follow %', low, high, rows, expected - 1\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NULL;\n", hash='62dc5abb95842ef25910638ebd70d5b720a57d05', level='STATEMENT', operation='INSERT', pgid='pgtrigger_gapless_b9c9a', referencing='REFERENCING NEW TABLE AS fresh ', table='provenance_body', when='AFTER')),
            ),
        ]),
        migrations.RunSQL(SETTLE, "DROP FUNCTION provenance_settle_outbox"),
        migrations.RunSQL(
            "CREATE UNIQUE INDEX provenance_anchor_one_open ON provenance_anchor (state) WHERE state = 'signed'",
            "DROP INDEX provenance_anchor_one_open",
        ),
    ]
