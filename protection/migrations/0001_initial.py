import core.fields
import django.db.models.deletion
import django.utils.timezone
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.conf import settings
from django.db import migrations, models

from core.operations import Together


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('audits_runtime', '0001_initial'),
        ('models_registry', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together(operations=[
            migrations.CreateModel(
                name='Backup',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('name', models.CharField(max_length=60, unique=True)),
                    ('taken_at', models.DateTimeField()),
                    ('manifest', models.CharField(max_length=64)),
                    ('size', models.PositiveBigIntegerField()),
                    ('entries', models.PositiveBigIntegerField()),
                    ('rows', models.PositiveBigIntegerField()),
                    ('key', models.CharField(max_length=16)),
                    ('seconds', models.FloatField()),
                    ('made_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-taken_at'],
                },
            ),
            migrations.CreateModel(
                name='Breach',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('aware_at', models.DateTimeField()),
                    ('nature', core.fields.SealedTextField(subject='recorded_by_id')),
                    ('persons', models.PositiveIntegerField(null=True)),
                    ('personal_data', models.BooleanField(null=True)),
                    ('risk', models.BooleanField(null=True)),
                    ('high_risk', models.BooleanField(null=True)),
                    ('phi', models.BooleanField(null=True)),
                    ('processor', models.BooleanField(default=False)),
                    ('revision', models.PositiveIntegerField(default=1)),
                    ('closed_at', models.DateTimeField(null=True)),
                    ('closed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('incident', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='breaches', to='audits_runtime.incident')),
                    ('institution', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.institution')),
                    ('recorded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'verbose_name_plural': 'breaches',
                    'ordering': ['-aware_at'],
                    'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', True), ('closed_by__isnull', True)), models.Q(('closed_at__isnull', False), ('closed_by__isnull', False)), _connector='OR'), name='breach_closed_by_somebody')],
                },
            ),
            migrations.CreateModel(
                name='BreachRecord',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('duty', models.CharField(blank=True, max_length=30)),
                    ('answer', models.CharField(choices=[('notified', 'Notified'), ('not_notified', 'Decided not to notify'), ('remark', 'Remark')], max_length=12)),
                    ('done_at', models.DateTimeField(null=True)),
                    ('text', core.fields.SealedTextField(subject='author_id')),
                    ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('breach', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='records', to='protection.breach')),
                ],
                options={
                    'ordering': ['created_at'],
                    'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('answer', 'remark'), ('duty', '')), models.Q(models.Q(('answer', 'remark'), _negated=True), models.Q(('duty', ''), _negated=True)), _connector='OR'), name='answer_names_its_duty'), models.CheckConstraint(condition=models.Q(models.Q(('answer', 'notified'), _negated=True), ('done_at__isnull', False), _connector='OR'), name='notified_at_a_moment')],
                },
            ),
            migrations.CreateModel(
                name='ImpactAssessment',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('edition', models.PositiveIntegerField()),
                    ('sections', models.JSONField(default=dict)),
                    ('facts', models.JSONField(default=dict)),
                    ('revision', models.PositiveIntegerField(default=1)),
                    ('state', models.CharField(choices=[('draft', 'Draft'), ('signed', 'Signed off')], default='draft', max_length=10)),
                    ('signed_at', models.DateTimeField(null=True)),
                    ('digest', models.CharField(blank=True, max_length=64)),
                    ('review_on', models.DateField(null=True)),
                    ('model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='impact_assessments', to='models_registry.model')),
                    ('signed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('written_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-edition'],
                    'constraints': [models.UniqueConstraint(fields=('model', 'edition'), name='assessment_edition_once'), models.UniqueConstraint(condition=models.Q(('state', 'draft')), fields=('model',), name='one_draft_a_model'), models.CheckConstraint(condition=models.Q(models.Q(('digest', ''), ('signed_by__isnull', True), ('state', 'draft')), models.Q(('signed_at__isnull', False), ('signed_by__isnull', False), ('state', 'signed'), models.Q(('digest', ''), _negated=True)), _connector='OR'), name='assessment_signed_whole'), models.CheckConstraint(condition=models.Q(('signed_by__isnull', True), models.Q(('signed_by', models.F('written_by')), _negated=True), _connector='OR'), name='assessment_signed_by_another')],
                },
            ),
            migrations.CreateModel(
                name='LegalHold',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('record_class', models.CharField(blank=True, max_length=40)),
                    ('ends_on', models.DateField()),
                    ('reason', core.fields.SealedTextField(subject='placed_by_id')),
                    ('lifted_at', models.DateTimeField(null=True)),
                    ('lift_reason', core.fields.SealedTextField(blank=True, subject='lifted_by_id')),
                    ('lifted_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('placed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('lifted_at__isnull', True), ('lifted_by__isnull', True)), models.Q(('lifted_at__isnull', False), ('lifted_by__isnull', False)), _connector='OR'), name='hold_lifted_by_somebody')],
                },
            ),
            migrations.CreateModel(
                name='ProcessingNote',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('activity', models.CharField(max_length=40)),
                    ('revision', models.PositiveIntegerField()),
                    ('content', models.JSONField()),
                    ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('institution', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.institution')),
                ],
                options={
                    'ordering': ['-revision'],
                    'constraints': [models.UniqueConstraint(fields=('activity', 'institution', 'revision'), name='note_revision_once', nulls_distinct=False)],
                },
            ),
            migrations.CreateModel(
                name='RestoreDrill',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('backup', models.CharField(max_length=60)),
                    ('taken_at', models.DateTimeField(null=True)),
                    ('outcome', models.CharField(choices=[('passed', 'Passed'), ('failed', 'Failed')], max_length=10)),
                    ('seconds', models.FloatField()),
                    ('lost_seconds', models.FloatField(null=True)),
                    ('lost_entries', models.PositiveBigIntegerField(null=True)),
                    ('problems', models.JSONField(default=list)),
                    ('figures', models.JSONField(default=dict)),
                    ('held_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='RetentionExecution',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('record_class', models.CharField(max_length=40)),
                    ('action', models.CharField(max_length=12)),
                    ('days', models.PositiveIntegerField()),
                    ('legal_basis', models.CharField(max_length=300)),
                    ('before', models.DateTimeField()),
                    ('counts', models.JSONField(default=dict)),
                    ('error', models.TextField(blank=True)),
                    ('held_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='protection.legalhold')),
                ],
                options={
                    'ordering': ['-created_at', 'record_class'],
                    'indexes': [models.Index(fields=['record_class', '-created_at'], name='retention_of_class')],
                },
            ),
            migrations.CreateModel(
                name='RetentionRule',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('record_class', models.CharField(max_length=40)),
                    ('days', models.PositiveIntegerField()),
                    ('legal_basis', models.CharField(max_length=300)),
                    ('reason', core.fields.SealedTextField(subject='set_by_id')),
                    ('set_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('days__gte', 1)), name='retention_at_least_a_day')],
                },
            ),
            migrations.CreateModel(
                name='SubjectRequest',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('kind', models.CharField(choices=[('access', 'Access (Art. 15)'), ('rectification', 'Rectification (Art. 16)'), ('erasure', 'Erasure (Art. 17)'), ('restriction', 'Restriction (Art. 18)'), ('objection', 'Objection (Art. 21), or against an automated decision (Art. 22)')], max_length=15)),
                    ('reference', core.fields.SealedTextField(max_length=60, subject='recorded_by_id')),
                    ('received_on', models.DateField()),
                    ('due_on', models.DateField()),
                    ('extended', models.BooleanField(default=False)),
                    ('state', models.CharField(choices=[('received', 'Received: identity not confirmed'), ('confirmed', 'Identity confirmed'), ('granted', 'Granted: to be carried out'), ('fulfilled', 'Fulfilled'), ('refused', 'Refused'), ('withdrawn', 'Withdrawn')], default='received', max_length=12)),
                    ('patient', core.fields.SealedTextField(null=True, subject='recorded_by_id')),
                    ('pseudonyms', models.JSONField(default=list)),
                    ('receipt', models.CharField(blank=True, max_length=64)),
                    ('ended_at', models.DateTimeField(null=True)),
                    ('appeal', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='audits_runtime.appeal')),
                    ('institution', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.institution')),
                    ('recorded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['due_on', 'created_at'],
                    'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', False), ('state__in', ['fulfilled', 'refused', 'withdrawn'])), models.Q(models.Q(('state__in', ['fulfilled', 'refused', 'withdrawn']), _negated=True), ('ended_at__isnull', True)), _connector='OR'), name='request_ended_whole')],
                },
            ),
            migrations.CreateModel(
                name='RequestStep',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('step', models.CharField(max_length=20)),
                    ('text', core.fields.SealedTextField(blank=True, subject='author_id')),
                    ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('request', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='steps', to='protection.subjectrequest')),
                ],
                options={
                    'ordering': ['created_at'],
                },
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='backup',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'name', 'taken_at', 'made_by_id', 'manifest', 'size', 'entries', 'rows', 'key', 'seconds')", func='RETURN NULL;', hash='14ee53d7c7a2384dadcc541606dd25292107d6c4', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_bbc64', table='protection_backup', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='backup',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='c2c1e3c56fd7992ecbebc14138df32dd70d0246a', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_59182', table='protection_backup', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='backup',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='d8a7d5e0beeae1710d9f2d5b3a50357951beaf8b', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_b1208', table='protection_backup', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='breach',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'institution_id', 'incident_id', 'aware_at', 'nature', 'persons', 'personal_data', 'risk', 'high_risk', 'phi', 'processor', 'recorded_by_id', 'revision', 'closed_at', 'closed_by_id')", func='RETURN NULL;', hash='b5485cf2300643feece4e0c3aa86df9e76ea4fa2', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_895e9', table='protection_breach', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='breach',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='5eb95f383d2a8ce49c21b2b60611a07fb4d22b7f', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_0ee36', table='protection_breach', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='breach',
                trigger=pgtrigger.compiler.Trigger(name='kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='da39c2254939921798204b438d4819ae70445d29', operation='DELETE', pgid='pgtrigger_kept_befc6', table='protection_breach', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='breach',
                trigger=pgtrigger.compiler.Trigger(name='closed_stays', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.closed_at IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='e62d37908bb45a75de3c3a54511e64501111481b', operation='UPDATE', pgid='pgtrigger_closed_stays_a358c', table='protection_breach', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='breachrecord',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'breach_id', 'duty', 'answer', 'done_at', 'text', 'author_id')", func='RETURN NULL;', hash='9fb234eb9d23345f85e28189e59174cd7e30c5a8', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_48409', table='protection_breachrecord', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='breachrecord',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='5f2c6949ef74282e0123aed1f37ddcdce4b5b32f', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_a25fd', table='protection_breachrecord', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='breachrecord',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='b3450620f0caa6637592b5ab8eb5d3d9f308bc89', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_a6a7d', table='protection_breachrecord', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='impactassessment',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'model_id', 'edition', 'sections', 'facts', 'revision', 'state', 'written_by_id', 'signed_by_id', 'signed_at', 'digest', 'review_on')", func='RETURN NULL;', hash='b26c346e61b37d12989307f14c6467a7ed1d732e', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_9f6c2', table='protection_impactassessment', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='impactassessment',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='71b53a4d105eb3e8def87c1f39862f743a198c41', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_ac34a', table='protection_impactassessment', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='impactassessment',
                trigger=pgtrigger.compiler.Trigger(name='kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='b414a99fd0eefbcb0c5ec7020a76fdbe858fac97', operation='DELETE', pgid='pgtrigger_kept_4375e', table='protection_impactassessment', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='impactassessment',
                trigger=pgtrigger.compiler.Trigger(name='signed_stays', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN (OLD.state = 'signed')", func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='baac6b46ede0e070e94acfaa735c64968c57ff8d', operation='UPDATE', pgid='pgtrigger_signed_stays_965ce', table='protection_impactassessment', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='legalhold',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'record_class', 'ends_on', 'placed_by_id', 'reason', 'lifted_at', 'lifted_by_id', 'lift_reason')", func='RETURN NULL;', hash='e3972cc1857929098ce319905ea9115148594e70', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_a03eb', table='protection_legalhold', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='legalhold',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='a9a1a5ac504e6799d810e4b6b31efac8f1583fa5', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_437f2', table='protection_legalhold', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='legalhold',
                trigger=pgtrigger.compiler.Trigger(name='kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='664f747eb7c9b25e2ef12dccfa8e8fc2814e9498', operation='DELETE', pgid='pgtrigger_kept_7f00a', table='protection_legalhold', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='legalhold',
                trigger=pgtrigger.compiler.Trigger(name='bound', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.lifted_at IS NOT NULL OR (OLD.record_class, OLD.ends_on, OLD.placed_by_id) IS DISTINCT FROM (NEW.record_class, NEW.ends_on, NEW.placed_by_id))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='e581bff41f8a0ed37f6e08ff336b7535a297027e', operation='UPDATE', pgid='pgtrigger_bound_7104b', table='protection_legalhold', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='processingnote',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'activity', 'institution_id', 'revision', 'content', 'author_id')", func='RETURN NULL;', hash='9989bd70a4bd5b9563e2a2d789cfdd78caa9d7f4', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_2805e', table='protection_processingnote', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='processingnote',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='a5ce920cfaec5402108b6ed291c8e2954d88b797', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_c6ab4', table='protection_processingnote', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='processingnote',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='a7a2b646478fdcdad0511e19b7070ebaa69fd2d4', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_cdd34', table='protection_processingnote', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='restoredrill',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'backup', 'taken_at', 'held_by_id', 'outcome', 'seconds', 'lost_seconds', 'lost_entries', 'problems', 'figures')", func='RETURN NULL;', hash='053db372cac664a36f68d37414ea5f2ffccae72a', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_85924', table='protection_restoredrill', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='restoredrill',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='d0fe91e4c973f71b0dfaa7f12ff9199403c3ac72', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_8b3e9', table='protection_restoredrill', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='restoredrill',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='8167e75ccf567c5bd13f68d4c9c5224f115b1831', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_095ec', table='protection_restoredrill', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='retentionexecution',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'record_class', 'action', 'days', 'legal_basis', 'before', 'counts', 'held_by_id', 'error')", func='RETURN NULL;', hash='5968dc263340783c355685c514edb7a61fe7f4b5', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_47443', table='protection_retentionexecution', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='retentionexecution',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='68d80ef1ee932ee512ec98bda896585a5edd73cb', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_87f59', table='protection_retentionexecution', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='retentionexecution',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='c99ca29eb8fa58df0ddc4d56ecbbda21d686ae06', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_0f254', table='protection_retentionexecution', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='retentionrule',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'record_class', 'days', 'legal_basis', 'set_by_id', 'reason')", func='RETURN NULL;', hash='fd1de4633d54b176b59cd4ad7b1b32d37df9ceea', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_caaec', table='protection_retentionrule', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='retentionrule',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='c9f5278aa2006f2c4ae0d65a6c3ffd8485e99296', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_b7c4b', table='protection_retentionrule', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='retentionrule',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='a684569a6a6935e3ab8618efa8999896c14bede7', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_c23e9', table='protection_retentionrule', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='subjectrequest',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'institution_id', 'kind', 'reference', 'received_on', 'due_on', 'extended', 'state', 'recorded_by_id', 'appeal_id', 'receipt', 'ended_at')", func='RETURN NULL;', hash='ce1bfd15d7e33808086c18bd442abddf220cbf46', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_5f8a2', table='protection_subjectrequest', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='subjectrequest',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='07ce205765761b6154782221c8687b3612b06808', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_017ed', table='protection_subjectrequest', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='subjectrequest',
                trigger=pgtrigger.compiler.Trigger(name='kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='d00404cd072dc1e94f21d68168c3b3792d757fae', operation='DELETE', pgid='pgtrigger_kept_59765', table='protection_subjectrequest', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='requeststep',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'request_id', 'step', 'text', 'author_id')", func='RETURN NULL;', hash='5302f0c345ba45121504be547038c47f735b57c7', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_6dfd1', table='protection_requeststep', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='requeststep',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='dc6178c728da40ac312a432ebea6183da8469a3d', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_4334f', table='protection_requeststep', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='requeststep',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='fe31b04cc8aaaf479c722d8b8313c1d90f90eb23', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_24fb5', table='protection_requeststep', when='BEFORE')),
            ),
        ]),
    ]
