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
        ('models_registry', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together(operations=[
            migrations.CreateModel(
                name='AuditSample',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('kind', models.CharField(choices=[('controls', 'Controls of the frameworks'), ('decisions', 'Decisions of a period')], max_length=10)),
                    ('period_start', models.DateField(null=True)),
                    ('period_end', models.DateField(null=True)),
                    ('words', models.CharField(max_length=200)),
                    ('nonce', models.CharField(max_length=64)),
                    ('population_digest', models.CharField(max_length=64)),
                    ('strata', models.JSONField()),
                    ('state', models.CharField(choices=[('open', 'Open'), ('closed', 'Closed')], default='open', max_length=10)),
                    ('closed_at', models.DateTimeField(null=True)),
                    ('auditor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('auditor', 'kind'), name='one_open_sample'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'controls'), ('period_end__isnull', True), ('period_start__isnull', True)), models.Q(('kind', 'decisions'), ('period_end__gte', models.F('period_start')), ('period_start__isnull', False)), _connector='OR'), name='decisions_have_a_period')],
                },
            ),
            migrations.CreateModel(
                name='BoardReview',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('month', models.DateField()),
                    ('board', models.CharField(max_length=120)),
                    ('agenda', models.JSONField()),
                    ('state', models.CharField(choices=[('open', 'Open'), ('signed', 'Signed off')], default='open', max_length=10)),
                    ('signed_at', models.DateTimeField(null=True)),
                    ('chair', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('convened_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('signed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-month', '-created_at'],
                    'constraints': [models.UniqueConstraint(fields=('board', 'month'), name='board_meets_once_a_month'), models.CheckConstraint(condition=models.Q(('month__day', 1)), name='board_month_by_its_first_day'), models.CheckConstraint(condition=models.Q(models.Q(('signed_at__isnull', True), ('signed_by__isnull', True), ('state', 'open')), models.Q(('signed_at__isnull', False), ('signed_by__isnull', False), ('state', 'signed')), _connector='OR'), name='review_signed_whole')],
                },
            ),
            migrations.CreateModel(
                name='BoardMember',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('conflicted', models.BooleanField(null=True)),
                    ('conflict', core.fields.SealedTextField(blank=True, subject='user_id')),
                    ('declared_at', models.DateTimeField(null=True)),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('review', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='members', to='audits_posthoc.boardreview')),
                ],
                options={
                    'ordering': ['created_at'],
                    'constraints': [models.UniqueConstraint(fields=('review', 'user'), name='board_member_once')],
                },
            ),
            migrations.CreateModel(
                name='BoardFinding',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('severity', models.CharField(choices=[('minor', 'Minor'), ('major', 'Major'), ('critical', 'Critical')], max_length=10)),
                    ('text', core.fields.SealedTextField(subject='author_id')),
                    ('blocking', models.BooleanField(default=False)),
                    ('due_on', models.DateField()),
                    ('state', models.CharField(choices=[('open', 'Open'), ('in_progress', 'In progress'), ('done', 'Done, to be verified'), ('closed', 'Verified and closed')], default='open', max_length=12)),
                    ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('closed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('version', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='models_registry.version')),
                    ('review', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='findings', to='audits_posthoc.boardreview')),
                ],
                options={
                    'ordering': ['due_on', 'created_at'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('blocking', False), ('version__isnull', False), _connector='OR'), name='what_blocks_names_a_version'), models.CheckConstraint(condition=models.Q(models.Q(('closed_by__isnull', False), ('state', 'closed'), models.Q(('closed_by', models.F('owner')), _negated=True)), models.Q(models.Q(('state', 'closed'), _negated=True), ('closed_by__isnull', True)), _connector='OR'), name='finding_closed_by_another')],
                },
            ),
            migrations.CreateModel(
                name='BoardStep',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('state', models.CharField(choices=[('open', 'Open'), ('in_progress', 'In progress'), ('done', 'Done, to be verified'), ('closed', 'Verified and closed')], max_length=12)),
                    ('text', core.fields.SealedTextField(subject='author_id')),
                    ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('finding', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='steps', to='audits_posthoc.boardfinding')),
                ],
                options={
                    'ordering': ['created_at'],
                },
            ),
            migrations.CreateModel(
                name='ManualEvidence',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('framework', models.CharField(max_length=40)),
                    ('control', models.CharField(max_length=40)),
                    ('digest', models.CharField(max_length=64)),
                    ('name', models.CharField(max_length=120)),
                    ('media_type', models.CharField(max_length=40)),
                    ('size', models.PositiveIntegerField()),
                    ('note', core.fields.SealedTextField(subject='uploaded_by_id')),
                    ('valid_until', models.DateField()),
                    ('withdrawn_at', models.DateTimeField(null=True)),
                    ('uploaded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('withdrawn_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'indexes': [models.Index(fields=['framework', 'control'], name='manual_evidence_of')],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('withdrawn_at__isnull', True)), fields=('framework', 'control', 'digest'), name='manual_evidence_once'), models.CheckConstraint(condition=models.Q(models.Q(('withdrawn_at__isnull', True), ('withdrawn_by__isnull', True)), models.Q(('withdrawn_at__isnull', False), ('withdrawn_by__isnull', False)), _connector='OR'), name='evidence_withdrawn_by_someone')],
                },
            ),
            migrations.CreateModel(
                name='Report',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('period_start', models.DateField()),
                    ('period_end', models.DateField()),
                    ('state', models.CharField(choices=[('queued', 'Queued'), ('finished', 'Finished'), ('failed', 'Failed')], default='queued', max_length=10)),
                    ('kind', models.CharField(choices=[('biannual', 'Biannual report'), ('monthly', 'Monthly report'), ('custom', 'Report of a chosen period')], default='custom', max_length=10)),
                    ('issue', models.PositiveSmallIntegerField(null=True)),
                    ('reason', models.TextField(blank=True)),
                    ('json_digest', models.CharField(blank=True, max_length=64)),
                    ('pdf_digest', models.CharField(blank=True, max_length=64)),
                    ('files', models.JSONField(default=dict)),
                    ('manifest_digest', models.CharField(blank=True, max_length=64)),
                    ('signatures', models.JSONField(default=list)),
                    ('summary', models.JSONField(default=dict)),
                    ('stop_reason', models.TextField(blank=True)),
                    ('finished_at', models.DateTimeField(null=True)),
                    ('institution', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.institution')),
                    ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('period_end__gte', models.F('period_start'))), name='report_period_forward'), models.UniqueConstraint(condition=models.Q(('issue__isnull', False)), fields=('kind', 'period_start', 'period_end', 'institution', 'issue'), name='report_issue_once', nulls_distinct=False)],
                },
            ),
            migrations.CreateModel(
                name='ReportSignOff',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('capacity', models.CharField(choices=[('auditor', 'Auditor'), ('board_chair', 'Chair of the board')], max_length=12)),
                    ('statement', models.TextField()),
                    ('signature', models.TextField()),
                    ('institution', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.institution')),
                    ('key', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='models_registry.reviewerkey')),
                    ('report', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sign_offs', to='audits_posthoc.report')),
                    ('signer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['created_at'],
                    'constraints': [models.UniqueConstraint(fields=('report', 'capacity'), name='report_signed_off_once')],
                },
            ),
            migrations.CreateModel(
                name='Risk',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('hazard', core.fields.SealedTextField(subject='created_by_id')),
                    ('situation', core.fields.SealedTextField(subject='created_by_id')),
                    ('harm', core.fields.SealedTextField(subject='created_by_id')),
                    ('severity_before', models.PositiveSmallIntegerField(choices=[(1, '1 Negligible'), (2, '2 Minor'), (3, '3 Serious'), (4, '4 Critical'), (5, '5 Catastrophic')])),
                    ('probability_before', models.PositiveSmallIntegerField(choices=[(1, '1 Improbable'), (2, '2 Remote'), (3, '3 Occasional'), (4, '4 Probable'), (5, '5 Frequent')])),
                    ('measures', core.fields.SealedTextField(blank=True, subject='created_by_id')),
                    ('severity_after', models.PositiveSmallIntegerField(blank=True, choices=[(1, '1 Negligible'), (2, '2 Minor'), (3, '3 Serious'), (4, '4 Critical'), (5, '5 Catastrophic')], null=True)),
                    ('probability_after', models.PositiveSmallIntegerField(blank=True, choices=[(1, '1 Improbable'), (2, '2 Remote'), (3, '3 Occasional'), (4, '4 Probable'), (5, '5 Frequent')], null=True)),
                    ('controls', models.JSONField(blank=True, default=list)),
                    ('checks', models.JSONField(blank=True, default=list)),
                    ('state', models.CharField(choices=[('open', 'Open'), ('controlled', 'Controlled'), ('accepted', 'Residual risk accepted'), ('closed', 'Closed')], default='open', max_length=10)),
                    ('rationale', core.fields.SealedTextField(blank=True, subject='created_by_id')),
                    ('review_on', models.DateField()),
                    ('revision', models.PositiveIntegerField(default=1)),
                    ('suggested_by', models.UUIDField(null=True)),
                    ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('version', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='risks', to='models_registry.version')),
                ],
                options={
                    'ordering': ['review_on', 'created_at'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('severity_before__gte', 1), ('severity_before__lte', 5), ('probability_before__gte', 1), ('probability_before__lte', 5), models.Q(models.Q(('severity_after__gte', 1), ('severity_after__lte', 5)), ('severity_after__isnull', True), _connector='OR'), models.Q(models.Q(('probability_after__gte', 1), ('probability_after__lte', 5)), ('probability_after__isnull', True), _connector='OR')), name='risk_scales'), models.CheckConstraint(condition=models.Q(('state', 'open'), ('state', 'closed'), models.Q(('probability_after__isnull', False), ('severity_after__isnull', False)), _connector='OR'), name='risk_judged_after_measures')],
                },
            ),
            migrations.CreateModel(
                name='SampleItem',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('number', models.PositiveIntegerField()),
                    ('stratum', models.CharField(max_length=120)),
                    ('ref', models.CharField(max_length=120)),
                    ('title', models.CharField(max_length=300)),
                    ('finding', models.CharField(blank=True, choices=[('conform', 'Conform'), ('minor', 'Minor nonconformity'), ('major', 'Major nonconformity'), ('not_assessable', 'Not assessable')], max_length=14)),
                    ('text', core.fields.SealedTextField(blank=True, subject='found_by_id')),
                    ('evidence_digest', models.CharField(blank=True, max_length=64)),
                    ('evidence_name', models.CharField(blank=True, max_length=200)),
                    ('found_at', models.DateTimeField(null=True)),
                    ('found_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('sample', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='items', to='audits_posthoc.auditsample')),
                ],
                options={
                    'ordering': ['number'],
                    'constraints': [models.UniqueConstraint(fields=('sample', 'number'), name='sample_number_once'), models.UniqueConstraint(fields=('sample', 'ref'), name='sample_ref_once'), models.CheckConstraint(condition=models.Q(models.Q(('finding', ''), ('found_at__isnull', True), ('found_by__isnull', True)), models.Q(models.Q(('finding', ''), _negated=True), ('found_at__isnull', False), ('found_by__isnull', False)), _connector='OR'), name='found_by_somebody')],
                },
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='auditsample',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'kind', 'auditor_id', 'period_start', 'period_end', 'words', 'nonce', 'population_digest', 'strata', 'state', 'closed_at')", func='RETURN NULL;', hash='ba7aff71f02c66d9b6a09d5c48c62309b2956c69', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_a284e', table='audits_posthoc_auditsample', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='auditsample',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='4484f928689e24d04d7f06649be7377858027d5c', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_670d2', table='audits_posthoc_auditsample', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='auditsample',
                trigger=pgtrigger.compiler.Trigger(name='sample_kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='aad3736408610d556e7b463c2b832b6db9ee009d', operation='DELETE', pgid='pgtrigger_sample_kept_85df7', table='audits_posthoc_auditsample', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='auditsample',
                trigger=pgtrigger.compiler.Trigger(name='sample_stays', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN (OLD.state = 'closed' OR (OLD.kind, OLD.auditor_id, OLD.period_start, OLD.period_end, OLD.words, OLD.nonce, OLD.population_digest, OLD.strata) IS DISTINCT FROM (NEW.kind, NEW.auditor_id, NEW.period_start, NEW.period_end, NEW.words, NEW.nonce, NEW.population_digest, NEW.strata))", func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='af270505fe3629a1595be6722bf8a0b3ad05fb10', operation='UPDATE', pgid='pgtrigger_sample_stays_e396e', table='audits_posthoc_auditsample', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='boardreview',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'month', 'board', 'agenda', 'state', 'convened_by_id', 'chair_id', 'signed_by_id', 'signed_at')", func='RETURN NULL;', hash='dc2f46f9db2f624df07a3197f560f8db65fbbf99', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_e14e9', table='audits_posthoc_boardreview', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='boardreview',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='a79da795eea3352712773aea0a18bcc271865e69', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_e82f7', table='audits_posthoc_boardreview', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='boardreview',
                trigger=pgtrigger.compiler.Trigger(name='review_kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='52ae1a18bcc04d8f0babe133ea486f346ef4981b', operation='DELETE', pgid='pgtrigger_review_kept_c879b', table='audits_posthoc_boardreview', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='boardreview',
                trigger=pgtrigger.compiler.Trigger(name='review_stays', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN (OLD.state = 'signed' OR OLD.agenda IS DISTINCT FROM NEW.agenda OR OLD.chair_id <> NEW.chair_id)", func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='5b19953c7b19582a9f3f50676ad9268a84dc7578', operation='UPDATE', pgid='pgtrigger_review_stays_8c5db', table='audits_posthoc_boardreview', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='boardmember',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'review_id', 'user_id', 'conflicted', 'conflict', 'declared_at')", func='RETURN NULL;', hash='b519395a306ca97c33ceb8087c5c3ec44b296eef', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_ef309', table='audits_posthoc_boardmember', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='boardmember',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='f54414f5454eb3d24ced62efa396ad7076104178', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_bd3cc', table='audits_posthoc_boardmember', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='boardmember',
                trigger=pgtrigger.compiler.Trigger(name='member_kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='e4020a368b7cedf335d428e63ff100295e8ce377', operation='DELETE', pgid='pgtrigger_member_kept_ea146', table='audits_posthoc_boardmember', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='boardmember',
                trigger=pgtrigger.compiler.Trigger(name='declared_once', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."declared_at" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='2085eeb58c17fdcfd72b20ab9da03e8c212f4f84', operation='UPDATE', pgid='pgtrigger_declared_once_3ae42', table='audits_posthoc_boardmember', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='boardfinding',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'review_id', 'severity', 'text', 'version_id', 'blocking', 'owner_id', 'due_on', 'author_id', 'state', 'closed_by_id')", func='RETURN NULL;', hash='5cdf89ee63f9f04202353807ad4d717a3e3a7c86', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_c2155', table='audits_posthoc_boardfinding', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='boardfinding',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='665e2670e777cbf9c95149c6d58cae32b8403f6a', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_0f18e', table='audits_posthoc_boardfinding', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='boardfinding',
                trigger=pgtrigger.compiler.Trigger(name='finding_kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='275d3c9a8315bcffdb85b181aedaf4bf0bf52690', operation='DELETE', pgid='pgtrigger_finding_kept_8928b', table='audits_posthoc_boardfinding', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='boardfinding',
                trigger=pgtrigger.compiler.Trigger(name='finding_stays', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN (OLD.state = 'closed' OR (OLD.severity, OLD.version_id, OLD.blocking, OLD.owner_id, OLD.author_id) IS DISTINCT FROM (NEW.severity, NEW.version_id, NEW.blocking, NEW.owner_id, NEW.author_id))", func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='ac2c6ac12c6b3ffd6115cc42f1da9c310497f44c', operation='UPDATE', pgid='pgtrigger_finding_stays_a2189', table='audits_posthoc_boardfinding', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='boardstep',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'finding_id', 'state', 'text', 'author_id')", func='RETURN NULL;', hash='36b1be89bdf844d2b1cda166c3a5f7cbf9c75ba9', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_539f4', table='audits_posthoc_boardstep', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='boardstep',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='63791053d9f43fd544d62b53335e044888a78a81', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_cd4f6', table='audits_posthoc_boardstep', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='boardstep',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='59f81b2fbee23dbbb61502a139fd9036849cf43a', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_1d374', table='audits_posthoc_boardstep', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='manualevidence',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'framework', 'control', 'digest', 'name', 'media_type', 'size', 'note', 'valid_until', 'uploaded_by_id', 'withdrawn_at', 'withdrawn_by_id')", func='RETURN NULL;', hash='3650b4ab5870addd5bd8babc4d8844dcbf0df03a', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_10001', table='audits_posthoc_manualevidence', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='manualevidence',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='e8139113acd753c3995af5abd789442188136818', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_1a8e2', table='audits_posthoc_manualevidence', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='manualevidence',
                trigger=pgtrigger.compiler.Trigger(name='kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='e3b44207d69153423d9a6799928ae7ac5f0f180f', operation='DELETE', pgid='pgtrigger_kept_8b8be', table='audits_posthoc_manualevidence', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='manualevidence',
                trigger=pgtrigger.compiler.Trigger(name='bound', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.withdrawn_at IS NOT NULL OR (OLD.framework, OLD.control, OLD.digest, OLD.name, OLD.media_type, OLD.size, OLD.note, OLD.valid_until, OLD.uploaded_by_id) IS DISTINCT FROM (NEW.framework, NEW.control, NEW.digest, NEW.name, NEW.media_type, NEW.size, NEW.note, NEW.valid_until, NEW.uploaded_by_id))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='e7a941d1313a7c8a1dc53ec9d03a34b4441185f3', operation='UPDATE', pgid='pgtrigger_bound_53ec0', table='audits_posthoc_manualevidence', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='report',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'period_start', 'period_end', 'kind', 'institution_id', 'issue', 'reason', 'state', 'requested_by_id', 'json_digest', 'pdf_digest', 'files', 'manifest_digest', 'signatures', 'summary', 'stop_reason', 'finished_at')", func='RETURN NULL;', hash='1d9d892b554aef31e491a781c595dee6129e0d42', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_0ffc0', table='audits_posthoc_report', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='report',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='f1ec26b42604bc983318c76c2787e7b3c87c8247', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_c35ac', table='audits_posthoc_report', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='report',
                trigger=pgtrigger.compiler.Trigger(name='report_kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='dab4d060885d8a7106cf0d36bd1045bc4f3801e4', operation='DELETE', pgid='pgtrigger_report_kept_c8287', table='audits_posthoc_report', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='report',
                trigger=pgtrigger.compiler.Trigger(name='report_stays', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN (OLD.state <> 'queued')", func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='6573e0cbd47d6ccf77806cbec3f84c47a6563e4e', operation='UPDATE', pgid='pgtrigger_report_stays_b3646', table='audits_posthoc_report', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='reportsignoff',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'report_id', 'capacity', 'signer_id', 'institution_id', 'key_id', 'statement', 'signature')", func='RETURN NULL;', hash='f2d2cd1e42994cd3f5da1a50711cb21d81bcc0a0', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_43b0e', table='audits_posthoc_reportsignoff', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='reportsignoff',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='563f248cef13dbb8549db1f3d5e37f6e6251639f', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_5523c', table='audits_posthoc_reportsignoff', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='reportsignoff',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='d7c757f7f91601bd6646b740d78841ba52b73511', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_2bcea', table='audits_posthoc_reportsignoff', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='reportsignoff',
                trigger=pgtrigger.compiler.Trigger(name='by_its_holder', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nBEGIN\n    PERFORM 1 FROM audits_posthoc_report r WHERE r.id = NEW.report_id AND r.state = 'finished'\n        AND r.manifest_digest <> '' AND r.requested_by_id IS DISTINCT FROM NEW.signer_id;\n    IF NOT FOUND THEN\n        RAISE EXCEPTION 'a finished report is signed off, by another person than who asked for it'\n            USING ERRCODE = 'check_violation';\n    END IF;\n    PERFORM 1 FROM models_registry_reviewerkey k WHERE k.id = NEW.key_id AND k.user_id = NEW.signer_id\n        AND k.revoked_at IS NULL;\n    IF NOT FOUND THEN\n        RAISE EXCEPTION 'the key is not a live one of the signer' USING ERRCODE = 'check_violation';\n    END IF;\n    IF NEW.signature = '' OR NEW.statement::jsonb ->> 'report' IS DISTINCT FROM NEW.report_id::text\n        OR NEW.statement::jsonb ->> 'capacity' IS DISTINCT FROM NEW.capacity\n        OR NEW.statement::jsonb ->> 'person' IS DISTINCT FROM NEW.signer_id::text THEN\n        RAISE EXCEPTION 'the statement that was signed is not of this report' USING ERRCODE = 'check_violation';\n    END IF;\n    RETURN NEW;\nEND;\n", hash='a78b565c004a716a72fa5ba1fceb79dd1d0735c0', operation='INSERT', pgid='pgtrigger_by_its_holder_0154d', table='audits_posthoc_reportsignoff', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='risk',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'version_id', 'hazard', 'situation', 'harm', 'severity_before', 'probability_before', 'measures', 'severity_after', 'probability_after', 'controls', 'checks', 'state', 'rationale', 'owner_id', 'review_on', 'revision', 'created_by_id', 'suggested_by')", func='RETURN NULL;', hash='c528e1baac68542dbcd9c2660519bca727f44ee7', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_51e57', table='audits_posthoc_risk', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='risk',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='e190bccefeb1b5e439f7bcb6995a7d1eacc1fac8', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_0f726', table='audits_posthoc_risk', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='risk',
                trigger=pgtrigger.compiler.Trigger(name='kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='b58fa674e877c261ab108b5ec7250b1da0b71fa7', operation='DELETE', pgid='pgtrigger_kept_df5ad', table='audits_posthoc_risk', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='sampleitem',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'sample_id', 'number', 'stratum', 'ref', 'title', 'finding', 'text', 'evidence_digest', 'evidence_name', 'found_by_id', 'found_at')", func='RETURN NULL;', hash='e367356224533ce00918eb002df7bc40dc8c13e7', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_5fcba', table='audits_posthoc_sampleitem', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='sampleitem',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='5b2cb1acf8d10442f65a39c495b8b7add565c4b4', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_9d7a3', table='audits_posthoc_sampleitem', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='sampleitem',
                trigger=pgtrigger.compiler.Trigger(name='item_kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='e1263a07c449fdfc498bf655d192216f061a8824', operation='DELETE', pgid='pgtrigger_item_kept_7cc1f', table='audits_posthoc_sampleitem', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='sampleitem',
                trigger=pgtrigger.compiler.Trigger(name='found_once', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN (OLD.finding <> '' OR (OLD.sample_id, OLD.number, OLD.stratum, OLD.ref, OLD.title) IS DISTINCT FROM (NEW.sample_id, NEW.number, NEW.stratum, NEW.ref, NEW.title))", func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='62280d58b484139ad25f2921e068da3a7ad2f071', operation='UPDATE', pgid='pgtrigger_found_once_eb162', table='audits_posthoc_sampleitem', when='BEFORE')),
            ),
        ]),
    ]
