import core.fields
import core.roles
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
                name='AuditPolicy',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('risk_class', models.CharField(choices=[('limited', 'Limited risk'), ('high', 'High risk')], max_length=10)),
                    ('number', models.PositiveIntegerField()),
                    ('content', models.JSONField()),
                    ('content_digest', models.CharField(max_length=64)),
                    ('state', models.CharField(choices=[('under_review', 'Under Review'), ('approved', 'Approved'), ('rejected', 'Rejected'), ('withdrawn', 'Withdrawn')], default='under_review', max_length=20)),
                    ('shipped', models.BooleanField(default=False)),
                    ('justification', core.fields.SealedTextField(blank=True, subject='requested_by_id')),
                    ('closed_at', models.DateTimeField(null=True)),
                    ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['risk_class', '-number'],
                    'constraints': [models.UniqueConstraint(fields=('risk_class', 'number'), name='policy_number_once'), models.UniqueConstraint(condition=models.Q(('state', 'under_review')), fields=('risk_class',), name='one_open_policy'), models.CheckConstraint(condition=models.Q(('shipped', True), ('requested_by__isnull', False), _connector='XOR'), name='policy_shipped_or_requested')],
                },
            ),
            migrations.CreateModel(
                name='AuditRun',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('tier', models.CharField(choices=[('quick', 'Quick'), ('certification', 'Certification')], default='quick', max_length=20)),
                    ('policy', models.JSONField()),
                    ('state', models.CharField(choices=[('running', 'Running'), ('finished', 'Finished'), ('failed', 'Failed')], default='running', max_length=10)),
                    ('verdict', models.CharField(blank=True, choices=[('pass', 'Pass'), ('fail', 'Fail'), ('inconclusive', 'Inconclusive'), ('not_assessable', 'Not Assessable')], max_length=20)),
                    ('digest', models.CharField(blank=True, max_length=64)),
                    ('summary', models.JSONField(default=dict)),
                    ('finished_at', models.DateTimeField(null=True)),
                    ('stop_reason', core.fields.SealedTextField(blank=True, subject='stopped_by_id')),
                    ('approved_policy', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='audits', to='audits_predeployment.auditpolicy')),
                    ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('stopped_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='audits', to='models_registry.version')),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'running')), fields=('version',), name='one_running_audit')],
                },
            ),
            migrations.CreateModel(
                name='CheckResult',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('check_id', models.SlugField(max_length=40)),
                    ('principle', models.CharField(max_length=20)),
                    ('title', models.CharField(max_length=120)),
                    ('decides', models.CharField(choices=[('certifies', 'Must pass'), ('refutes', 'A fail decides'), ('informs', 'Informs')], max_length=10)),
                    ('verdict', models.CharField(choices=[('pass', 'pass'), ('fail', 'fail'), ('inconclusive', 'inconclusive'), ('not_assessable', 'not assessable'), ('not_applicable', 'not applicable')], max_length=20)),
                    ('value', models.FloatField(null=True)),
                    ('lower', models.FloatField(null=True)),
                    ('upper', models.FloatField(null=True)),
                    ('level', models.FloatField(null=True)),
                    ('threshold', models.FloatField(null=True)),
                    ('sentence', models.TextField()),
                    ('change', models.TextField(blank=True)),
                    ('tables', models.JSONField(default=list)),
                    ('figures', models.JSONField(default=list)),
                    ('evidence', models.JSONField()),
                    ('provenance', models.JSONField(default=dict)),
                    ('seconds', models.JSONField(default=dict)),
                    ('digest', models.CharField(max_length=64)),
                    ('audit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='checks', to='audits_predeployment.auditrun')),
                ],
                options={
                    'ordering': ['audit', 'check_id'],
                    'constraints': [models.UniqueConstraint(fields=('audit', 'check_id'), name='check_once')],
                },
            ),
            migrations.CreateModel(
                name='ExternalAudit',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('policy', models.JSONField()),
                    ('expires_at', models.DateTimeField()),
                    ('state', models.CharField(choices=[('open', 'Open'), ('closed', 'Closed'), ('revoked', 'Revoked'), ('expired', 'Expired')], default='open', max_length=10)),
                    ('purpose', core.fields.SealedTextField(subject='invited_by_id')),
                    ('closed_at', models.DateTimeField(null=True)),
                    ('close_reason', core.fields.SealedTextField(blank=True, subject='closed_by_id')),
                    ('auditor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='external_audits', to=settings.AUTH_USER_MODEL)),
                    ('board', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.institution')),
                    ('closed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('invited_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='external_audits', to='models_registry.version')),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('version', 'auditor'), name='one_open_external'), models.CheckConstraint(condition=models.Q(('auditor', models.F('invited_by')), _negated=True), name='external_is_somebody_else')],
                },
            ),
            migrations.CreateModel(
                name='ExternalData',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('site', models.SlugField(max_length=40)),
                    ('digest', models.CharField(max_length=64)),
                    ('stored', models.CharField(max_length=64)),
                    ('size', models.PositiveBigIntegerField()),
                    ('state', models.CharField(choices=[('checking', 'Checking'), ('ready', 'Ready'), ('refused', 'Refused'), ('withdrawn', 'Withdrawn')], default='checking', max_length=10)),
                    ('manifest', models.JSONField(default=dict)),
                    ('refusal', core.fields.SealedTextField(blank=True, subject='uploaded_by_id')),
                    ('withdrawn_at', models.DateTimeField(null=True)),
                    ('external', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='data_sets', to='audits_predeployment.externalaudit')),
                    ('uploaded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'withdrawn'), _negated=True), fields=('external', 'digest'), name='external_data_once')],
                },
            ),
            migrations.CreateModel(
                name='ExternalRun',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('policy', models.JSONField()),
                    ('state', models.CharField(choices=[('running', 'Running'), ('finished', 'Finished')], default='running', max_length=10)),
                    ('verdict', models.CharField(blank=True, max_length=20)),
                    ('digest', models.CharField(blank=True, max_length=64)),
                    ('finished_at', models.DateTimeField(null=True)),
                    ('data', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='audits_predeployment.externaldata')),
                    ('external', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='audits_predeployment.externalaudit')),
                    ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'running')), fields=('external',), name='one_running_external')],
                },
            ),
            migrations.CreateModel(
                name='ExternalResult',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('check_id', models.SlugField(max_length=40)),
                    ('principle', models.CharField(max_length=20)),
                    ('title', models.CharField(max_length=120)),
                    ('decides', models.CharField(choices=[('certifies', 'Must pass'), ('refutes', 'A fail decides'), ('informs', 'Informs')], max_length=10)),
                    ('verdict', models.CharField(choices=[('pass', 'pass'), ('fail', 'fail'), ('inconclusive', 'inconclusive'), ('not_assessable', 'not assessable'), ('not_applicable', 'not applicable')], max_length=20)),
                    ('value', models.FloatField(null=True)),
                    ('lower', models.FloatField(null=True)),
                    ('upper', models.FloatField(null=True)),
                    ('level', models.FloatField(null=True)),
                    ('threshold', models.FloatField(null=True)),
                    ('sentence', models.TextField()),
                    ('change', models.TextField(blank=True)),
                    ('tables', models.JSONField(default=list)),
                    ('figures', models.JSONField(default=list)),
                    ('evidence', models.JSONField()),
                    ('provenance', models.JSONField(default=dict)),
                    ('seconds', models.JSONField(default=dict)),
                    ('digest', models.CharField(max_length=64)),
                    ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='results', to='audits_predeployment.externalrun')),
                ],
                options={
                    'ordering': ['run', 'check_id'],
                    'constraints': [models.UniqueConstraint(fields=('run', 'check_id'), name='external_check_once')],
                },
            ),
            migrations.CreateModel(
                name='ExternalFinding',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('severity', models.CharField(choices=[('note', 'Note'), ('minor', 'Minor'), ('major', 'Major'), ('critical', 'Critical')], max_length=10)),
                    ('text', core.fields.SealedTextField(subject='author_id')),
                    ('attachment', models.CharField(blank=True, max_length=64)),
                    ('attachment_name', models.CharField(blank=True, max_length=120)),
                    ('attachment_type', models.CharField(blank=True, max_length=40)),
                    ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('external', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='findings', to='audits_predeployment.externalaudit')),
                    ('run', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='findings', to='audits_predeployment.externalrun')),
                ],
                options={
                    'ordering': ['created_at'],
                },
            ),
            migrations.CreateModel(
                name='PolicyDecision',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('capacity', models.CharField(choices=[('ethics_officer', 'Ethics officer'), ('administrator', 'Administrator')], max_length=20)),
                    ('decision', models.CharField(choices=[('approve', 'Approve'), ('reject', 'Reject')], max_length=10)),
                    ('reason', core.fields.SealedTextField(subject='decided_by_id')),
                    ('content_digest', models.CharField(max_length=64)),
                    ('decided_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('institution', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to='accounts.institution')),
                    ('policy', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='audits_predeployment.auditpolicy')),
                    ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['created_at'],
                    'constraints': [models.UniqueConstraint(fields=('policy', 'decided_by'), name='one_policy_decision_each'), models.CheckConstraint(condition=models.Q(('decided_by', models.F('requested_by')), _negated=True), name='policy_requester_does_not_decide'), models.CheckConstraint(condition=models.Q(('capacity', core.roles.Role['ADMINISTRATOR']), ('institution__isnull', False), _connector='OR'), name='policy_officer_has_institution')],
                },
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='auditpolicy',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'risk_class', 'number', 'content', 'content_digest', 'state', 'shipped', 'requested_by_id', 'justification', 'closed_at')", func='RETURN NULL;', hash='ab321834f104a8233e1f6b7ff7162b00d185f6fa', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_477ee', table='audits_predeployment_auditpolicy', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='auditpolicy',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='e0a395919a530f6114237cb63b9bae3eb14a3144', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_2c229', table='audits_predeployment_auditpolicy', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='auditpolicy',
                trigger=pgtrigger.compiler.Trigger(name='begins', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nBEGIN\n    IF NOT (NEW.shipped AND NEW.state = 'approved' OR NOT NEW.shipped AND NEW.state = 'under_review') THEN\n        RAISE EXCEPTION 'a policy begins under review, or approved if it comes with the platform'\n            USING ERRCODE = 'check_violation';\n    END IF;\n    RETURN NEW;\nEND;\n", hash='153243975256247ffd3c76abfcac10b83c429ad8', operation='INSERT', pgid='pgtrigger_begins_01530', table='audits_predeployment_auditpolicy', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='auditpolicy',
                trigger=pgtrigger.compiler.Trigger(name='quorum', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nDECLARE\n    officers integer; institutions integer; administrators integer;\nBEGIN\n    IF (NEW.id, NEW.created_at, NEW.risk_class, NEW.number, NEW.content, NEW.content_digest, NEW.shipped,\n        NEW.requested_by_id)\n        IS DISTINCT FROM (OLD.id, OLD.created_at, OLD.risk_class, OLD.number, OLD.content, OLD.content_digest,\n                          OLD.shipped, OLD.requested_by_id) THEN\n        RAISE EXCEPTION 'a policy never changes; propose a new version' USING ERRCODE = 'check_violation';\n    END IF;\n    IF NEW.state = OLD.state THEN\n        RETURN NEW;\n    END IF;\n    IF OLD.state <> 'under_review' THEN\n        RAISE EXCEPTION 'a policy that is % cannot become %', OLD.state, NEW.state USING ERRCODE = 'check_violation';\n    END IF;\n    IF NEW.state = 'approved' THEN\n        SELECT count(*), count(DISTINCT institution_id) INTO officers, institutions\n        FROM audits_predeployment_policydecision\n        WHERE policy_id = NEW.id AND decision = 'approve' AND capacity = 'ethics_officer';\n        SELECT count(*) INTO administrators FROM audits_predeployment_policydecision\n        WHERE policy_id = NEW.id AND decision = 'approve' AND capacity = 'administrator';\n        IF officers < 2 OR institutions < 2 OR administrators < 1 THEN\n            RAISE EXCEPTION 'approval needs 2 officers of 2 institutions and an administrator, has % of % and %',\n                officers, institutions, administrators USING ERRCODE = 'check_violation';\n        END IF;\n    END IF;\n    RETURN NEW;\nEND;\n", hash='63f4493f3d68f29cbb49862ef256661f534dd99b', operation='UPDATE', pgid='pgtrigger_quorum_28bae', table='audits_predeployment_auditpolicy', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='auditpolicy',
                trigger=pgtrigger.compiler.Trigger(name='kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='d7f35465c6d9f976394af1474de2128a711bf5fa', operation='DELETE', pgid='pgtrigger_kept_6c43c', table='audits_predeployment_auditpolicy', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='auditrun',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'version_id', 'approved_policy_id', 'tier', 'policy', 'state', 'verdict', 'digest', 'summary', 'requested_by_id', 'finished_at', 'stopped_by_id', 'stop_reason')", func='RETURN NULL;', hash='a8bb815266efbf9a913a38625c3139f6eaee8e1c', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_1416c', table='audits_predeployment_auditrun', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='auditrun',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='4dd55551eca0c09ca09ab318f5e1b99de5fae640', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_48e22', table='audits_predeployment_auditrun', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='checkresult',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'audit_id', 'check_id', 'principle', 'title', 'decides', 'verdict', 'value', 'lower', 'upper', 'level', 'threshold', 'sentence', 'change', 'tables', 'figures', 'evidence', 'provenance', 'seconds', 'digest')", func='RETURN NULL;', hash='910a0332e15dcd6c0b3852341bc40fa45466e370', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_2af22', table='audits_predeployment_checkresult', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='checkresult',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='fb4a9d57bef40131829d3b8c133fd7bd2d810353', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_f149b', table='audits_predeployment_checkresult', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='externalaudit',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'version_id', 'board_id', 'auditor_id', 'policy', 'expires_at', 'state', 'invited_by_id', 'purpose', 'closed_at', 'closed_by_id', 'close_reason')", func='RETURN NULL;', hash='25da422c280d31ecb35c0a7b29573d335e078f03', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_42324', table='audits_predeployment_externalaudit', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='externalaudit',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='825d5b0a342ac414441c56b1d2d602f3f275735c', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_9ab50', table='audits_predeployment_externalaudit', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='externalaudit',
                trigger=pgtrigger.compiler.Trigger(name='bound', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nBEGIN\n    IF (NEW.id, NEW.created_at, NEW.version_id, NEW.board_id, NEW.auditor_id, NEW.policy, NEW.expires_at,\n        NEW.invited_by_id)\n        IS DISTINCT FROM (OLD.id, OLD.created_at, OLD.version_id, OLD.board_id, OLD.auditor_id, OLD.policy,\n                          OLD.expires_at, OLD.invited_by_id) THEN\n        RAISE EXCEPTION 'an invitation never changes; revoke it and make a new one' USING ERRCODE = 'check_violation';\n    END IF;\n    IF OLD.state <> 'open' AND NEW.state <> OLD.state THEN\n        RAISE EXCEPTION 'an external audit that is % cannot become %', OLD.state, NEW.state\n            USING ERRCODE = 'check_violation';\n    END IF;\n    RETURN NEW;\nEND;\n", hash='8970453c9d0c7250358733d21d1ece3896349488', operation='UPDATE', pgid='pgtrigger_bound_11284', table='audits_predeployment_externalaudit', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='externalaudit',
                trigger=pgtrigger.compiler.Trigger(name='kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='577c54c3b896c2d6e70623ef152bb229389b8ca8', operation='DELETE', pgid='pgtrigger_kept_ea8ff', table='audits_predeployment_externalaudit', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='externaldata',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'external_id', 'site', 'digest', 'stored', 'size', 'state', 'manifest', 'uploaded_by_id', 'refusal', 'withdrawn_at')", func='RETURN NULL;', hash='aa5c9c124dc87f16542b0c1d7e9faf9f6d251aaa', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_c3624', table='audits_predeployment_externaldata', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='externaldata',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='35bb90ad6057680a390718b8728b6fa1ea4d041e', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_df0c7', table='audits_predeployment_externaldata', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='externaldata',
                trigger=pgtrigger.compiler.Trigger(name='open_audit', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nDECLARE\n    invitation audits_predeployment_externalaudit%ROWTYPE;\n    author text;\nBEGIN\n    SELECT * INTO invitation FROM audits_predeployment_externalaudit WHERE id = NEW.external_id FOR SHARE;\n    IF invitation.state <> 'open' OR invitation.expires_at <= clock_timestamp() THEN\n        RAISE EXCEPTION 'the external audit is not open any more' USING ERRCODE = 'check_violation';\n    END IF;\n    author := coalesce(to_jsonb(NEW) ->> 'uploaded_by_id', to_jsonb(NEW) ->> 'requested_by_id',\n                       to_jsonb(NEW) ->> 'author_id');\n    IF author IS DISTINCT FROM invitation.auditor_id::text THEN\n        RAISE EXCEPTION 'only the invited auditor adds to an external audit' USING ERRCODE = 'check_violation';\n    END IF;\n    RETURN NEW;\nEND;\n", hash='4369af0ccef2638d4ca631c2546f11cc25575cee', operation='INSERT', pgid='pgtrigger_open_audit_520ad', table='audits_predeployment_externaldata', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='externaldata',
                trigger=pgtrigger.compiler.Trigger(name='bound', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nBEGIN\n    IF (NEW.id, NEW.created_at, NEW.external_id, NEW.site, NEW.digest, NEW.stored, NEW.size, NEW.uploaded_by_id)\n        IS DISTINCT FROM (OLD.id, OLD.created_at, OLD.external_id, OLD.site, OLD.digest, OLD.stored, OLD.size,\n                          OLD.uploaded_by_id) THEN\n        RAISE EXCEPTION 'an uploaded data set never changes; upload another' USING ERRCODE = 'check_violation';\n    END IF;\n    IF OLD.state = 'withdrawn' OR OLD.state <> 'checking' AND NEW.state NOT IN (OLD.state, 'withdrawn') THEN\n        RAISE EXCEPTION 'a data set that is % cannot become %', OLD.state, NEW.state USING ERRCODE = 'check_violation';\n    END IF;\n    RETURN NEW;\nEND;\n", hash='6c1ee7f74a8b768d19d26f942362402b3dcce0f5', operation='UPDATE', pgid='pgtrigger_bound_33ffa', table='audits_predeployment_externaldata', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='externaldata',
                trigger=pgtrigger.compiler.Trigger(name='kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='7f556ea599ff651435cd2d6481fe96577622705a', operation='DELETE', pgid='pgtrigger_kept_c49a4', table='audits_predeployment_externaldata', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='externalrun',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'external_id', 'data_id', 'policy', 'state', 'verdict', 'digest', 'requested_by_id', 'finished_at')", func='RETURN NULL;', hash='32f9dc29fb8e8c2b06ee55bdf1709e8d8c773309', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_46b2b', table='audits_predeployment_externalrun', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='externalrun',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='0df6b944e6dea1da3a53fff1a669245d953f4291', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_84c2d', table='audits_predeployment_externalrun', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='externalrun',
                trigger=pgtrigger.compiler.Trigger(name='open_audit', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nDECLARE\n    invitation audits_predeployment_externalaudit%ROWTYPE;\n    author text;\nBEGIN\n    SELECT * INTO invitation FROM audits_predeployment_externalaudit WHERE id = NEW.external_id FOR SHARE;\n    IF invitation.state <> 'open' OR invitation.expires_at <= clock_timestamp() THEN\n        RAISE EXCEPTION 'the external audit is not open any more' USING ERRCODE = 'check_violation';\n    END IF;\n    author := coalesce(to_jsonb(NEW) ->> 'uploaded_by_id', to_jsonb(NEW) ->> 'requested_by_id',\n                       to_jsonb(NEW) ->> 'author_id');\n    IF author IS DISTINCT FROM invitation.auditor_id::text THEN\n        RAISE EXCEPTION 'only the invited auditor adds to an external audit' USING ERRCODE = 'check_violation';\n    END IF;\n    RETURN NEW;\nEND;\n", hash='4ee6a7b9d86367f95b9e43ea52ba2e3fccdc6d69', operation='INSERT', pgid='pgtrigger_open_audit_d3cb4', table='audits_predeployment_externalrun', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='externalrun',
                trigger=pgtrigger.compiler.Trigger(name='kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='6e089bb94320da31fc257ead47aa9e9c88482b0b', operation='DELETE', pgid='pgtrigger_kept_39c80', table='audits_predeployment_externalrun', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='externalresult',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'run_id', 'check_id', 'principle', 'title', 'decides', 'verdict', 'value', 'lower', 'upper', 'level', 'threshold', 'sentence', 'change', 'tables', 'figures', 'evidence', 'provenance', 'seconds', 'digest')", func='RETURN NULL;', hash='3251a268c12dd0ab6ab189b89ddc39ee10922153', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_a0c0a', table='audits_predeployment_externalresult', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='externalresult',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='a54ced76fdfeb2a0e6c6dd83202fb4065198e134', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_dec18', table='audits_predeployment_externalresult', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='externalresult',
                trigger=pgtrigger.compiler.Trigger(name='immutable', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='ca3915601065626cd959fd7bbbef6a5d6fde2bdc', operation='UPDATE OR DELETE', pgid='pgtrigger_immutable_bda9b', table='audits_predeployment_externalresult', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='externalfinding',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'external_id', 'run_id', 'severity', 'text', 'author_id', 'attachment', 'attachment_name', 'attachment_type')", func='RETURN NULL;', hash='4a142ed4dc167f72935a9b4db3bd68ff9c4295a3', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_b8ce1', table='audits_predeployment_externalfinding', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='externalfinding',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='cefdb41c715c9cd1edc118a507c33a15e4b1d546', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_1b8d6', table='audits_predeployment_externalfinding', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='externalfinding',
                trigger=pgtrigger.compiler.Trigger(name='open_audit', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nDECLARE\n    invitation audits_predeployment_externalaudit%ROWTYPE;\n    author text;\nBEGIN\n    SELECT * INTO invitation FROM audits_predeployment_externalaudit WHERE id = NEW.external_id FOR SHARE;\n    IF invitation.state <> 'open' OR invitation.expires_at <= clock_timestamp() THEN\n        RAISE EXCEPTION 'the external audit is not open any more' USING ERRCODE = 'check_violation';\n    END IF;\n    author := coalesce(to_jsonb(NEW) ->> 'uploaded_by_id', to_jsonb(NEW) ->> 'requested_by_id',\n                       to_jsonb(NEW) ->> 'author_id');\n    IF author IS DISTINCT FROM invitation.auditor_id::text THEN\n        RAISE EXCEPTION 'only the invited auditor adds to an external audit' USING ERRCODE = 'check_violation';\n    END IF;\n    RETURN NEW;\nEND;\n", hash='47de959c84db2523cd15d119be937541897239a7', operation='INSERT', pgid='pgtrigger_open_audit_f1378', table='audits_predeployment_externalfinding', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='externalfinding',
                trigger=pgtrigger.compiler.Trigger(name='immutable', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='f40b9c9820683a8b32d678e82021f658bf273405', operation='UPDATE OR DELETE', pgid='pgtrigger_immutable_13158', table='audits_predeployment_externalfinding', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='policydecision',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'policy_id', 'decided_by_id', 'requested_by_id', 'capacity', 'institution_id', 'decision', 'reason', 'content_digest')", func='RETURN NULL;', hash='f811aa9b5cf527346d2558ea6c1121c1917d4ef7', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_8d953', table='audits_predeployment_policydecision', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='policydecision',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='e1a9cf8f9208cd8beb91e8f320b8f56e6bc838c8', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_0d42c', table='audits_predeployment_policydecision', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='policydecision',
                trigger=pgtrigger.compiler.Trigger(name='four_eyes', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nDECLARE\n    policy audits_predeployment_auditpolicy%ROWTYPE;\nBEGIN\n    SELECT * INTO policy FROM audits_predeployment_auditpolicy WHERE id = NEW.policy_id FOR SHARE;\n    IF policy.state <> 'under_review' THEN\n        RAISE EXCEPTION 'the policy is %, only one under review can be decided', policy.state\n            USING ERRCODE = 'check_violation';\n    END IF;\n    IF NEW.decided_by_id = policy.requested_by_id OR NEW.requested_by_id <> policy.requested_by_id THEN\n        RAISE EXCEPTION 'the requester must not decide' USING ERRCODE = 'check_violation';\n    END IF;\n    IF NEW.content_digest <> policy.content_digest THEN\n        RAISE EXCEPTION 'the decision is on other content than the policy' USING ERRCODE = 'check_violation';\n    END IF;\n    PERFORM 1 FROM accounts_membership m WHERE m.user_id = NEW.decided_by_id AND m.is_active\n        AND m.role = NEW.capacity AND m.institution_id IS NOT DISTINCT FROM NEW.institution_id;\n    IF NOT FOUND THEN\n        RAISE EXCEPTION 'the decider does not hold the role % there', NEW.capacity USING ERRCODE = 'check_violation';\n    END IF;\n    IF NEW.institution_id IS NOT NULL THEN\n        PERFORM 1 FROM federation_participant p WHERE p.institution_id = NEW.institution_id AND p.is_active;\n        IF NOT FOUND THEN\n            RAISE EXCEPTION 'the institution of the decider takes part in no federation'\n                USING ERRCODE = 'check_violation';\n        END IF;\n    END IF;\n    RETURN NEW;\nEND;\n", hash='675e336d99670ceafea16642dc72f564210c01a4', operation='INSERT', pgid='pgtrigger_four_eyes_6f194', table='audits_predeployment_policydecision', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='policydecision',
                trigger=pgtrigger.compiler.Trigger(name='immutable', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='6a8f154b07a7136b93205aa0838cc6f7ba48acef', operation='UPDATE OR DELETE', pgid='pgtrigger_immutable_67158', table='audits_predeployment_policydecision', when='BEFORE')),
            ),
        ]),
    ]
